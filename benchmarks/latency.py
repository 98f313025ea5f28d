"""How long a visitor waits: seconds for features, adaptation and prediction of every algorithm, beside the least they could take.

    python -m benchmarks.latency [--json FILE] [--rounds N]

Two tasks, 5-way 1-shot and 5-way 5-shot, with 25 queries each, of sentences as long as banking questions. `features` is the
frozen prefix on the support set with nothing cached; `adapt` all inner steps; `predict` 25 new sentences, prefix included. Every
algorithm starts from plain pretrained weights with its default knobs.

The floor of a phase is the number of floating-point operations that it needs without padding or recomputation (`floor.py` counts
them) over the best rate at which this machine multiplied matrices of the model's shapes during the same run. Seconds are medians;
rounds go over everything in a new order each time, so that whatever else the machine does falls on all alike. It still
falls on the medians more than on the best rate: a shared machine makes ratios look worse than they are.
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
from meta_demo.core.algorithm import REGISTRY, Algorithm
from meta_demo.core.backbone import Backbone
from meta_demo.core.cache import Cache
from meta_demo.core.device import choose_device
from meta_demo.core.heads import one_hot
from meta_demo.core.loading import BUNDLED, load_backbone
from meta_demo.data.samples import load_sample

N_WAY, N_QUERY = 5, 25
SHOTS = (1, 5)
SAMPLE = "bank-requests"


@dataclass(frozen=True)
class Texts:
    """The sentences of one task; the support set goes class by class."""

    shots: int
    support: list[str]
    query: list[str]

    def y(self, like: Tensor) -> Tensor:
        return one_hot([i // self.shots for i in range(len(self.support))], N_WAY, like)


def task_texts(shots: int) -> Texts:
    """`shots` examples of each of the sample's first classes, and as many queries of each as make 25."""
    episode = load_sample(SAMPLE)
    labels = episode.labels[:N_WAY]

    def first(rows: Sequence[Any], count: int) -> list[str]:
        return [text for label in labels for text in [row.content for row in rows if row.label == label][:count]]

    texts = Texts(shots, first(episode.support, shots), first(episode.query, N_QUERY // N_WAY))
    if (len(texts.support), len(texts.query)) != (N_WAY * shots, N_QUERY):
        raise ValueError(f"the sample {SAMPLE} has too few sentences for {shots} shots")
    return texts


@torch.no_grad()
def time_phases(algorithm: Algorithm, texts: Texts) -> dict[str, float]:
    """Seconds of each phase, once. The backbone keeps nothing, so everything is computed."""
    backbone = algorithm.backbone

    def clock(work: Callable[[], Any]) -> tuple[Any, float]:
        started = time.perf_counter()
        result = work()
        synchronize(backbone.device)
        return result, time.perf_counter() - started

    support, features = clock(lambda: backbone.features(texts.support, algorithm.boundary))
    y = texts.y(algorithm.log_scale)
    states, adapt = clock(lambda: list(algorithm.adapt(support, y)))
    _, predict = clock(lambda: algorithm.predict(states[-1], backbone.features(texts.query, algorithm.boundary)))
    return dict(zip(PHASES, (features, adapt, predict), strict=True))


def measure(backbone: Backbone, rounds: int) -> tuple[float, list[dict[str, Any]]]:
    """The machine's rate in operations per second, and a row for every task and algorithm."""
    tasks = {shots: task_texts(shots) for shots in SHOTS}
    lengths = {text: backbone.encode(text).length for texts in tasks.values() for text in texts.support + texts.query}
    algorithms = {name: cls(backbone, cls.Config()).requires_grad_(False) for name, cls in REGISTRY.items()}
    rate = Rate(backbone, sum(lengths[text] for text in tasks[max(SHOTS)].support))
    seconds: dict[tuple[int, str], list[dict[str, float]]] = defaultdict(list)
    cells = list(product(SHOTS, sorted(algorithms)))
    order = random.Random(0)
    for turn in range(rounds + 1):
        order.shuffle(cells)
        for shots, name in cells:
            rate.sample(0.01)
            once = time_phases(algorithms[name], tasks[shots])
            if turn:  # the first round warms up
                seconds[shots, name].append(once)
    rows = []
    for shots, name in sorted(cells):
        support, query = ([lengths[text] for text in side] for side in (tasks[shots].support, tasks[shots].query))
        least = operations(algorithms[name], support, query)
        phases = {
            phase: {"seconds": median(once[phase] for once in seconds[shots, name]), "floor": least[phase] / rate.best}
            for phase in PHASES
        }
        rows.append({"n_way": N_WAY, "k_shot": shots, "tokens": sum(support), "algorithm": name, "phases": phases})
    return rate.best, rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Seconds with their ratio to the floor in brackets, a line for each row."""
    head = f"{'task':<14} {'algorithm':<12}" + "".join(f"{name:>17}" for name in (*PHASES, "features + adapt"))
    lines = [head, "-" * len(head)]
    for row in rows:
        phases = row["phases"]
        parts = [[phases[name]] for name in PHASES] + [[phases["features"], phases["adapt"]]]
        cells = [(sum(p["seconds"] for p in part), sum(p["floor"] for p in part)) for part in parts]
        shown = "".join(f"{f'{took:.3f} s ({took / floor:.1f}x)':>17}" for took, floor in cells)
        lines.append(f"{row['n_way']}-way {row['k_shot']}-shot  {row['algorithm']:<12}{shown}")
    return "\n".join(lines)


def main(json_file: Annotated[Path | None, arg(name="json", metavar="FILE")] = None, rounds: int = 9) -> None:
    """Print the table of latencies.

    Args:
        json_file: write the figures to this file too, with the machine and the date
        rounds: how often everything is measured
    """
    backbone = load_backbone(BUNDLED, choose_device(), Cache(0))
    rate, rows = measure(backbone, rounds)
    machine = {
        "processor": _processor(),
        "device": str(backbone.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gflops": rate / 1e9,
    }
    print(
        f"{machine['processor']}, {machine['threads']} threads, torch {torch.__version__} on {backbone.device}: "
        f"matrix products at {rate / 1e9:.0f} GFLOP/s. Medians of {rounds} rounds, in brackets times the floor.\n"
    )
    print(table(rows))
    if json_file:
        date = datetime.now(UTC).date().isoformat()
        report = {"command": "python -m benchmarks.latency", "date": date, "machine": machine, "rows": rows}
        json_file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.latency")
