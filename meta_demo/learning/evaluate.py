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

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.corpus import ALL, Corpus
from meta_demo.core.intervals import Z95
from meta_demo.core.memory import give_back
from meta_demo.data.episode import Episode
from meta_demo.learning.processes import Processes
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.content import Content

BINS = 15
CHUNK = 256  # inputs that are asked for together


@dataclass(frozen=True)
class Score:
    """One episode after one inner step: each query's confidence, and whether it was right. Seconds are the whole episode's."""

    step: int
    confidences: tuple[float, ...]
    right: tuple[bool, ...]
    seconds: float

    @property
    def accuracy(self) -> float:
        return sum(self.right) / len(self.right)


def evaluate(
    algorithm: Algorithm, episodes: Sequence[Episode], *, processes: Processes | None = None
) -> Iterator[Score]:
    """A Score per episode of this process's share, in order, after the last inner step."""
    for scores in follow(algorithm, episodes, (), processes=processes):
        yield scores[-1]


@torch.no_grad()
def follow(
    algorithm: Algorithm, episodes: Sequence[Episode], steps: Sequence[int], *, processes: Processes | None = None
) -> Iterator[list[Score]]:
    """For each episode of this process's share, in order, a Score after each of `steps`; after the last where it takes none of them.

    Whatever the frozen part of the model computes, it computes once per input, and before the first episode: in batches of all
    that is in `episodes`, so that scores do not depend on the number of processes.
    """
    among = Corpus((content for episode in episodes for content in _contents(episode)), ALL)
    share = [episodes[i] for i in (processes or Processes()).mine(range(len(episodes)))]
    ordered = sorted({content: None for episode in share for content in _contents(episode)}, key=len)
    for start in range(0, len(ordered), CHUNK):
        algorithm.features(ordered[start : start + CHUNK], among)
    for episode in share:
        yield _scores(algorithm, episode, steps, among)
    give_back()


def _contents(episode: Episode) -> Iterator[Content]:
    return (row.content for row in (*episode.support, *episode.query))


def _scores(algorithm: Algorithm, episode: Episode, steps: Sequence[int], among: Corpus[Content]) -> list[Score]:
    started = time.perf_counter()
    task = to_task(algorithm, episode, among)
    states = list(algorithm.adapt(task.support, task.support_y))
    wanted = [step for step in steps if step < len(states)] or [len(states) - 1]
    logits = [algorithm.predict(states[step], task.query) for step in wanted]
    right = [tuple(_right(rows, task.query_y).tolist()) for rows in logits]
    sure = [tuple(rows.softmax(-1).amax(-1).tolist()) for rows in logits]
    seconds = time.perf_counter() - started
    return [Score(*row, seconds) for row in zip(wanted, sure, right, strict=True)]


def _right(logits: Tensor, y: Tensor) -> Tensor:
    """Whether each query's class comes first; numbers that are not finite are never right."""
    return (logits.argmax(-1) == y.argmax(-1)) & logits.isfinite().all(-1)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval: 1.96 standard errors."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), Z95 * spread / len(values) ** 0.5


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3): over 15 equal bins of confidence, each bin's distance between its mean
    confidence and its accuracy, weighted by its share of the queries.
    """
    confidence, correct = np.asarray(confidences), np.asarray(right, dtype=float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    """Figures of one algorithm after one inner step: accuracies are fractions, `ci95` half the width of the interval."""
    accuracy, ci95 = mean_interval([s.accuracy for s in scores])
    return {
        "step": scores[0].step,
        "episodes": len(scores),
        "accuracy": accuracy,
        "ci95": ci95,
        "calibration_error": calibration_error(
            [c for s in scores for c in s.confidences], [r for s in scores for r in s.right]
        ),
        "seconds_per_episode": float(np.mean([s.seconds for s in scores])),
        "accuracies": [s.accuracy for s in scores],
    }


def paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Mean difference of two algorithms' accuracies on the same episodes, first minus second, and half its 95 % interval."""
    return mean_interval([a - b for a, b in zip(first, second, strict=True)])
