"""Attention as the learner: questions read the examples, themselves and a memory of other tasks, and one pass is all there is."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from meta_demo.algorithms.base import State
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.memory.layers import Layer, Tokens
from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples, Task
from meta_demo.core.heads import distance_logits, prototypes
from meta_demo.words import words

LEAST_SPREAD = 0.01  # of a value, in units of the examples' own, that a question may be sure of
PER_CLASS = 50  # examples of a source's class whose mean the memory begins with


@dataclass(frozen=True)
class AttentionConfig(DistanceConfig):
    """Knobs of attention as the learner."""

    scope: str = DistanceConfig.redefault("scope", "head")
    layers: int = knob(
        2,
        words("Layers of attention", "注意力层数"),
        words(
            "how often examples and questions look at each other before the answer", "作答前示例与问题相互注意的次数"
        ),
        lo=0,
        hi=12,
    )
    memory: int = knob(
        32,
        words("Memory of tasks", "任务记忆"),
        words(
            "vectors of earlier tasks that every layer can look at; they begin as class means of the sources of a meta-training",
            "每层都能查看的往日任务向量；元训练时以来源类别的均值为起点",
        ),
        lo=0,
        hi=1024,
    )
    keys: str = knob(
        "classes",
        words("What an answer reads", "作答时读取什么"),
        words(
            "classes: the mean of each class's examples; examples: each by itself",
            "classes：各类别示例的均值；examples：逐个示例",
        ),
        choices=("classes", "examples"),
    )


@register(
    "attention",
    title=words("Attention as the learner", "以注意力学习"),
    paper="Mishra et al. 2018; Fifty et al. 2024",
    about=words(
        "Questions attend to your examples and to a memory of earlier tasks; one pass is the learning. Look for a result at once.",
        "问题注意您的示例和往日任务的记忆；一次前向就是学习。留意结果立即可得。",
    ),
    lesson=Lesson(
        outer=words(
            "Layers of attention and a memory of earlier tasks: how examples should be read, learned so that one reading suffices.",
            "注意力层与往日任务的记忆：学会怎样读示例，使读一遍就够。",
        ),
        inner=words(
            "Nothing is stepped: the examples, with their labels, are what the questions attend to, and other examples give other answers.",
            "没有任何梯度步：问题所注意的就是带标签的示例，换了示例，答案就不同。",
        ),
        equation=r"h \leftarrow h + \mathrm{softmax}\!\left(QK^\top / \sqrt d + a\,yy^\top\right) V,\  \hat y = \textstyle\sum_s w_s y_s",
        cost=words(
            "No gradient for a task; every question looks at every example once a layer, so time grows with their product.",
            "任务中不求梯度；每层中每个问题看每个示例一次，耗时随两者之积增长。",
        ),
        use=words(
            "Where answers must be there at once, and there are many earlier tasks like this one to learn the reading from.",
            "需要立即作答、且有许多相似的往日任务可供学习如何阅读时。",
        ),
        look=words(
            "One point instead of a curve. Untrained it equals prototypical networks: the difference is what the outer loop taught.",
            "只有一个点而没有曲线。未训练时等同于原型网络；两者之差就是外循环所教的。",
        ),
        learned=("memory", "metric"),
        moved=("prototypes",),
    ),
)
class AttentionLearner(DistanceAlgorithm):
    """Layers of attention over examples, questions and a memory of tasks, then an answer read from the examples' labels.

    After SNAIL (Mishra et al. 2018) and CAML (Fifty et al. 2024). That each class has its corner of a simplex for a code says of two
    examples only whether they are of one class: so layers are told just this, and neither names nor order of classes can matter.
    Before training every layer adds nothing: prototypical networks, or the kernel average of examples (`layers.py`).
    """

    Config = AttentionConfig
    config: AttentionConfig
    family = "memory"
    objectives = frozenset({"classes", "numbers"})
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {"numbers": {"keys": "examples"}}

    def __init__(self, backbone: Backbone, config: AttentionConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like, d, rng = backbone.head, len(backbone.head), torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList([Layer(like, rng) for _ in range(config.layers)])
        drawn = torch.randn(config.memory, d, generator=rng, dtype=torch.float64)
        self.tasks = nn.Parameter(normalize(drawn, dim=-1).to(like))
        self.query, self.key = (nn.Parameter(torch.eye(d, dtype=like.dtype, device=like.device)) for _ in range(2))
        self.value = nn.Parameter(like.new_zeros(2, d))  # what is added to a number, and the logarithm of its spread
        self.value_bias = nn.Parameter(like.new_zeros(2))

    @torch.no_grad()
    def prepare(self, sources: Sequence[Any]) -> None:
        """Take class means of the training's sources, evenly chosen, for the memory, from which the outer loop goes on."""
        classes = [list(contents)[:PER_CLASS] for source in sources for contents in source.classes.values()]
        chosen = [classes[i * len(classes) // len(self.tasks)] for i in range(len(self.tasks))] if classes else []
        for slot, contents in enumerate(chosen):
            self.tasks[slot] = normalize(self.embed({}, self.features(contents)).mean(0), dim=-1)

    def forward(self, inputs: Tokens, tasks: Tensor) -> list[Tensor]:
        """The hidden states of `inputs` before the first layer and after each, in the light of the examples among or beside them and of
        a memory `tasks` [M, D]."""
        hidden, said = inputs.hidden, inputs.said
        found = [hidden]
        for i, layer in enumerate(self.layers):
            seen = inputs.examples[i] if inputs.examples else hidden
            hidden, said = layer(replace(inputs, hidden=hidden, said=said), seen, tasks)
            found.append(hidden)
        return found

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        """The examples' hidden states before every layer, and their keys after the last."""
        numbers = support.objective.has_intervals
        *before, last = self(Tokens(z, support.y, support.y, numbers), self.tasks)
        keys, targets = last @ self.key.T, support.y
        if self.config.keys == "classes" and not numbers:
            keys, targets = prototypes(keys, support.y), torch.eye(support.y.shape[1], dtype=z.dtype, device=z.device)
        levels = {f"before.{i}": h for i, h in enumerate(before)}
        return {**levels, "labels": support.y, "keys": keys, "targets": targets}

    def asked(self, state: State, z: Tensor) -> Tensor:
        """The hidden states [B, D] of questions after the last layer."""
        kept, assumed = state.tensors, state.objective
        assert assumed, "adapt() says what its labels are"
        examples = tuple(kept[f"before.{i}"] for i in range(len(self.layers)))
        tokens = Tokens(
            z, z.new_zeros(len(z), kept["labels"].shape[1]), kept["labels"], assumed.has_intervals, examples
        )
        return self(tokens, self.tasks)[-1] if examples else z

    def closeness(self, state: State, hidden: Tensor) -> Tensor:
        """The logarithm of what every key counts [B, K], up to a constant per row: a dot product where all keys are of one length."""
        return distance_logits(hidden @ self.query.T, state.tensors["keys"], self.log_scale.exp())

    def answer(self, state: State, z: Tensor) -> Tensor:
        return self.distribution(state, z)[0]

    def leaned_on(self, state: State, z: Tensor) -> Tensor | None:
        """The attention to the examples' keys; None where keys are those of classes."""
        if self._by_class(state):
            return None
        return self.closeness(state, self.asked(state, z)).softmax(-1)

    def _by_class(self, state: State) -> bool:
        """Whether every class has one key, not every example."""
        return self.config.keys == "classes" and not (state.objective and state.objective.has_intervals)

    def distribution(self, state: State, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Outputs [B, O] for embeddings z [B, D], and for numbers the standard deviation of each, as a neural process has it."""
        assert state.objective, "adapt() says what its labels are"
        hidden = self.asked(state, z)
        read = self.closeness(state, hidden)
        if not state.objective.has_intervals:
            if self._by_class(state):
                return read, None
            return state.objective.from_average(read.softmax(-1) @ state.tensors["targets"]), None
        more, spread = (hidden @ self.value.T + self.value_bias).chunk(2, -1)
        return read.softmax(-1) @ state.tensors["targets"] + more, LEAST_SPREAD + softplus(spread)

    def meta_losses(self, tasks: Sequence[Task]) -> Iterator[Tensor]:
        """The sum of the tasks' meta-losses, [], all embedded together, and those of one shape read at once."""
        whole = [task.support + task.query for task in tasks]
        z = self.embed({}, self.backbone.pack(reduce(add, (examples.x for examples in whole))))
        alike: dict[tuple[int, ...], list[tuple[Tensor, Task]]] = defaultdict(list)
        for task, rows in zip(tasks, torch.split(z, list(map(len, whole))), strict=True):
            alike[len(task.support), len(task.query), task.support.objective.width].append((rows, task))
        yield torch.stack([self._losses(*zip(*those, strict=True)) for those in alike.values()]).sum()

    def _losses(self, z: Sequence[Tensor], tasks: Sequence[Task]) -> Tensor:
        """The sum of the losses of T tasks of one shape, whose examples and then queries have the embeddings z [B, D] each -> []."""
        objective, count = tasks[0].support.objective, len(tasks[0].support)

        def read(rows: Tensor, y: Tensor) -> tuple[Tensor, ...]:
            kept = self.remember(rows[:count], Examples(tasks[0].support.x, y, objective), None)
            found = self.distribution(State(kept, objective=objective), rows[count:])
            return tuple(t for t in found if t is not None)

        every, y = torch.stack(list(z)), torch.stack([task.support.y for task in tasks])
        out, *spread = torch.func.vmap(read)(every, y)
        asked = torch.stack([task.query.y for task in tasks])
        loss = objective.loss(out.flatten(0, 1), asked.flatten(0, 1))
        if spread:
            loss = loss - log_likelihood(out, spread[0], asked).mean()
        return loss * len(tasks)

    def meta_loss(self, task: Task) -> Tensor:
        """The query's loss; for numbers also minus the log-likelihood of the answers with their spread -> []."""
        return next(self.meta_losses([task]))

    def left_out(self, supports: Sequence[Examples], steps: Sequence[int]) -> list[list[Tensor]] | None:
        """Each example by all others, which are read anew without it."""
        found = []
        for support in supports:
            z = self.embed({}, self.backbone.pack(support.x))
            every = torch.arange(len(z), device=z.device)
            rows = []
            for i in every:
                rest = Examples(
                    support.x, support.y[every != i], support.objective
                )  # of which only the labels are read
                state = State(self.remember(z[every != i], rest, None), objective=support.objective)
                rows.append(self.answer(state, z[i : i + 1]))
            found.append([torch.cat(rows)] * len(steps))
        return found


def log_likelihood(mean: Tensor, spread: Tensor, y: Tensor) -> Tensor:
    """The logarithm of the normal density of every y."""
    return -((y - mean) / spread).square() / 2 - spread.log() - math.log(2 * math.pi) / 2
