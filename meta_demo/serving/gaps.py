"""How far one algorithm's two starts lie apart on held-out examples, measured on deals of the same examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event

from meta_demo.core.intervals import small_interval
from meta_demo.data.deals import dealt_anew, how_many
from meta_demo.data.episode import Episode
from meta_demo.serving.requests import Learner, Request, Snapshot
from meta_demo.serving.service import Service

DEALS = 8  # how often examples are dealt anew; where they cannot be so often, an interval would say little

Scores = Mapping[Learner, tuple[float, ...]]  # of each learner the score on held-out examples after each step
Twins = tuple[Learner, Learner]


def can_deal(episode: Episode) -> bool:
    """Whether there are enough examples to deal them anew."""
    return how_many(episode) >= DEALS


def scores_of(snapshots: Sequence[Snapshot]) -> tuple[float, ...]:
    """The score on held-out examples after each step before an adaptation diverged."""
    return tuple(s.query_score.value for s in snapshots if s.query_score and s.error is None)


def over_deals(
    service: Service,
    request: Request,
    episode: Episode,
    finish: Callable[[Episode], Episode],
    ended: Event,
    visitor: object = None,
) -> Iterator[Scores]:
    """What the learners of `request` come to on each deal of `episode`'s examples, which `finish` makes the task of, until somebody has
    `ended` it. Each deal waits for the visitor's turn, and nothing is kept. Raises Gone."""
    for deal in dealt_anew(episode, DEALS, request.seed):
        found: dict[Learner, list[Snapshot]] = {}
        asked = replace(request, episode=finish(deal), intervals=False)
        turn = service.heavy.enter(visitor, replaces="deal")
        for snapshot in service.adapt_stream(asked, turn, keeps=False):
            if ended.is_set():
                return
            found.setdefault(snapshot.learner, []).append(snapshot)
        yield {who: scores_of(snapshots) for who, snapshots in found.items()}


def gap(deals: Sequence[Scores], twins: Twins, step: int) -> tuple[float, float]:
    """By how much the first of two learners scores higher than the other after `step` steps, at most its last: the mean over deals, and
    half the width of its paired 95 % interval, which one deal alone does not have."""
    one, other = ([scores[who][min(step, len(scores[who]) - 1)] for scores in deals] for who in twins)
    return small_interval([a - b for a, b in zip(one, other, strict=True)])
