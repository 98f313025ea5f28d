"""How well a learner tells that something is of none of its classes: whole classes held out of each task.

    python -m benchmarks.unlike [--data FOLDER] [--episodes N] [--gradient-episodes N]

5-way tasks of 5 queries a class, and as many queries of five other classes of the same source: test classes of fold 1 of BANKING77 and
CLINC150, and the two domains of the built-in packs that were left out of training. Prototypes and MAML from their shipped starts, by the
p-value that the page shows, which looks at the embedding before the adaptation; MAML by the adapted one too, which has learned from
the examples; and, as one would do otherwise, by the largest probability. Writes `benchmarks/results/unlike.json` and the table of
`checkpoints/README.md`.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from scipy.stats import rankdata
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.checkpoints import PACKS, samplers
from meta_demo.algorithms.base import Algorithm
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.belonging import ALPHA, belonging
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.examples import Examples
from meta_demo.core.intervals import mean_interval
from meta_demo.data.episode import Episode
from meta_demo.data.sampler import Sampler
from meta_demo.learning import checkpoint
from meta_demo.modalities.base import Content

SHOTS = (3, 5)
WAYS, QUERIES = 5, 5  # of other classes, as many as the task has of its own
COLUMNS = {
    "learner": "学习者",
    "tasks from": "任务来源",
    "shots": "每类示例数",
    "tasks": "任务数",
    "AUROC of p": "p 的 AUROC",
    "AUROC of the largest probability": "最大概率的 AUROC",
    "false alarms": "误报率",
    "found": "检出率",
}
TITLE = {
    "en": "Unlike anything that was taught: classes held out of each task, 5-way",
    "zh": "与所教的都不相像：每个任务留出若干类别，5 类",
}
NOTES = {
    "en": "25 queries of the task's classes and 25 of five others of the same source; means over tasks with their 95 % intervals, from the "
    f"shipped starts. False alarms are queries of the task's classes with p of {ALPHA:.0%} or less, found are those of other classes.",
    "zh": "每个任务 25 条本任务类别的查询和 25 条同一来源其他五类的查询；任务均值附 95% 区间，使用自带的起点。"
    f"误报为 p 不大于 {ALPHA:.0%} 的本任务类别的查询，检出为 p 不大于该值的其他类别的查询。",
}
BEFORE, AFTER = "{name}", "{name}, adapted embedding"


@dataclass
class Arguments:
    """How well a learner tells that something is of none of its classes."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    episodes: Annotated[int, arg(help="tasks of each kind for prototypes")] = 40
    gradient_episodes: Annotated[int, arg(help="tasks of the packs for MAML")] = 10


def main(arguments: Arguments) -> None:
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    rows = []
    for name, count in (("protonet", arguments.episodes), ("maml", arguments.gradient_episodes)):
        folder = checkpoint.resolve("auto", BUNDLED, name, "classes")
        algorithm = checkpoint.start(backbone, name, folder, {}, 0).requires_grad_(False).eval()
        for (where, sampler_of), shots in product(samplers(arguments.data).items(), SHOTS):
            if algorithm.adapts_body and where != PACKS:
                continue
            for learner, figures in measured(algorithm, sampler_of(shots), count).items():
                rows.append([learner, where, shots, count, *_cells(figures)])
                print(" | ".join(map(str, rows[-1])), flush=True)
    report.write("unlike", "python -m benchmarks.unlike", COLUMNS, rows, title=TITLE, notes=NOTES)
    report.into_readme("unlike", list(COLUMNS), rows)


@torch.no_grad()
def measured(algorithm: Algorithm, sampler: Sampler, count: int) -> dict[str, list[tuple[float, ...]]]:
    """By what looks at it, of each task: both areas, false alarms and what was found."""
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for task, strangers in with_strangers(sampler, count):
        y = task.objective.encode([row.label for row in task.support], algorithm.like)
        support = Examples(algorithm.features([row.content for row in task.support]), y, task.objective)
        asked = algorithm.features([*(row.content for row in task.query), *strangers])
        *_, last = algorithm.adapt(support)
        sure = algorithm.predict(last, asked).softmax(-1).amax(-1).numpy()
        for name, tensors in {BEFORE: {}, AFTER: last.tensors}.items():
            if name == AFTER and not algorithm.adapts_body:
                continue
            z, new = (algorithm.embed(tensors, x).numpy() for x in (support.x, asked))
            p = belonging(z, y.numpy(), new)
            alarms = np.array([p.unlike(place) for place in range(len(new))])
            own = len(task.query)
            figures = (auroc(p.shares, own), auroc(sure, own), alarms[:own].mean(), alarms[own:].mean())
            found[name.format(name=algorithm.name)].append(tuple(map(float, figures)))
    return found


def with_strangers(sampler: Sampler, count: int) -> Iterator[tuple[Episode, list[Content]]]:
    """Tasks, each with as many queries of other classes of its source as it has of its own."""
    for number in range(count):
        task, rng = sampler.draw(number), random.Random(number)
        (classes,) = [source.classes for source in sampler.sources if source.name == task.source]
        others = rng.sample([label for label in sorted(classes) if label not in task.labels], WAYS)
        yield task, [content for label in others for content in rng.sample(list(classes[label]), QUERIES)]


def auroc(scores: Sequence[float] | NDArray[Any], own: int) -> float:
    """How often one of the first `own` scores is larger than one of the others, ties counting half (Mann & Whitney 1947)."""
    ranks, others = rankdata(scores), len(scores) - own
    return float((ranks[:own].sum() - own * (own + 1) / 2) / (own * others))


def _cells(figures: Sequence[tuple[float, ...]]) -> list[str]:
    columns = [mean_interval(column) for column in zip(*figures, strict=True)]
    areas, shares = columns[:2], columns[2:]
    return [*(f"{mean:.3f} ± {half:.3f}" for mean, half in areas), *(report.percent(*share) for share in shares)]


if __name__ == "__main__":
    main(tyro.cli(Arguments))
