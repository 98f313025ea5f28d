"""Curves drawn without end: families of functions of one number, each function drawn from a family by a generator.

The sines are those that few-shot regression has been measured on since Finn, Abbeel & Levine 2017 (section 5.1); the other families
are as large and as wide as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from meta_demo.data.episode import Example
from meta_demo.data.source import Source
from meta_demo.modalities.curve.content import RANGE, Point

Rng = np.random.Generator
Array = np.ndarray[Any, np.dtype[np.float64]]
Curve = Callable[[Array], Array]

LOW, HIGH = RANGE
AMPLITUDES, PHASES = (0.1, 5.0), (0.0, np.pi)
HEIGHT, WIDTH = 2.0, 1.0  # of the functions of a Gaussian process


def sine(rng: Rng) -> Curve:
    """A sin(x - phase), amplitude A and phase uniform (Finn et al. 2017, section 5.1)."""
    amplitude, phase = rng.uniform(*AMPLITUDES), rng.uniform(*PHASES)
    return lambda x: amplitude * np.sin(x - phase)


def line(rng: Rng) -> Curve:
    """A straight line, of slope and height such that it stays between -5 and 5 within the points' range."""
    left, right = rng.uniform(-5, 5, 2)
    return lambda x: left + (right - left) * (x - LOW) / (HIGH - LOW)


def triangle(rng: Rng) -> Curve:
    """A triangle wave, of the sines' period, amplitudes and phases."""
    amplitude, phase = rng.uniform(*AMPLITUDES), rng.uniform(*PHASES)
    return lambda x: amplitude * 2 / np.pi * np.arcsin(np.sin(x - phase))


def damped(rng: Rng) -> Curve:
    """A sine that dies away to the right: a third to a tenth of it is left at the end."""
    wave, rate = sine(rng), rng.uniform(0.11, 0.23)
    return lambda x: wave(x) * np.exp(-rate * (x - LOW))


def gaussian(rng: Rng) -> Curve:
    """A function drawn from the Gaussian process of mean 0 and covariance `covariance`: drawn on a fine grid, smooth between its places."""
    grid = np.linspace(1.2 * LOW, 1.2 * HIGH, 121)
    at = np.linalg.cholesky(covariance(grid, grid) + 1e-9 * np.eye(len(grid))) @ rng.standard_normal(len(grid))
    curve: Curve = CubicSpline(grid, at)
    return curve


def covariance(a: Array, b: Array) -> Array:
    """How values at places a [n] and b [m] of a function of `gaussian` go together [n, m]: height^2 exp(-(a - b)^2 / (2 width^2))."""
    return HEIGHT**2 * np.exp(-(np.subtract.outer(a, b) ** 2) / (2 * WIDTH**2))


FAMILIES: dict[str, Callable[[Rng], Curve]] = {
    "sines": sine,
    "lines": line,
    "triangles": triangle,
    "damped": damped,
    "gaussian": gaussian,
}
NOISE = {"gaussian": 0.2}  # standard deviation of what a value is off its curve by, in the tasks of a source


def wave_source(family: str, name: str) -> Source:
    """The source of all curves of a family: each of its tasks is points of one of them."""

    def draw(rng: Rng, count: int) -> list[Example]:
        curve = FAMILIES[family](rng)
        x = rng.uniform(LOW, HIGH, count)
        y = curve(x) + (NOISE[family] * rng.standard_normal(count) if family in NOISE else 0.0)
        return [Example(Point(at), value) for at, value in zip(x.tolist(), y.tolist(), strict=True)]

    return Source(name, {}, program=f"{family} of {__name__}, version 1", tasks=draw)
