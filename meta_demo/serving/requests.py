"""What travels between the service and whoever calls it: requests in, snapshots and predictions out, as plain numbers.

The JSON of `adapt --json` and of the HTTP API is made here, from snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meta_demo.backbones.loading import BUNDLED
from meta_demo.core.belonging import Belonging
from meta_demo.core.errors import Note, UserError
from meta_demo.core.objective import Objective, Score
from meta_demo.data.episode import Episode
from meta_demo.learning.checkpoint import RANDOM
from meta_demo.serving.leaned import Leaned

Array = np.ndarray[Any, np.dtype[np.float32]]

PLAIN = "none"  # what a request says of a start from the model's own weights
NOT_TRAINED, AT_RANDOM = "not meta-trained", "random weights"


@dataclass(frozen=True)
class Learner:
    """One algorithm from one start, which is auto, none, random or a folder: what results are kept by."""

    algorithm: str
    start: str = "auto"

    @property
    def plain(self) -> bool:
        """Whether it was asked to begin from the model's own weights."""
        return self.start == PLAIN

    @property
    def random(self) -> bool:
        """Whether it was asked to begin from weights that nobody has trained."""
        return self.start == RANDOM


@dataclass(frozen=True)
class Request:
    """What to adapt and how. `knobs` maps an algorithm's name to changed knobs; `checkpoint` is auto, none, random or a folder, and
    `checkpoints` says so for single algorithms. `also` names more starts of these algorithms, each with its own changed knobs. Without
    `intervals` none is made, which may be the larger part of the work. All queries are predicted after the last step, and those with a
    label after each; all of them after `each_step` where that is True, and none before the last where it is False."""

    episode: Episode
    model: str = BUNDLED
    algorithms: tuple[str, ...] = ()
    seed: int = 0
    knobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkpoint: str = "auto"
    checkpoints: dict[str, str] = field(default_factory=dict)
    intervals: bool = True
    each_step: bool | None = None
    also: dict[Learner, dict[str, Any]] = field(default_factory=dict)

    @property
    def learners(self) -> tuple[Learner, ...]:
        """Who is to adapt: the algorithms in their order, and the starts of one beside each other."""
        named = ((Learner(name, self.start_of(name)), name) for name in self.algorithms)
        return tuple(dict.fromkeys(who for first, name in named for who in (first, *self._others(name))))

    def _others(self, algorithm: str) -> list[Learner]:
        return [other for other in self.also if other.algorithm == algorithm]

    def knobs_of(self, learner: Learner) -> dict[str, Any]:
        """The changed knobs of one of the learners."""
        return self.also[learner] if learner in self.also else self.knobs.get(learner.algorithm, {})

    def start_of(self, algorithm: str) -> str:
        """auto, none, random or a folder: where the start of `algorithm` comes from."""
        return self.checkpoints.get(algorithm, self.checkpoint)

    def scratch_of(self, learner: Learner) -> int | None:
        """The seed of random weights that `learner` starts from; None where it starts from the model's own."""
        return self.seed if learner.start == RANDOM else None


@dataclass(frozen=True)
class Snapshot:
    """One learner after one inner step.

    Losses in the objective's units, such as nats, and the scores of the support set and of those queries that have a label; both None
    where none has, or none was predicted after this step.
    `error` is set where the adaptation diverged: the figures are then the last good state's.
    """

    learner: Learner
    checkpoint: str
    objective: str  # the name of what labels are
    step: int
    steps: int
    support_loss: float
    support_score: Score
    query_loss: float | None
    query_score: Score | None
    outputs: Array  # [Q, O], as people read them: probabilities, or values with both ends of an interval; [0, O] before all are predicted
    seconds: dict[str, float]  # "features" and "adapt" so far, "predict" of this step
    error: UserError | None = None
    notes: tuple[Note, ...] = ()  # on where it was computed, where that is not where it was meant to be

    @property
    def algorithm(self) -> str:
        return self.learner.algorithm

    @property
    def last(self) -> bool:
        return self.step == self.steps or self.error is not None


@dataclass(frozen=True)
class Prediction:
    """One learner's answers to new inputs: outputs [Q, O] as people read them, what each example counts in them, where
    somebody asked for it, and how like the classes they are, where somebody did and there are classes."""

    learner: Learner
    step: int
    outputs: Array
    leaned: Leaned | None = None
    belonging: Belonging | None = None

    @property
    def algorithm(self) -> str:
        return self.learner.algorithm


def report(
    model: str, device: str, objective: Objective, notes: Sequence[Note], history: dict[str, list[Snapshot]]
) -> dict[str, Any]:
    """The `adapt --json` object from all snapshots of each algorithm, and what a person should know of the input."""
    results = [_result(name, snapshots, objective) for name, snapshots in history.items()]
    return {
        "model": model,
        "device": device,
        "objective": objective.name,
        "labels": list(objective.labels),
        "notes": [note.message() for note in notes],
        "results": results,
    }


def _result(name: str, snapshots: list[Snapshot], objective: Objective) -> dict[str, Any]:
    last, measure = snapshots[-1], objective.measure
    steps = [
        {
            "step": s.step,
            "support_loss": s.support_loss,
            f"support_{measure}": s.support_score.value,
            "query_loss": s.query_loss,
            f"query_{measure}": s.query_score and s.query_score.value,
        }
        for s in snapshots
        if s.error is None
    ]
    return {
        "algorithm": name,
        "checkpoint": last.checkpoint,
        "predictions": objective.answers(last.outputs.tolist()),
        "steps": steps,
        "seconds": last.seconds,
    }
