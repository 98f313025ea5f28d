"""What a session remembers: what was asked for, what came of it, and how each side of the page was left. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.serving.requests import Request, Snapshot
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
    history: dict[str, list[Snapshot]] = field(default_factory=dict)

    @property
    def steps(self) -> dict[str, int]:
        """How many steps each algorithm has made."""
        return {name: snapshots[-1].step for name, snapshots in self.history.items()}

    @property
    def reached(self) -> int:
        """The step of the one that is farthest."""
        return max(self.steps.values(), default=0)

    def with_history(self, history: dict[str, list[Snapshot]]) -> Run:
        """The run with a copy of what has come so far."""
        return replace(self, history={name: list(snapshots) for name, snapshots in history.items()})

    def stopped(self) -> Run:
        """The run cut to what it has come to, so that asking about it does not compute what the visitor stopped."""
        knobs = {name: dict(values) for name, values in self.request.knobs.items()}
        for name, step in self.steps.items():
            if loops := REGISTRY[name].steps_knob:
                knobs.setdefault(name, {})[loops] = step
        request = replace(self.request, algorithms=tuple(self.history), knobs=knobs)
        return replace(self, request=request, spelling=None)


@dataclass(frozen=True)
class Left:
    """What a side of the page had come to when another one was shown: its model and its last adaptation."""

    model: str
    run: Run | None = None
