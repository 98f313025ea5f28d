"""What a session remembers: what was asked for, what came of it, and how each side of the page was left. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from threading import Event
from typing import Any

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.data.episode import Episode
from meta_demo.data.names import with_names
from meta_demo.serving.gaps import Scores
from meta_demo.serving.requests import Learner, Request, Snapshot
from meta_demo.ui.form import Spelled


@dataclass(frozen=True)
class Spelling:
    """What the page spells, as it was sent. Equal ones make equal requests, and to compare them no picture is decoded."""

    modality: str
    cards: Spelled
    unlabelled: tuple[str, ...]
    named: bool  # whether the names of classes count as examples
    model: str
    algorithms: tuple[str, ...]
    seed: int
    knobs: dict[str, dict[str, Any]]
    checkpoints: dict[str, str]
    also: dict[Learner, dict[str, Any]]

    def digest(self) -> str:
        """What is kept of it to compare by: a session holds no second copy of its pictures."""
        return sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True)
class Run:
    """An adaptation as far as it has come. Later questions are put to `request`, whatever the cards say by then.

    `spelling` is the digest of what it was made from; None where it was stopped, so that the same asked again is something else.
    """

    request: Request
    spelling: str | None
    colours: dict[str, int]  # class -> place in the palette
    history: dict[Learner, list[Snapshot]] = field(default_factory=dict)
    typed: Episode | None = None  # the examples without the names of classes among them, to be dealt anew
    ended: Event = field(default_factory=Event, compare=False)  # set where something changed: no more is dealt
    replaced: Event = field(default_factory=Event, compare=False)  # set where another adaptation has taken its place

    @property
    def learners(self) -> list[Learner]:
        """Who has adapted, in the order of the page."""
        return list(self.history)

    @property
    def steps(self) -> dict[Learner, int]:
        """How many steps each learner has made."""
        return {who: snapshots[-1].step for who, snapshots in self.history.items()}

    @property
    def whole(self) -> bool:
        """Whether every learner came to its end."""
        return list(self.history) == list(self.request.learners) and all(s[-1].last for s in self.history.values())

    @property
    def under_way(self) -> bool:
        """Whether more is to come."""
        return self.spelling is not None and not self.whole

    @property
    def reached(self) -> int:
        """The step of the one that is farthest."""
        return max(self.steps.values(), default=0)

    def finished(self, episode: Episode) -> Episode:
        """Another deal of the examples as it is learned from here."""
        return episode if self.request.episode is self.typed else with_names(episode)

    def with_history(self, history: dict[Learner, list[Snapshot]]) -> Run:
        """The run with a copy of what has come so far."""
        ordered = {who: list(history[who]) for who in self.request.learners if who in history}
        return replace(self, history=ordered)

    def stopped(self) -> Run:
        """The run cut to what it has come to, so that asking about it does not compute what the visitor stopped."""
        asked, knobs, also = self.request, dict(self.request.knobs), {}
        for who, step in self.steps.items():
            loops = REGISTRY[who.algorithm].steps_knob
            cut = asked.knobs_of(who) | ({loops: step} if loops else {})
            if who in asked.also:
                also[who] = cut
            else:
                knobs[who.algorithm] = cut
        algorithms = tuple(dict.fromkeys(who.algorithm for who in self.history))
        request = replace(asked, algorithms=algorithms, knobs=knobs, also=also)
        return replace(self, request=request, spelling=None)


def kept(snapshot: Snapshot) -> Snapshot:
    """What a session remembers of a snapshot: its figures, and not each held-out example's answer, which the page shows nowhere."""
    return replace(snapshot, outputs=snapshot.outputs[:0])


@dataclass(frozen=True)
class Gaps:
    """What was measured of the starts of a run on deals of its examples: `going` while more are to come."""

    deals: tuple[Scores, ...] = ()
    going: bool = False


@dataclass(frozen=True)
class Left:
    """What a side of the page had come to when another one was shown: its model, its starts and its last adaptation."""

    model: str
    origin: str  # where its learners start from
    run: Run | None = None
