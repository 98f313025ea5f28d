"""Meta-SGD: MAML that learns how fast to learn, for each weight."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import Step
from meta_demo.algorithms.lesson import Lesson
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
    lesson=Lesson(
        outer=words(
            "The weights that every task begins from, and with them a learning rate for each, which may turn negative. The "
            "head's rates are one for each feature, whatever the class.",
            "每个任务开始时的权重，连同每个权重的学习率（可变为负）。分类头的学习率按特征各一个，与类别无关。",
        ),
        inner=words(
            "A few gradient steps without momentum move the adapted layers and a head that begins at the class means, every "
            "weight at its own rate.",
            "不带动量的几步梯度下降移动被适应的层，以及从类别均值开始的分类头，每个权重按自己的学习率移动。",
        ),
        equation=r"(\theta, \alpha) \leftarrow (\theta, \alpha) - \beta \nabla_{(\theta, \alpha)} \sum_i \mathcal{L}^{\text{query}}_i "
        r"\bigl(\theta - \alpha \circ \nabla_\theta \mathcal{L}^{\text{support}}_i(\theta)\bigr)",
        cost=words(
            "A task costs what it costs MAML, and so does training. The start is twice as large, as every weight has its rate.",
            "任务与训练的代价都与 MAML 相同。起点大一倍，因为每个权重都有自己的学习率。",
        ),
        use=words(
            "When there are many tasks to learn the rates from, and the tasks to come will be given a step or two.",
            "当有许多任务可供学习这些学习率，而未来的任务只走一两步时。",
        ),
        look=words(
            "On curves its start does as much in the first step as MAML's. "
            "From plain weights the rates are those of MAML, and it goes the way of MAML without momentum, "
            "as MAML++ does; what learned rates gain is for the Meta-train tab to show.",
            "在曲线上，它的起点第一步就与 MAML 做得一样多。"
            "从普通权重出发，学习率就是 MAML 的，它与 MAML++ 一样走不带动量的 MAML 的路；"
            "学习到的学习率有多少收益，要在“元训练”页上看。",
        ),
        learned=("layers", "rule"),
        moved=("layers", "head"),
    ),
)
class MetaSGD(GradientAlgorithm):
    """MAML with a learned rate for each weight (Li et al. 2017, algorithm 1); of the head one for each feature, whatever the class."""

    Config = MetaSGDConfig
    config: MetaSGDConfig
    second_order = True
    descends_untrained = True

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
