"""How long a visitor waits: seconds for features, adaptation and prediction of every algorithm, beside the least they could take.

    python -m benchmarks.latency [--model glyph-vit] [--json FILE] [--rounds N]

Two tasks, 5-way 1-shot and 5-way 5-shot, with 25 queries each, of sentences as long as banking questions or, for a model of
pictures, of drawn shapes. `features` is what no inner step changes, on the support set with nothing cached: the frozen prefix, or
all layers where a task adapts none; `adapt` all inner steps; `predict` 25 new inputs, prefix included. Every algorithm starts from
plain pretrained weights with its default knobs.

The floor of a phase is the number of floating-point operations that it needs without padding or recomputation (`floor.py` counts
them) over the rate at which this machine multiplies that many rows with the model's weights, sampled all through the run on the
same number of threads. Seconds and rates are medians; rounds go over everything in a new order each time, so that whatever else
the machine does falls on all alike.
"""

from __future__ import annotations

import json
import platform
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import tyro
from torch import Tensor
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks.floor import PHASES, Rate, operations, synchronize
from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.device import choose_device
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.data.episode import Example
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.modalities.base import Content
from meta_demo.objectives.classes import Classes

N_WAY, N_QUERY = 5, 25
SHOTS = (1, 5)


@dataclass(frozen=True)
class Contents:
    """The sentences, or drawings, of one task; the support set goes class by class."""

    shots: int
    support: list[Content]
    query: list[Content]

    def labelled(self, x: Features, like: Tensor) -> Examples:
        """The support set as an algorithm takes it, x being its features."""
        labels = [str(i // self.shots) for i in range(len(self.support))]
        objective = Classes.of(labels)
        return Examples(x, objective.encode(labels, like), objective)


def task_contents(shots: int, modality: str) -> Contents:
    """`shots` examples of each of the first classes of a sample that has enough of them, and as many queries of each as make 25."""
    samples = map(load_sample, sample_names(modality))
    episode = next(sample for sample in samples if len(sample.labels) >= N_WAY)
    labels = episode.labels[:N_WAY]

    def first(rows: Sequence[Example], count: int) -> list[Content]:
        return [text for label in labels for text in [row.content for row in rows if row.label == label][:count]]

    task = Contents(shots, first(episode.support, shots), first(episode.query, N_QUERY // N_WAY))
    if (len(task.support), len(task.query)) != (N_WAY * shots, N_QUERY):
        raise ValueError(f"the sample of {modality} has too few examples for {shots} shots")
    return task


@torch.no_grad()
def time_phases(algorithm: Algorithm, task: Contents, now: Callable[[], float]) -> dict[str, float]:
    """Seconds of each phase by the clock `now`, once. The backbone keeps nothing, so everything is computed."""
    backbone = algorithm.backbone

    def clock(work: Callable[[], Any]) -> tuple[Any, float]:
        started = now()
        result = work()
        synchronize(backbone.device)
        return result, now() - started

    support, features = clock(lambda: algorithm.features(task.support))
    examples = task.labelled(support, algorithm.like)
    states, adapt = clock(lambda: list(algorithm.adapt(examples)))
    _, predict = clock(lambda: algorithm.predict(states[-1], algorithm.features(task.query)))
    return dict(zip(PHASES, (features, adapt, predict), strict=True))


def measure(backbone: Backbone, rounds: int, now: Callable[[], float] = time.perf_counter) -> list[dict[str, Any]]:
    """A row for every task and algorithm: of each phase the seconds by the clock `now`, the floor, and the rate in operations a second."""
    tasks = {shots: task_contents(shots, backbone.inputs.modality) for shots in SHOTS}
    lengths = {
        shots: [[backbone.encode(content).length for content in side] for side in (task.support, task.query)]
        for shots, task in tasks.items()
    }
    algorithms = {name: cls(backbone, cls.Config()).requires_grad_(False) for name, cls in REGISTRY.items()}
    rates = {shots: [Rate(backbone, sum(side)) for side in sides] for shots, sides in lengths.items()}
    seconds: dict[tuple[int, str], list[dict[str, float]]] = defaultdict(list)
    cells = list(product(SHOTS, sorted(algorithms)))
    order = random.Random(0)
    for number in range(rounds + 1):
        order.shuffle(cells)
        for shots, name in cells:
            once = time_phases(algorithms[name], tasks[shots], now)
            if number:  # the first round warms up
                for rate in rates[shots]:
                    rate.sample()
                seconds[shots, name].append(once)
    rows = []
    for shots, name in sorted(cells):
        least = operations(algorithms[name], *lengths[shots])
        of_support, of_query = (rate.median for rate in rates[shots])
        phases = {}
        for phase in PHASES:
            speed = of_query if phase == "predict" else of_support
            took = median(once[phase] for once in seconds[shots, name])
            phases[phase] = {"seconds": took, "floor": least[phase] / speed, "rate": speed}
        rows.append(
            {"n_way": N_WAY, "k_shot": shots, "tokens": sum(lengths[shots][0]), "algorithm": name, "phases": phases}
        )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Seconds with their ratio to the floor in brackets, a line for each row."""
    head = f"{'task':<14} {'algorithm':<12}" + "".join(f"{name:>17}" for name in (*PHASES, "features + adapt"))
    lines = [head, "-" * len(head)]
    for row in rows:
        phases = row["phases"]
        parts = [[phases[name]] for name in PHASES] + [[phases["features"], phases["adapt"]]]
        cells = [(sum(p["seconds"] for p in part), sum(p["floor"] for p in part)) for part in parts]
        shown = "".join(
            f"{f'{took:.3f} s ({took / floor:.1f}x)' if floor else f'{took:.3f} s':>17}" for took, floor in cells
        )
        lines.append(f"{row['n_way']}-way {row['k_shot']}-shot  {row['algorithm']:<12}{shown}")
    return "\n".join(lines)


def main(
    json_file: Annotated[Path | None, arg(name="json", metavar="FILE")] = None, rounds: int = 9, model: str = BUNDLED
) -> None:
    """Print the table of latencies.

    Args:
        json_file: write the figures to this file too, with the machine and the date
        rounds: how often everything is measured
        model: minilm, glyph-vit, or any other that `adapt` takes
    """
    backbone = load_backbone(model, choose_device(), Cache(0))
    rows = measure(backbone, rounds)
    rates = [phase["rate"] / 1e9 for row in rows for phase in row["phases"].values()]
    machine = {
        "processor": _processor(),
        "device": str(backbone.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    print(
        f"{machine['processor']}, {machine['threads']} threads, torch {torch.__version__} on {backbone.device}: "
        f"matrix products at {min(rates):.0f} to {max(rates):.0f} GFLOP/s. Medians of {rounds} rounds, in brackets times the floor.\n"
    )
    print(table(rows))
    if json_file:
        date = datetime.now(UTC).date().isoformat()
        report = {
            "command": f"python -m benchmarks.latency --model {model}",
            "date": date,
            "machine": machine,
            "rows": rows,
        }
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.latency")
