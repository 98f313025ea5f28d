"""Curves drawn without end: families of functions of one number, each function drawn from a family by a generator.

The sines are those that few-shot regression has been measured on since Finn, Abbeel & Levine 2017 (section 5.1); the other families
are as large and as wide as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from meta_demo.data.episode import Example
from meta_demo.data.source import Source
from meta_demo.modalities.curve.content import RANGE, Point

Rng = np.random.Generator
Array = np.ndarray[Any, np.dtype[np.float64]]
Curve = Callable[[Array], Array]

LOW, HIGH = RANGE
AMPLITUDES, PHASES = (0.1, 5.0), (0.0, np.pi)


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


FAMILIES: dict[str, Callable[[Rng], Curve]] = {"sines": sine, "lines": line, "triangles": triangle, "damped": damped}


def wave_source(family: str, name: str) -> Source:
    """The source of all curves of a family: each of its tasks is points of one of them."""

    def draw(rng: Rng, count: int) -> list[Example]:
        curve = FAMILIES[family](rng)
        x = rng.uniform(LOW, HIGH, count)
        return [Example(Point(at), value) for at, value in zip(x.tolist(), curve(x).tolist(), strict=True)]

    return Source(name, {}, program=f"{family} of {__name__}, version 1", tasks=draw)
