"""A sheet of paper and an unsteady hand: lines and dots in, a picture out.

Coordinates run from -1 to 1, x to the right and y down. The whole drawing is turned, scaled and moved a little, and every stroke bends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.reading import picture_of

Rng = np.random.Generator
Points = NDArray[np.float64]  # [P, 2]
Colour = tuple[int, int, int]

SIDE = 96  # pixels of a picture
FINER = 3  # drawn so many times larger, then reduced: smooth edges
STEP = 0.05  # between the points of a stroke
INK: Colour = (25, 25, 25)


class Sheet:
    """Paper for one picture. `turn`: radians that the drawing is turned by at most, either way."""

    def __init__(self, rng: Rng, turn: float) -> None:
        self.rng = rng
        self.image = Image.new("RGB", (SIDE * FINER, SIDE * FINER), "white")
        self.pen = ImageDraw.Draw(self.image)
        self.width = rng.uniform(0.05, 0.09)  # of the pen, as a part of the sheet's half
        angle, scale = rng.uniform(-turn, turn), rng.uniform(0.62, 0.85) * np.exp(rng.normal(0, 0.06, 2))
        self.matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * scale
        self.shift = rng.uniform(-0.1, 0.1, 2)

    def stroke(self, points: ArrayLike, colour: Colour = INK) -> None:
        """A line through `points` [P, 2]."""
        line = _dense(np.asarray(points, dtype=np.float64))
        u = np.linspace(0, np.pi, len(line))[:, None]
        for k in (1, 2, 3):  # slow waves, as a hand makes them
            line = line + self.rng.normal(0, 0.03 / k, 2) * np.cos(k * u + self.rng.uniform(0, 2 * np.pi))
        pixels, width = self._pixels(line), self.width * SIDE * FINER / 2
        self.pen.line([tuple(p) for p in pixels], fill=colour, width=round(width), joint="curve")
        for end in (pixels[0], pixels[-1]):
            self.pen.ellipse([*(end - width / 2), *(end + width / 2)], fill=colour)

    def dot(self, centre: ArrayLike, radius: float, colour: Colour = INK) -> None:
        """A filled disc, not quite round."""
        edge = np.asarray(centre) + radius * (polygon(24) * np.exp(self.rng.normal(0, 0.08, 2)))
        self.pen.polygon([tuple(p) for p in self._pixels(edge)], fill=colour)

    def picture(self, name: str) -> Picture:
        return picture_of(self.image.reduce(FINER), name)

    def _pixels(self, points: Points) -> Points:
        return np.asarray((points @ self.matrix + self.shift + 1) / 2 * SIDE * FINER)


def polygon(corners: int) -> Points:
    """Corners of a regular polygon, the first on top and once more at the end [corners + 1, 2]."""
    t = np.linspace(0, 2 * np.pi, corners + 1)
    return np.stack([np.sin(t), -np.cos(t)], 1)


def arc(centre: ArrayLike, radius: float, start: float = 0.0, stop: float = 2 * np.pi) -> Points:
    """Part of a circle, clockwise from `start` to `stop` radians; 0 points to the right [40, 2]."""
    t = np.linspace(start, stop, 40)
    return np.asarray(np.asarray(centre) + radius * np.stack([np.cos(t), np.sin(t)], 1))


def _dense(points: Points) -> Points:
    """Points at equal distances along straight lines through `points`."""
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    where: Any = np.linspace(0, at[-1], max(2, int(at[-1] / STEP)))
    return np.stack([np.interp(where, at, points[:, axis]) for axis in (0, 1)], 1)
