"""Many tasks of one shape at once: the inner loop of one task, mapped over all of them by `torch.vmap`.

For small models, where the calls that a task takes cost more than what they compute. Same losses and same gradients as one task
after the other.
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
from meta_demo.core.objective import Objective

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
    def body(self) -> Fast: ...
    def seen(self, task: Task) -> Examples: ...
    def outer_loss(self, fast: Fast, task: Task) -> Tensor: ...
    def start(self, support: Examples, z: Tensor) -> Fast: ...
    def init_slots(self, fast: Fast) -> Fast: ...
    def step_weights(self, steps: int) -> Sequence[float]: ...
    def inner_loss(self, step: Step, fast: Fast, out: Tensor, support: Examples) -> Tensor: ...
    def update(self, step: Step, fast: Fast, grads: Fast, slots: Fast) -> tuple[Fast, Fast]: ...
    def predict(self, state: State, x: Features) -> Tensor: ...
    def spread(self, start: State, objective: Objective, y: Tensor) -> Tensor | None: ...
    def embed(self, tensors: Fast, x: Features) -> Tensor: ...
    def answer(self, state: State, z: Tensor) -> Tensor: ...


def room(algorithm: Learner, tasks: Sequence[Task]) -> int:
    """How many of the tasks go together: 1 where they are of several shapes, some input is padded, or the model is too large."""
    if algorithm.backbone.inputs.pads or len({_shape(task) for task in tasks}) != 1:
        return 1
    weights = sum(w.nbytes for w in algorithm.body.values())
    tokens = sum(side.x.groups[0].mask.numel() for side in (tasks[0].support, tasks[0].query))
    return max(1, min(len(tasks), ROOM // max(1, weights), TOKENS // (tokens * max(1, algorithm.steps))))


def most(algorithm: Learner) -> int:
    """How many tasks of usual size would go together."""
    inputs = algorithm.backbone.inputs
    weights = sum(w.nbytes for w in algorithm.body.values())
    tokens = USUAL * inputs.encode(inputs.example).length
    return 1 if inputs.pads else max(1, min(MANY, ROOM // max(1, weights), TOKENS // tokens))


def traces(algorithm: Learner, tasks: Sequence[Task], steps: Sequence[int]) -> list[Trace]:
    """How tasks go that `room` lets go together."""
    wanted = taken(steps, algorithm.steps + 1)

    def one(support: _Side, query: _Side) -> tuple[Tensor, Tensor]:
        task = replace(tasks[0], support=_with(tasks[0].support, support), query=_with(tasks[0].query, query))
        states = [State(fast) for fast in _descent(algorithm, task.support)]
        start = algorithm.answer(states[0], algorithm.embed(states[0].tensors, task.support.x))
        return torch.stack([algorithm.predict(states[step], task.query.x) for step in wanted]), start

    with many_weights(), torch.no_grad():
        outputs, starts = vmap(one)(*_stacked(tasks))
    return [
        Trace(
            dict(zip(wanted, out, strict=True)),
            algorithm.spread(State({}, start), task.support.objective, task.support.y),
        )
        for task, out, start in zip(tasks, outputs, starts, strict=True)
    ]


def losses(algorithm: Learner, tasks: Sequence[Task]) -> Tensor:
    """The meta-losses of tasks that `room` lets go together [tasks], differentiable with respect to the meta-parameters."""
    first = tasks[0]

    def one(support: _Side, query: _Side) -> Tensor:
        task = replace(first, support=_with(first.support, support), query=_with(first.query, query))
        asked = zip(_descent(algorithm, algorithm.seen(task)), algorithm.step_weights(algorithm.steps), strict=True)
        return torch.stack([weight * algorithm.outer_loss(fast, task) for fast, weight in asked if weight]).sum()

    with many_weights():
        found: Tensor = vmap(one)(*_stacked(tasks))
    return found


_Side = tuple[Tensor, ...]  # of one side of a task: first tensor, hidden states where there are any, and targets


def _descent(algorithm: Learner, support: Examples) -> Iterator[Fast]:
    """The fast weights before the first step, and after each."""
    body = algorithm.body if algorithm.adapts_body else {}
    z = algorithm.embed(body, support.x)
    fast = {**body, **algorithm.start(support, z)}
    slots, origin = algorithm.init_slots(fast), fast
    yield fast
    for index in range(algorithm.steps):
        step = Step(index, origin)

        def loss(at: Fast, step: Step = step) -> Tensor:
            seen = algorithm.embed(body_of(at), support.x) if body_of(at) else z
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
    shapes = [tuple(tuple(t.shape) for t in _tensors(side)) for side in sides]
    return tuple(shapes)


def _stacked(tasks: Sequence[Task]) -> tuple[_Side, _Side]:
    """Support and query of all tasks, each tensor with one more dimension in front."""
    support, query = (
        [_tensors(side) for side in sides] for sides in zip(*((t.support, t.query) for t in tasks), strict=True)
    )
    return tuple(map(torch.stack, zip(*support, strict=True))), tuple(map(torch.stack, zip(*query, strict=True)))


def _tensors(side: Examples) -> _Side:
    """In the order of the examples."""
    (group,) = side.x.groups
    order = group.index.argsort()
    hidden = () if group.hidden is None else (group.hidden[order],)
    return (group.first[order], *hidden, side.y)


def _with(side: Examples, tensors: _Side) -> Examples:
    """The same side of another task, which has these tensors."""
    first, *hidden, y = tensors
    (known,) = side.x.groups
    index = torch.arange(len(known.index), device=known.index.device)
    group = Group(index, first, torch.ones_like(known.mask), hidden[0] if hidden else None)
    return replace(side, x=replace(side.x, groups=(group,)), y=y)
