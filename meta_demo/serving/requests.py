"""What travels between the service and whoever calls it: requests in, snapshots and predictions out, as plain numbers.

The JSON of `adapt --json` and of the HTTP API is made here, from snapshots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meta_demo.backbones.loading import BUNDLED
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode

Array = np.ndarray[Any, np.dtype[np.float32]]

NOT_TRAINED = "not meta-trained"
DEFAULT_ALGORITHMS = ("maml", "protonet", "finetune")


@dataclass(frozen=True)
class Request:
    """What to adapt and how. `knobs` maps an algorithm's name to changed knobs; `checkpoint` is auto, none or a folder, and
    `checkpoints` says so for single algorithms."""

    episode: Episode
    model: str = BUNDLED
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    seed: int = 0
    knobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkpoint: str = "auto"
    checkpoints: dict[str, str] = field(default_factory=dict)

    def start_of(self, algorithm: str) -> str:
        """auto, none or a folder: where the start of `algorithm` comes from."""
        return self.checkpoints.get(algorithm, self.checkpoint)


@dataclass(frozen=True)
class Snapshot:
    """One algorithm after one inner step.

    Losses in nats, accuracies as fractions of `support_count` and `query_count` examples; the query's are None where no query
    has a label. `error` is set where the adaptation diverged: the figures are then the last good state's.
    """

    algorithm: str
    checkpoint: str
    step: int
    steps: int
    support_loss: float
    support_accuracy: float
    support_count: int
    query_loss: float | None
    query_accuracy: float | None
    query_count: int
    probabilities: Array  # [Q, N]
    seconds: dict[str, float]  # "features" and "adapt" so far, "predict" of this step
    error: UserError | None = None

    @property
    def last(self) -> bool:
        return self.step == self.steps or self.error is not None


@dataclass(frozen=True)
class Prediction:
    """One algorithm's view of new inputs: probabilities [Q, N] and cosine similarity to every support example [Q, S]."""

    algorithm: str
    step: int
    probabilities: Array
    similarity: Array


def report(model: str, device: str, labels: Sequence[str], history: dict[str, list[Snapshot]]) -> dict[str, Any]:
    """The `adapt --json` object from all snapshots of each algorithm."""
    results = [_result(name, snapshots, labels) for name, snapshots in history.items()]
    return {"model": model, "device": device, "labels": list(labels), "results": results}


def _result(name: str, snapshots: list[Snapshot], labels: Sequence[str]) -> dict[str, Any]:
    last = snapshots[-1]
    steps = [
        {
            "step": s.step,
            "support_loss": s.support_loss,
            "support_accuracy": s.support_accuracy,
            "query_loss": s.query_loss,
            "query_accuracy": s.query_accuracy,
        }
        for s in snapshots
        if s.error is None
    ]
    predictions = [
        {"label": labels[int(row.argmax())], "probabilities": dict(zip(labels, map(float, row), strict=True))}
        for row in last.probabilities
    ]
    return {
        "algorithm": name,
        "checkpoint": last.checkpoint,
        "predictions": predictions,
        "steps": steps,
        "seconds": last.seconds,
    }
