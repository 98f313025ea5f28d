"""What it brings to train on many tasks at once: seconds of a meta-batch's gradient together, and one task after the other.

    python -m benchmarks.many_tasks [--rounds N]

25 sines of ten points and ten queries, on the bundled model of curves and one core; both ways in turn, in one process. Seconds of
the processor, so that whatever else the machine does counts little; medians of the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median

import torch
import tyro
from torch import Tensor

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.examples import Task
from meta_demo.data.sampler import Fixed, Sampler
from meta_demo.data.sources import load_source
from meta_demo.learning import checkpoint
from meta_demo.learning.tensors import to_task

TASKS = 25


def seconds(
    learner: GradientAlgorithm, tasks: Sequence[Task], losses: Callable[[Sequence[Task]], Iterable[Tensor]]
) -> float:
    """Of the processor, for the meta-gradient of the tasks by `losses`."""
    learner.zero_grad()
    started = time.process_time()
    for loss in losses(tasks):
        loss.backward()  # type: ignore[no-untyped-call]
    return time.process_time() - started


def main(rounds: int = 5) -> None:
    """Print the seconds of each algorithm.

    Args:
        rounds: how often each way is measured
    """
    torch.set_num_threads(1)
    backbone = load_backbone("curves", torch.device("cpu"), Cache.as_set(LEARNING))
    sampler = Sampler([load_source("builtin:sines")], Fixed(1, 10, 10), 0)
    for name in sorted(name for name, cls in REGISTRY.items() if issubclass(cls, GradientAlgorithm)):
        learner = checkpoint.start(backbone, name, None, {"inner_steps": 1}, 0, "numbers")
        assert isinstance(learner, GradientAlgorithm)
        tasks = [to_task(learner, sampler.draw(i), sampler.corpus) for i in range(TASKS)]
        ways: dict[str, Callable[[Sequence[Task]], Iterable[Tensor]]] = {
            "together": learner.meta_losses,
            "one by one": partial(map, learner.meta_loss),
        }
        found = {way: [seconds(learner, tasks, losses) for _ in range(rounds + 1)][1:] for way, losses in ways.items()}
        together, alone = (median(found[way]) for way in ways)
        print(f"{name:<10} together {together:.3f} s, one by one {alone:.3f} s: {alone / together:.1f} times")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.many_tasks")
