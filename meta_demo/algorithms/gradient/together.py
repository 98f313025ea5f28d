"""Many tasks of one shape at once: the inner loop of one task, mapped over all of them by `torch.vmap`.

For small models, where the calls that a task takes cost more than what they compute. Same losses and same gradients as one task
after the other. A meta-batch of 25 sines, ten points each, takes the bundled model of curves 0.09 seconds
of one core so and 0.57 one by one with exact steps, 0.06 and 0.16 with first-order ones (`benchmarks/many_tasks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from meta_demo.algorithms.base import State, Trace, taken
from meta_demo.algorithms.gradient.fast import Fast, Step, body_of, detached
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.many import many_weights
from meta_demo.core.examples import Examples, Task
from meta_demo.core.features import Features, Group

ROOM = 16 << 20  # bytes of fast weights that are held at once
USUAL, MANY = 64, 32  # inputs of a usual task, and tasks that are evaluated at once
TOKENS = 65536  # that go through the Transformer at once, over all inner steps: all of them are kept for the gradient


class Learner(Protocol):
    """What is asked of a gradient-based algorithm; `base.py` says what each is."""

    second_order: ClassVar[bool]
    adapts_body: ClassVar[bool]
    backbone: Backbone

    @property
    def steps(self) -> int: ...
    @property
    def beside(self) -> int: ...
    @property
    def body(self) -> Fast: ...
    @property
    def moving(self) -> Fast: ...
    def seen(self, task: Task) -> Examples: ...
    def outer_loss(self, fast: Fast, task: Task) -> Tensor: ...
    def start(self, support: Examples, z: Tensor) -> Fast: ...
    def init_slots(self, fast: Fast) -> Fast: ...
    def step_weights(self, steps: int) -> Sequence[float]: ...
    def inner_loss(self, step: Step, fast: Fast, out: Tensor, support: Examples) -> Tensor: ...
    def update(self, step: Step, fast: Fast, grads: Fast, slots: Fast) -> tuple[Fast, Fast]: ...
    def predict(self, state: State, x: Features) -> Tensor: ...
    def spreads(
        self, supports: Sequence[Examples], starts: Sequence[State], steps: Sequence[int]
    ) -> list[list[Tensor | None]]: ...
    def embed(self, tensors: Fast, x: Features) -> Tensor: ...
    def answer(self, state: State, z: Tensor) -> Tensor: ...


def room(algorithm: Learner, tasks: Sequence[Task]) -> int:
    """How many of the tasks go together: 1 where they are of several shapes, some input is padded, or the model is too large."""
    if algorithm.backbone.inputs.pads or len({_shape(task) for task in tasks}) != 1:
        return 1
    weights = weight_of(algorithm)
    tokens = sum(side.x.groups[0].mask.numel() for side in (tasks[0].support, tasks[0].query))
    return max(1, min(len(tasks), ROOM // max(1, weights), TOKENS // (tokens * max(1, algorithm.steps))))


def most(algorithm: Learner) -> int:
    """How many tasks of usual size would go together."""
    inputs = algorithm.backbone.inputs
    weights = weight_of(algorithm)
    tokens = USUAL * inputs.encode(inputs.example).length
    return 1 if inputs.pads else max(1, min(MANY, ROOM // max(1, weights), TOKENS // tokens))


def weight_of(algorithm: Learner) -> int:
    """Bytes of one task's fast weights in the Transformer, with what a step makes beside them."""
    return sum(w.nbytes for w in algorithm.body.values()) * (1 + algorithm.beside)


def traces(algorithm: Learner, tasks: Sequence[Task], steps: Sequence[int], *, intervals: bool = True) -> list[Trace]:
    """How tasks go that `room` lets go together."""
    wanted = taken(steps, algorithm.steps + 1)

    def one(support: Side, query: Side) -> tuple[Tensor, Tensor]:
        task = replace(
            tasks[0], support=with_tensors(tasks[0].support, support), query=with_tensors(tasks[0].query, query)
        )
        states = [State(fast) for fast in descent(algorithm, task.support)]
        start = algorithm.answer(states[0], algorithm.embed(states[0].tensors, task.support.x))
        return torch.stack([algorithm.predict(states[step], task.query.x) for step in wanted]), start

    with many_weights(), torch.no_grad():
        outputs, starts = vmap(one)(*_stacked(tasks))
    spreads: list[list[Tensor | None]] = [[None] * len(wanted) for _ in tasks]
    if intervals:
        spreads = algorithm.spreads([task.support for task in tasks], [State({}, start) for start in starts], wanted)
    return [
        Trace(dict(zip(wanted, out, strict=True)), dict(zip(wanted, known, strict=True)))
        for out, known in zip(outputs, spreads, strict=True)
    ]


def losses(algorithm: Learner, tasks: Sequence[Task]) -> Tensor:
    """The meta-losses of tasks that `room` lets go together [tasks], differentiable with respect to the meta-parameters."""
    first = tasks[0]

    def one(support: Side, query: Side) -> Tensor:
        task = replace(first, support=with_tensors(first.support, support), query=with_tensors(first.query, query))
        asked = zip(descent(algorithm, algorithm.seen(task)), algorithm.step_weights(algorithm.steps), strict=True)
        return torch.stack([weight * algorithm.outer_loss(fast, task) for fast, weight in asked if weight]).sum()

    with many_weights():
        found: Tensor = vmap(one)(*_stacked(tasks))
    return found


Side = tuple[Tensor, ...]  # of one side of a task: first tensor, hidden states where there are any, and targets


def descent(algorithm: Learner, support: Examples, z: Tensor | None = None) -> Iterator[Fast]:
    """The fast weights before the first step, and after each. `z` [S, D] are the support's embeddings where no step changes them."""
    body = algorithm.moving
    z = algorithm.embed(body, support.x) if z is None else z
    fast = {**body, **algorithm.start(support, z)}
    slots, origin, embedded = algorithm.init_slots(fast), fast, z
    yield fast
    for index in range(algorithm.steps):
        step = Step(index, origin)

        def loss(at: Fast, step: Step = step) -> Tensor:
            seen = algorithm.embed(body_of(at), support.x) if body_of(at) else embedded
            return algorithm.inner_loss(step, at, algorithm.answer(State(at), seen), support)

        grads, value = grad_and_value(loss)(fast if algorithm.second_order else detached(fast))
        if not algorithm.second_order:
            grads, value = detached(grads), value.detach()
        fast, slots = algorithm.update(replace(step, loss=value), fast, grads, slots)
        yield fast


def _shape(task: Task) -> tuple[object, ...] | None:
    """What must be the same for tasks to go together; one of its own for a task that is in several groups."""
    sides = (task.support, task.query)
    if any(len(side.x.groups) != 1 for side in sides) or task.unlabelled is not None:
        return (id(task),)
    shapes = [tuple(tuple(t.shape) for t in tensors_of(side)) for side in sides]
    return tuple(shapes)


def _stacked(tasks: Sequence[Task]) -> tuple[Side, Side]:
    """Support and query of all tasks, each tensor with one more dimension in front."""
    support, query = (
        [tensors_of(side) for side in sides] for sides in zip(*((t.support, t.query) for t in tasks), strict=True)
    )
    return tuple(map(torch.stack, zip(*support, strict=True))), tuple(map(torch.stack, zip(*query, strict=True)))


def tensors_of(side: Examples) -> Side:
    """In the order of the examples."""
    (group,) = side.x.groups
    order = group.index.argsort()
    hidden = () if group.hidden is None else (group.hidden[order],)
    return (group.first[order], *hidden, side.y)


def with_tensors(side: Examples, tensors: Side) -> Examples:
    """A side of a task of the same kind that has these tensors, in this order."""
    first, *hidden, y = tensors
    (known,) = side.x.groups
    count = len(y)
    index, mask = torch.arange(count, device=y.device), known.mask.new_ones(count, known.mask.shape[1])
    group = Group(index, first, mask, hidden[0] if hidden else None)
    return replace(side, x=replace(side.x, groups=(group,), count=count), y=y)
