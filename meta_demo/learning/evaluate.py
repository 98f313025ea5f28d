"""The figures of an algorithm over many tasks, with their intervals; differences between algorithms as pairs on the same tasks.

Here: from episodes to scores, and from scores to figures. Not here: drawing episodes (`data/sampler.py`), printing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.corpus import ALL, Corpus
from meta_demo.core.device import empty_cache, out_of_memory
from meta_demo.core.errors import UserError
from meta_demo.core.intervals import mean_interval
from meta_demo.core.memory import give_back
from meta_demo.core.objective import Objective
from meta_demo.data.episode import Episode
from meta_demo.learning.processes import Processes
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.base import Content, length

CHUNK = 256  # inputs that are asked for together


@dataclass(frozen=True)
class Measured:
    """One episode after one inner step: what the objective keeps of each answer. Seconds are the whole episode's."""

    step: int
    objective: type[Objective]
    grades: list[tuple[float, ...]]
    score: float
    seconds: float


def evaluate(
    algorithm: Algorithm, episodes: Sequence[Episode], *, processes: Processes | None = None
) -> Iterator[Measured]:
    """A Measured per episode of this process's share, in order, after the last inner step; without intervals."""
    for after in follow(algorithm, episodes, (), processes=processes, intervals=False):
        yield after[-1]


@torch.no_grad()
def follow(
    algorithm: Algorithm,
    episodes: Sequence[Episode],
    steps: Sequence[int],
    *,
    processes: Processes | None = None,
    intervals: bool = True,
) -> Iterator[list[Measured]]:
    """For each episode of this process's share, in order, a Measured after each of `steps`; after the last where it takes none of them.

    Whatever the frozen part of the model computes, it computes once per input, and before the first episode: in batches of all
    that is in `episodes`, so that scores do not depend on the number of processes.
    """
    among = Corpus((content for episode in episodes for content in _contents(episode)), length, ALL)
    share = [episodes[i] for i in (processes or Processes()).mine(range(len(episodes)))]
    ordered = sorted({content: None for episode in share for content in _contents(episode)}, key=length)
    for start in range(0, len(ordered), CHUNK):
        algorithm.features(ordered[start : start + CHUNK], among)
    first, at_once = 0, algorithm.at_once
    while first < len(share):
        try:
            measured = list(_measured(algorithm, share[first : first + at_once], steps, among, intervals=intervals))
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            measured = []
        if measured:
            yield from measured
            first += len(measured)
        elif at_once > 1:
            at_once //= 2
        else:
            make_do(algorithm)
    give_back()


def make_do(algorithm: Algorithm) -> None:
    """A GPU had too little memory: less goes through the model at once from now on. Raises UserError where no less can."""
    empty_cache()
    if not algorithm.backbone.take_less():
        raise UserError("gpu_memory")


def _contents(episode: Episode) -> Iterator[Content]:
    yield from (row.content for row in (*episode.support, *episode.query))
    yield from episode.unlabelled


def _measured(
    algorithm: Algorithm,
    episodes: Sequence[Episode],
    steps: Sequence[int],
    among: Corpus[Content],
    *,
    intervals: bool,
) -> Iterator[list[Measured]]:
    """A Measured of each episode after each step; their seconds are equal shares of what they took together."""
    started = time.perf_counter()
    tasks = [to_task(algorithm, episode, among) for episode in episodes]
    traces = algorithm.traces(tasks, steps, intervals=intervals)
    seconds = (time.perf_counter() - started) / len(tasks)
    for task, trace in zip(tasks, traces, strict=True):
        objective = task.query.objective
        grades = {step: objective.grades(out, task.query.y, trace.spreads[step]) for step, out in trace.outputs.items()}
        yield [Measured(s, type(objective), rows, objective.task_score(rows), seconds) for s, rows in grades.items()]


def summary(measured: Sequence[Measured]) -> dict[str, Any]:
    """Figures of one algorithm after one inner step over many tasks; `ci95` is half the width of the interval."""
    return {
        "step": measured[0].step,
        "episodes": len(measured),
        **measured[0].objective.summary([m.grades for m in measured]),
        "seconds_per_episode": fmean(m.seconds for m in measured),
    }


def paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Mean difference of two algorithms' scores on the same episodes, first minus second, and half its 95 % interval."""
    return mean_interval([a - b for a, b in zip(first, second, strict=True)])
