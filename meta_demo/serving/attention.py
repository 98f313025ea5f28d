"""Attention as numbers: the tokens of a sentence, and maps [layers, heads, L, L] reduced to what one looks at.

Pure functions of arrays. Computing the maps is the service's work, drawing them the page's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]

MOMENTS = ("before", "after", "difference")
LONG = 32  # rows of a map in which single tokens can be read


@dataclass(frozen=True)
class Token:
    """A token as the characters [begin, end) of its sentence; `special` tokens stand for no characters."""

    text: str
    begin: int
    end: int
    special: bool


def tokenize(tokenizer: Any, text: str, length: int) -> list[Token]:
    """The first `length` tokens of `text`, special ones included, shown by the characters they stand for."""
    encoded = tokenizer(text, truncation=True, max_length=length, return_offsets_mapping=tokenizer.is_fast)
    ids = encoded["input_ids"]
    if not tokenizer.is_fast:  # such a tokenizer knows no offsets: the best there is, is each token by itself
        special = set(tokenizer.all_special_ids)
        return [Token(tokenizer.decode([i]).strip(" #"), 0, 0, i in special) for i in ids]
    tokens = []
    for index, (first, end) in zip(ids, encoded["offset_mapping"], strict=True):
        # Byte-pair encoders count the space before a word as part of it.
        begin = first + len(text[first:end]) - len(text[first:end].lstrip())
        # A character split over several tokens belongs to each of them; a token of nothing but space shows as a dot.
        tokens.append(Token(text[begin:end] or "·", begin, end, end == 0 and index in tokenizer.all_special_ids))
    return tokens


def reduce_heads(maps: Array, layer: int, head: int | None) -> Array:
    """The map [L, L] of one head of a layer, or the mean of the layer's heads when `head` is None."""
    chosen: Array = maps[layer].mean(0) if head is None else maps[layer, head]
    return chosen


def at_moment(before: Array, after: Array, moment: str) -> Array:
    """One map [L, L] of two: before, after, or how much each share grew."""
    return {"before": before, "after": after, "difference": after - before}[moment]


def received(matrix: Array, row: int | None = None, first: int = 0) -> Array:
    """How much each token is looked at [L]: by the token `row`, or on average by all tokens from `first` on."""
    shares: Array = matrix[first:].mean(0) if row is None else matrix[row]
    return shares


def kept_of(matrix: Array, always: Collection[int], most: int = LONG) -> list[int]:
    """Places of the tokens of a map [L, L] that are shown, in order: all of at most `most`, else those `always` shown and of the others
    those that are looked at most, by magnitude, while one place of `most` is left for the rest."""
    size = len(matrix)
    if size <= most:
        return list(range(size))
    by_weight = (i for i in strongest(np.abs(matrix).mean(0), size) if i not in always)
    return sorted([*always, *islice(by_weight, max(0, most - 1 - len(always)))])


def folded(matrix: Array, kept: Sequence[int]) -> Array:
    """A map of the tokens that are `kept`, and behind them one row and one column for all others: what they are looked at summed up,
    what they look at on average, so that a row sums to what it did."""
    rest = [i for i in range(len(matrix)) if i not in {*kept}]
    if not rest:
        return matrix
    columns = np.concatenate([matrix[:, kept], matrix[:, rest].sum(1, keepdims=True)], 1)
    found: Array = np.concatenate([columns[kept], columns[rest].mean(0, keepdims=True)])
    return found


def rollout(maps: Array) -> Array:
    """How much of each token reaches each other one through all layers of `maps` [layers, heads, L, L] -> [L, L].

    Abnar & Zuidema 2020: heads are averaged, the residual connection counts as a token's look at itself, layers are multiplied.
    """
    size = maps.shape[-1]
    reached = np.eye(size, dtype=maps.dtype)
    for layer in maps.mean(1):
        reached = (layer + np.eye(size, dtype=maps.dtype)) / 2 @ reached
    return reached


def strongest(shares: Array, count: int = 3) -> list[int]:
    """Places of the `count` largest shares, by magnitude, largest first."""
    return [int(i) for i in np.argsort(-np.abs(shares), kind="stable")[:count]]


def unchanged(before: Array, after: Array, tolerance: float = 1e-6) -> bool:
    """Whether two maps are the same up to rounding."""
    return bool(np.abs(before - after).max() <= tolerance)


def segments(text: str, tokens: Sequence[Token]) -> list[tuple[str, int | None]]:
    """The sentence in order as (characters, token) pieces; what lies between tokens belongs to none."""
    pieces: list[tuple[str, int | None]] = []
    at = 0
    for index, token in enumerate(tokens):
        if token.special or token.begin < at or token.end <= token.begin:
            pieces.append((token.text, index))
            continue
        if token.begin > at:
            pieces.append((text[at : token.begin], None))
        pieces.append((token.text, index))
        at = token.end
    if text[at:]:
        pieces.append((text[at:], None))
    return pieces
