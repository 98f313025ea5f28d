"""The same labelled examples dealt anew: others are learned from, and the rest is held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import comb, prod
from random import Random

from meta_demo.data.episode import Episode, Example

Piles = list[tuple[list[Example], int]]  # of each class all its examples, and how many are learned from


def how_many(episode: Episode) -> int:
    """In how many ways an episode's examples can be dealt, with as many of each class to learn from as now."""
    return prod(comb(len(rows), count) for rows, count in _piles(episode))


def dealt_anew(episode: Episode, count: int, seed: int) -> Iterator[Episode]:
    """`count` deals, or all there are, no two of them alike; queries that have no label are left out."""
    piles, chance = _piles(episode), Random(seed)
    seen: set[tuple[tuple[int, ...], ...]] = set()
    while len(seen) < min(count, how_many(episode)):
        chosen = tuple(tuple(sorted(chance.sample(range(len(rows)), learned))) for rows, learned in piles)
        if chosen not in seen:
            seen.add(chosen)
            yield _deal(episode, piles, chosen)


def _deal(episode: Episode, piles: Piles, chosen: tuple[tuple[int, ...], ...]) -> Episode:
    support = [rows[at] for (rows, _), places in zip(piles, chosen, strict=True) for at in places]
    rest = [
        row for (rows, _), places in zip(piles, chosen, strict=True) for at, row in enumerate(rows) if at not in places
    ]
    return replace(episode, support=tuple(support), query=tuple(rest))


def _piles(episode: Episode) -> Piles:
    """A pile for each class, in their order; one of all where labels are no classes."""
    labelled = [row for row in episode.query if row.label is not None]
    if not episode.labels:
        return [([*episode.support, *labelled], len(episode.support))]
    own = [[row for row in episode.support if row.label == label] for label in episode.labels]
    held = [[row for row in labelled if row.label == label] for label in episode.labels]
    return [([*mine, *others], len(mine)) for mine, others in zip(own, held, strict=True)]
