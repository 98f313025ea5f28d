"""The published five-fold protocol: prototypes trained on a fold's train classes alone, beside frozen ones, on its test classes.

    python -m benchmarks.protocol [--data FOLDER] [--folds 1,2,3,4,5]

For BANKING77 and CLINC150 and each of the five class splits of ProtAugment (Dopierre et al. 2021): meta-training on the train classes
of that data set, the running mean of the weights over all steps kept, then 600 tasks each of 5-way 1-shot and 5-shot with 5 queries a class
from its test classes. Then the same from there, with clusters of the data set's sentences without their labels to train on as well: of all
classes but the validation ones, so those of the test classes are among them, as they are among those that ContrastNet and ProtAugment take.
Every finished fold is written at once, and passed over when the command runs again under the same recipe.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import tyro
from tqdm import tqdm
from tyro.conf import arg

from benchmarks import report
from benchmarks.intents import DATASETS, split_sources
from meta_demo.algorithms.base import Algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.data.names import with_names
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.source import Source
from meta_demo.data.sources import load_unlabelled
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate, paired
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.recipe import Recipe, prepare, split

# ContrastNet, Chen et al. 2022: BERT-base, mean over the same five folds, 1-shot and 5-shot.
PUBLISHED = {
    ("BANKING77", 1): "91.2 %",
    ("BANKING77", 5): "96.4 %",
    ("CLINC150", 1): "96.6 %",
    ("CLINC150", 5): "98.5 %",
}
KNOBS: dict[str, Any] = {"scope": "all", "scale": 10.0}
PLAN = Plan(
    steps=80,
    meta_batch=1,
    lr=1.5e-4,
    ema=0.99,
    bf16=True,
    valid_every=80,
    save_every=80,
    valid_episodes=10,
    keep="last",
)
TASKS: dict[str, Any] = {"k_shot": 1, "n_query": 2}  # of all the train classes there are
# With clusters there is more to learn: twice the steps, and what is kept holds as much of where they began.
AFTERWARDS = replace(PLAN, steps=160, ema=0.995, valid_every=160, save_every=160)
EPISODES = 600
COLUMNS = {
    "data set": "数据集",
    "fold": "折",
    "shots": "每类示例数",
    "tasks": "任务数",
    "frozen prototypes": "冻结的原型",
    "meta-trained": "元训练后",
    "difference in points": "差值（百分点）",
    "with unlabelled sentences": "加上无标签句子",
    "with class names": "加上类别名称",
    "ContrastNet (published)": "ContrastNet（论文）",
}
TITLE = {
    "en": "Five-fold protocol: 5-way tasks of unseen classes, trained on each fold's train classes",
    "zh": "五折协议：未见类别的 5 类任务，每折用其训练类别训练",
}
NOTES = {
    "en": "Accuracy on 25 queries a task with its 95 % interval over tasks; differences are paired; the interval of a mean of folds holds "
    "the class splits fixed. Two columns use more than the examples: clusters of unlabelled sentences, those of the test classes among "
    "them, were trained on as well in the one, as ContrastNet also trains on them; in the other each class's name counts as one more "
    "of its examples, in the test tasks only. ContrastNet (Chen et al., AAAI 2022) is BERT-base, five times the size; its figures are "
    "the paper's.",
    "zh": "每个任务 25 条查询上的准确率，附任务间的 95% 区间；差值为配对比较；各折均值的区间把类别划分视为固定。"
    "有两列使用了示例以外的信息：一列还用无标签句子（包括测试类别的句子）的聚类进行训练，ContrastNet 也用这些句子训练；"
    "另一列在测试任务中把每个类别的名称算作一个示例。"
    "ContrastNet（Chen 等，AAAI 2022）基于 BERT-base，约为本模型的五倍大；其数字取自论文。",
}


@dataclass
class Arguments:
    """The five-fold protocol on BANKING77 and CLINC150."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    folds: Annotated[str, arg(help="which, separated by commas")] = "1,2,3,4,5"


def main(arguments: Arguments) -> None:
    recipe = {"knobs": KNOBS, "plan": asdict(PLAN), "with unlabelled": asdict(AFTERWARDS), "tasks": TASKS}
    file = report.RESULTS / "protocol.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    folds: list[dict[str, Any]] = known["folds"] if known.get("recipe") == recipe else []
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    for fold, name in product(map(int, arguments.folds.split(",")), DATASETS):
        if any((f["data set"], f["fold"]) == (name, fold) for f in folds):
            continue
        folds.append({"data set": name, "fold": fold, **_measured(backbone, arguments.data, name, fold)})
        rows = table(folds)
        about = {"title": TITLE, "notes": NOTES, "recipe": recipe, "folds": folds}
        report.write("protocol", "python -m benchmarks.protocol", COLUMNS, rows, **about)
        report.into_readme("protocol", list(COLUMNS), [row for row in rows if row[1] == "mean"])
        print(*rows, sep="\n", flush=True)


def _measured(backbone: Backbone, data: Path, name: str, fold: int) -> dict[str, Any]:
    """Both trainings and their measurement: minutes, and each number of shots' figures."""

    def sources(part: str) -> list[Source]:
        return split_sources(data, name, part, fold)

    train_on, validate_on = split(sources("train"), sources("valid"), 0)
    recipe = Recipe(train_on, validate_on, PLAN, "protonet", KNOBS, TaskPlan(n_way=len(train_on[0].classes), **TASKS))
    sentences, _ = load_unlabelled([str(data / DATASETS[name] / "all.jsonl")])
    with tempfile.TemporaryDirectory() as output:
        labelled, minutes = _trained(backbone, recipe, Path(output) / "labelled")
        recipe = replace(recipe, plan=AFTERWARDS, start=str(Path(output) / "labelled"), unlabelled=sentences)
        more, more_minutes = _trained(backbone, recipe, Path(output) / "more")
    frozen = checkpoint.start(backbone, "protonet", None, KNOBS, 0)
    shots = []
    for k in (1, 5):
        sampler = Sampler(sources("test"), Fixed(5, k, 5), 0, TEST)
        tasks = [sampler.draw(i) for i in range(EPISODES)]
        named = [with_names(task) for task in tasks]
        plain, trained, unlabelled, hinted = (
            [s.score for s in evaluate(a.requires_grad_(False), episodes)]
            for a, episodes in ((frozen, tasks), (labelled, tasks), (more, tasks), (labelled, named))
        )
        figures = {
            "frozen": mean_interval(plain),
            "trained": mean_interval(trained),
            "difference": paired(trained, plain),
            "unlabelled": mean_interval(unlabelled),
            "named": mean_interval(hinted),
        }
        shots.append({"shots": k, "tasks": EPISODES, **figures})
    return {"minutes": minutes, "minutes with unlabelled": more_minutes, "shots": shots}


def _trained(backbone: Backbone, recipe: Recipe, output: Path) -> tuple[Algorithm, float]:
    """The algorithm that a recipe makes, and its minutes."""
    run = prepare(recipe, lambda: backbone, output)
    *_, last = tqdm(run.train(), output.name, recipe.plan.steps + 1)
    return run.algorithm, round(last.seconds / 60, 1)


def table(folds: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """A row for the mean over a data set's folds, once there are several, and one for each fold."""
    means, singles = [], []
    for name in DATASETS:
        for place, k in enumerate((1, 5)):
            own = [(f["fold"], f["shots"][place]) for f in folds if f["data set"] == name]
            singles += [
                [name, str(fold), k, *_cells([figures]), ""] for fold, figures in sorted(own, key=lambda item: item[0])
            ]
            if len(own) > 1:
                means.append([name, "mean", k, *_cells([figures for _, figures in own]), PUBLISHED[name, k]])
    return means + singles


def _cells(folds: Sequence[dict[str, Any]]) -> list[Any]:
    """Tasks, frozen, trained, difference, and accuracy with unlabelled sentences and with names.

    Each is the mean over folds, whose interval is that of independent tasks.
    """

    def mean(key: str) -> tuple[float, float]:
        return sum(f[key][0] for f in folds) / len(folds), sum(f[key][1] ** 2 for f in folds) ** 0.5 / len(folds)

    return [
        sum(f["tasks"] for f in folds),
        report.percent(*mean("frozen")),
        report.percent(*mean("trained")),
        report.points(*mean("difference")),
        report.percent(*mean("unlabelled")),
        report.percent(*mean("named")),
    ]


if __name__ == "__main__":
    main(tyro.cli(Arguments))
