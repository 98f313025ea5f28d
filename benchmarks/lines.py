"""What lines that nobody labelled are worth: soft k-means beside prototypes on the same tasks, from plain pretrained weights.

    python -m benchmarks.lines [--data FOLDER] [--episodes N]

5-way tasks of 5 queries a class from the test classes of fold 1 of BANKING77 and CLINC150 and from two domains of the built-in packs,
each with some more sentences of its classes whose labels nobody sees, and with as many of five other classes among them: strangers. As it
is set, and as it was published: a prototype of whatever length the mean has, and strangers counted like others. Writes
`benchmarks/results/lines.json`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.checkpoints import samplers
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.data.episode import Episode
from meta_demo.data.sampler import Sampler
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate, paired

SHOTS = (1, 3, 5)
LINES = ((3, 0), (20, 0), (100, 0), (3, 3), (100, 100))  # of the task's classes, and of others
WAYS: dict[str, dict[str, Any]] = {"as set": {}, "as published": {"level": False, "strangers": "none"}}
COLUMNS = {
    "tasks from": "任务来源",
    "shots": "每类示例数",
    "lines": "无标签文本数",
    "strangers": "其中无关文本",
    "tasks": "任务数",
    "prototypes": "原型网络",
    "soft k-means": "软 k 均值",
    "difference": "差值",
    "as published": "按论文原样的差值",
}
TITLE = {
    "en": "What lines that nobody labelled are worth: soft k-means, 5-way, the same tasks",
    "zh": "没有标签的文本值多少：软 k 均值，5 类，相同任务",
}
NOTES = {
    "en": "From plain weights; accuracy on 25 queries a task, which are not among the lines, with its 95 % interval; differences "
    "from prototypes are paired, in points. Fewer lines where classes have no more.",
    "zh": "从普通权重开始；每个任务 25 条查询（不在这些文本之中）上的准确率，附任务间的 95% 区间；"
    "与原型的差值为配对比较（百分点）。类别的句子不足时文本较少。",
}


@dataclass
class Arguments:
    """What lines that nobody labelled are worth."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    episodes: Annotated[int, arg(help="tasks of each kind")] = 200


def main(arguments: Arguments) -> None:
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    prototypes = checkpoint.start(backbone, "protonet", None, {}, 0).requires_grad_(False)
    soft = [checkpoint.start(backbone, "soft_kmeans", None, knobs, 0).requires_grad_(False) for knobs in WAYS.values()]
    rows = []
    for (where, sampler), shots in product(samplers(arguments.data).items(), SHOTS):
        tasks = [sampler(shots).draw(i) for i in range(arguments.episodes)]
        frozen = [s.score for s in evaluate(prototypes, tasks)]
        for own, others in LINES:
            given = list(with_lines(sampler(shots), tasks, own, others))
            found = [[s.score for s in evaluate(algorithm, given)] for algorithm in soft]
            gains = [report.points(*paired(scores, frozen)) for scores in found]
            accuracies = [report.percent(*mean_interval(scores)) for scores in (frozen, found[0])]
            rows.append([where, shots, own + others, others, len(tasks), *accuracies, *gains])
            print(" | ".join(map(str, rows[-1])), flush=True)
    report.write("lines", "python -m benchmarks.lines", COLUMNS, rows, title=TITLE, notes=NOTES)


def with_lines(sampler: Sampler, tasks: list[Episode], own: int, others: int) -> Iterator[Episode]:
    """Each task with so many more examples of its classes, and of five other classes, as lines without labels."""
    (classes,) = [source.classes for source in sampler.sources]
    for number, task in enumerate(tasks):
        rng, used = random.Random(number), {row.content for row in (*task.support, *task.query)}
        left = {label: [c for c in classes[label] if c not in used] for label in sorted(classes)}
        strangers = rng.sample([label for label in left if label not in task.labels], 5)
        lines = [*_some(task.labels, left, own, rng), *_some(strangers, left, others, rng)]
        yield replace(task, unlabelled=tuple(lines))


def _some(labels: Any, left: dict[str, list[Any]], count: int, rng: random.Random) -> list[Any]:
    """`count` examples of some classes, as far as there are any, spread over them by chance."""
    whole = [content for label in labels for content in left[label]]
    return rng.sample(whole, min(count, len(whole)))


if __name__ == "__main__":
    main(tyro.cli(Arguments))
