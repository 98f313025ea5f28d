"""Accuracy of an algorithm over many tasks, with its interval; differences between algorithms as pairs on the same tasks.

Here: from episodes to scores, and from scores to figures. Not here: drawing episodes (`data/sampler.py`), printing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from meta_demo.core.algorithm import Algorithm
from meta_demo.core.intervals import Z95
from meta_demo.data.episode import Episode
from meta_demo.data.tensors import to_task
from meta_demo.processes import Processes

BINS = 15
CHUNK = 256  # texts that are embedded together


@dataclass(frozen=True)
class Score:
    """One episode: query accuracy after each inner step asked for, and each query's confidence and whether it was right."""

    accuracies: tuple[float, ...]
    confidences: tuple[float, ...]
    right: tuple[bool, ...]
    seconds: float

    @property
    def accuracy(self) -> float:
        return self.accuracies[-1]


@torch.no_grad()
def evaluate(
    algorithm: Algorithm, episodes: Sequence[Episode], *, curve: bool = False, processes: Processes | None = None
) -> Iterator[Score]:
    """A Score per episode of this process's share, in order; with `curve` the accuracy after every inner step.

    Whatever the frozen part of the model computes, it computes once per text, in large batches.
    """
    share = [episodes[i] for i in (processes or Processes()).mine(range(len(episodes)))]
    texts = {row.content: None for episode in share for row in (*episode.support, *episode.query)}
    ordered = sorted(texts, key=len)
    for start in range(0, len(ordered), CHUNK):
        algorithm.features(ordered[start : start + CHUNK])
    for episode in share:
        yield _score(algorithm, episode, curve)


def _score(algorithm: Algorithm, episode: Episode, curve: bool) -> Score:
    started = time.perf_counter()
    task = to_task(algorithm, episode)
    states = list(algorithm.adapt(task.support, task.support_y))
    logits = [algorithm.predict(state, task.query) for state in (states if curve else states[-1:])]
    right = [_right(row, task.query_y) for row in logits]
    return Score(
        accuracies=tuple(float(row.float().mean()) for row in right),
        confidences=tuple(logits[-1].softmax(-1).amax(-1).tolist()),
        right=tuple(right[-1].tolist()),
        seconds=time.perf_counter() - started,
    )


def _right(logits: Tensor, y: Tensor) -> Tensor:
    """Whether each query's class comes first; numbers that are not finite are never right."""
    return (logits.argmax(-1) == y.argmax(-1)) & logits.isfinite().all(-1)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval: 1.96 standard errors."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), Z95 * spread / len(values) ** 0.5


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error over 15 equal bins of confidence (Guo et al. 2017, eq. 3)."""
    confidence, correct = np.asarray(confidences), np.asarray(right, dtype=float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    """Figures of one algorithm: accuracies are fractions, `ci95` half the width of the interval."""
    accuracy, ci95 = mean_interval([s.accuracy for s in scores])
    figures: dict[str, Any] = {
        "episodes": len(scores),
        "accuracy": accuracy,
        "ci95": ci95,
        "calibration_error": calibration_error(
            [c for s in scores for c in s.confidences], [r for s in scores for r in s.right]
        ),
        "seconds_per_episode": float(np.mean([s.seconds for s in scores])),
        "accuracies": [s.accuracy for s in scores],
    }
    if len(scores[0].accuracies) > 1:
        steps = zip(*(s.accuracies for s in scores), strict=True)
        curve = [(step, *mean_interval(row)) for step, row in enumerate(steps)]
        figures["steps"] = [{"step": step, "accuracy": mean, "ci95": half} for step, mean, half in curve]
    return figures


def paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Mean difference of two algorithms' accuracies on the same episodes, first minus second, and half its 95 % interval."""
    return mean_interval([a - b for a, b in zip(first, second, strict=True)])
