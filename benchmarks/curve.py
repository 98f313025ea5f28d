"""Accuracy over 0 to 20 inner steps: every gradient-based algorithm meta-trained against plain, on the same tasks.

    python -m benchmarks.curve [--data FOLDER] [--episodes N] [--algorithms maml,...]

5-way 1-shot tasks of 5 queries a class from the test classes of fold 1 of BANKING77 and CLINC150. Plain runs use the checkpoint's own
knobs, so that the start is the one difference. Writes `benchmarks/results/curve.json`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import tyro
from tqdm import tqdm
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.intents import DATASETS, split_sources
from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.data.episode import Episode
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import follow, paired

STEPS = (0, 1, 2, 5, 10, 20)
COLUMNS = {"algorithm": "算法", "tasks from": "任务来源", "tasks": "任务数", "start": "起点"}
COLUMNS |= {f"step {step}": f"第 {step} 步" for step in STEPS}
TITLE = {
    "en": "Accuracy over inner steps, meta-trained starts against plain pretrained weights, 5-way 1-shot, on the same tasks",
    "zh": "内循环各步的准确率：元训练起点与纯预训练权重的比较，5 类 1 条示例，相同任务",
}
NOTES = {
    "en": "Accuracy on 25 queries a task, with the 95 % interval over tasks; differences, in points, are paired. Algorithms of equal "
    "update that start from equal weights have equal curves.",
    "zh": "每个任务 25 条查询上的准确率，附任务间的 95% 区间；差值（百分点）为配对比较。更新方式相同且起点权重相同的算法曲线相同。",
}


@dataclass
class Arguments:
    """Accuracy over inner steps, meta-trained against plain."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    episodes: Annotated[int, arg(help="tasks of each data set")] = 100
    algorithms: Annotated[
        str, arg(help="which, separated by commas; all with an inner loop and a checkpoint unless given")
    ] = ""


def main(arguments: Arguments) -> None:
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    names = _names(arguments.algorithms)
    rows = report.known_rows("curve", names)
    for name, where in product(names, DATASETS):
        folder = checkpoint.SHIPPED / BUNDLED / name
        knobs = {**checkpoint.read_card(folder).config, "inner_steps": STEPS[-1]}
        sampler = Sampler(split_sources(arguments.data, where, "test"), Fixed(5, 1, 5), 0, TEST)
        tasks = [sampler.draw(i) for i in range(arguments.episodes)]
        curves = {
            start: accuracies(checkpoint.start(backbone, name, weights, knobs, 0), tasks, STEPS)
            for start, weights in (("plain", None), ("meta-trained", folder))
        }
        rows += compared([name, where, len(tasks)], curves)
    rows.sort(key=lambda row: str(row[0]))
    command = " ".join(["python -m benchmarks.curve", *sys.argv[1:]])
    report.write("curve", command, COLUMNS, rows, title=TITLE, notes=NOTES)


def accuracies(algorithm: Algorithm, tasks: Sequence[Episode], steps: Sequence[int]) -> list[list[float]]:
    """After each of `steps`, the accuracy on each task."""
    run = tqdm(
        follow(algorithm.requires_grad_(False), tasks, steps),
        algorithm.name,
        len(tasks),
        disable=not sys.stderr.isatty(),
    )
    return [[score.score for score in after] for after in zip(*run, strict=True)]


def compared(place: list[Any], curves: dict[str, list[list[float]]]) -> list[list[Any]]:
    """Rows that begin with `place`: two learners after each step, and the second's lead on the same tasks, in points; printed as well."""
    rows = [
        [*place, name, *(report.percent(*mean_interval(after)) for after in curve)] for name, curve in curves.items()
    ]
    base, other = curves.values()
    rows.append([*place, "difference", *(report.points(*paired(*pair)) for pair in zip(other, base, strict=True))])
    for row in rows:
        print(" | ".join(map(str, row)), flush=True)
    return rows


def _names(chosen: str) -> list[str]:
    """Algorithms with an inner loop and a shipped checkpoint."""
    loops = [name for name, cls in sorted(REGISTRY.items()) if any(k.name == "inner_steps" for k in cls.Config.knobs())]
    return chosen.split(",") if chosen else [name for name in loops if checkpoint.shipped(BUNDLED, name)]


if __name__ == "__main__":
    main(tyro.cli(Arguments))
