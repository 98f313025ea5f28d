"""Kinds of pen strokes: lines, arcs, loops, corners, hooks, waves, chains of bows, scribbles and dots, and pieces of cursive ones.

Every kind starts at the origin and is about one unit long. Not here: characters (`alphabets.py`), and drawing them (`glyphs.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [POINTS, 2], x to the right and y down
Rng = np.random.Generator

POINTS = 48  # of a stroke


def _line(rng: Rng) -> Points:  # noqa: ARG001
    return np.stack([np.linspace(0, 1, POINTS), np.zeros(POINTS)], 1)


def _arc(rng: Rng) -> Points:
    sweep = rng.uniform(0.3, 1.7) * np.pi * rng.choice([-1, 1])
    t = np.linspace(0, sweep, POINTS)
    return np.asarray(np.stack([np.sin(t) * rng.uniform(0.6, 1.2), 1 - np.cos(t)], 1) / max(1.0, abs(sweep) / 2))


def _loop(rng: Rng) -> Points:
    t = np.linspace(0, 2 * np.pi * rng.uniform(0.95, 1.1), POINTS)
    return np.stack([np.sin(t), (1 - np.cos(t)) * rng.uniform(0.5, 1.3)], 1) * rng.uniform(0.15, 0.45)


def _corner(rng: Rng) -> Points:
    """Two to four straight pieces."""
    turns = rng.choice([-1, 1]) * rng.choice([0.5, 0.5, 0.35, 0.7], rng.integers(1, 4)) * np.pi
    turns = turns * rng.choice([-1, 1, 1], len(turns))
    angles = np.concatenate([[0], np.cumsum(turns)])
    steps = rng.uniform(0.35, 1.0, len(angles))[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    return along(np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])) * 0.75


def _hook(rng: Rng) -> Points:
    """A straight piece that bends at its end."""
    sweep, r = rng.uniform(0.5, 1.3) * np.pi, rng.uniform(0.12, 0.3)
    t = np.linspace(0, sweep, POINTS)
    bend = np.stack([1 + np.sin(t) * r, (1 - np.cos(t)) * r * rng.choice([-1, 1])], 1)
    return along(np.concatenate([np.zeros((1, 2)), bend]))[:: rng.choice([-1, 1])]


def _wave(rng: Rng) -> Points:
    t = np.linspace(0, 1, POINTS)
    high = np.sin(2 * np.pi * rng.uniform(0.8, 2.2) * t) * rng.uniform(0.1, 0.3)
    return np.stack([t, high], 1)


def _scribble(rng: Rng) -> Points:
    """A smooth curve through random points."""
    steps = rng.normal(0, 0.5, (rng.integers(3, 6), 2))
    return along(np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)]), smooth=True) * 0.7


def _arches(rng: Rng) -> Points:
    """A cursive chain of bows, some of them cusps, as in many scripts of India and Southeast Asia."""
    pieces, at = [], np.zeros(2)
    t = np.linspace(0, np.pi, 9)
    for side in rng.choice([-1, 1]) * np.cumprod(rng.choice([-1, 1], rng.integers(2, 6), p=[0.6, 0.4])):
        width, high = rng.uniform(0.12, 0.4), rng.uniform(0.15, 0.5)
        pieces.append(at + np.stack([(1 - np.cos(t)) / 2 * width, side * np.sin(t) * high], 1))
        at = pieces[-1][-1]
    curl = rng.uniform(0.05, 0.15) * rng.choice([-1, 1])
    t = np.linspace(0, rng.uniform(0, 1.8) * np.pi, 9)
    pieces.append(at + np.stack([np.sin(t) * abs(curl), (1 - np.cos(t)) * curl], 1))
    return along(np.concatenate(pieces))


def _dot(rng: Rng) -> Points:
    t = np.linspace(0, 2 * np.pi, POINTS)
    return np.stack([np.sin(t), np.cos(t)], 1) * rng.uniform(0.02, 0.05)


KINDS: tuple[Callable[[Rng], Points], ...] = (
    *(_line, _line, _arc, _arc, _loop, _corner, _corner),
    *(_hook, _wave, _arches, _arches, _scribble, _scribble, _dot),
)


def random_stroke(kinds: Sequence[float], upright: float, rng: Rng) -> Points:
    """A stroke of a random kind, each with its chance, turned and scaled; `upright` is the chance of a right or half-right angle."""
    points = KINDS[rng.choice(len(KINDS), p=kinds)](rng)
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < upright:
        unit = np.pi / 4 if rng.random() < 0.3 else np.pi / 2
        angle = np.round(angle / unit) * unit
    size = rng.choice([0.35, 0.6, 1.0], p=[0.25, 0.35, 0.4])
    return np.asarray(points @ turn(angle).T * size * rng.uniform(0.8, 1.2))


def cursive_piece(rng: Rng) -> Points:
    """A short way from left to right that others go on from: an arch or bowl, a stem, a peak, a loop, a curl or a curve."""
    w, h = rng.uniform(0.15, 0.5), rng.choice([0.35, 0.7, 1.0], p=[0.2, 0.3, 0.5]) * rng.choice([-1, 1])
    t = np.linspace(0, np.pi, 13)
    round_ = rng.choice([0.4, 1.0])  # from nearly a box to half an ellipse
    bow = np.stack([(1 - np.sign(np.cos(t)) * np.abs(np.cos(t)) ** round_) / 2 * w, np.sin(t) ** round_ * h], 1)
    kind = rng.integers(7)
    if kind <= 1:
        return bow
    if kind == 2:  # up or down, and a little on
        return np.array([[0, 0], [w * rng.uniform(0.0, 0.7), h]])
    if kind == 3:
        return np.array([[0, 0], [w * rng.uniform(0.3, 0.7), h], [w, 0]])
    if kind == 4:
        r = rng.uniform(0.12, 0.25)
        t = np.linspace(0, 2 * np.pi * rng.uniform(1.0, 1.25), 17)
        return np.stack([np.sin(t) * r * rng.uniform(0.7, 1.3), (1 - np.cos(t)) * r * np.sign(h)], 1)
    if kind == 5:  # back over its own end
        return np.concatenate([bow[:9], bow[8] + np.array([[-0.4 * w, 0.1 * h], [-0.5 * w, -0.25 * h]])])
    return along(np.array([[0, 0], [w, 0.3 * h], [0.3 * w, 0.6 * h], [w, h]]), smooth=True)


def chain(pieces: Sequence[Points]) -> Points:
    """One stroke through all pieces, each from where the last one ended, upside down where it would leave the line."""
    knots = [pieces[0]]
    for piece in pieces[1:]:
        at, rise = knots[-1][-1], piece[-1, 1] - piece[0, 1]
        flip = abs(rise) > 0.1 and abs(at[1] + rise) > abs(at[1] - rise)
        knots.append((piece - piece[0]) * (1, -1 if flip else 1) + at)
    return along(np.concatenate(knots))


def turn(angle: float) -> Points:
    """The rotation by `angle` -> [2, 2]."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def along(knots: Points, *, smooth: bool = False) -> Points:
    """POINTS points at equal distances along straight pieces or a Catmull-Rom curve through `knots`."""
    if smooth:
        padded = np.concatenate([knots[:1], knots, knots[-1:]])
        t = np.linspace(0, 1, 12, endpoint=False)[:, None]
        pieces = []
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
            pieces.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
        knots = np.concatenate([*pieces, knots[-1:]])
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    where = np.linspace(0, at[-1], POINTS)
    return np.stack([np.interp(where, at, knots[:, axis]) for axis in (0, 1)], 1)


def length(stroke: Points) -> float:
    return float(np.linalg.norm(np.diff(stroke, axis=0), axis=1).sum())
