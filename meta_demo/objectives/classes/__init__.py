"""Labels are names of classes: cross-entropy, accuracy, probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from meta_demo.core.heads import prototype_head
from meta_demo.core.intervals import mean_interval, wilson
from meta_demo.core.objective import Objective, Score, register

BINS = 15
LEAST = 1e-12  # a probability whose logarithm is still a number


@register("classes")
@dataclass(frozen=True)
class Classes(Objective):
    """N classes by name, in the order in which they appear; outputs are logits [B, N], targets one-hot rows."""

    names: tuple[str, ...]
    measure = "accuracy"
    rises = True

    @classmethod
    def of(cls, labels: Sequence[str]) -> Self:
        return cls(tuple(dict.fromkeys(labels)))

    @property
    def width(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.names

    def encode(self, labels: Sequence[str], like: Tensor) -> Tensor:
        places = {name: i for i, name in enumerate(self.names)}
        return torch.eye(self.width, dtype=like.dtype, device=like.device)[[places[label] for label in labels]]

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy: the mean over rows of -sum_n y_n log p_n, in nats -> []."""
        return -(y * out.log_softmax(-1)).sum(-1).mean()

    def shown(self, out: Tensor, spread: Tensor | None = None) -> Tensor:  # noqa: ARG002 (probabilities say how sure they are)
        """Probabilities [B, N]."""
        return out.softmax(-1)

    def from_average(self, p: Tensor) -> Tensor:
        """The logarithms of averaged one-hot rows, which are probabilities already."""
        return p.clamp_min(LEAST).log()

    def head(self, z: Tensor, y: Tensor, scale: Tensor) -> dict[str, Tensor]:
        """The prototypes' own layer (Triantafillou et al. 2020, section 3)."""
        return prototype_head(z, y, scale)

    def grades(self, out: Tensor, y: Tensor) -> list[tuple[float, ...]]:
        """Of each answer its confidence, and 1 where it is right: numbers that are not finite are never right."""
        return list(zip(out.softmax(-1).amax(-1).tolist(), _right(out, y).to(out.dtype).tolist(), strict=True))

    def score(self, out: Tensor, y: Tensor) -> Score:
        """The fraction that is right, with Wilson's interval."""
        fraction = float(_right(out, y).double().mean())
        return Score(fraction, *wilson(fraction, len(y)), len(y))

    @classmethod
    def task_score(cls, grades: Sequence[tuple[float, ...]]) -> float:
        return sum(right for _, right in grades) / len(grades)

    @classmethod
    def summary(cls, tasks: Sequence[Sequence[tuple[float, ...]]]) -> dict[str, Any]:
        """Accuracy over tasks with `ci95`, the accuracy of each task, and the calibration error over all queries."""
        accuracies = [cls.task_score(grades) for grades in tasks]
        accuracy, ci95 = mean_interval(accuracies)
        every = [grade for grades in tasks for grade in grades]
        return {
            "accuracy": accuracy,
            "ci95": ci95,
            "calibration_error": calibration_error(*zip(*every, strict=True)),
            "accuracies": accuracies,
        }

    def answers(self, shown: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        """The likeliest class of each, and every class's probability."""
        return [
            {
                "label": self.names[int(np.argmax(row))],
                "probabilities": dict(zip(self.names, map(float, row), strict=True)),
            }
            for row in shown
        ]


def _right(out: Tensor, y: Tensor) -> Tensor:
    """Whether each row's class comes first [B]; numbers that are not finite are never right."""
    return (out.argmax(-1) == y.argmax(-1)) & out.isfinite().all(-1)


def calibration_error(confidences: Sequence[float], right: Sequence[float]) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3): over 15 equal bins of confidence, each bin's distance between its mean
    confidence and its accuracy, weighted by its share of the queries.
    """
    confidence, correct = np.asarray(confidences), np.asarray(right, dtype=float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))
