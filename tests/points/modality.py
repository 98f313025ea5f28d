"""Points of a line, read by an encoder as a sign and digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.modalities.base import MODALITIES, Content, Modality, Model, register
from meta_demo.modalities.inputs import Encoded, Inputs, pooling_of
from meta_demo.words import words

BUNDLED = Path(__file__).parent / "model"
SHA256 = Path(__file__).parent / "sha256.txt"


@dataclass(frozen=True)
class Point:
    x: float

    def __str__(self) -> str:
        return f"x = {self.x:g}"


class PointInputs(Inputs):
    """Four tokens each: a sign and three digits after the point."""

    modality = "points"
    example = Point(0.0)

    def __init__(self, pooling: str) -> None:
        self.pooling = pooling

    def encode(self, content: Content) -> Encoded:
        x = MODALITIES[self.modality].expect(content).x
        digits = f"{min(abs(x), 0.999):.3f}"[2:]
        ids = (10 + (x < 0), *map(int, digits))
        return Encoded(ids, bytes(ids), 4)

    def batch(self, keys: Sequence[tuple[int, ...]], width: int) -> tuple[Tensor, Tensor]:
        return torch.tensor(keys), torch.ones(len(keys), width, dtype=torch.long)

    def arguments(self, first: Tensor, mask: Tensor, start: int = 0) -> dict[str, Tensor]:  # noqa: ARG002
        return {"input_ids": first, "attention_mask": mask}

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        return hidden.mean(1)

    def save(self, folder: Path) -> None:
        """Nothing but the configuration says how points are read."""


@register
class Points(Modality[Point]):
    name, key, content, said = "points", "at", Point, float
    title, noun, nouns = words("points", "点"), words("point", "点"), words("points", "点")
    models = (Model("tiny-points", "5 k", lambda: BUNDLED, SHA256.read_text() if SHA256.exists() else ""),)
    main_input = "input_ids"

    def read(self, said: Any, where: str) -> Point:
        try:
            return Point(float(said))
        except ValueError:
            raise UserError("no_point", where=where, said=said) from None

    def reads_with(self, config: Any, main_input: str) -> bool:
        return super().reads_with(config, main_input) and getattr(config, "reads", "") == self.name

    def inputs(self, source: str, model: Any, cache: Cache) -> PointInputs:  # noqa: ARG002
        return PointInputs(pooling_of(source) or "mean")
