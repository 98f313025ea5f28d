"""Siamese networks: are these two of one kind? An answer is the class whose examples say yes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from meta_demo.algorithms.base import State
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import MetricAlgorithm, MetricConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples, Task
from meta_demo.core.heads import prototypes
from meta_demo.words import words

ALIKE = 3.0  # log-odds that an input is of one kind with itself, before training


@dataclass(frozen=True)
class SiameseConfig(MetricConfig):
    """Knobs of a siamese network."""

    scale: float = knob(
        6.0,
        words("Sharpness", "锐度"),
        words("how strongly a difference between two inputs speaks against one kind", "两个输入的差异否定同类的强度"),
        lo=0.1,
        hi=100.0,
    )


@register(
    "siamese",
    title=words("Siamese network", "孪生网络"),
    paper="Koch, Zemel & Salakhutdinov 2015",
    about=words(
        "Learns one question only - are these two of one kind? - and asks it of every example; look for answers that need no retraining.",
        "只学一个问题——这两个是同类吗？——并对每个示例发问；留意无需重新训练的答案。",
    ),
    lesson=Lesson(
        outer=words(
            "The answer to one question, are these two of one kind: the layers, and how much a difference in each feature speaks "
            "against it.",
            "一个问题的答案——这两个是同类吗：各层的权重，以及每个特征上的差异在多大程度上否定同类。",
        ),
        inner=words(
            "Nothing moves: the examples' embeddings are kept, and each is compared with the question. A class's score is the "
            "mean over its examples.",
            "什么也不移动：保存示例的嵌入，逐一与问题比较。类别的得分是其各示例的平均。",
        ),
        equation=r"p(\text{same} \mid x, x_j) = \sigma\bigl(b - \sum_d a_d \, | f_\theta(x)_d - f_\theta(x_j)_d |\bigr)",
        cost=words(
            "One pass over the examples and no gradient; every question is compared with every example.",
            "示例过一遍，不求梯度；每个问题与每个示例都要比较。",
        ),
        use=words(
            "When the question really is whether two things are of one kind, such as two signatures, or when classes come and go.",
            "当问题本来就是两样东西是否同类（如两个签名），或类别时有增减时。",
        ),
        look=words(
            "Its curve is level. From plain weights, on sentences, it was as often right as class means or up to two points "
            "less, and much less sure.",
            "它的曲线是水平的。从普通权重出发，在句子上它的正确率与类别均值相同，或至多低两个百分点，把握也小得多。",
        ),
        learned=("layers", "metric"),
        moved=("memory",),
    ),
)
class SiameseNetwork(MetricAlgorithm):
    """p(x, y) = sigmoid(b - sum_j a_j |x_j - y_j|) of two embeddings (Koch et al. 2015, section 3.1), trained on pairs."""

    Config = SiameseConfig
    config: SiameseConfig

    def __init__(self, backbone: Backbone, config: SiameseConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        width = len(backbone.head)
        self.weights_of_differences = nn.Parameter(torch.full_like(backbone.head, config.scale * width**-0.5))
        self.alike = nn.Parameter(torch.full_like(backbone.head[0], ALIKE))

    def same(self, x: Tensor, y: Tensor) -> Tensor:
        """The log-odds [B, S] that inputs with embeddings x [B, D] and y [S, D] are of one kind: the same the other way round."""
        return self.alike - (x[:, None] - y[None]).abs() @ self.weights_of_differences

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"examples": z, "targets": support.y}

    def answer(self, state: State, z: Tensor) -> Tensor:
        """The mean log-odds of a class's examples [B, N]."""
        return prototypes(self.same(state.tensors["examples"], z), state.tensors["targets"]).T

    def meta_loss(self, task: Task) -> Tensor:
        """The cross-entropy of pairs of a query and an example, those of one kind and of two counting alike -> []."""
        z = self.embed({}, self.backbone.pack(task.support.x + task.query.x))
        examples, asked = z[: len(task.support)], z[len(task.support) :]
        kind = task.query.y @ task.support.y.T  # [Q, S], 1 for a pair of one kind
        weight = kind / kind.sum() + (1 - kind) / (1 - kind).sum().clamp_min(1)
        return binary_cross_entropy_with_logits(self.same(asked, examples), kind, weight / 2, reduction="sum")
