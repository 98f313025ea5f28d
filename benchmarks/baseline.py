"""What a visitor would have instead: MAML from its shipped start against plain fine-tuning of the pretrained model, on the same tasks.

    python -m benchmarks.baseline [--data FOLDER] [--episodes N]

5-way tasks with 1 and 5 examples a class from classes that no checkpoint has seen (`benchmarks.checkpoints`), and the page's text samples
with 1, 3 and 8, drawn anew from all of their sentences. Writes `benchmarks/results/baseline.json` and a table of `checkpoints/README.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.checkpoints import samplers
from benchmarks.curve import accuracies, compared
from benchmarks.samples import SAMPLES, sample_tasks
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.data.episode import Episode
from meta_demo.learning import checkpoint

STEPS = (1, 2, 5)  # shown besides the last, whose number is the algorithm's own
COLUMNS = {"tasks from": "任务来源", "shots": "每类示例数", "tasks": "任务数", "learner": "学习者"}
COLUMNS |= {f"step {step}": f"第 {step} 步" for step in STEPS} | {"as set": "默认步数"}
TITLE = {
    "en": "MAML from its meta-trained start against plain fine-tuning of the pretrained model, on the same tasks",
    "zh": "元训练起点的 MAML 与预训练模型直接微调的比较：相同任务",
}
NOTES = {
    "en": "Accuracy after 1, 2 and 5 inner steps and after each one's own number of them ({steps}), with the 95 % interval over tasks; "
    "differences, in points, are paired. Tasks of the page's samples share sentences: their interval says little of other samples.",
    "zh": "第 1、2、5 个内循环步之后以及各自默认步数（{steps}）之后的准确率，附任务间的 95% 区间；差值（百分点）为配对比较。"
    "页面示例的各任务共用句子，其区间不说明其他示例。",
}


@dataclass
class Arguments:
    """MAML from its start against plain fine-tuning."""

    data: Annotated[Path, arg(help="folder with banking77 and clinc150")] = Path("../shared/data")
    episodes: Annotated[int, arg(help="1-shot tasks of each kind; a third of them with more shots")] = 300


def main(arguments: Arguments) -> None:
    backbone = load_backbone(BUNDLED, choose_device(), Cache.as_set(LEARNING))
    maml = checkpoint.SHIPPED / BUNDLED / "maml"
    learners = {
        "fine-tuning, plain": checkpoint.start(backbone, "finetune", None, {}, 0),
        "MAML from its start": checkpoint.start(backbone, "maml", maml, checkpoint.read_card(maml).config, 0),
    }
    own = {name: asdict(learner.config)["inner_steps"] for name, learner in learners.items()}
    rows: list[list[Any]] = []
    for where, shots, tasks in _tasks(arguments):
        curves = {name: accuracies(learner, tasks, (*STEPS, own[name])) for name, learner in learners.items()}
        rows += compared([where, shots, len(tasks)], curves)
    command = " ".join(["python -m benchmarks.baseline", *sys.argv[1:]])
    steps = ", ".join(f"{learner.name} {own[name]}" for name, learner in learners.items())
    notes = {language: text.format(steps=steps) for language, text in NOTES.items()}
    report.write("baseline", command, COLUMNS, rows, title=TITLE, notes=notes)
    report.into_readme("baseline", list(COLUMNS), rows)


def _tasks(arguments: Arguments) -> Iterator[tuple[str, int, list[Episode]]]:
    """Where tasks come from, their number of shots, and themselves."""
    for where, sampler_of in samplers(arguments.data).items():
        for shots in (1, 5):
            count = arguments.episodes if shots == 1 else arguments.episodes // 3
            yield where, shots, [sampler_of(shots).draw(i) for i in range(count)]
    for shots in (1, 3, 8):
        yield SAMPLES, shots, sample_tasks(shots, arguments.episodes // 3)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
