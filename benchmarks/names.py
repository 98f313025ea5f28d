"""What a class's name is worth as one more example: prototypes with and without it, on the same tasks.

    python -m benchmarks.names [--data FOLDER] [--episodes N]

5-way 1-shot and 5-shot tasks of 5 queries a class from the test classes of fold 1 of BANKING77 and CLINC150, from plain pretrained
weights and from the shipped checkpoint. Writes `benchmarks/results/names.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.intents import DATASETS, split_sources
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.data.names import with_names
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate, paired

ALGORITHM = "protonet"
STARTS = {"plain": None, "meta-trained": checkpoint.shipped(BUNDLED, ALGORITHM)}
COLUMNS = {
    "tasks from": "任务来源",
    "start": "起点",
    "shots": "每类示例数",
    "tasks": "任务数",
    "without names": "不用名称",
    "with names": "使用名称",
    "difference in points": "差值（百分点）",
}
TITLE = {
    "en": "Class names as one more example each, prototypical networks, 5-way, on the same tasks",
    "zh": "类别名称各算作一个示例：原型网络，5 类，相同任务",
}
NOTES = {
    "en": "Accuracy on 25 queries a task, with the 95 % interval over tasks; differences are paired. A name is the label with its "
    "underscores as spaces; what a query is called is never shown.",
    "zh": "每个任务 25 条查询上的准确率，附任务间的 95% 区间；差值为配对比较。名称即标签（下划线换成空格）；从不透露查询的标签。",
}


@dataclass
class Arguments:
    """What class names are worth as examples."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    episodes: Annotated[int, arg(help="tasks of each size")] = 600


def main(arguments: Arguments) -> None:
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    rows = []
    for where, (start, folder), shots in product(DATASETS, STARTS.items(), (1, 5)):
        algorithm = checkpoint.start(backbone, ALGORITHM, folder, {}, 0).requires_grad_(False)
        sampler = Sampler(split_sources(arguments.data, where, "test"), Fixed(5, shots, 5), 0, TEST)
        tasks = [sampler.draw(i) for i in range(arguments.episodes)]
        sides = [[s.score for s in evaluate(algorithm, side)] for side in (tasks, [with_names(t) for t in tasks])]
        without, named = (report.percent(*mean_interval(side)) for side in sides)
        rows.append([where, start, shots, len(tasks), without, named, report.points(*paired(sides[1], sides[0]))])
        print(" | ".join(map(str, rows[-1])), flush=True)
    report.write("names", "python -m benchmarks.names", COLUMNS, rows, title=TITLE, notes=NOTES)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
