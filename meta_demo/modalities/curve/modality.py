"""Points of a curve as a modality: x by itself, the value beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from meta_demo.core.cache import Cache
from meta_demo.core.errors import Note, UserError
from meta_demo.core.places import place
from meta_demo.core.strings import shorten
from meta_demo.modalities.base import Modality, Model, register
from meta_demo.modalities.curve.content import RANGE, Point
from meta_demo.modalities.curve.inputs import CurveInputs
from meta_demo.words import words

CURVES = Model(
    "curves",
    "72 k",
    lambda: place("checkpoints") / "curves" / "model",
    megabytes=1,
    languages=words("points", "点"),
    good=words("curves through a few points", "穿过几个点的曲线"),
    sha256="8d13d1b1235b6e133bdd1d8fb5ce97aa3a2f3b4279fb35d0c326673b5b643de6",
    knobs={
        "scope": "model",
        "head": "shared",
        "momentum": 0.0,
        "inner_steps": 5,
        "inner_lr": 0.01,
        "head_lr": 0.03,
        "anil": {"head_lr": 0.3},
        "tmaml": {"scope": "attention", "last_n": 2},
        "finetune": {"momentum": 0.9, "inner_steps": 10, "inner_lr": 1e-3, "head_lr": 0.02, "weight_decay": 0.0},
    },
)


@register
class Curves(Modality[Point]):
    """Numbers on an axis."""

    name, key, content, said, rank = "curve", "x", Point, float, 2
    units = (0.0, 1.0)  # values are what they are: a wave's height would be lost in that of five points of it
    title, noun, nouns = words("curves", "曲线"), words("point", "点"), words("points", "点")
    models = (CURVES,)
    main_input = "pixel_values"

    def read(self, said: Any, where: str) -> Point:
        """The point at a number; raises UserError where that is none, or infinite."""
        try:
            x = float(said)
        except ValueError:
            raise UserError("no_point", where=where, said=shorten(str(said))) from None
        if not math.isfinite(x):
            raise UserError("no_point", where=where, said=shorten(str(said)))
        return Point(x)

    def notes(self, contents: Sequence[Point]) -> list[Note]:
        """Points outside the range that the bundled model has learned from, and those that look the same as another to it."""
        low, high = RANGE
        beyond = [point.x for point in contents if not low <= point.x <= high]
        if not beyond:
            return []
        said = (("count", len(beyond)), ("x", f"{beyond[0]:g}"), ("low", f"{low:g}"), ("high", f"{high:g}"))
        return [Note("outside_range", said)]

    def reads_with(self, config: Any, main_input: str) -> bool:
        return super().reads_with(config, main_input) and getattr(config, "reads", "") == self.name

    def inputs(self, source: str, model: Any, cache: Cache) -> CurveInputs:  # noqa: ARG002
        return CurveInputs(model.config)
