"""What goes through the layers at once: as many inputs as keep the memory of a run within a bound, whatever is asked for.

A gradient needs what layers compute on the way. Where that would be more than `KEPT` bytes, the inputs go through in pieces; only the
last piece's is kept, and that of each other one is computed again when it is to be differentiated. So memory does not grow
with inputs times their length, and the numbers are the same to rounding. Pieces follow from the sizes of what is asked for alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

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


def through(pieces: Sequence[Group], run: Callable[[Group], Tensor], *, whole: bool) -> list[Tensor]:
    """What `run` makes of each of `pieces`. Where they are not the `whole` that was asked for but parts of it, and a gradient is wanted,
    only the last one's way is remembered."""
    if whole or MANY.get():
        return [run(piece) for piece in pieces]

    def after_another(piece: Group) -> Tensor:
        give_back()  # what the one before it left lies between blocks in use, where the next one may not fit
        return run(piece)

    if not torch.is_grad_enabled():
        return [after_another(piece) for piece in pieces]
    first = [checkpoint(after_another, piece, use_reentrant=False, preserve_rng_state=False) for piece in pieces[:-1]]
    return [*first, after_another(pieces[-1])]


def _parts(group: Group, most: int) -> list[Group]:
    """At most `most` rows each, and all about as many."""
    count = len(group.index)
    parts = -(-count // most)
    size = -(-count // parts)
    return [_rows(group, slice(start, start + size)) for start in range(0, count, size)]


def _rows(group: Group, rows: slice) -> Group:
    hidden = None if group.hidden is None else group.hidden[rows]
    return replace(group, index=group.index[rows], first=group.first[rows], mask=group.mask[rows], hidden=hidden)
