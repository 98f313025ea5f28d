"""What a comparison does over and over, where somebody asks for it: with fewer of a task's own examples, in other orders, with other seeds.

Here: which episodes are made of one, and what learners come to on them. Not here: what the page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from meta_demo.core.errors import UserError
from meta_demo.core.intervals import small_interval
from meta_demo.data.episode import Episode, Example
from meta_demo.serving.requests import Learner, Request, Snapshot
from meta_demo.serving.service import Service

DRAWS = 5  # of the examples that are learned from
SHOTS = (1, 2, 3, 5, 8, 13)
ASKED = 5  # examples of each class that are asked about in a draw, at most
TURNS = 4  # other orders, and as many other seeds
ORDER, SEED = KINDS = ("order", "seed")

Finish = Callable[[Episode], Episode]  # what makes a task of dealt examples


@dataclass(frozen=True)
class Shots:
    """How right each learner was with so many examples of each class, draw by draw, in each of which so many were `asked`."""

    known: Mapping[tuple[Learner, int], tuple[float, ...]]
    asked: int = 0

    def add(self, shots: int, last: Mapping[Learner, Snapshot]) -> Shots:
        """The same with one draw more of so many examples."""
        new = {(who, shots): s.query_score.value for who, s in last.items() if s.query_score and not s.error}
        asked = max((s.query_score.count for s in last.values() if s.query_score), default=self.asked)
        return Shots({**self.known, **{key: (*self.known.get(key, ()), value) for key, value in new.items()}}, asked)

    def curve(self, who: Learner) -> list[tuple[int, float, float]]:
        """Examples of each class, the mean over draws, and half the width of its 95 % interval, infinite for one draw."""
        return [
            (shots, *small_interval(values)) for (one, shots), values in sorted(self._of(who), key=lambda p: p[0][1])
        ]

    def _of(self, who: Learner) -> list[tuple[tuple[Learner, int], tuple[float, ...]]]:
        return [item for item in self.known.items() if item[0][0] == who]


@dataclass(frozen=True)
class Steady:
    """Whether a learner's answers depend on the order of examples or on the seed: how many of `asked` differ in each repetition, and how
    often it was right in each, the first way of all among them."""

    asked: int
    changed: Mapping[str, tuple[int, ...]]  # by kind
    right: tuple[float, ...]

    def most(self, kind: str) -> int:
        """How many answers differ in the repetition in which most do."""
        return max(self.changed.get(kind, ()), default=0)


def ladder(episode: Episode) -> list[int]:
    """How many examples of each class can be learned from while a third of the smallest class, and one at least, is left to be asked
    about. Raises UserError where that is none."""
    smallest = min(map(len, _piles(episode)))
    found = [shots for shots in SHOTS if shots <= smallest - max(1, min(ASKED, smallest // 3))]
    if not found:
        raise UserError("compare_shots")
    return found


def draws(episode: Episode, seed: int) -> Iterator[list[tuple[int, Episode]]]:
    """In each draw an episode for each step of the ladder: more examples with those before among them, and the same questions."""
    chance, steps = Random(seed), ladder(episode)
    for _ in range(DRAWS):
        piles = [chance.sample(pile, len(pile)) for pile in _piles(episode)]
        asked = tuple(row for pile in piles for row in pile[steps[-1] :][:ASKED])
        yield [(k, replace(episode, support=tuple(r for p in piles for r in p[:k]), query=asked)) for k in steps]


def over_shots(
    service: Service, request: Request, episode: Episode, finish: Finish, visitor: object = None
) -> Iterator[Shots]:
    """What the learners of `request` come to, surer with every episode. Raises UserError, and Gone."""
    found = Shots({})
    for draw in draws(episode, request.seed):
        for shots, dealt in draw:
            last = _last(service, replace(request, episode=finish(dealt)), visitor, "shots")
            found = found.add(shots, last)
            yield found


def repeated(
    service: Service, request: Request, episode: Episode, finish: Finish, visitor: object = None
) -> Iterator[dict[Learner, Steady]]:
    """Whether the answers of the learners of `request` stay what they are, with every other order and seed. Raises UserError, and Gone."""
    dealt, chance = held_out(episode), Random(request.seed)
    first = _last(service, replace(request, episode=finish(dealt)), visitor, "repeats")
    found = {who: Steady(len(dealt.query), {}, (_right(s),)) for who, s in first.items()}
    yield found
    for turn in range(1, TURNS + 1):
        shuffled = replace(dealt, support=tuple(chance.sample(dealt.support, len(dealt.support))))
        ways = {ORDER: (shuffled, request.seed), SEED: (dealt, request.seed + turn)}
        for kind, (way, seed) in ways.items():
            last = _last(service, replace(request, episode=finish(way), seed=seed), visitor, "repeats")
            found = {
                who: _more(one, kind, _changes(first[who], last[who], dealt, way), last[who])
                for who, one in found.items()
            }
            yield found


def held_out(episode: Episode) -> Episode:
    """The episode with something to ask about: its own labelled queries, or the last example of each class that has a second one.

    Raises UserError where no class has.
    """
    asked = tuple(row for row in episode.query if row.label is not None)
    if asked:
        return replace(episode, query=asked)
    last = {row.label: place for place, row in enumerate(episode.support)}
    out = {place for label, place in last.items() if sum(row.label == label for row in episode.support) > 1}
    if not out:
        raise UserError("compare_alone")
    learned = tuple(row for place, row in enumerate(episode.support) if place not in out)
    return replace(episode, support=learned, query=tuple(episode.support[place] for place in sorted(out)))


def _last(service: Service, request: Request, visitor: object, kind: str) -> dict[Learner, Snapshot]:
    """The last snapshot of each learner, of which nothing is kept."""
    turn = service.heavy.enter(visitor, replaces=kind)
    asked = replace(request, intervals=False, each_step=False)
    return {snapshot.learner: snapshot for snapshot in service.adapt_stream(asked, turn, keeps=False)}


def _more(known: Steady, kind: str, changed: int, last: Snapshot) -> Steady:
    counts = {**known.changed, kind: (*known.changed.get(kind, ()), changed)}
    return replace(known, changed=counts, right=(*known.right, _right(last)))


def _changes(first: Snapshot, other: Snapshot, one: Episode, way: Episode) -> int:
    """How many answers differ, by the names of classes: another order of examples may be another order of classes."""
    said = (
        [labels[i] for i in np.asarray(s.outputs).argmax(1)] for s, labels in ((first, one.labels), (other, way.labels))
    )
    return sum(a != b for a, b in zip(*said, strict=True))


def _right(snapshot: Snapshot) -> float:
    return snapshot.query_score.value if snapshot.query_score else 0.0


def _piles(episode: Episode) -> list[Sequence[Example]]:
    """All labelled examples, a pile for each class."""
    every = [*episode.support, *(row for row in episode.query if row.label is not None)]
    return [[row for row in every if row.label == label] for label in episode.labels]
