"""How a learner's answers to examples that it had not learned from are judged, beside whether each is right: pure functions of a `Row`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meta_demo.core.intervals import wilson
from meta_demo.objectives.classes import calibration_error
from meta_demo.serving.compare import Plan, Row
from meta_demo.serving.requests import Array

ENOUGH = 60  # answers from which on a calibration error says something
BINS = 5  # of confidence in the diagram: a handful of answers each is the most that a visitor's examples fill


@dataclass(frozen=True)
class Bin:
    """The answers of which a learner was between `low` and `high` sure: how sure on average, and how often it was right."""

    low: float
    high: float
    count: int
    sure: float
    right: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of how often it was right."""
        return wilson(self.right, self.count)


def brier(row: Row, plan: Plan) -> float | None:
    """The Brier score (Brier 1950): the mean squared distance of the probabilities from what was true, over classes and answers; from 0,
    sure and right, to 2, sure and wrong. None before the first answer."""
    if not row.answers:
        return None
    return float(np.mean([((row.answers[place] - _truth(plan, place)) ** 2).sum() for place in row.right]))


def calibration(row: Row) -> float | None:
    """The expected calibration error; None where too few answers are there to speak of one."""
    if len(row.right) < ENOUGH:
        return None
    return calibration_error(_sure(row), list(row.right.values()))


def confusion(row: Row, plan: Plan) -> list[list[int]]:
    """How often examples of each class, a row, were taken for each class, a column."""
    labels = plan.objective.labels
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    for place, shown in row.answers.items():
        counts[labels.index(plan.examples[place].label), int(shown.argmax())] += 1
    found: list[list[int]] = counts.tolist()
    return found


def reliability(row: Row) -> list[Bin]:
    """The answers by how sure the learner was of each, in bins of equal width; those into which none fell are left out."""
    sure, right = np.asarray(_sure(row)), np.asarray([*row.right.values()], dtype=float)
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    bins = [(place, which == place) for place in range(BINS)]
    return [
        Bin(place / BINS, (place + 1) / BINS, int(held.sum()), float(sure[held].mean()), float(right[held].mean()))
        for place, held in bins
        if held.any()
    ]


def _sure(row: Row) -> Sequence[float]:
    """The probability of each answer."""
    return [float(row.answers[place].max()) for place in row.right]


def _truth(plan: Plan, place: int) -> Array:
    """One for the class of an example, zero for all others."""
    return np.asarray([label == plan.examples[place].label for label in plan.objective.labels], dtype=np.float32)
