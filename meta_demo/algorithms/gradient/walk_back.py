"""The exact meta-gradient of an inner loop without a graph through it: walk back through its steps by Hessian-vector products.

Of the fast weights on the way only a few are kept, however long the loop; the others are made again from the nearest before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import comb
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function, grad

from meta_demo.algorithms.base import State
from meta_demo.core.cache import size_of
from meta_demo.core.features import Task
from meta_demo.core.heads import cross_entropy

if TYPE_CHECKING:
    from meta_demo.algorithms.gradient.loop import Fast, GradientAlgorithm

KEPT = 8 << 20  # bytes of fast weights, and what their update remembers, that are kept on the way
SLOT = "slot."  # before the names of what the update remembers, beside the fast weights


def walk_back(algorithm: GradientAlgorithm, task: Task) -> Tensor:
    """The query loss after adaptation, its gradient by the meta-parameters that of the whole inner loop -> [].

    Starts from v = dL/dw_T and walks back v <- (dw_{t+1}/dw_t)^T v, one Hessian-vector product a step, where w are the fast weights
    and the momentum beside them. For updates of each weight by its own gradient and momentum alone.
    """
    loop = _Loop(algorithm, task)
    with torch.no_grad():
        start = loop.start()
    path = loop.backwards(start, algorithm.config.inner_steps, KEPT // size_of(start))
    loss, v = loop.last(next(path))
    for fast in path:
        v = loop.before(fast, v)
        del fast  # it would stay while the one before it is made
    loop.first(v)
    known: Tensor = _Known.apply(loss, loop.total, *loop.meta)  # type: ignore[no-untyped-call]
    return known


class _Loop:
    """The inner loop of one task, with the gradient by the meta-parameters that has been met so far, where there is any."""

    def __init__(self, algorithm: GradientAlgorithm, task: Task) -> None:
        self.algorithm, self.query, self.query_y = algorithm, task.query, task.query_y
        self.support, self.y = algorithm.backbone.pack(task.support), task.support_y
        self.meta = list(algorithm.parameters())
        self.total: list[Tensor | None] = [None] * len(self.meta)

    def start(self) -> Fast:
        """The fast weights before the first step, and a momentum of zero for each."""
        body = self.algorithm.body
        fast = {**body, **self.algorithm.start_head(self.algorithm.embed(body, self.support), self.y)}
        return _joined(fast, _zeros(fast))

    def backwards(self, fast: Fast, steps: int, slots: int) -> Iterator[Fast]:
        """The fast weights `steps` steps after `fast`, those one step less, and so on to `fast`; at most `slots` others are kept.

        Griewank & Walther 2000 (algorithm 799): no state is made more often than it has to be.
        """
        if not steps:
            yield fast
        elif not slots:
            for done in reversed(range(steps + 1)):
                yield self._advance(fast, done)
        else:
            rounds = next(r for r in count(1) if comb(slots + 1 + r, r) > steps)
            ahead = min(steps, comb(slots + rounds, slots + 1))
            yield from self.backwards(self._advance(fast, ahead), steps - ahead, slots - 1)
            yield from self.backwards(fast, ahead - 1, slots)

    def last(self, fast: Fast) -> tuple[Tensor, Fast]:
        """The query loss at the end of the loop, and its gradient by the fast weights there; empties `fast`, to hold less."""
        weights, _ = _parted(fast)
        fast.clear()
        at = leaves(weights)
        loss = cross_entropy(self.algorithm.predict(State(at), self.query), self.query_y)
        return loss.detach(), _joined(self._pull([loss], at, None), _zeros(at))

    def before(self, fast: Fast, v: Fast) -> Fast:
        """Gradient by the fast weights before a step, from that by those after it; empties both arguments, to hold less."""
        at, slots = (leaves(part) for part in _parted(fast))
        fast.clear()
        grads = self.algorithm.gradient(at, self.support, self.y, graph=True)
        by: Fast = {}
        by_grads = []
        for name in at:  # the update, one weight after the other; then the gradient, of all at once
            own = {"weight": at[name], "grad": grads[name].detach().requires_grad_(), "slot": slots.pop(name)}
            with torch.enable_grad():
                after = self.algorithm.update(*({name: part} for part in own.values()))
            pulled = self._pull([part[name] for part in after], own, [v.pop(name), v.pop(SLOT + name)])
            by[name], by[SLOT + name] = pulled["weight"], pulled["slot"]
            by_grads.append(pulled["grad"])
        through = self._pull(list(grads.values()), at, by_grads)
        return by | {name: by[name] + g for name, g in through.items()}

    def first(self, v: Fast) -> None:
        """From the gradient by the start to that by what the start was made from."""
        moves = [(w, v[name]) for name, w in self.start().items() if w.requires_grad]
        self._pull([w for w, _ in moves], {}, [g for _, g in moves])

    def _advance(self, fast: Fast, steps: int) -> Fast:
        for _ in range(steps):
            (weights, slots), fast = _parted(fast), {}
            grads = self.algorithm.gradient(leaves(weights), self.support, self.y)
            for name in list(weights):  # one after the other, so that no two states are held whole
                with torch.no_grad():
                    after = self.algorithm.update(*({name: part.pop(name)} for part in (weights, grads, slots)))
                fast |= _joined(*after)
        return fast

    def _pull(self, outputs: list[Tensor], at: Fast, v: list[Tensor] | None) -> Fast:
        """Gradient by `at`; that by the meta-parameters is added to `total`."""
        by = grad(outputs, [*at.values(), *self.meta], v, allow_unused=True)
        for place, (known, g) in enumerate(zip(self.total, by[len(at) :], strict=True)):
            self.total[place] = g if known is None else known if g is None else known + g
        return {name: z if g is None else g for (name, z), g in zip(_zeros(at).items(), by, strict=False)}


def _joined(weights: Fast, slots: Fast) -> Fast:
    return weights | {SLOT + name: v for name, v in slots.items()}


def _parted(fast: Fast) -> tuple[Fast, Fast]:
    weights = {name: w for name, w in fast.items() if not name.startswith(SLOT)}
    return weights, {name: fast[SLOT + name] for name in weights}


def _zeros(like: Fast) -> Fast:
    """Of the same shapes, but of one number each in memory."""
    return {name: w.new_zeros(()).expand_as(w) for name, w in like.items()}


class _Known(Function):
    """A scalar whose gradient by each of `meta` is known already."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradient: list[Tensor | None], *meta: Tensor) -> Tensor:  # noqa: ARG004
        ctx.gradient = gradient
        return value

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> Any:
        return None, None, *(None if g is None else factor * g for g in ctx.gradient)


def leaves(tensors: Fast) -> Fast:
    """The same values as variables of their own."""
    return {name: t.detach().requires_grad_() for name, t in tensors.items()}
