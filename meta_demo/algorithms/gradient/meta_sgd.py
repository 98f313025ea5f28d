"""Meta-SGD: MAML that learns how fast to learn, for each weight."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import Step
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.words import words


@dataclass(frozen=True)
class MetaSGDConfig(GradientConfig):
    """The inner loop's knobs; the learning rates are those that the outer loop begins with."""

    inner_steps: int = GradientConfig.redefault("inner_steps", 5)
    momentum: float = GradientConfig.redefault("momentum", 0.0)


@register(
    "meta_sgd",
    title=words("Meta-SGD"),
    paper="Li et al. 2017",
    about=words(
        "Meta-learns with the start a learning rate for each weight, signs too; look for a first step that does most of the work.",
        "连同起点一起元学习每个权重的学习率（包括符号）；留意第一步就完成大部分工作。",
    ),
)
class MetaSGD(GradientAlgorithm):
    """MAML with a learned rate for each weight (Li et al. 2017, algorithm 1); of the head one for each feature, whatever the class."""

    Config = MetaSGDConfig
    config: MetaSGDConfig
    second_order = True

    def __init__(self, backbone: Backbone, config: MetaSGDConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        rates = {name: torch.full_like(w, config.inner_lr) for name, w in self._body.items()}
        self.rates = nn.ParameterDict({name: nn.Parameter(w) for name, w in rates.items()})
        self.head_rates = nn.ParameterDict(
            {
                "weight": nn.Parameter(torch.full_like(backbone.head, config.head_lr)),
                "bias": nn.Parameter(torch.full_like(backbone.head[0], config.head_lr)),
            }
        )

    def rate(self, step: Step, name: str) -> Tensor:  # noqa: ARG002
        found: Tensor = (
            self.head_rates[name.removeprefix("head.")]
            if name.startswith("head.")
            else self.rates[name.replace(".", "/")]
        )
        return found
