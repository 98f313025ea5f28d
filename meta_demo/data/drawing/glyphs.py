"""Made-up alphabets without end: a character is a program of strokes, and each of its pictures a hand that draws it anew.

Here: a source of pictures, and the hand that draws them. Not here: making characters up (`alphabets.py`), distorting whole batches of
pictures (`distortions.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np

from meta_demo.data.drawing.alphabets import letters
from meta_demo.data.drawing.strokes import POINTS, Points, Rng, length, turn
from meta_demo.data.source import Source
from meta_demo.modalities.picture.content import Picture

SIZE = 64  # pixels of a picture's side
FINER = 2  # drawn so many times larger, then reduced


def glyph_source(seed: int = 0, alphabets: int = 150, per_alphabet: int = 24, instances: int = 12) -> Source:
    """Classes `alphabet/character` with `instances` pictures each, drawn when they are first looked at.

    A picture depends on seed, alphabet, character and its own number alone, whatever the sizes.
    """
    classes = {
        f"alphabet{a:03}/character{c:02}": glyph(seed, a, c, instances)
        for a in range(alphabets)
        for c in range(per_alphabet)
    }
    program = f"glyphs, seed {seed}, {alphabets} x {per_alphabet} x {instances}"
    return Source(f"glyphs:{seed}", classes, program=program)


def glyph(seed: int, alphabet: int, character: int, instances: int) -> Drawings:
    """Drawings of one made-up character."""
    name = f"{alphabet}/{character}"
    return Drawings(
        (3, seed, alphabet, character),
        lambda number, rng: letters(seed, alphabet, character + 1)[character].strokes,  # noqa: ARG005
        instances,
        name,
    )


class Drawings(Sequence[Picture]):
    """All pictures of one character, `strokes(number, rng)` being what the hand of each draws.

    A picture depends on `seed`, its number and its strokes alone.
    """

    def __init__(
        self, seed: tuple[int, ...], strokes: Callable[[int, Rng], Sequence[Points]], count: int, name: str = ""
    ) -> None:
        self._seed, self._strokes, self._name = seed, strokes, name
        self._drawn: list[Picture | None] = [None] * count

    def __len__(self) -> int:
        return len(self._drawn)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        number = range(len(self))[index]
        known = self._drawn[number]
        if known is None:
            rng = np.random.default_rng([*self._seed, number])
            known = self._drawn[number] = draw(self._strokes(number, rng), rng, f"{self._name}/{number}")
        return known

    def __iter__(self) -> Iterator[Picture]:
        return (self[i] for i in range(len(self)))


def draw(strokes: Sequence[Points], rng: Rng, name: str = "") -> Picture:
    """One drawing of a character, black on white: every stroke and the whole a little off, by a pen of its own width.

    Hands differ in haste, and with it in how far off they are; none leaves the paper.
    """
    from PIL import Image, ImageDraw

    haste = float(np.clip(np.exp(rng.normal(np.log(0.6), 0.4)), 0.2, 1.3))
    shaky = [_shaken(s, haste, rng) for s in strokes]
    whole = turn(rng.normal(0, 0.08)) @ np.diag(np.exp(rng.normal(0, 0.1, 2))) @ [[1, rng.normal(0, 0.1)], [0, 1]]
    width = float(
        np.clip(np.exp(rng.normal(np.log(0.032), 0.3)), 0.018, 0.08)
    )  # of a side of 1, as everything until it is drawn
    place = 0.5 + rng.normal(0, 0.035, 2)
    drawn = _on_paper([(s - 0.5) @ whole.T + place for s in shaky], width)
    side = SIZE * FINER
    image = Image.new("L", (side, side), 255)
    pen, r = ImageDraw.Draw(image), side * width / 2
    for points in drawn:
        pen.line([tuple(p) for p in points * side], fill=0, width=max(1, round(2 * r)), joint="curve")
        for x, y in (points[0] * side, points[-1] * side):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=0)
    return Picture.of(image.reduce(FINER), name)


def _on_paper(strokes: Sequence[Points], width: float) -> list[Points]:
    """Strokes of a pen moved, and where they must be made smaller, so that all their ink is on the paper."""
    ink = np.concatenate(strokes)
    low, high = ink.min(0), ink.max(0)
    edge = width / 2 + 1 / SIZE
    scale = min(1.0, (1 - 2 * edge) / float((high - low).max()))
    room = (high - low) * scale / 2 + edge
    middle = np.clip((low + high) / 2, room, 1 - room)
    return [(s - (low + high) / 2) * scale + middle for s in strokes]


def _shaken(stroke: Points, haste: float, rng: Rng) -> Points:
    """A stroke as a hand draws it: some of it longer, some shorter, corners rounder, turned, scaled and moved a little, bent by
    slow waves, cut short or overshot at its ends, all of it in proportion to `haste`."""
    size = length(stroke)
    start = rng.normal(0, 0.04 * haste, 2) if size > 0.1 else np.zeros(2)
    t = np.linspace(start[0], 1 + start[1], POINTS) * (POINTS - 1)
    i = np.clip(t.astype(int), 0, POINTS - 2)
    points = stroke[i] + (t - i)[:, None] * (stroke[i + 1] - stroke[i])
    anchor = rng.integers(POINTS)
    pace = np.exp(_waves(rng, range(1, 7), 0.08 * haste))
    way = np.concatenate([np.zeros((1, 2)), np.cumsum(np.diff(points, axis=0) * pace[1:], 0)])
    points = _rounded(way - way[anchor] + points[anchor], int(rng.integers(4)))
    local = turn(rng.normal(0, 0.1 * haste)) @ np.diag(np.exp(rng.normal(0, 0.1 * haste, 2)))
    bend = 0.05 * haste * min(size, 0.5) * _waves(rng, range(1, 4), 1.0)
    middle = points[anchor]
    return np.asarray((points - middle) @ local.T + middle + rng.normal(0, 0.015 * haste, 2) + bend)


def _waves(rng: Rng, numbers: range, strength: float) -> Points:
    """Slow random waves along a stroke, those of a larger number smaller -> [POINTS, 2]."""
    u = np.linspace(0, np.pi, POINTS)[:, None]
    k = np.array(numbers)[:, None, None]
    size, phase = rng.normal(0, strength / np.sqrt(k), (len(k), 1, 2)), rng.uniform(0, 2 * np.pi, (len(k), 1, 2))
    return np.asarray((size * np.cos(k * u + phase)).sum(0))


def _rounded(points: Points, reach: int) -> Points:
    """Every point moved to the mean of its neighbours up to `reach` away."""
    if not reach:
        return points
    padded = np.pad(points, ((reach, reach), (0, 0)), mode="edge")
    return np.asarray(np.mean([padded[i : i + len(points)] for i in range(2 * reach + 1)], axis=0))
