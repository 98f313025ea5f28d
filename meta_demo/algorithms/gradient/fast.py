"""Fast weights: what the inner loop moves, by name. Those called `head.` answer; all others go into the Transformer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

Fast = dict[str, Tensor]

HEAD = "head."


@dataclass(frozen=True)
class Step:
    """Step number `index` of the inner loop, from 0. `start` are the fast weights before the first one.

    `loss` [] is the support's before the step; an inner loss, which makes it, sees None.
    """

    index: int
    start: Fast
    loss: Tensor | None = None


def body_of(fast: Fast) -> Fast:
    """The fast weights that go into the Transformer."""
    return {name: w for name, w in fast.items() if not name.startswith(HEAD)}


def variable(t: Tensor) -> Tensor:
    """The same value as a variable of its own."""
    return t.detach().requires_grad_()


def leaves(tensors: Fast) -> Fast:
    """The same values as variables of their own."""
    return {name: variable(t) for name, t in tensors.items()}


def connected(tensors: Fast) -> Fast:
    """The same values as variables of their own, still connected to what they were made from."""
    return {name: t.view_as(t) if t.requires_grad else variable(t) for name, t in tensors.items()}


def detached(tensors: Fast) -> Fast:
    """The same values as constants."""
    return {name: t.detach() for name, t in tensors.items()}


def zero(like: Tensor) -> Tensor:
    """A zero of the same shape, but one number in memory."""
    return like.new_zeros(()).expand_as(like)


def zeros(like: Fast) -> Fast:
    """Zeros of the same shapes, but one number each in memory."""
    return {name: zero(w) for name, w in like.items()}


def sum_of(like: Tensor, *parts: Tensor | None) -> Tensor:
    """The sum of those parts of a gradient that there are; where there is none, a zero."""
    known = [part for part in parts if part is not None]
    return sum(known[1:], known[0]) if known else zero(like)


def descended(w: Tensor, move: Tensor, rate: float | Tensor) -> Tensor:
    """w - rate move, where a learned rate is one number or one for each weight."""
    return w - rate * move if isinstance(rate, Tensor) else w.add(move, alpha=-rate)
