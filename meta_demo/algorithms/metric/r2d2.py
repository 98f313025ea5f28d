"""Ridge regression as the learner: the head that fits the examples best is solved for, not stepped towards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from meta_demo.algorithms.base import State
from meta_demo.algorithms.body import log_scale
from meta_demo.algorithms.metric.base import MetricAlgorithm, MetricConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples
from meta_demo.words import words


@dataclass(frozen=True)
class RidgeConfig(MetricConfig):
    """Knobs of ridge regression."""

    penalty: float = knob(
        0.3,
        words("Penalty", "惩罚"),
        words("how strongly large weights of the head are held back", "对分类头大权重的抑制强度"),
        lo=1e-4,
        hi=1e3,
    )
    scale: float = knob(
        10.0,
        words("Sharpness", "锐度"),
        words(
            "how much a class's fitted score raises its probability; numbers are in units of their own spread",
            "类别拟合得分提高其概率的程度；数值以自身离散程度为单位",
        ),
        lo=0.1,
        hi=100.0,
    )


@register(
    "r2d2",
    title=words("Ridge regression (R2-D2)", "岭回归（R2-D2）"),
    paper="Bertinetto et al. 2019",
    about=words(
        "Solves for the best linear head in closed form on embeddings that were meta-learned for it; look for a fit that is there at once.",
        "在为此元学习的嵌入上以闭式求出最佳线性头；留意拟合立即可得。",
    ),
)
class RidgeRegression(MetricAlgorithm):
    """W = Z'(ZZ' + penalty I)^-1 Y in the space of the examples (Bertinetto et al. 2019, eq. 5); penalty and sharpness are learned."""

    Config = RidgeConfig
    config: RidgeConfig
    objectives = frozenset({"classes", "numbers"})
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {"numbers": {"scale": 1.0}}

    def __init__(self, backbone: Backbone, config: RidgeConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.log_penalty = log_scale(backbone, config.penalty)
        self.log_scale = log_scale(backbone, config.scale)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        inverse = torch.linalg.inv(self._gram(z))
        return {"head.weight": (z.T @ inverse @ support.y).T}

    def answer(self, state: State, z: Tensor) -> Tensor:
        return self.log_scale.exp() * (z @ state.tensors["head.weight"].T)

    def left_out(self, supports: Sequence[Examples], steps: Sequence[int]) -> list[list[Tensor]]:
        """Each example by a head fitted to all others, in closed form: y_i - r_i / (1 - h_ii) with residuals r and the hat matrix h.

        Both r_i and 1 - h_ii are the penalty times something of the inverse, so that it cancels.
        """
        found = []
        for support in supports:
            inverse = torch.linalg.inv(self._gram(self.embed({}, support.x)))
            out = self.log_scale.exp() * (support.y - inverse @ support.y / inverse.diagonal()[:, None])
            found.append([out] * len(steps))
        return found

    def _gram(self, z: Tensor) -> Tensor:
        """ZZ' + penalty I [S, S]."""
        return z @ z.T + self.log_penalty.exp() * torch.eye(len(z), dtype=z.dtype, device=z.device)
