"""What glyph-vit is worth: one-shot errors of its prototypes on made-up characters, on digits by hands that nothing was trained on, and
on the alphabets of Omniglot's small set.

    python -m benchmarks.drawings [--data FOLDER]

Writes `benchmarks/results/drawings.json`. Which of these alphabets the weights were trained on, `checkpoints/glyph-vit/README.md` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image
from sklearn.datasets import load_digits
from tyro.conf import arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.source import Source
from meta_demo.data.sources import load_source
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.modality import GLYPH_VIT

ALGORITHM, MODEL = "protonet", GLYPH_VIT.name
GLYPHS = "builtin:glyphs:3"  # a seed that nothing was trained on
SIDE = 64  # pixels that a digit is enlarged to
ALPHABETS = ("Balinese", "Early_Aramaic", "Greek", "Korean", "Latin")
COLUMNS = {"drawings": "图画", "ways": "类别数", "shots": "每类示例数", "tasks": "任务数", "error": "错误率"}
TITLE = {
    "en": "Drawings: one-shot error of glyph-vit with prototypical networks",
    "zh": "图画：glyph-vit 与原型网络的单样本错误率",
}
NOTES = {
    "en": "Share of wrong answers with the 95 % interval over tasks. Tasks share drawings, and any of twenty drawers may have drawn either "
    "picture of a pair. Which alphabets the weights were trained on is said in checkpoints/glyph-vit/README.md: on those, "
    "the error says nothing of new alphabets.",
    "zh": "答错的比例，附任务间的 95% 区间。各任务共用图画，一对图画可能出自二十位绘者中的任何人。"
    "权重用哪些字母表训练过，见 checkpoints/glyph-vit/README.md：在训练过的字母表上，错误率不说明对新字母表的表现。",
}


@dataclass
class Arguments:
    """One-shot errors of glyph-vit."""

    data: Annotated[Path, arg(help="folder with omniglot_small1")] = Path("../shared/data")
    part: Annotated[float, arg(help="of all tasks: less than 1 for a quick look")] = 1.0


def digits(per_class: int = 100) -> Source:
    """Handwritten digits of thirteen people, 8 x 8 greys (Alpaydin & Kaynak 1998, as scikit-learn has them), dark on light and enlarged."""
    found = load_digits()
    classes = {}
    for digit in map(int, found.target_names):
        shown = found.images[found.target == digit][:per_class]
        greys = [Image.fromarray((255 - image * (255 / 16)).astype(np.uint8)) for image in shown]
        classes[str(digit)] = [Picture.of(grey.resize((SIDE, SIDE)), f"{digit}/{i}") for i, grey in enumerate(greys)]
    return Source("digits", classes)


def main(arguments: Arguments) -> None:
    alphabets = arguments.data / "omniglot_small1"
    whole = load_source(str(alphabets))
    plan = [
        ("made-up characters", load_source(GLYPHS), Fixed(5, 1, 5), 600),
        ("digits", digits(), Fixed(10, 1, 1), 400),
        ("five alphabets", whole, Fixed(20, 1, 1), 400),
    ]
    plan += [(name.replace("_", " "), load_source(str(alphabets / name)), Fixed(20, 1, 1), 100) for name in ALPHABETS]
    backbone = load_backbone(MODEL, choose_device(), Cache.as_set(LEARNING))
    algorithm = checkpoint.start(backbone, ALGORITHM, checkpoint.shipped(MODEL, ALGORITHM), {}, 0).requires_grad_(False)
    rows = []
    for name, source, shape, count in plan:
        within = 1.0 if source is whole else 0.0  # all characters of a task from one alphabet
        sampler = Sampler([source], shape, 0, TEST, within=within)
        tasks = [sampler.draw(i) for i in range(max(2, round(count * arguments.part)))]
        mean, half = mean_interval([score.score for score in evaluate(algorithm, tasks)])
        rows.append([name, shape.n_way, shape.k_shot, len(tasks), report.percent(1 - mean, half)])
        print(" | ".join(map(str, rows[-1])), flush=True)
    if arguments.part == 1:
        report.write("drawings", "python -m benchmarks.drawings", COLUMNS, rows, title=TITLE, notes=NOTES)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
