"""How often each learner is right on a task's own examples, each asked about by a learner that did not learn from it.

In each turn one example of every class is left out, since a class that alone misses one of its few would lose to the others (of three
examples a class, prototypes got 27 % right with one example left out and 82 % on new ones). A learner that moves the body learns
anew at most five times, each time without as many turns together as that takes. No example is ever the last of its class. Where every class
has one alone, the task's held-out examples are asked about instead. Not here: what the page shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

import torch
from torch import Tensor

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.core.device import out_of_memory
from meta_demo.core.errors import Note, Notes, UserError
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.intervals import paired_interval, wilson
from meta_demo.core.objective import Objective, Score
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Episode, Example
from meta_demo.learning.evaluate import make_do
from meta_demo.modalities.base import identity
from meta_demo.serving.jobs import Job, array, finite
from meta_demo.serving.requests import Array, Learner, Snapshot

MOST = 200  # examples that are left out in turn: of more, as many of each class as of any other
FOLDS = 5
ONE, SEVERAL, NOTHING = "one", "several", "nothing"  # of each class, that is left out at a time


@dataclass(frozen=True)
class Plan:
    """Who is left out: `turns` are places in `examples`, one of each class that still has one. The others always stay. Where there are no
    turns, `held_out` are the places of those that nobody learns from anyway."""

    objective: Objective
    examples: tuple[Example, ...]
    turns: tuple[tuple[int, ...], ...]
    notes: tuple[Note, ...] = ()
    held_out: tuple[int, ...] = ()

    @property
    def asked(self) -> list[int]:
        """Every place that is asked about, once."""
        return sorted(place for turn in self.turns for place in turn) or [*self.held_out]

    def rounds(self, algorithm: type[Algorithm]) -> tuple[tuple[int, ...], ...]:
        """The places that are left out together, one group after the other: a turn, or up to five groups of turns."""
        if not algorithm.adapts_body:
            return self.turns
        groups = (self.turns[first::FOLDS] for first in range(min(FOLDS, len(self.turns))))
        return tuple(tuple(place for turn in group for place in turn) for group in groups)


@dataclass(frozen=True)
class Row:
    """One learner as far as it has come: the probabilities [N] that it gave each example it had not learned from, by place, and whether the
    likeliest class was right; its last snapshot with all examples, and how many numbers of its start moved."""

    learner: Learner
    checkpoint: str
    left: str  # what is left out: one of each class at a time, several, or nothing where held-out examples are asked about
    rounds: int
    done: int = 0
    answers: Mapping[int, Array] = field(default_factory=dict)
    right: Mapping[int, bool] = field(default_factory=dict)
    whole: Snapshot | None = None
    moved: int | None = None
    error: UserError | None = None

    @property
    def algorithm(self) -> str:
        return self.learner.algorithm

    @property
    def complete(self) -> bool:
        return self.done == self.rounds

    @property
    def score(self) -> Score | None:
        """Accuracy on what was asked so far, with Wilson's interval."""
        if not self.right:
            return None
        value = sum(self.right.values()) / len(self.right)
        return Score(value, *wilson(value, len(self.right)), len(self.right))


def plan(episode: Episode, named: int = 0, repeated: int = 0) -> Plan:
    """Who is left out of `episode`, whose last `named` examples are names of classes, which always stay; `repeated` were dropped before.

    Raises UserError where no class has a second example, and nothing is held out.
    """
    notes = Notes()
    own = len(episode.support) - named
    examples = tuple({identity(row.content): row for row in reversed(episode.support)}.values())[::-1]
    if again := repeated + len(episode.support) - len(examples):
        notes.say("compare_repeated", count=again)
    kept = {id(row) for row in episode.support[own:]}
    members: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(examples):
        members[row.label].append(place)
    alone = [label for label, places in members.items() if len(places) == 1]
    if alone:
        notes.say("compare_alone", labels=shorten(", ".join(alone), 200), count=len(alone))
    able = [[p for p in places if id(examples[p]) not in kept] for places in members.values() if len(places) > 1]
    whole = sum(map(len, able))
    if not whole:
        return _of_held_out(episode, examples)
    if whole > MOST:
        notes.say("compare_bounded", count=MOST, whole=whole)
    return Plan(episode.objective, examples, _dealt(able), tuple(notes))


def _dealt(piles: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Turns of one place of each pile that still has one, up to so many places that are looked at."""
    turns = [tuple(place for place in turn if place is not None) for turn in zip_longest(*piles)]
    left = {*[place for turn in turns for place in turn][:MOST]}
    kept = (tuple(place for place in turn if place in left) for turn in turns)
    return tuple(turn for turn in kept if turn)


def _of_held_out(episode: Episode, examples: tuple[Example, ...]) -> Plan:
    """A plan that leaves nothing out; raises UserError where nothing is held out."""
    held_out = [row for row in episode.query if row.label is not None]
    if not held_out:
        raise UserError("compare_alone")
    piles: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(held_out, len(examples)):
        piles[str(row.label)].append(place)
    asked = sorted(place for turn in _dealt([*piles.values()]) for place in turn)
    notes = Notes()
    notes.say("compare_held_out", count=len(asked))
    if len(asked) < len(held_out):
        notes.say("compare_held_out_bounded", count=len(asked), whole=len(held_out))
    return Plan(episode.objective, (*examples, *held_out), (), tuple(notes), tuple(asked))


def compared(jobs: Sequence[Job], plan: Plan, whole: Callable[[Job], Iterator[Snapshot]]) -> Iterator[Row]:
    """Rows as they fill, those of learners that leave the body alone first; also where nothing is new, after each inner step, so that
    whoever wants may stop there. `whole` makes the snapshots of a job."""
    for job in sorted(jobs, key=lambda job: job.algorithm.adapts_body):
        rounds = plan.rounds(type(job.algorithm))
        left = NOTHING if plan.held_out else ONE if rounds == plan.turns else SEVERAL
        row = Row(job.learner, job.checkpoint, left, len(rounds) or 1)
        try:
            for now in _filled(job, plan, row, whole):
                row = now
                yield row
        except UserError as error:
            yield replace(row, error=error)


def _filled(job: Job, plan: Plan, row: Row, whole: Callable[[Job], Iterator[Snapshot]]) -> Iterator[Row]:
    """The row of one learner after each of its rounds; raises UserError where it diverges."""
    yield row
    for snapshot in whole(job):
        if snapshot.error:
            raise snapshot.error
        row = replace(row, whole=snapshot)
        yield row
    if plan.held_out:
        yield _of_whole(job, plan, row)
        return
    every, unlabelled = _every(job.algorithm, plan), job.unlabelled()
    for out in plan.rounds(type(job.algorithm)):
        outputs, moved = plan.objective.encode([], job.algorithm.like), 0
        for found in _round(job.algorithm, every, out, unlabelled):
            outputs, moved = found or (outputs, moved)
            yield row
        row = _answered(row, plan, out, array(plan.objective.shown(outputs)), moved)
        yield row


def _of_whole(job: Job, plan: Plan, row: Row) -> Row:
    """The row of a learner that was asked about what is held out when it had learned from everything else."""
    assert row.whole is not None
    first, _, last = job.reached(None)
    labelled = [number for number, example in enumerate(job.episode.query) if example.label is not None]
    begin = len(plan.examples) - len(labelled)
    outputs = row.whole.outputs[[labelled[place - begin] for place in plan.held_out]]
    return _answered(row, plan, plan.held_out, outputs, _moved(first, last))


def _answered(row: Row, plan: Plan, places: Sequence[int], shown: Array, moved: int) -> Row:
    """A row with one more round: the probabilities [len(places), N] of these places."""
    labels = [plan.examples[place].label for place in places]
    right = [plan.objective.labels[int(p.argmax())] == label for p, label in zip(shown, labels, strict=True)]
    return replace(
        row,
        done=row.done + 1,
        answers={**row.answers, **dict(zip(places, shown, strict=True))},
        right={**row.right, **dict(zip(places, right, strict=True))},
        moved=moved,
    )


@torch.no_grad()
def _round(
    algorithm: Algorithm, every: Examples, out: Sequence[int], unlabelled: Features | None
) -> Iterator[tuple[Tensor, int] | None]:
    """None after each inner step of learning without the places `out`, and in the end the outputs for them [len(out), N] and how many
    numbers moved. Where a GPU has too little memory it begins again with less at once."""
    kept = [place for place in range(len(every)) if place not in out]
    while True:
        try:
            first, last = None, None
            for step, state in enumerate(algorithm.adapt(every.those(kept), unlabelled=unlabelled)):
                if not finite([*([] if state.outputs is None else [state.outputs]), *state.tensors.values()]):
                    raise UserError("diverged", algorithm=algorithm.name, step=max(0, step - 1))
                first, last = first or state, state
                yield None
            assert first is not None and last is not None
            yield algorithm.predict(last, every.those(out).x), _moved(first, last)
            return
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            make_do(algorithm)


def _every(algorithm: Algorithm, plan: Plan) -> Examples:
    """All examples as the algorithm takes them, read once."""
    x = algorithm.features([row.content for row in plan.examples])
    return Examples(x, plan.objective.encode([row.label for row in plan.examples], algorithm.like), plan.objective)


def _moved(first: State, last: State) -> int:
    """How many numbers are in tensors of the start that the last state has otherwise."""
    pairs = ((tensor, first.tensors.get(name)) for name, tensor in last.tensors.items())
    return sum(now.numel() for now, then in pairs if then is not None and not torch.equal(now, then))


@dataclass(frozen=True)
class Difference:
    """How much more often one learner is right than another, on the same examples, and the ends of the 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        return self.low > 0 or self.high < 0


def difference(first: Row, second: Row) -> Difference:
    """First minus second, over the examples that both were asked about."""
    both = first.right.keys() & second.right.keys()
    wins = sum(first.right[place] > second.right[place] for place in both)
    losses = sum(first.right[place] < second.right[place] for place in both)
    return Difference((wins - losses) / len(both), *paired_interval(wins, losses, len(both)))


def best(rows: Sequence[Row]) -> Row | None:
    """The one that is right most often, once all are there; the first of several. None before."""
    known = [row for row in rows if not row.error]
    if not known or not all(row.complete for row in known):
        return None
    return max(known, key=lambda row: sum(row.right.values()))


def near(top: Row, rows: Sequence[Row]) -> list[Row]:
    """Those that cannot be told apart from `top` on these examples: the interval of the pair holds zero."""
    return [row for row in rows if row.learner != top.learner and not row.error and not difference(top, row).clear]
