"""MAML++: MAML with what made it train well - rates for each layer and step, and a loss after every step."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import HEAD, Step
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.words import words


@dataclass(frozen=True)
class MAMLPlusPlusConfig(GradientConfig):
    """The inner loop's knobs; the learning rates are those that the outer loop begins with."""

    inner_steps: int = GradientConfig.redefault("inner_steps", 5)
    momentum: float = GradientConfig.redefault("momentum", 0.0)
    trained_steps: int = knob(
        5,
        words("Steps with rates of their own", "有独立学习率的步数"),
        words(
            "inner steps with learning rates of their own; later ones take the last's",
            "拥有独立学习率的内循环步数；之后沿用最后一步的",
        ),
        lo=1,
        hi=50,
    )
    multi_step: float = knob(
        0.3,
        words("Loss before the last step", "最后一步之前的损失"),
        words(
            "share of the outer loss that the steps before the last have together; 0 asks after the last alone",
            "最后一步之前各步在外层损失中合占的比例；0 表示只看最后一步",
        ),
        lo=0.0,
        hi=1.0,
    )


@register(
    "maml_pp",
    title=words("MAML++"),
    paper="Antoniou, Edwards & Storkey 2019",
    about=words(
        "MAML with a learned rate for every layer and step, asked after each step; look for curves that rise from the first step on.",
        "每层每步都有学习到的学习率、并在每一步后都受检验的 MAML；留意从第一步起就上升的曲线。",
    ),
)
class MAMLPlusPlus(GradientAlgorithm):
    """MAML with per-layer per-step rates and the multi-step loss (Antoniou et al. 2019, section 4)."""

    Config = MAMLPlusPlusConfig
    config: MAMLPlusPlusConfig
    second_order = True

    def __init__(self, backbone: Backbone, config: MAMLPlusPlusConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self._layers = [f"{path}." for path, _ in backbone.named_layers()]
        rates = torch.full((config.trained_steps, len(self._layers) + 2), config.inner_lr, dtype=torch.float64)
        rates[:, -1] = config.head_lr
        self.rates = nn.Parameter(
            rates.to(backbone.head)
        )  # a row a step; a column a layer, one for what is in none, one for the head

    def rate(self, step: Step, name: str) -> Tensor:
        row = self.rates[min(step.index, len(self.rates) - 1)]
        if name.startswith(HEAD):
            return row[-1]
        return row[next((i for i, path in enumerate(self._layers) if name.startswith(path)), len(self._layers))]

    def step_weights(self, steps: int) -> list[float]:
        """All but the last step share `multi_step` alike; the start is not asked."""
        early = self.config.multi_step / (steps - 1) if steps > 1 else 0.0
        return [0.0, *[early] * (steps - 1), 1 - early * (steps - 1)] if steps else [1.0]
