"""Points of a curve as a modality: x by itself, the value beside it."""

from __future__ import annotations

import math
from typing import Any

from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.core.places import place
from meta_demo.core.strings import shorten
from meta_demo.modalities.base import Modality, Model, register
from meta_demo.modalities.curve.content import Point
from meta_demo.modalities.curve.inputs import CurveInputs
from meta_demo.words import words

CURVES = Model("curves", "72 k", lambda: place("checkpoints") / "curves" / "model", sha256="")


@register
class Curves(Modality[Point]):
    """Numbers on an axis."""

    name, key, content, said, rank = "curve", "x", Point, float, 2
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

    def reads_with(self, config: Any, main_input: str) -> bool:
        return super().reads_with(config, main_input) and getattr(config, "reads", "") == self.name

    def inputs(self, source: str, model: Any, cache: Cache) -> CurveInputs:  # noqa: ARG002
        return CurveInputs(model.config)
