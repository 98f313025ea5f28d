"""What meta-training is worth for drawings: every shipped start of glyph-vit against the same algorithm from the plain model.

    python -m benchmarks.drawing_starts [--episodes N] [--algorithms NAMES]

Plain is the same network, trained on the same drawings by ordinary classification. Tasks are one-shot: 20-way ones of made-up characters
of a seed that nothing was trained on, and 10-way ones of digits by hands that nothing was trained on, with one query a class. Both runs
have the start's knobs. Writes `benchmarks/results/drawing_starts.json` and a table of `checkpoints/glyph-vit/README.md`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.checkpoints import COLUMNS, row
from benchmarks.drawings import GLYPHS, MODEL, digits
from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.sources import load_source
from meta_demo.learning import checkpoint

README = report.CHECKPOINTS_README.parent / MODEL / "README.md"
TITLE = {
    "en": "Drawings: meta-trained starts against the same network trained by plain classification, on the same tasks",
    "zh": "图画：元训练起点与普通分类训练的同一网络的比较，相同任务",
}
NOTES = {
    "en": "Made-up characters 20-way, digits 10-way, one query a class. Accuracy with the 95 % interval over tasks, which share drawings; "
    "differences are paired.",
    "zh": "虚构字符：20 类；数字：10 类；每类一条查询。准确率附任务间的 95% 区间，各任务共用图画；差值为配对比较。",
}


@dataclass
class Arguments:
    """Measure every shipped start for drawings against the plain model."""

    episodes: Annotated[int, arg(help="tasks; a third of them for algorithms that adapt the Transformer")] = 300
    algorithms: Annotated[str, arg(help="which, separated by commas; all that are shipped unless given")] = ""


def main(arguments: Arguments) -> None:
    backbone = load_backbone(MODEL, choose_device(), Cache.as_set(LEARNING))
    chosen = [name for name in arguments.algorithms.split(",") if name]
    names = chosen or [n for m, n in checkpoint.all_shipped() if m == MODEL]
    sources = {"made-up characters": (load_source(GLYPHS), 20), "digits": (digits(), 10)}
    rows, known = report.known_rows("drawing_starts", names), dict[Any, list[float]]()
    for name in names:
        count = arguments.episodes // (3 if get_algorithm(name).adapts_body else 1)
        for where, (source, ways) in sources.items():
            sampler = Sampler([source], Fixed(ways, 1, 1), 0, TEST)
            rows.append(row(backbone, name, where, 1, [sampler.draw(i) for i in range(count)], known))
            print(" | ".join(map(str, rows[-1])), flush=True)
    rows.sort()
    command = " ".join(["python -m benchmarks.drawing_starts", *sys.argv[1:]])
    report.write("drawing_starts", command, COLUMNS, rows, title=TITLE, notes=NOTES)
    report.into_readme("starts", list(COLUMNS), rows, README)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
