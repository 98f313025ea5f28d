"""Which inputs are computed together. It follows from what is asked for alone: an input's bits may depend on what shares its batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from meta_demo.core.features import partition
from meta_demo.modalities.base import Content
from meta_demo.modalities.inputs import Encoded


@dataclass(frozen=True)
class Batch:
    """Different inputs that are always computed together, shortest first; `key` is a hash of them."""

    contents: tuple[Content, ...]
    width: int
    key: bytes


Places = dict[Content, tuple[Batch, int]]  # the batch of each input, and its row in there


class Read(dict[Content, Encoded]):
    """Inputs as the model reads them, each read once."""

    def __init__(self, encode: Callable[[Content], Encoded]) -> None:
        self._encode = encode

    def __missing__(self, content: Content) -> Encoded:
        self[content] = encoded = self._encode(content)
        return encoded


def laid_out(contents: Sequence[Content], read: Read, most: Callable[[int], int], *, pads: bool) -> Places:
    """Batches for inputs that are computed together: few batches, and little padding.

    `most` says how many of a length go through the model at once. Inputs that are the same to the model share a row.
    """
    different = {read[content].digest: content for content in contents}
    order = sorted(different, key=lambda digest: (read[different[digest]].length, digest))
    found: dict[bytes, tuple[Batch, int]] = {}
    lengths = [read[different[digest]].length for digest in order]
    for cut in cuts(lengths, most, pads=pads):
        members = order[cut]
        key = hashlib.blake2b(b"".join(members), digest_size=16).digest()
        batch = Batch(tuple(different[digest] for digest in members), lengths[cut.stop - 1], key)
        found |= {digest: (batch, row) for row, digest in enumerate(members)}
    return {content: found[read[content].digest] for content in contents}


def cuts(lengths: Sequence[int], most: Callable[[int], int], *, pads: bool) -> Iterator[slice]:
    """Where to cut inputs of ascending lengths into batches; those of a model that pads none have one length each."""
    if pads:
        parts = partition(lengths)
    else:
        ends = [i for i in range(1, len(lengths) + 1) if i == len(lengths) or lengths[i] > lengths[i - 1]]
        parts = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
    for part in parts:
        count = most(lengths[part.stop - 1])
        yield from (slice(i, min(i + count, part.stop)) for i in range(part.start, part.stop, count))


def padded(rows: Sequence[Tensor], width: int) -> Tensor:
    """Hidden states of several inputs, each [L, D] -> [b, width, D]."""
    whole = rows[0].new_zeros(len(rows), width, rows[0].shape[-1])
    for place, row in enumerate(rows):
        whole[place, : len(row)] = row
    return whole
