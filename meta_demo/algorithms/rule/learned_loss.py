"""A learned loss: what the inner loop descends is a small network that the outer loop trains."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from meta_demo.algorithms.fresh import fresh
from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import Fast, Step
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples
from meta_demo.words import words

SEEN, STATE = 2, 3  # numbers that the network reads of each output, and of the whole task


@dataclass(frozen=True)
class LearnedLossConfig(GradientConfig):
    """The inner loop's knobs, and the network's size."""

    hidden: int = knob(
        16,
        words("Size of the loss", "损失网络的大小"),
        words(
            "hidden units of the network that is the loss; a start that was trained has its own",
            "作为损失的网络的隐藏单元数；训练好的起点自有其值",
        ),
        lo=1,
        hi=64,
    )
    adaptive: bool = knob(
        True,
        words("Loss follows the task", "损失随任务而变"),
        words(
            "the network is scaled and shifted by how the task stands: its loss, how unlike its answers are, the step",
            "根据任务的状态（当前损失、回答的差异、步数）缩放并平移该网络",
        ),
    )


@register(
    "learned_loss",
    title=words("Learned loss", "学习到的损失"),
    paper="Bechtle et al. 2021; Baik et al. 2021",
    about=words(
        "The loss that the inner loop descends is itself meta-learned; look for a support loss that need not fall where queries gain.",
        "内循环所下降的损失本身是元学习得来的；留意留出表现变好时支持集损失未必下降。",
    ),
    lesson=Lesson(
        outer=words(
            "The loss that a task descends, a small network that sees each answer beside its target, and the start.",
            "任务所下降的损失（一个同时看到回答与目标的小网络），以及起点。",
        ),
        inner=words(
            "Gradient steps on the learned loss move layers and head; the usual loss is asked of the queries alone.",
            "在学习到的损失上做梯度下降，移动各层与分类头；通常的损失只用于检验查询。",
        ),
        equation=r"\theta' = \theta - \alpha \nabla_\theta \bigl(a\,\mathcal{L}^{\mathrm{support}}(\theta) + "
        r"M_\phi(\hat y, y; \tau)\bigr),\qquad (\theta, \phi, a) \leftarrow (\theta, \phi, a) - \beta \nabla "
        r"\mathcal{L}^{\mathrm{query}}(\theta')",
        cost=words(
            "As MAML: one gradient a step, and second derivatives while training; the network adds next to nothing.",
            "与 MAML 相同：每步一次梯度，训练时含二阶导数；该网络几乎不增加开销。",
        ),
        use=words(
            "Where a few examples are fitted too soon, and another aim than fitting them leads to better answers.",
            "少量示例很快被拟合，而别的目标比继续拟合更能改善回答时。",
        ),
        look=words(
            "Before any training it is MAML. After it the support's own loss need not fall as fast: what falls is the learned one.",
            "未经训练时它就是 MAML。训练之后，支持集本身的损失未必下降得一样快：下降的是学习到的损失。",
        ),
        learned=("layers", "loss"),
        moved=("layers", "head"),
    ),
)
class LearnedLoss(GradientAlgorithm):
    """MAML that descends a L + M, where L is the usual loss and M a network that sees each output with its target (Bechtle et al.
    2021, algorithm 1), summed over outputs and averaged over examples.

    With `adaptive`, M's hidden units are scaled and shifted by what a linear map makes of the task's state (Baik et al. 2021, section
    3.3). Before any training a = 1 and M = 0: MAML. The exact meta-gradient differentiates through M twice, so that it is smooth.
    """

    Config = LearnedLossConfig
    config: LearnedLossConfig
    family = "rule"
    second_order = True

    def __init__(self, backbone: Backbone, config: LearnedLossConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like, rng, many = backbone.head, torch.Generator().manual_seed(seed), config.hidden

        self.usual = nn.Parameter(like.new_ones(()))
        self.first, self.first_bias = fresh(like, rng, many, SEEN), nn.Parameter(like.new_zeros(many))
        self.second, self.second_bias = fresh(like, rng, many, many), nn.Parameter(like.new_zeros(many))
        self.out = nn.Parameter(like.new_zeros(many))
        if config.adaptive:
            self.follow = nn.Parameter(like.new_zeros(2, many, STATE))  # to the factor less 1, and to the shift

    def inner_loss(self, step: Step, fast: Fast, out: Tensor, support: Examples) -> Tensor:
        usual = super().inner_loss(step, fast, out, support)
        seen = out.log_softmax(-1) if support.objective.labels else out
        hidden = torch.stack([seen, support.y], -1) @ self.first.T + self.first_bias
        if self.config.adaptive:
            at = out.new_tensor(step.index / (1 + step.index))
            factor, shift = self.follow @ torch.stack([usual, seen.var(correction=0), at])
            hidden = hidden * (1 + factor) + shift
        hidden = softplus(softplus(hidden) @ self.second.T + self.second_bias)
        return self.usual * usual + (hidden @ self.out).sum(-1).mean()
