"""Features: what the frozen prefix hands to the adaptable suffix, bucketed by width so that little is padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

GROUP_COST = 32  # tokens: about what the calls of one more group cost, measured with MiniLM on a CPU


@dataclass(frozen=True)
class Group:
    """Inputs of one width W: their places in the list, the model's first tensor, mask, and hidden states at the boundary."""

    index: Tensor  # [b]
    first: Tensor  # token ids [b, W], or pixels [b, channels, height, width]
    mask: Tensor  # [b, W], 1 where there is a token
    hidden: Tensor | None  # [b, W, D]; None at boundary 0, where the model embeds the first tensor itself

    def rows(self) -> list[Row]:
        """Texts one by one, without their padding."""
        lengths = self.mask.sum(1).tolist()
        hidden = (
            [None] * len(lengths) if self.hidden is None else [h[:n] for h, n in zip(self.hidden, lengths, strict=True)]
        )
        return [
            Row(*row)
            for row in zip(
                lengths,
                self.index.tolist(),
                [i[:n] for i, n in zip(self.first, lengths, strict=True)],
                hidden,
                strict=True,
            )
        ]

    @classmethod
    def cat(cls, groups: Sequence[Group]) -> Group:
        """Groups of one width, one after the other."""
        known = [g.hidden for g in groups if g.hidden is not None]
        index, first, mask = (torch.cat([getattr(g, name) for g in groups]) for name in ("index", "first", "mask"))
        return cls(index, first, mask, torch.cat(known) if known else None)

    @classmethod
    def of(cls, rows: Sequence[Row], pad: int) -> Group:
        """Rows as one group as wide as the longest of them; `pad` is the token that fills the others up."""
        ids = pad_sequence([row.ids for row in rows], batch_first=True, padding_value=pad)
        mask = pad_sequence([torch.ones_like(row.ids) for row in rows], batch_first=True)
        known = [row.hidden for row in rows if row.hidden is not None]
        index = torch.tensor([row.place for row in rows], device=ids.device)
        return cls(index, ids, mask, pad_sequence(known, batch_first=True) if known else None)


@dataclass(frozen=True, order=True)
class Row:
    """One input of a group: its length L, its place in the list, its ids [L] and hidden states [L, D]."""

    length: int
    place: int
    ids: Tensor = field(compare=False)
    hidden: Tensor | None = field(compare=False)


def partition(lengths: Sequence[int]) -> list[slice]:
    """Where to cut ascending `lengths` so that the padded tokens and GROUP_COST for each part are least."""
    ends = [i + 1 for i, n in enumerate(lengths) if i + 1 == len(lengths) or lengths[i + 1] > n]
    best = {0: (0, 0)}  # end -> cost of all up to there, where the last part begins
    for end in ends:
        best[end] = min((best[begin][0] + (end - begin) * lengths[end - 1] + GROUP_COST, begin) for begin in best)
    cuts, end = [], len(lengths)
    while end:
        cuts.append(slice(best[end][1], end))
        end = best[end][1]
    return cuts[::-1]


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

    def joined(self) -> Features:
        """The same inputs, those of equal width in one group."""
        same: dict[int, list[Group]] = {}
        for group in self.groups:
            same.setdefault(group.mask.shape[1], []).append(group)
        if len(same) == len(self.groups):
            return self
        return replace(self, groups=tuple(Group.cat(groups) for groups in same.values()))

    def taken(self, places: Sequence[int]) -> Features:
        """The inputs at `places`, in that order, as wide as they stand here."""
        groups = []
        for group in self.groups:
            rows, index = (group.index[:, None] == torch.tensor(places, device=group.index.device)).nonzero().unbind(1)
            if len(rows):
                hidden = None if group.hidden is None else group.hidden[rows]
                groups.append(Group(index, group.first[rows], group.mask[rows], hidden))
        return Features(tuple(groups), self.boundary, len(places))

    def scatter(self, rows: list[Tensor]) -> Tensor:
        """One [b, ...] tensor per group -> [count, ...] in the order of the inputs."""
        order = torch.cat([group.index for group in self.groups])
        return torch.cat(rows)[order.argsort()]
