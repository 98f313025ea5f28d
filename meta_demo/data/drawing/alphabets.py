"""Alphabets that nobody wrote: characters of strokes, by a style they share, some of them another one with one thing changed.

Here: from a seed to the strokes of characters. Not here: kinds of strokes (`strokes.py`), and pictures of characters (`glyphs.py`).
After the generative account of characters in Lake, Salakhutdinov & Tenenbaum 2015: parts, sub-parts, and relations between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from meta_demo.core.lazy import lazy
from meta_demo.data.drawing.strokes import KINDS, POINTS, Points, Rng, chain, cursive_piece, length, random_stroke, turn

UNLIKE = 0.08  # Hausdorff distance of two characters of an alphabet, at least; a character is about half a unit large


@cache
def style(seed: int, alphabet: int) -> Style:
    return Style.of(np.random.default_rng([1, seed, alphabet]))


@cache
def letters(seed: int, alphabet: int, count: int) -> tuple[Letter, ...]:
    """The first characters of an alphabet: each looks unlike those before it, and may be made from one of them."""
    if not count:
        return ()
    before = letters(seed, alphabet, count - 1)
    return (*before, style(seed, alphabet).letter(before, np.random.default_rng([2, seed, alphabet, count - 1])))


@dataclass(frozen=True)
class Part:
    """A stroke of a character: the pieces that the pen runs through, and where it starts."""

    pieces: tuple[Points, ...]
    at: Points  # [2]

    @lazy
    def stroke(self) -> Points:
        return chain(self.pieces) + self.at


@dataclass(frozen=True)
class Letter:
    """A character: its parts as they were put together, and its strokes fitted into the unit square."""

    parts: tuple[Part, ...]
    strokes: tuple[Points, ...]

    @lazy
    def ink(self) -> Points:
        return np.concatenate([s[::2] for s in self.strokes])

    def clear(self) -> bool:
        """Whether there is enough ink to tell it by, and not so much in its place that a pen would fill it."""
        ink, (w, h) = sum(map(length, self.strokes)), np.ptp(self.ink, axis=0)
        return 0.9 < ink < min(6.0, 9 * float((w + 0.1) * (h + 0.1)))

    def unlike(self, other: Letter) -> float:
        return hausdorff(self.ink, other.ink)


@dataclass(frozen=True)
class Style:
    """What the characters of one alphabet share: sub-strokes that come back, how many strokes, how they join, how regular they are."""

    shared: tuple[Points, ...]
    cursive: bool  # strokes are chains of `shared`
    pieces: float  # mean number of pieces in a chain
    strokes: float  # mean number of a character's strokes
    reuse: float  # chance that a stroke is one of `shared`
    apart: float  # chance that a stroke touches no other
    upright: float  # chance that a stroke keeps to multiples of 45 degrees
    mirror: float  # chance that a character is symmetric
    kin: float  # chance that a character is another one with one thing changed
    kinds: tuple[float, ...]  # chance of each kind of stroke
    size: float  # of the larger side of most characters
    wide: float  # how much wider than high

    @classmethod
    def of(cls, rng: Rng) -> Style:
        kinds = tuple(rng.dirichlet(np.full(len(KINDS), 0.7)))
        upright = float(rng.beta(0.6, 0.8))
        cursive = bool(rng.random() < 0.4)
        if cursive:  # written down, up or leftward too: distorted tasks are turned as a whole
            shared = tuple(cursive_piece(rng) for _ in range(rng.integers(3, 7)))
        else:
            shared = tuple(random_stroke(kinds, upright, rng) for _ in range(rng.integers(3, 9)))
        return cls(
            shared=shared,
            cursive=cursive,
            pieces=rng.uniform(1.8, 4.0),
            strokes=rng.uniform(1.0, 2.2) if cursive else rng.uniform(1.2, 3.6),
            reuse=rng.uniform(0.2, 0.8),
            apart=rng.uniform(0.0, 0.4),
            upright=upright,
            mirror=float(rng.beta(0.5, 8 if cursive else 3)),
            kin=float(rng.beta(0.8, 1.0)),
            kinds=kinds,
            size=rng.uniform(0.5, 0.85) if cursive else rng.uniform(0.45, 0.8),
            wide=float(np.exp(rng.normal(0.2 if cursive else 0, 0.25))),
        )

    def letter(self, before: Sequence[Letter], rng: Rng) -> Letter:
        """A new character with enough ink to tell it by, and unlike each of `before`."""
        while True:
            if before and rng.random() < self.kin:
                parts = self._changed(before[int(rng.integers(len(before)))].parts, rng)
            else:
                parts = self._program(rng)
            letter = Letter(tuple(parts), tuple(self._fitted([p.stroke for p in parts], rng)))
            if letter.clear() and all(letter.unlike(other) > UNLIKE for other in before):
                return letter

    def _program(self, rng: Rng) -> list[Part]:
        count = int(np.clip(1 + rng.poisson(self.strokes - 1), 1, 5))
        parts: list[Part] = []
        while len(parts) < count:
            parts.append(self._part(parts, rng))
        if rng.random() < self.mirror:
            drawn = np.concatenate([p.stroke for p in parts])
            axis = drawn[:, 0].max() if rng.random() < 0.5 else drawn[0, 0]
            for part in parts[-max(1, count // 2) :]:
                flipped = part.stroke * (-1, 1) + (2 * axis, 0)
                parts.append(Part((flipped - flipped[0],), flipped[0]))
        return parts

    def _changed(self, parts: Sequence[Part], rng: Rng) -> list[Part]:
        """Parts of another character with one stroke or one piece more, fewer or otherwise, or the whole turned."""
        made, i = list(parts), int(rng.integers(len(parts)))
        how = rng.choice(["add", "drop", "swap", "turn"], p=[0.4, 0.2, 0.35, 0.05])
        if how == "turn":
            matrix = turn(rng.integers(1, 4) * np.pi / 2) if rng.random() < 0.5 else np.diag([-1.0, 1.0])
            return [Part(tuple(q @ matrix.T for q in p.pieces), matrix @ p.at) for p in made]
        if self.cursive and rng.random() < 0.7:
            pieces, k = list(made[i].pieces), int(rng.integers(len(made[i].pieces)))
            new = self.shared[rng.integers(len(self.shared))]
            pieces[k : k + (how != "add")] = [new] if how != "drop" or len(pieces) == 1 else []
            made[i] = replace(made[i], pieces=tuple(pieces))
            return made
        if how == "add":
            return [*made, self._part(made, rng, small=rng.random() < 0.5)]
        rest = made[:i] + made[i + 1 :]
        return rest if how == "drop" and rest else [*rest, self._part(rest, rng)]

    def _part(self, before: Sequence[Part], rng: Rng, *, small: bool = False) -> Part:
        """A new stroke where it finds room among those before it; `small`: a mark."""
        if self.cursive and not small and (not before or rng.random() < 0.5):
            count = int(np.clip(1 + rng.poisson(self.pieces - 1), 1, 6))
            pieces = tuple(self.shared[i] for i in rng.integers(len(self.shared), size=count))
        elif rng.random() < self.reuse:
            pieces = (self.shared[rng.integers(len(self.shared))] * rng.uniform(0.8, 1.1),)
        else:
            pieces = (random_stroke(self.kinds, self.upright, rng),)
        if small:
            pieces = tuple(q * rng.uniform(0.25, 0.5) for q in pieces)
        stroke = chain(pieces)
        drawn = [p.stroke for p in before]
        places = [self._place(stroke, drawn, rng) for _ in range(3 if drawn else 1)]
        at = max(places, key=lambda place: _clearance(drawn, stroke + place))
        return Part(pieces, at)

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


def hausdorff(ink: Points, other: Points) -> float:
    """How far some point of one is from all of the other's."""
    from scipy.spatial.distance import cdist  # slow to import

    apart = cdist(ink, other)
    return float(max(apart.min(0).max(), apart.min(1).max()))


def _clearance(before: list[Points], stroke: Points) -> float:
    """Mean distance of a stroke's points from the ink already there."""
    if not before:
        return 0.0
    ink = np.concatenate(before)[::4]
    return float(np.linalg.norm(stroke[:, None] - ink, axis=-1).min(1).mean())


def _joint(rng: Rng) -> int:
    """Which point of a stroke joins: an end mostly, the middle, or any."""
    return int(rng.choice([0, POINTS - 1, POINTS // 2, int(rng.integers(POINTS))], p=[0.35, 0.3, 0.2, 0.15]))
