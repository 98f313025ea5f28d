"""Multi-task learning: one encoder under a head for every source, learned by plain classification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from meta_demo.algorithms.gradient.finetune import FineTune, FineTuneConfig
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.errors import Note, UserError
from meta_demo.core.examples import Task
from meta_demo.core.heads import linear
from meta_demo.words import words

EPSILON = 1e-8  # beside a dimension's variance over a batch, for one that has none


@dataclass(frozen=True)
class MultiTaskConfig(FineTuneConfig):
    """Fine-tuning's knobs, from the class means, and how the sources share the encoder."""

    head: str = FineTuneConfig.redefault("head", "prototypes")
    heads: str = knob(
        "source",
        words("Heads while training", "训练时的分类头"),
        words(
            "source: one for the classes of each source; one: a single one for all their classes. No checkpoint holds them",
            "source：每个数据源的类别各用一个；one：所有类别共用一个。检查点不保存它们",
        ),
        choices=("source", "one"),
    )
    weights: str = knob(
        "fixed",
        words("Weights of the sources", "各数据源的权重"),
        words(
            "how much the loss of a source counts: fixed, all the same; size, by its examples; uncertainty, learned as training goes",
            "每个数据源的损失所占的分量：fixed，全部相同；size，按示例数；uncertainty，随训练学习",
        ),
        choices=("fixed", "size", "uncertainty"),
    )


@register(
    "multitask",
    title=words("Multi-task learning", "多任务学习"),
    paper="Caruana 1997; Kendall, Gal & Cipolla 2018",
    about=words(
        "Trains one encoder to classify many sources at once, drops their heads and fine-tunes; what meta-learning has to beat.",
        "训练一个编码器同时对多个数据源分类，随后丢弃各分类头再微调；元学习需要胜过的对手。",
    ),
    lesson=Lesson(
        outer=words(
            "One encoder under a linear head for each source, by ordinary classification over all its classes; no task is adapted to.",
            "一个编码器，每个数据源各有一个线性分类头，用对全部类别的普通分类来训练。训练时不做任何任务适应。",
        ),
        inner=words(
            "What fine-tuning changes: the layers in scope and a new head, which begins at the class means.",
            "与微调所改变的相同：范围内的层，以及从类别均值开始的新分类头。",
        ),
        equation=r"\min_{\theta, W, s} \sum_k e^{-s_k} \mathcal{L}_k(\theta, W_k) + \tfrac{1}{2} s_k, \qquad e^{s_k} = 2 \mathcal{L}_k",
        cost=words(
            "A task: one gradient a step. Training: one gradient a batch, with no inner loop in it - the cheapest of all.",
            "每个任务：每步一次梯度。训练：每批一次梯度，其中没有内循环——最省的一种。",
        ),
        use=words(
            "Where sources have many classes and many examples, and as what meta-learning begins from.",
            "当数据源类别多、示例也多时；也可作为元学习的起点。",
        ),
        look=words(
            "Its curve begins where class means of a good encoder are, and steps add little: the start was not trained to be moved.",
            "曲线从好编码器的类别均值处开始，步数带来的提升很小：这个起点并不是为了被移动而训练的。",
        ),
        learned=("layers",),
        moved=("layers", "head"),
    ),
)
class MultiTask(FineTune):
    """Hard parameter sharing (Caruana 1997): a batch is of one source, and its loss is the cross-entropy over all classes of that.

    A source's head has logits 2 s W z + b, s being the sharpness that class means begin with, so that this suits the encoder too, and z
    the embeddings normalised over the batch (Ioffe & Szegedy 2015): those of random weights are nearly one and the same, and what tells
    them apart would be too little for a head to get hold of. By uncertainty, a source's loss L counts as exp(-v) L + v / 2 (Kendall et al.
    2018, eq. 10, v the logarithm of a variance), which for a given L is least where exp(v) = 2 L: a source with twice the loss ends with
    half the weight.
    """

    Config = MultiTaskConfig
    config: MultiTaskConfig
    family = "multitask"
    objectives = frozenset({"classes"})
    separable = True
    transient: ClassVar[tuple[str, ...]] = ("heads", "log_variances")

    def __init__(self, backbone: Backbone, config: MultiTaskConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self._rows: dict[str, tuple[int, dict[str, int]]] = {}  # source -> its head, and the row of each class
        self._shares: dict[str, float] = {}  # source -> its examples, over the mean of the sources
        self._order: dict[str, int] = {}  # source -> its place among them

    def prepare(self, sources: Sequence[Any]) -> None:
        """A new head that finds all classes alike, for those of each source or one for all; sources of one name share theirs.

        Raises UserError for a source whose tasks have no classes in common, as there is no head for it.
        """
        named: dict[str, dict[str, None]] = {}
        sizes: dict[str, int] = {}
        for source in sources:
            if source.tasks:
                raise UserError("multitask_endless", source=source.name)
            named.setdefault(source.name, {}).update(dict.fromkeys(source.classes))
            sizes[source.name] = sizes.get(source.name, 0) + source.size
        mean = sum(sizes.values()) / max(1, len(sizes))
        self._shares = {name: size / mean if mean else 1.0 for name, size in sizes.items()}
        self._order = {name: place for place, name in enumerate(named)}
        one, widths = self.config.heads == "one", [0] * len(named)
        for name, place in self._order.items():
            head = 0 if one else place
            self._rows[name] = head, {label: widths[head] + row for row, label in enumerate(named[name])}
            widths[head] += len(named[name])
        shapes = [shape for width in widths if width for shape in ((width, self.backbone.head.shape[-1]), (width,))]
        self.heads = nn.ParameterList(nn.Parameter(self.like.new_zeros(shape)) for shape in shapes)
        self.log_variances = nn.Parameter(self.like.new_zeros(len(named)))

    def remarks(self, sources: Sequence[Any]) -> list[Note]:
        """That one source alone is no multi-task learning."""
        alone = len({source.name for source in sources}) == 1
        return [Note("multitask_alone", (("source", sources[0].name),))] if alone else []

    def meta_loss(self, task: Task) -> Tensor:
        """The weighted loss of a batch, which is all of the task's examples, over all classes of its source -> [].

        A task of a source that it has no head for, as it was not prepared for it, has the loss of fine-tuning.
        """
        if task.source not in self._rows:
            return super().meta_loss(task)
        return self.weighted(task.source, self.source_loss(task))

    def source_loss(self, task: Task) -> Tensor:
        """The cross-entropy of a task's examples over all classes of its source -> []."""
        number, rows = self._rows[task.source]
        batch = self.packed(task.support + task.query)
        weight, bias = self.heads[2 * number], self.heads[2 * number + 1]
        out = linear(
            alike(self.embed({}, batch.x)), {"head.weight": 2 * self.log_scale.exp() * weight, "head.bias": bias}
        )
        places = torch.tensor([rows[label] for label in task.labels], device=out.device)
        return nn.functional.cross_entropy(out, places[batch.y.argmax(1)])

    def weighted(self, source: str, loss: Tensor) -> Tensor:
        """How a source's loss counts among those of the others -> []."""
        if self.config.weights == "size":
            return self._shares[source] * loss
        if self.config.weights == "uncertainty":
            v = self.log_variances[self._order[source]]
            return torch.exp(-v) * loss + v / 2
        return loss


def alike(z: Tensor) -> Tensor:
    """Embeddings [B, D] less their mean, every dimension as wide as the others over the batch, and of length 1 on average -> [B, D]."""
    return nn.functional.batch_norm(z, None, None, training=True, eps=EPSILON) / math.sqrt(z.shape[1])
