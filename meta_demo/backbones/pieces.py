"""What goes through the layers at once: as many inputs as keep the memory of a run within a bound, whatever is asked for.

A gradient needs what layers compute on the way. Where that would be more than `KEPT` bytes, the inputs go through in pieces; only the
last piece's is kept, and that of each other one is computed again when its turn comes to be differentiated, or its gradient is. So
memory does not grow with inputs times their length, and the numbers are the same to rounding. Pieces follow from the sizes of what is
asked for alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.autograd import Function, grad

from meta_demo.backbones.many import MANY
from meta_demo.core.features import Features, Group
from meta_demo.core.memory import give_back

KEPT = 384 << 20  # bytes that layers keep for a gradient, at once
SCORES = 128 << 20  # bytes of one layer's attention, at once
AT_ONCE = 8192  # tokens at once where nothing is kept: more of them gain no speed
PER_WEIGHT = 1.4  # numbers kept for a token, for each of a layer's weights that it meets; measured on ours (1.2 to 1.4)


@dataclass(frozen=True)
class Appetite:
    """How much memory the layers of a model take: `width` D' of its hidden states, `weights` of a layer, `heads` of its attention,
    `passes` through each layer, and bytes of a number."""

    width: int
    weights: int
    heads: int
    passes: int
    itemsize: int
    share: float = 1.0  # of the usual bounds: less where a GPU turned out to have too little memory

    def kept(self, length: int, layers: int) -> int:
        """Bytes that `layers` layers keep for a gradient, of one input of so many tokens."""
        each = PER_WEIGHT * self.weights / self.width + self.heads * length
        return int(length * each * layers * self.passes * self.itemsize)

    def most(self, length: int) -> int:
        """How many inputs of so many tokens go through together where nothing is kept."""
        scores = max(1, self.heads) * length**2 * self.itemsize
        return max(1, min(int(AT_ONCE * self.share) // length, int(SCORES * self.share) // scores))

    def pieces(self, features: Features, layers: int) -> tuple[Group, ...]:
        """The groups of `features`, in parts of at most `KEPT` bytes where they have more together."""
        each = [(group, self.kept(group.mask.shape[1], layers)) for group in features.groups]
        kept = int(KEPT * self.share)
        if sum(len(group.index) * size for group, size in each) <= kept:
            return features.groups
        return tuple(part for group, size in each for part in _parts(group, max(1, kept // max(1, size))))


def through(
    pieces: Sequence[Group],
    run: Callable[[Group, dict[str, Tensor]], Tensor],
    weights: dict[str, Tensor],
    *,
    whole: bool,
) -> list[Tensor]:
    """What `run` makes of each of `pieces` under `weights`. Where they are not the `whole` that was asked for but parts of it, and a
    gradient is wanted, only the last one's way is remembered, and that for one gradient."""
    if whole or MANY.get():
        return [run(piece, weights) for piece in pieces]
    ways = [_Way(run, piece, tuple(weights), remembers=piece is pieces[-1]) for piece in pieces]
    inputs = tuple(weights.values())
    return [_Piece.apply(way, way.piece.hidden, *inputs) for way in ways]  # type: ignore[no-untyped-call]


class _Way:
    """One piece's way through the layers, under whatever hidden states and weights it is to go again."""

    def __init__(
        self,
        run: Callable[[Group, dict[str, Tensor]], Tensor],
        piece: Group,
        names: tuple[str, ...],
        *,
        remembers: bool,
    ) -> None:
        self.run, self.piece, self.names, self.remembers = run, piece, names, remembers
        kind = piece.mask.device.type
        narrow, enabled = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
        self.precision = partial(torch.autocast, kind, narrow, enabled=enabled)

    def go(self, inputs: Sequence[Tensor | None]) -> Tensor:
        """Embeddings, from hidden states, if any, and weights."""
        give_back()  # what the one before it left lies between blocks in use, where the next one may not fit
        hidden, *weights = inputs
        named = {name: w for name, w in zip(self.names, weights, strict=True) if w is not None}
        with self.precision():
            return self.run(replace(self.piece, hidden=hidden), named)

    def remembered(self, inputs: Sequence[Tensor | None]) -> tuple[list[Tensor], Tensor]:
        """Variables in the place of those of `inputs` that want a gradient, and the embeddings made from them."""
        own = [None if t is None else t.detach().requires_grad_(t.requires_grad) for t in inputs]
        with torch.enable_grad():
            return [t for t in own if _wants(t)], self.go(own)


def _wants(t: Tensor | None) -> TypeGuard[Tensor]:
    return t is not None and t.requires_grad


class _Piece(Function):
    """Embeddings of a piece, whose way is gone again for each gradient; but for the first one, where the way `remembers`."""

    @staticmethod
    def forward(ctx: Any, way: _Way, *inputs: Tensor | None) -> Tensor:
        ctx.way, ctx.known = way, None
        ctx.save_for_backward(*inputs)
        if not (way.remembers and any(ctx.needs_input_grad)):
            return way.go(inputs)
        ctx.known = way.remembered(inputs)
        z: Tensor = ctx.known[1].detach()
        return z

    @staticmethod
    def backward(ctx: Any, by: Tensor) -> Any:
        known, ctx.known = ctx.known, None
        return None, *_Gradient.apply(ctx.way, known, by, *ctx.saved_tensors)  # type: ignore[no-untyped-call]


class _Gradient(Function):
    """The gradient of a piece by its inputs, from that by its embeddings; it can be differentiated once more."""

    @staticmethod
    def forward(
        ctx: Any, way: _Way, known: tuple[list[Tensor], Tensor] | None, by: Tensor, *inputs: Tensor | None
    ) -> Any:
        ctx.way = way
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(by, *inputs)
        variables, z = known or way.remembered(inputs)
        found = iter(grad(z, variables, by, allow_unused=True))
        return tuple(next(found) if _wants(t) else None for t in inputs)

    @staticmethod
    def backward(ctx: Any, *seen: Tensor | None) -> Any:
        if torch.is_grad_enabled():  # torch's own `once_differentiable` lets some through, without a word
            raise RuntimeError("the gradient of a piece can be differentiated once")
        by, *inputs = ctx.saved_tensors
        variables, z = ctx.way.remembered(inputs)
        by = by.detach().requires_grad_()
        with torch.enable_grad():
            made = grad(z, variables, by, create_graph=True, allow_unused=True)
        heard = [u for u, t in zip(seen, inputs, strict=True) if _wants(t)]
        pairs = [(g, u) for g, u in zip(made, heard, strict=True) if _wants(g) and u is not None]
        found = iter(grad([g for g, _ in pairs], [by, *variables], [u for _, u in pairs], allow_unused=True))
        return None, None, next(found), *(next(found) if _wants(t) else None for t in inputs)


def _parts(group: Group, most: int) -> list[Group]:
    """At most `most` rows each, and all about as many."""
    count = len(group.index)
    parts = -(-count // most)
    size = -(-count // parts)
    return [_rows(group, slice(start, start + size)) for start in range(0, count, size)]


def _rows(group: Group, rows: slice) -> Group:
    hidden = None if group.hidden is None else group.hidden[rows]
    return replace(group, index=group.index[rows], first=group.first[rows], mask=group.mask[rows], hidden=hidden)
