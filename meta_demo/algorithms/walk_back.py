"""The exact meta-gradient of an inner loop without a graph through it: keep the fast weights, walk back by Hessian-vector products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd import grad

from meta_demo.core.algorithm import State
from meta_demo.core.cache import size_of
from meta_demo.core.heads import cross_entropy
from meta_demo.core.task import Task

if TYPE_CHECKING:
    from meta_demo.algorithms.inner_loop import Fast, GradientAlgorithm

KEPT = (
    64 << 20
)  # bytes of fast weights that are kept; beyond that every sqrt(T)-th step is, and those between are made again


def walk_back(algorithm: GradientAlgorithm, task: Task) -> Tensor:
    """The query loss after adaptation, its gradient by the meta-parameters that of the whole inner loop -> [].

    Starts from v = dL/dw_T and walks back v <- (dw_{t+1}/dw_t)^T v, one Hessian-vector product a step. For updates without
    memory of their own.
    """
    meta = list(algorithm.parameters())
    path = _Path(algorithm, task)
    total = [torch.zeros_like(p) for p in meta]

    def pull(outputs: list[Tensor], at: Fast, v: list[Tensor] | None) -> list[Tensor]:
        """Gradient by the fast weights; that by the meta-parameters is added to `total`."""
        by = grad(outputs, [*at.values(), *meta], v, allow_unused=True)
        for place, g in enumerate(by[len(at) :]):
            if g is not None:
                total[place] += g
        return [torch.zeros_like(w) if g is None else g for w, g in zip(at.values(), by, strict=False)]

    at = leaves(path.last)
    names = list(at)
    loss = cross_entropy(algorithm.predict(State(at), task.query), task.query_y)
    v = pull([loss], at, None)
    for t in reversed(range(path.steps)):
        at = leaves(path.pop(t))
        after = algorithm.step(at, task.support, task.support_y)
        v = pull([after[name] for name in names], at, v)
    body = algorithm.body
    start = {**body, **algorithm.start_head(algorithm.embed(body, task.support), task.support_y)}
    moves = [(start[name], g) for name, g in zip(names, v, strict=True) if start[name].requires_grad]
    pull([s for s, _ in moves], {}, [g for _, g in moves])
    # A scalar of the loss's value whose gradient by each meta-parameter is the one just computed.
    return loss.detach() + sum(((p - p.detach()) * g).sum() for p, g in zip(meta, total, strict=True))


class _Path:
    """The fast weights of every step before the last: all kept, or few, and the others made again from the nearest before them."""

    def __init__(self, algorithm: GradientAlgorithm, task: Task) -> None:
        self._algorithm, self._task = algorithm, task
        self.steps = algorithm.config.inner_steps
        self._kept: dict[int, Fast] = {}
        wanted = {0, *_halfway(0, self.steps - 1)}
        for t, state in enumerate(algorithm.adapt(task.support, task.support_y)):
            if t < self.steps and (t in wanted or size_of(state.tensors) * self.steps <= KEPT):
                self._kept[t] = state.tensors
            self.last = state.tensors

    def pop(self, t: int) -> Fast:
        """The fast weights after t steps, which are not kept any longer."""
        nearest = max(known for known in self._kept if known <= t)
        wanted, fast = set(_halfway(nearest, t)), self._kept[nearest]
        for i in range(nearest, t):
            after = self._algorithm.step(leaves(fast), self._task.support, self._task.support_y)
            fast = {name: w.detach() for name, w in after.items()}
            if i + 1 in wanted:
                self._kept[i + 1] = fast
        return self._kept.pop(t)


def _halfway(first: int, last: int) -> Iterator[int]:
    """Half of the way, half of the rest, and so on to `last`."""
    while first < last:
        first = (first + last + 1) // 2
        yield first


def leaves(tensors: Fast) -> Fast:
    """The same values as variables of their own."""
    return {name: t.detach().requires_grad_() for name, t in tensors.items()}
