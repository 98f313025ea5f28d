"""A point of the horizontal axis: what a model of curves is asked for the value at."""

from __future__ import annotations

from dataclasses import dataclass

RANGE = (-5.0, 5.0)  # where the points lie that the bundled model learned from


@dataclass(frozen=True)
class Point:
    """A place on the axis."""

    x: float

    def __str__(self) -> str:
        return f"x = {self.x:g}"
