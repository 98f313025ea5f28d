"""Made-up alphabets without end: a character is a program of strokes, and each of its pictures a hand that draws it anew.

Here: from a seed to characters, from a character to pictures. Not here: distorting whole batches of pictures (`distortions.py`).
After the generative view of characters in Lake, Salakhutdinov & Tenenbaum 2015: parts, sub-parts, relations between them, motor noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import overload

import numpy as np

from meta_demo.core.content import Picture
from meta_demo.data.sources import Source
from meta_demo.data.strokes import KINDS, POINTS, Points, Rng, length, random_stroke, turn

SIZE = 64  # pixels of a picture's side
FINER = 2  # drawn so many times larger, then reduced


def glyph_source(seed: int = 0, alphabets: int = 150, per_alphabet: int = 24, instances: int = 12) -> Source:
    """Classes `alphabet/character` with `instances` pictures each, drawn when they are first looked at.

    A picture depends on seed, alphabet, character and its own number alone, whatever the sizes.
    """
    classes = {
        f"alphabet{a:03}/character{c:02}": Drawings(seed, a, c, instances)
        for a in range(alphabets)
        for c in range(per_alphabet)
    }
    program = f"glyphs, seed {seed}, {alphabets} x {per_alphabet} x {instances}"
    return Source(f"glyphs:{seed}", classes, program=program)


class Drawings(Sequence[Picture]):
    """All pictures of one character."""

    def __init__(self, seed: int, alphabet: int, character: int, count: int) -> None:
        self._place = (seed, alphabet, character)
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
            seed, alphabet, character = self._place
            rng = np.random.default_rng([3, seed, alphabet, character, number])
            name = f"{alphabet}/{character}/{number}"
            known = self._drawn[number] = draw(_strokes(seed, alphabet, character), rng, name)
        return known

    def __iter__(self) -> Iterator[Picture]:
        return (self[i] for i in range(len(self)))


@cache
def _style(seed: int, alphabet: int) -> Style:
    return Style.of(np.random.default_rng([1, seed, alphabet]))


@cache
def _strokes(seed: int, alphabet: int, character: int) -> list[Points]:
    return _style(seed, alphabet).character(np.random.default_rng([2, seed, alphabet, character]))


@dataclass(frozen=True)
class Style:
    """What the characters of one alphabet share: sub-strokes that come back, how many strokes, how they join, how regular they are."""

    parts: tuple[Points, ...]
    strokes: float  # mean number of a character's strokes
    reuse: float  # chance that a stroke is one of `parts`
    apart: float  # chance that a stroke touches no other
    upright: float  # chance that a stroke keeps to multiples of 45 degrees
    mirror: float  # chance that a character is symmetric
    kinds: tuple[float, ...]  # chance of each kind of stroke
    size: float  # of the larger side of most characters
    wide: float  # how much wider than high

    @classmethod
    def of(cls, rng: Rng) -> Style:
        kinds = rng.dirichlet(np.full(len(KINDS), 0.7))
        upright = float(rng.beta(0.6, 0.8))
        parts = tuple(random_stroke(tuple(kinds), upright, rng) for _ in range(rng.integers(3, 9)))
        return cls(
            parts=parts,
            strokes=rng.uniform(1.2, 3.6),
            reuse=rng.uniform(0.2, 0.8),
            apart=rng.uniform(0.0, 0.4),
            upright=upright,
            mirror=float(rng.beta(0.5, 3)),
            kinds=tuple(kinds),
            size=rng.uniform(0.45, 0.8),
            wide=float(np.exp(rng.normal(0, 0.25))),
        )

    def character(self, rng: Rng) -> list[Points]:
        """The strokes of a new character with enough ink to tell it by, inside the unit square."""
        while True:
            strokes = self._fitted(self._program(rng), rng)
            if 0.9 < sum(map(length, strokes)) < 5.5:
                return strokes

    def _program(self, rng: Rng) -> list[Points]:
        count = int(np.clip(1 + rng.poisson(self.strokes - 1), 1, 5))
        strokes: list[Points] = []
        for _ in range(count):
            if rng.random() < self.reuse:
                stroke = self.parts[rng.integers(len(self.parts))] * rng.uniform(0.8, 1.1)
            else:
                stroke = random_stroke(self.kinds, self.upright, rng)
            places = [stroke + self._place(stroke, strokes, rng) for _ in range(3 if strokes else 1)]
            strokes.append(max(places, key=partial(_clearance, strokes)))
        if rng.random() < self.mirror:
            axis = np.concatenate(strokes)[:, 0].max() if rng.random() < 0.5 else strokes[0][0, 0]
            strokes += [np.stack([2 * axis - s[:, 0], s[:, 1]], 1) for s in strokes[-max(1, count // 2) :]]
        return strokes

    def _place(self, stroke: Points, before: list[Points], rng: Rng) -> Points:
        """Where a stroke goes: one of its points onto one of an earlier stroke, or anywhere -> [2]."""
        if not before:
            return np.asarray(-stroke.mean(0))
        if rng.random() < self.apart:
            drawn = np.concatenate(before)
            low, high = drawn.min(0) - 0.25, drawn.max(0) + 0.25
            return np.asarray(rng.uniform(low, high) - stroke.mean(0))
        other = before[rng.integers(len(before))]
        return np.asarray(other[_joint(rng)] - stroke[_joint(rng)])

    def _fitted(self, strokes: list[Points], rng: Rng) -> list[Points]:
        """Scaled to the alphabet's size, mostly around the middle of the unit square."""
        strokes = [s * (self.wide, 1.0) for s in strokes]
        drawn = np.concatenate(strokes)
        low, high = drawn.min(0), drawn.max(0)
        side = max(*(high - low), 0.05)
        size = self.size * np.exp(rng.normal(0, 0.15)) * min(1.0, 0.35 + side)  # what is small stays small
        scale = min(size, 0.9) / side
        room = 0.95 - (high - low) * scale
        middle = 0.5 + np.clip(rng.normal(0, 0.08, 2), -room / 2, room / 2)
        return [(s - (low + high) / 2) * scale + middle for s in strokes]


def _clearance(before: list[Points], stroke: Points) -> float:
    """Mean distance of a stroke's points from the ink already there."""
    if not before:
        return 0.0
    ink = np.concatenate(before)[::3]
    return float(np.linalg.norm(stroke[:, None] - ink, axis=-1).min(1).mean())


def _joint(rng: Rng) -> int:
    """Which point of a stroke joins: an end mostly, the middle, or any."""
    return int(rng.choice([0, POINTS - 1, POINTS // 2, int(rng.integers(POINTS))], p=[0.35, 0.3, 0.2, 0.15]))


# --- a hand


def draw(strokes: list[Points], rng: Rng, name: str = "") -> Picture:
    """One drawing of a character, black on white: every stroke and the whole a little off, by a pen of its own width."""
    from PIL import Image, ImageDraw

    shaky = [_shaken(s, rng) for s in strokes]
    middle = np.array([0.5, 0.5])
    whole = turn(rng.normal(0, 0.08)) @ np.diag(np.exp(rng.normal(0, 0.1, 2))) @ [[1, rng.normal(0, 0.1)], [0, 1]]
    side = SIZE * FINER
    shift = rng.normal(0, 0.035, 2)
    width = side * float(np.clip(np.exp(rng.normal(np.log(0.04), 0.25)), 0.02, 0.08))
    image = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(image)
    for s in shaky:
        points = ((s - middle) @ whole.T + middle + shift) * side
        pen.line([tuple(p) for p in points], fill=0, width=max(1, round(width)), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=0)
    return Picture.of(image.reduce(FINER), name)


def _shaken(stroke: Points, rng: Rng) -> Points:
    """A stroke as a hand draws it: turned, scaled and moved a little, bent by slow waves, cut short or overshot at its ends."""
    size = length(stroke)
    start = rng.normal(0, 0.04, 2) if size > 0.1 else np.zeros(2)
    t = np.linspace(start[0], 1 + start[1], POINTS) * (POINTS - 1)
    i = np.clip(t.astype(int), 0, POINTS - 2)
    points = stroke[i] + (t - i)[:, None] * (stroke[i + 1] - stroke[i])
    u = np.linspace(0, np.pi, POINTS)[:, None]
    bend = sum(rng.normal(0, 1 / k, 2) * np.cos(k * u + rng.uniform(0, 2 * np.pi)) for k in (1, 2, 3))
    anchor = points[rng.integers(POINTS)]
    local = turn(rng.normal(0, 0.1)) @ np.diag(np.exp(rng.normal(0, 0.1, 2)))
    return np.asarray((points - anchor) @ local.T + anchor + rng.normal(0, 0.015, 2) + 0.05 * min(size, 0.5) * bend)
