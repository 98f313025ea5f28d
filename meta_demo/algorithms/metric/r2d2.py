"""Ridge regression as the learner: the head that fits the examples best is solved for, not stepped towards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from meta_demo.algorithms.base import State
from meta_demo.algorithms.body import log_scale
from meta_demo.algorithms.lesson import Lesson
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
    lesson=Lesson(
        outer=words(
            "Layers on which a linear head fits a few examples well and carries over to others, and how strongly that head is "
            "held back.",
            "让线性头在少量示例上拟合良好且能推广的各层权重，以及对该分类头的抑制强度。",
        ),
        inner=words(
            "A linear head, solved for in one go and not stepped towards: the best fit with a penalty on large weights.",
            "一个线性头，一次解出而不是一步步逼近：在惩罚大权重之下的最佳拟合。",
        ),
        equation=r"W = Z^\top (Z Z^\top + \lambda I)^{-1} Y, \quad \hat{y}(x) = s \, W^\top f_\theta(x)",
        cost=words(
            "One pass over the examples, no gradient, and an inverse as large as there are examples. Training differentiates "
            "through that inverse.",
            "示例过一遍，不求梯度，再求一个大小等于示例数的逆矩阵。训练时穿过该逆矩阵求导。",
        ),
        use=words(
            "When a fitted head is wanted at the price of a mean; for numbers as well as for classes.",
            "当想以求均值的代价得到一个拟合的分类头时；数值与类别皆可。",
        ),
        look=words(
            "From plain weights, on sentences, it was right as often as class means, within a point. With five examples its "
            "probabilities say how often it is right, where those of class means are much too modest.",
            "从普通权重出发，在句子上正确率与类别均值相差不到一个百分点。五个示例时，它的概率与实际正确率相符，而类别均值的概率过于保守。",
        ),
        learned=("layers",),
        moved=("head",),
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
