"""The contract of an algorithm: what every few-shot learner has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from meta_demo.algorithms.lesson import Lesson
from meta_demo.backbones.added import added_of
from meta_demo.backbones.backbone import Backbone, digest
from meta_demo.core import config as knobs
from meta_demo.core.corpus import Corpus
from meta_demo.core.errors import Note
from meta_demo.core.examples import Examples, Task
from meta_demo.core.features import Features
from meta_demo.core.objective import Objective
from meta_demo.modalities.base import Content
from meta_demo.words import Words


@dataclass(frozen=True)
class State:
    """What adaptation has made of the support set so far: fast weights, prototypes or memory, by name.

    `outputs` [S, O] of the support set and its `embeddings` [S, D] are set where the algorithm computed them on its way, so that nobody
    computes them again. `objective` says what its labels are, for a method whose answers depend on that.
    """

    tensors: dict[str, Tensor]
    outputs: Tensor | None = None
    embeddings: Tensor | None = None
    objective: Objective | None = None


@dataclass(frozen=True)
class Trace:
    """How a task goes: after each inner step that was asked for, the outputs [Q, O] for its queries and what makes their intervals."""

    outputs: dict[int, Tensor]
    spreads: dict[int, Tensor | None]


def taken(steps: Sequence[int], count: int) -> list[int]:
    """Those of `steps` that `count` states have; the last where they have none of them."""
    return [step for step in steps if step < count] or [count - 1]


class Algorithm(nn.Module, ABC):
    """A few-shot learner. Its parameters are the meta-parameters; a task's state is returned, never stored on it.

    Whether it is being meta-trained is what `training` says, as of any module of torch.
    """

    name: ClassVar[str]
    title: ClassVar[Words]
    paper: ClassVar[str]
    about: ClassVar[Words]
    lesson: ClassVar[Lesson | None] = None  # what the Learn tab teaches of it
    family: ClassVar[str] = "other"
    Config: ClassVar[type[knobs.Config]] = knobs.Config
    objectives: ClassVar[frozenset[str]] = frozenset({"classes"})  # what a label may be
    defaults: ClassVar[
        Mapping[str, Mapping[str, Any]]
    ] = {}  # objective -> knob -> its default there, where it is another
    exempt: ClassVar[Mapping[str, str]] = {}  # law of the tests -> why the method cannot obey it
    learns: ClassVar[bool] = True  # whether it has anything that meta-training could teach it
    adapts_body: ClassVar[bool] = False  # whether a task changes what the Transformer computes
    reads_unlabelled: ClassVar[bool] = False  # whether examples that nobody labelled change its answers
    steps_knob: ClassVar[str | None] = (
        None  # the knob that says how many inner steps there are; None: it learns at once
    )
    transient: ClassVar[tuple[str, ...]] = ()  # beginnings of the names of parameters that a checkpoint leaves out

    def __init__(self, backbone: Backbone, config: knobs.Config, seed: int = 0) -> None:
        super().__init__()
        self.backbone, self.config, self.seed = backbone, config, seed
        self._given = backbone.given  # weights of the model that a start brought, which live as long as it does
        self.boundary = backbone.n_layers
        self.holds_body = False  # whether training leaves the start of the Transformer's weights as it is
        self._merged: tuple[int, str, dict[str, Tensor]] | None = None  # version, digest and weights of the start

    @classmethod
    def said(cls, lang: str) -> str:
        """Its title in `lang`; its bare name where it has none."""
        return cls.title.get(lang, cls.name)

    def prepare(self, sources: Sequence[Any]) -> None:
        """Look at the sources of tasks, once before the first step of a training, for a method that has a head for each."""

    def training_notes(self) -> tuple[Note, ...]:
        """What a person should know of how its meta-training goes."""
        return ()

    def check_fits(self, examples: int, outputs: int) -> None:
        """Raises UserError, before anything is computed, where it cannot hold so many examples or outputs."""

    def remarks(self, sources: Sequence[Any]) -> list[Note]:  # noqa: ARG002
        """What a person should know of training it on these sources."""
        return []

    @property
    def lasting(self) -> dict[str, Tensor]:
        """What a checkpoint holds: the state dict without what is `transient`."""
        passing = tuple(f"{name.removesuffix('.')}." for name in self.transient)
        return {name: w for name, w in self.state_dict().items() if not f"{name}.".startswith(passing)}

    @property
    def steps(self) -> int:
        """The number of inner steps; 0 where it learns at once."""
        return int(getattr(self.config, self.steps_knob)) if self.steps_knob else 0

    @property
    def added(self) -> int:
        """How many tokens it puts before those of an input."""
        found = added_of(self.body, self.backbone.layers_path)[0]
        return found.count if found else 0

    @property
    def differentiates_twice(self) -> bool:
        """Whether its meta-gradient differentiates a gradient that went through the Transformer."""
        return False

    @property
    def copies(self) -> int:
        """How many times it holds the weights in scope."""
        return 1

    @property
    def beside(self) -> int:
        """How many numbers an inner step makes for each weight that moves, beside its gradient and the few that any step makes."""
        return 0

    @property
    def body(self) -> dict[str, Tensor]:
        """The meta-learned start of the Transformer's weights in scope, under the model's own names."""
        return {}

    @property
    def like(self) -> Tensor:
        """An empty tensor of the dtype and on the device in which it computes."""
        return torch.empty(0, dtype=self.backbone.dtype, device=self.backbone.device)

    def weights(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The model's parameters after adaptation: those of `tensors`, and the start's where `tensors` has none."""
        return {name: tensors.get(name, w) for name, w in self.body.items()}

    def features(self, contents: Sequence[Content], among: Corpus[Content] | None = None) -> Features:
        """What `adapt` and `predict` take: `contents` after the frozen prefix, or, where neither a task nor a meta-gradient
        changes the body, after all of it; computed in the batches of `among`."""
        learns_body = self.training and not self.holds_body and torch.is_grad_enabled()
        if self.adapts_body or learns_body:
            return self.backbone.features(contents, self.boundary, among)
        version = sum(w._version for w in self.body.values())  # grows with every change in place
        if self._merged is None or self._merged[0] != version:
            with torch.no_grad():
                start = self.merged()
                self._merged = version, digest(self.body), {} if self.backbone.has(start) else start
        _, told, merged = self._merged
        if not merged:  # the model's own, as in every other algorithm of which that is true
            return self.backbone.features(contents, self.backbone.n_layers, among)
        return self.backbone.outputs(contents, self.boundary, merged, told, among)  # shared by all on an equal start

    def merged(self) -> dict[str, Tensor]:
        """The start as weights of the model that cost no more than its own."""
        return self.body

    def embed(self, tensors: dict[str, Tensor], x: Features) -> Tensor:
        """Unit embeddings [B, D] under the adapted weights."""
        return self.backbone.forward(x, self.weights(tensors))

    @abstractmethod
    def adapt(self, support: Examples, *, unlabelled: Features | None = None, graph: bool = False) -> Iterator[State]:
        """State 0 first, then one per inner step. Never sees the query.

        `unlabelled` are inputs that nobody labelled, for a method that learns from them too. `graph=True` keeps the states
        differentiable with respect to the meta-parameters, for meta-training.
        """

    @abstractmethod
    def answer(self, state: State, z: Tensor) -> Tensor:
        """Outputs [B, O] for embeddings z [B, D]."""

    def leaned_on(self, state: State, z: Tensor) -> Tensor | None:  # noqa: ARG002
        """What each example counts [B, S] in the answers for embeddings z [B, D], one in sum; None where they are not counted one by
        one."""
        return None

    def left_out(self, supports: Sequence[Examples], steps: Sequence[int]) -> list[list[Tensor]] | None:  # noqa: ARG002
        """Of each support set the outputs [S, O] after each of `steps`, which ascend, each made without its own example; None where that
        is not cheap. All support sets are of one shape."""
        return None

    def spreads(
        self, supports: Sequence[Examples], starts: Sequence[State], steps: Sequence[int] | None = None
    ) -> list[list[Tensor | None]]:
        """Of each support set what makes the intervals of answers after each of `steps`, which ascend (default: after each that there
        is); None where they have none. `starts` are states 0.

        From what each example is answered after so many steps without itself, where that is cheap, and otherwise from the start's
        answers, as those of later steps were made to fit the support set.
        """
        spread = supports[0].objective.spread
        steps = range(self.steps + 1) if steps is None else steps
        count = len(steps)
        if not supports[0].objective.has_intervals or starts[0].outputs is None:
            return [[None] * count for _ in supports]
        left_out = self.left_out(supports, steps)
        if left_out is None:
            pairs = zip(supports, starts, strict=True)
            return [
                [spread(start.outputs, s.y, left_out=False)] * count for s, start in pairs if start.outputs is not None
            ]
        return [[spread(o, s.y, left_out=True) for o in out] for s, out in zip(supports, left_out, strict=True)]

    def predict(self, state: State, x: Features) -> Tensor:
        """Outputs [B, O] for features."""
        return self.answer(state, self.embed(state.tensors, x))

    @property
    def at_once(self) -> int:
        """How many tasks `traces` may be given at once, so that none waits for memory."""
        return 1

    def trace(self, task: Task, steps: Sequence[int], *, intervals: bool = True) -> Trace:
        """How one task goes, at those of `steps` that it has; at the last where it has none of them."""
        states = list(self.adapt(task.support, unlabelled=task.unlabelled))
        wanted = taken(steps, len(states))
        outputs = {step: self.predict(states[step], task.query.x) for step in wanted}
        (spreads,) = self.spreads([task.support], states[:1], wanted) if intervals else [[None] * len(wanted)]
        return Trace(outputs, dict(zip(wanted, spreads, strict=True)))

    def traces(self, tasks: Sequence[Task], steps: Sequence[int], *, intervals: bool = True) -> list[Trace]:
        """How each task goes."""
        return [self.trace(task, steps, intervals=intervals) for task in tasks]

    def meta_loss(self, task: Task) -> Tensor:
        """The query's loss after adaptation, differentiable with respect to the meta-parameters -> []."""
        *_, last = self.adapt(task.support, unlabelled=task.unlabelled, graph=True)
        return task.query.objective.loss(self.predict(last, task.query.x), task.query.y)

    def meta_losses(self, tasks: Sequence[Task]) -> Iterator[Tensor]:
        """The meta-losses of several tasks, or sums of some of them, each to be differentiated before the next is asked for."""
        yield from map(self.meta_loss, tasks)

    def backward(self, tasks: Sequence[Task], weight: float = 1.0, *, bf16: bool = False) -> Tensor:
        """`weight` times the sum of the tasks' meta-losses, [], detached; its gradient is added to that of every parameter.

        With `bf16` the matrix products on the way to each loss are made in bfloat16.
        """
        total, losses = self.like.new_zeros(()), self.meta_losses(tasks) if tasks else iter(())
        while True:
            with torch.autocast(self.like.device.type, torch.bfloat16, enabled=bf16):
                loss = next(losses, None)
            if loss is None:
                return total
            loss = loss * weight
            if loss.requires_grad:  # a method without anything to learn on these tasks has no gradient
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
