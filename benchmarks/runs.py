"""One-shot runs within an alphabet, as Omniglot's own are (Lake, Salakhutdinov & Tenenbaum 2015): one drawing of each of twenty
characters by one person as the examples, and by another person as the queries.

    python -m benchmarks.runs FOLDER [--model MODEL] [--checkpoint CHECKPOINT] [--views N] [--runs N] [--hausdorff]

FOLDER has a folder a character, with pictures by the same people in the same order in each. With alphabets that were held out of
training in turn: `checkpoints/glyphs.sh held-out`. `--hausdorff` tells how hard the runs are: the baseline of Omniglot's own demonstration,
which errs on 38.8 % of its 20 runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.spatial import KDTree
from tyro.conf import Positional, arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.device import choose_device
from meta_demo.core.intervals import mean_interval
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.source import Source
from meta_demo.data.sources import load_source
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate
from meta_demo.modalities.base import Content
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.modality import GLYPH_VIT

WAYS = 20


@dataclass
class Arguments:
    """Error of prototypical networks on runs within one alphabet, or of a baseline."""

    folder: Positional[Path]
    model: Annotated[str, arg(help="as `adapt` takes it")] = GLYPH_VIT.name
    checkpoint: Annotated[str, arg(help="auto, none or a folder")] = "auto"
    views: Annotated[int | None, arg(help="further looks at each picture; left out, as the checkpoint says")] = None
    runs: int = 200
    hausdorff: Annotated[bool, arg(help="the modified Hausdorff distance instead of a model")] = False


def runs(alphabet: Source, count: int, seed: int = 0) -> Iterator[Episode]:
    """Runs of an alphabet, each of twenty of its characters and two of its people."""
    rng = np.random.default_rng(seed)
    people = min(map(len, alphabet.classes.values()))
    for _ in range(count):
        labels = rng.permutation(list(alphabet.classes))[:WAYS].tolist()
        shown, asked = rng.permutation(people)[:2].tolist()
        learned, tried = ([Example(alphabet.classes[label][who], label) for label in labels] for who in (shown, asked))
        yield make_episode(learned, tried)


def ink(drawing: Content) -> NDArray[np.float64]:
    """Where a drawing's ink is, around its mean -> [n, 2]."""
    points = np.argwhere(cast(Picture, drawing).array().mean(-1) < 128).astype(float)
    return np.asarray(points - points.mean(0))


def modified_hausdorff(run: Episode) -> float:
    """The part of a run that the nearest example is right about, by the modified Hausdorff distance (Dubuisson & Jain 1994)."""
    examples = [(KDTree(ink(row.content)), row.label) for row in run.support]
    right = 0
    for row in run.query:
        asked = KDTree(ink(row.content))
        apart = [max(asked.query(e.data)[0].mean(), e.query(asked.data)[0].mean()) for e, _ in examples]
        right += examples[int(np.argmin(apart))][1] == row.label
    return right / len(run.query)


def main(arguments: Arguments) -> None:
    tasks = list(runs(load_source(str(arguments.folder)), arguments.runs))
    right = [modified_hausdorff(run) for run in tasks] if arguments.hausdorff else prototypes(tasks, arguments)
    mean, half = mean_interval(right)
    print(f"{arguments.folder.name}: error {report.percent(1 - mean, half)} in {len(tasks)} runs")


def prototypes(tasks: Sequence[Episode], arguments: Arguments) -> list[float]:
    """The part of each run that a prototypical network is right about."""
    backbone = load_backbone(arguments.model, choose_device(), Cache.as_set(LEARNING))
    folder = checkpoint.resolve(arguments.checkpoint, arguments.model, "protonet")
    knobs = {} if arguments.views is None else {"views": arguments.views}
    algorithm = checkpoint.start(backbone, "protonet", folder, knobs, 0).requires_grad_(False)
    return [score.score for score in evaluate(algorithm, tasks)]


if __name__ == "__main__":
    main(tyro.cli(Arguments))
