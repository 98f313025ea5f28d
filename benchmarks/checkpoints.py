"""What meta-training is worth: every shipped checkpoint against the same algorithm from plain pretrained weights, on the same tasks.

    python -m benchmarks.checkpoints [--data FOLDER] [--episodes N]

5-way 1-shot and 5-shot tasks of 5 queries a class, from the test classes of fold 1 of BANKING77 and CLINC150 (the checkpoints have
seen neither) and from the two domains of the built-in packs that were left out of training; and the page's samples, with 1 and 3 shots.
Writes `benchmarks/results/checkpoints.json`
and the table of `checkpoints/README.md`. Plain runs use the checkpoint's own knobs, so that the start is the one difference.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tqdm import tqdm
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.intents import DATASETS, split_sources
from benchmarks.samples import SAMPLES, sample_tasks
from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.data.episode import Episode
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.sources import load_sources
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate, paired

ROOT = Path(__file__).parents[1]
PACKS = "held-out packs"
COLUMNS = {
    "algorithm": "算法",
    "tasks from": "任务来源",
    "shots": "每类示例数",
    "tasks": "任务数",
    "plain": "纯预训练起点",
    "meta-trained": "元训练起点",
    "difference in points": "差值（百分点）",
}
TITLE = {
    "en": "Meta-trained starts against plain pretrained weights, 5-way, on the same tasks",
    "zh": "元训练起点与纯预训练权重的比较：5 类，相同任务",
}
NOTES = {
    "en": "Accuracy on 25 queries a task, with the 95 % interval over tasks; differences are paired. Neither class names nor "
    "unlabelled queries are used.",
    "zh": "每个任务 25 条查询上的准确率，附任务间的 95% 区间；差值为配对比较。不使用类别名称，也不使用无标签的查询。",
}


@dataclass
class Arguments:
    """Measure every shipped checkpoint against the same algorithm from plain pretrained weights."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    episodes: Annotated[int, arg(help="tasks for algorithms that leave the Transformer alone")] = 600
    gradient_episodes: Annotated[
        int, arg(help="tasks, 1-shot, for those that adapt it; a third of them 5-shot, half as many from the packs")
    ] = 300
    algorithms: Annotated[str, arg(help="which, separated by commas; all that are shipped unless given")] = ""


def main(arguments: Arguments) -> None:
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    known: dict[Any, list[float]] = {}
    names = (
        arguments.algorithms.split(",")
        if arguments.algorithms
        else [n for m, n in checkpoint.all_shipped() if m == BUNDLED]
    )
    rows = report.known_rows("checkpoints", names)
    for name in names:
        for where, shots, tasks in _tasks(name, arguments):
            rows.append(row(backbone, name, where, shots, tasks, known))
            print(" | ".join(map(str, rows[-1])), flush=True)
    rows.sort()
    command = " ".join(["python -m benchmarks.checkpoints", *sys.argv[1:]])
    report.write("checkpoints", command, COLUMNS, rows, title=TITLE, notes=NOTES)
    report.into_readme("table", list(COLUMNS), rows)


def samplers(data: Path) -> dict[str, Any]:
    """What the tasks are drawn from, as functions of the number of shots."""
    sources = {name: split_sources(data, name, "test") for name in DATASETS}
    sources[PACKS] = load_sources(["builtin"], [f"{ROOT / 'checkpoints' / 'builtin-domains.json'}:test"])
    return {where: lambda shots, of=of: Sampler(of, Fixed(5, shots, 5), 0, TEST) for where, of in sources.items()}


def _tasks(name: str, arguments: Arguments) -> Iterator[tuple[str, int, list[Episode]]]:
    """Where the tasks of an algorithm come from, their number of shots, and themselves."""
    for where, sampler_of in samplers(arguments.data).items():
        for shots in (1, 5):
            yield where, shots, [sampler_of(shots).draw(i) for i in range(_count(name, where, shots, arguments))]
    for shots in (1, 3):
        yield SAMPLES, shots, sample_tasks(shots, min(arguments.episodes, arguments.gradient_episodes) // 3)


def _count(name: str, where: str, shots: int, arguments: Arguments) -> int:
    if not get_algorithm(name).adapts_body:
        return arguments.episodes
    count = arguments.gradient_episodes // (2 if where == PACKS else 1)
    return count if shots == 1 else count // 3


def row(
    backbone: Backbone, name: str, where: str, shots: int, tasks: Sequence[Episode], known: dict[Any, list[float]]
) -> list[Any]:
    """What the shipped start of an algorithm for a model is worth on tasks; `known` keeps what was measured for those that do the same."""
    folder = checkpoint.SHIPPED / backbone.name / name
    card = checkpoint.read_card(folder)
    cls = get_algorithm(name)

    def accuracies(weights: Path | None, digest: str) -> list[float]:
        # Algorithms that differ in their meta-gradient alone adapt alike from equal starts: one run serves them all.
        key = (getattr(cls, "update", None), cls.adapts_body, json.dumps(card.config), digest, where, shots)
        if key not in known:
            known[key] = _accuracies(checkpoint.start(backbone, name, weights, card.config, 0), tasks)
        return known[key]

    plain, trained = accuracies(None, ""), accuracies(folder, card.weights_sha256)
    cells = [report.percent(*mean_interval(values)) for values in (plain, trained)]
    return [name, where, shots, len(tasks), *cells, report.points(*paired(trained, plain))]


def _accuracies(algorithm: Algorithm, tasks: Sequence[Episode]) -> list[float]:
    run = evaluate(algorithm.requires_grad_(False), tasks)
    return [score.score for score in tqdm(run, algorithm.name, len(tasks), disable=not sys.stderr.isatty())]


if __name__ == "__main__":
    main(tyro.cli(Arguments))
