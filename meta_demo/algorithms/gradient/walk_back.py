"""The exact meta-gradient of an inner loop without a graph through it: walk back through its steps by Hessian-vector products.

Of the fast weights on the way only a few are kept, however long the loop; the others are made again from the nearest before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import comb
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.autograd import Function, grad

from meta_demo.algorithms.base import State
from meta_demo.algorithms.gradient.fast import Fast, Step, body_of, leaves, variable, zero, zeros
from meta_demo.core.cache import size_of
from meta_demo.core.examples import Examples, Task
from meta_demo.core.features import Features

KEPT = 8 << 20  # bytes of fast weights, and what their update remembers, that are kept on the way


class Learner(Protocol):
    """What walking back asks of a gradient-based algorithm; `gradient/base.py` says what each is."""

    @property
    def separable(self) -> bool: ...
    @property
    def steps(self) -> int: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...
    def packed(self, support: Examples) -> Examples: ...
    def begin(self, support: Examples, *, graph: bool) -> tuple[Fast, Fast, Tensor]: ...
    def init_slots(self, fast: Fast) -> Fast: ...
    def step_weights(self, steps: int) -> Sequence[float]: ...
    def look(self, at: Fast, support: Examples, *, graph: bool) -> Tensor: ...
    def descend(
        self, step: Step, fast: Fast, at: Fast, z: Tensor, support: Examples, *, exact: bool, retain: bool
    ) -> tuple[Step, Tensor, Fast]: ...
    def update(self, step: Step, fast: Fast, grads: Fast, slots: Fast) -> tuple[Fast, Fast]: ...
    def predict(self, state: State, x: Features) -> Tensor: ...


@dataclass
class Point:
    """The fast weights after `index` steps, and what the next update remembers; or the gradient by both."""

    index: int
    fast: Fast
    slots: Fast

    def taken(self) -> tuple[Fast, Fast]:
        """Fast weights and slots, of which the point then holds nothing more."""
        found = self.fast, self.slots
        self.fast, self.slots = {}, {}
        return found


def walk_back(algorithm: Learner, task: Task) -> Tensor:
    """The outer loss of an adaptation, its gradient by the meta-parameters that of the whole inner loop -> [].

    Starts from v = dL/dw_T and walks back v <- (dw_{t+1}/dw_t)^T v, one Hessian-vector product a step, where w are the fast weights
    and what the update remembers beside them.
    """
    loop = Loop(algorithm, task)
    start = loop.start()
    path = loop.backwards(start, algorithm.steps, KEPT // size_of([start.fast, start.slots]))
    weights = algorithm.step_weights(algorithm.steps)
    loss, v = loop.asked(next(path), weights[-1])
    for point in path:
        weight = weights[point.index]
        early = loop.asked(Point(point.index, dict(point.fast), dict(point.slots)), weight) if weight else None
        v = loop.before(point, v)
        if early:
            loss, v = loss + early[0], replace(v, fast={n: g + early[1].fast[n] for n, g in v.fast.items()})
        del point  # it would stay while the one before it is made
    return loop.first(loss, v)


class Loop:
    """The inner loop of one task, with the gradient by the meta-parameters that has been met so far, where there is any.

    The fast weights before the first step are among what is differentiated by: a loss or an update may look at them at any step.
    """

    def __init__(self, algorithm: Learner, task: Task) -> None:
        self.algorithm, self.query = algorithm, task.query
        self.support = algorithm.packed(task.support)
        self.meta = list(algorithm.parameters())
        self.origin: Fast = {}
        self.total: list[Tensor | None] = [None] * len(self.meta)

    def start(self) -> Point:
        """The fast weights before the first step."""
        with torch.no_grad():
            fast = {name: w.detach() for name, w in self.algorithm.begin(self.support, graph=False)[0].items()}
            self.origin = leaves(fast)
            self.total += [None] * len(fast)
            return Point(0, fast, self.algorithm.init_slots(fast))

    def backwards(self, point: Point, steps: int, slots: int) -> Iterator[Point]:
        """The point `steps` steps after `point`, the one a step less, and so on to `point`; at most `slots` others are kept.

        Griewank & Walther 2000 (algorithm 799): no state is made more often than it has to be.
        """
        if not steps:
            yield point
        elif not slots:
            for done in reversed(range(steps + 1)):
                yield self._advance(point, done)
        else:
            rounds = next(r for r in count(1) if comb(slots + 1 + r, r) > steps)
            ahead = min(steps, comb(slots + rounds, slots + 1))
            yield from self.backwards(self._advance(point, ahead), steps - ahead, slots - 1)
            yield from self.backwards(point, ahead - 1, slots)

    def asked(self, point: Point, weight: float) -> tuple[Tensor, Point]:
        """`weight` times the query loss at a point, and its gradient by the fast weights there; empties `point`, to hold less."""
        index = point.index
        fast, slots = point.taken()
        at = leaves(fast)
        del fast
        loss = weight * self.query.objective.loss(self.algorithm.predict(State(at), self.query.x), self.query.y)
        return loss.detach(), Point(index, self._pull([loss], at, None), zeros(slots))

    def before(self, point: Point, v: Point) -> Point:
        """Gradient by the point before a step, from `v`, that by the point after it; empties both, to hold less."""
        index = point.index
        at, slots = map(leaves, point.taken())
        after_fast, after_slots = v.taken()
        loss, grads = self.gradient(index, at, exact=True)
        by_fast: Fast = {}
        by_slots: Fast = {}
        by_grads: Fast = {}
        by_loss = loss.new_zeros(())
        for names in self._parts(at):  # first through the update, then through the gradient, of all at once
            given = {n: at[n] for n in names}, {n: variable(grads[n]) for n in names}, self._taken(slots, names)
            said = variable(loss)
            with torch.enable_grad():
                made = self.algorithm.update(Step(index, self.origin, said), *given)
            inputs = [*given[0].values(), *given[1].values(), *given[2].values(), said]
            outputs = [*made[0].values(), *made[1].values()]
            seen = [after_fast.pop(n) for n in made[0]] + [after_slots.pop(n) for n in made[1]]
            pulled = iter(self._by(outputs, inputs, seen))
            by_fast |= {n: next(pulled) for n in given[0]}
            by_grads |= {n: next(pulled) for n in given[1]}
            by_slots |= {n: next(pulled) for n in given[2]}
            by_loss = by_loss + next(pulled)
        through = self._pull([*grads.values(), loss], at, [*(by_grads[n] for n in grads), by_loss])
        return Point(index, {n: by_fast[n] + g for n, g in through.items()}, by_slots)

    def first(self, loss: Tensor, v: Point) -> Tensor:
        """`loss`, whose gradient by the meta-parameters is known from `v`, that by the start -> []."""
        with torch.enable_grad():
            fast, _, _ = self.algorithm.begin(self.support, graph=True)
        by_origin = dict(zip(self.origin, self.total[len(self.meta) :], strict=True))
        moves = [(w, v.fast[n] if (g := by_origin[n]) is None else v.fast[n] + g) for n, w in fast.items()]
        moves = [(w, g) for w, g in moves if w.requires_grad]
        self._by([w for w, _ in moves], [], [g for _, g in moves])
        known: Tensor = _Known.apply(loss, self.total[: len(self.meta)], *self.meta)  # type: ignore[no-untyped-call]
        return known

    def _advance(self, point: Point, steps: int) -> Point:
        fast, slots = dict(point.fast), dict(point.slots)
        for index in range(point.index, point.index + steps):
            at = leaves(fast)
            loss, grads = self.gradient(index, at, exact=False)
            step = Step(index, self.origin, loss.detach())
            del at
            for names in self._parts(fast):  # where they go one by one, no two states are held whole
                own, by = {n: fast.pop(n) for n in names}, {n: grads.pop(n) for n in names}
                with torch.no_grad():
                    made = self.algorithm.update(step, own, by, self._taken(slots, names))
                del own, by
                fast |= made[0]
                slots |= made[1]
        return Point(point.index + steps, fast, slots)

    def _parts(self, fast: Fast) -> list[list[str]]:
        """What goes through an update together."""
        return [[name] for name in fast] if self.algorithm.separable else [list(fast)]

    def _taken(self, slots: Fast, names: list[str]) -> Fast:
        """What belongs to `names` of `slots`, which then have it no longer."""
        return {n: slots.pop(n) for n in (names if self.algorithm.separable else list(slots)) if n in slots}

    def gradient(self, index: int, fast: Fast, *, exact: bool) -> tuple[Tensor, Fast]:
        """Loss of the support set under `fast`, which are variables, and its gradient by them."""
        at, step = body_of(fast), Step(index, self.origin)
        z = self.algorithm.look(at, self.support, graph=True)
        step, _, grads = self.algorithm.descend(step, fast, at, z, self.support, exact=exact, retain=exact)
        assert step.loss is not None
        return step.loss, grads

    def _pull(self, outputs: list[Tensor], at: Fast, v: Sequence[Tensor] | None) -> Fast:
        """Gradient by `at`; that by the meta-parameters is added to `total`."""
        return dict(zip(at, self._by(outputs, list(at.values()), v), strict=True))

    def _by(self, outputs: Sequence[Tensor], at: Sequence[Tensor], v: Sequence[Tensor] | None) -> list[Tensor]:
        pairs = [(o, None if v is None else v[i]) for i, o in enumerate(outputs) if o.requires_grad]
        if not pairs:
            return [zero(t) for t in at]
        constants = [*self.meta, *self.origin.values()]
        heard = None if v is None else [g for _, g in pairs]
        by = grad([o for o, _ in pairs], [*at, *constants], heard, allow_unused=True)
        for place, (known, g) in enumerate(zip(self.total, by[len(at) :], strict=True)):
            self.total[place] = g if known is None else known if g is None else known + g
        return [zero(t) if g is None else g for t, g in zip(at, by, strict=False)]


class _Known(Function):
    """A scalar whose gradient by each of `meta` is known already."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradient: list[Tensor | None], *meta: Tensor) -> Tensor:  # noqa: ARG004
        ctx.gradient = gradient
        return value

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> Any:
        return None, None, *(None if g is None else factor * g for g in ctx.gradient)
