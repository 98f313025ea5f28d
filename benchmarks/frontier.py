"""Accuracy against seconds, for every algorithm: which are worth their time.

    python -m benchmarks.frontier [--data FOLDER] [--episodes N] [--gradient-episodes N] [--algorithms NAMES]

5-way 1-shot and 5-shot tasks of 5 queries a class, from the test classes of fold 1 of BANKING77 and CLINC150 and from the two domains of
the built-in packs that no shipped start has seen. Every algorithm begins from its shipped start where it has one, and from plain
pretrained weights else, with its default knobs. The difference is paired, task by task, with prototypes of the frozen plain model. The mean
of the three is what those have on all tasks and this difference, with its interval: methods that were given fewer tasks stand beside the
others as if they had been given them all. Seconds are what it takes to adapt and to predict 25 queries, nothing cached, medians of rounds
in which all take their turn; on a CPU those of one thread's processor time, as whatever else the machine does is no matter then.
Writes `benchmarks/results/frontier.json`, which the page draws.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import hypot
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import torch
import tyro
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import checkpoints, latency, report
from benchmarks.floor import PHASES
from meta_demo.algorithms.families import grouped
from meta_demo.algorithms.registry import REGISTRY, get_algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate, paired

SHOTS = (1, 5)
FROZEN = "protonet"  # from plain weights: what everything is compared with
COLUMNS = {
    "algorithm": "算法",
    "start": "起点",
    "shots": "每类示例数",
    "tasks": "任务数",
    "BANKING77": "BANKING77",
    "CLINC150": "CLINC150",
    "held-out packs": "留出的内置任务",
    "mean": "平均",
    "against frozen prototypes": "与冻结原型之差",
    "seconds": "秒",
}
TITLE = {"en": "Accuracy against seconds, 5-way", "zh": "准确率与耗时（5 类）"}
NOTES = {
    "en": "From the shipped start where there is one, else from plain pretrained weights; default knobs. Accuracy with the 95 % "
    "interval over its tasks; the difference from prototypes of the frozen plain model is paired, in points; the mean is theirs on all "
    "tasks and this difference, so that rows of fewer tasks compare. Seconds of one thread's "
    "processor time to adapt and to predict 25 queries, nothing cached.",
    "zh": "有随附起点的算法从该起点开始，其余从普通预训练权重开始；使用默认参数。准确率附任务间的 95% 区间；"
    "与冻结原型之差为配对差值（百分点）；平均为冻结原型在全部任务上的平均加上此差值，任务较少的行因此可比。"
    "耗时为单线程适应并预测 25 条查询所需的处理器秒数，不使用缓存。",
}


@dataclass
class Arguments:
    """Measure accuracy against seconds."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    episodes: Annotated[int, arg(help="tasks of each source for algorithms that leave the Transformer alone")] = 600
    gradient_episodes: Annotated[int, arg(help="the same for those that adapt it")] = 200
    rounds: Annotated[int, arg(help="how often all are timed")] = 5
    algorithms: Annotated[str, arg(help="which are measured anew, separated by commas; all unless given")] = ""


Scores = dict[str, list[float]]  # where the tasks are from -> the accuracy of each


def main(arguments: Arguments) -> None:
    """Measures, and writes the table with the points of the chart after every algorithm."""
    chosen = [name for name in arguments.algorithms.split(",") if name]
    names = [name for of in grouped(chosen or [*REGISTRY]).values() for name in of]
    sources = checkpoints.samplers(arguments.data)
    seconds = timed(arguments.rounds)
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    frozen = {shots: scores(backbone, FROZEN, None, shots, arguments.episodes, sources) for shots in SHOTS}
    kept = {*REGISTRY} - {*names}
    found = {(p["algorithm"], p["shots"]): p for p in report.known("frontier", "points") if p["algorithm"] in kept}
    for name, shots in product(names, SHOTS):
        folder = checkpoint.SHIPPED / BUNDLED / name
        count = arguments.gradient_episodes if get_algorithm(name).adapts_body else arguments.episodes
        mine = scores(backbone, name, folder if folder.is_dir() else None, shots, count, sources)
        start = "meta-trained" if folder.is_dir() else "plain"
        found[name, shots] = point(name, start, shots, mine, frozen[shots])
        print(" | ".join(map(str, row(found[name, shots] | {"seconds": seconds[name, shots]}))), flush=True)
        write([p | {"seconds": seconds[p["algorithm"], p["shots"]]} for p in found.values()])


def timed(rounds: int) -> dict[tuple[str, int], float]:
    """Seconds to adapt to a task and to predict 25 queries, by algorithm and shots."""
    device = choose_device()
    if device.type == "cpu":
        torch.set_num_threads(1)
    now = time.process_time if device.type == "cpu" else time.perf_counter
    rows = latency.measure(load_backbone(BUNDLED, device, Cache(0)), rounds, now)
    return {(r["algorithm"], r["k_shot"]): sum(r["phases"][phase]["seconds"] for phase in PHASES) for r in rows}


def scores(
    backbone: Backbone, name: str, folder: Path | None, shots: int, count: int, sources: dict[str, Any]
) -> Scores:
    """The accuracy on each of the first `count` tasks of every source."""
    config = checkpoint.read_card(folder).config if folder else {}
    algorithm = checkpoint.start(backbone, name, folder, config, 0).requires_grad_(False)
    drawn = {where: [sampler(shots).draw(i) for i in range(count)] for where, sampler in sources.items()}
    return {where: [m.score for m in evaluate(algorithm, tasks)] for where, tasks in drawn.items()}


def point(name: str, start: str, shots: int, mine: Scores, frozen: Scores) -> dict[str, Any]:
    """What is known of an algorithm but for its seconds: means with half of their intervals, all fractions."""
    each = {where: mean_interval(values) for where, values in mine.items()}
    gain = together([paired(values, frozen[where][: len(values)]) for where, values in mine.items()])
    everywhere = fmean(fmean(values) for values in frozen.values())
    return {
        "algorithm": name,
        "start": start,
        "shots": shots,
        "tasks": sum(map(len, mine.values())),
        "each": each,
        "accuracy": (everywhere + gain[0], gain[1]),
        "gain": gain,
    }


def together(found: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean of independent means, and half of its interval."""
    return fmean(mean for mean, _ in found), hypot(*(half for _, half in found)) / len(found)


def row(p: dict[str, Any]) -> list[Any]:
    """A point as a line of the table."""
    each = [report.percent(*found) for found in p["each"].values()]
    mean, gain = report.percent(*p["accuracy"]), report.points(*p["gain"])
    return [p["algorithm"], p["start"], p["shots"], p["tasks"], *each, mean, gain, f"{p['seconds']:.3f}"]


def write(points: Sequence[dict[str, Any]]) -> None:
    """The table, best first for each number of shots, with the points that the page draws."""
    ordered = sorted(points, key=lambda p: (p["shots"], -p["accuracy"][0]))
    command = " ".join(["python -m benchmarks.frontier", *sys.argv[1:]])
    rows = [row(p) for p in ordered]
    report.write("frontier", command, COLUMNS, rows, title=TITLE, notes=NOTES, order=-1, points=ordered)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
