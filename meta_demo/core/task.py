"""Task and Features: what the frozen prefix hands to the adaptable suffix, bucketed by width so that little is padding."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

# A width depends on the input alone, and is large enough for matrix products to take the same path for one input as for
# many: the rows of a batch then do not depend, to the last bit, on their neighbours, nor on what was cached.
WIDTHS = (12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 448, 512)


def width_for(length: int) -> int:
    """The bucket of an input of `length` tokens: the narrowest of WIDTHS that holds it, beyond them `length` itself."""
    return next((width for width in WIDTHS if width >= length), length)


@dataclass(frozen=True)
class Group:
    """Inputs of one width W: their places in the list, token ids, mask, and hidden states at the boundary."""

    index: Tensor  # [b]
    ids: Tensor  # [b, W]
    mask: Tensor  # [b, W], 1 where there is a token
    hidden: Tensor | None  # [b, W, D]; None at boundary 0, where the model embeds the ids itself


@dataclass(frozen=True)
class Features:
    """Hidden states after the first `boundary` layers of `count` inputs, in groups of equal width."""

    groups: tuple[Group, ...]
    boundary: int
    count: int

    def __add__(self, other: Features) -> Features:
        """Both lists, one after the other."""
        if self.boundary != other.boundary:
            raise ValueError(f"features at layers {self.boundary} and {other.boundary} cannot be joined")
        moved = tuple(replace(group, index=group.index + self.count) for group in other.groups)
        return Features(self.groups + moved, self.boundary, self.count + other.count)

    def scatter(self, rows: list[Tensor]) -> Tensor:
        """One [b, ...] tensor per group -> [count, ...] in the order of the inputs."""
        order = torch.cat([group.index for group in self.groups])
        return torch.cat(rows)[order.argsort()]


@dataclass(frozen=True)
class Task:
    """One few-shot task: support and query features with one-hot labels [S, N] and [Q, N]."""

    support: Features
    support_y: Tensor
    query: Features
    query_y: Tensor
