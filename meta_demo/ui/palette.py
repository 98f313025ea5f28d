"""Colours and marks: one per class and one per algorithm, the same everywhere on the page.

Classes take Okabe & Ito's colours, extended. What an algorithm looks like follows from its name and its family alone, so that
adding one changes no other: a family owns half of a circle of tones, in which the name takes one; the name also picks a dash and a
marker, by which any two are told apart without any colour.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.algorithms.families import family_title, grouped
from meta_demo.algorithms.registry import REGISTRY

CLASS_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
    "#a69b00",
    "#8c6bb1",
    "#8b5e3c",
    "#5f8a8b",
    "#b2476b",
    "#7f8c1f",
)


@dataclass(frozen=True)
class Mark:
    """How an algorithm is drawn: `dash` and `symbol` are plotly's words, `glyph` the same marker in text."""

    colour: str
    dash: str
    symbol: str
    glyph: str


# Once around the circle of hues from red, light and dark alternately; every one has a contrast of 3 on both of the page's papers.
TONES = (
    "#f54848",
    "#b05a02",
    "#ac8103",
    "#6e7703",
    "#039e2a",
    "#05806a",
    "#0796a2",
    "#0579a8",
    "#3f72fa",
    "#8552e3",
    "#cc57d5",
    "#cf2a7f",
)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKERS = (
    ("circle", "●"),
    ("square", "■"),
    ("diamond", "◆"),
    ("cross", "✚"),
    ("x", "✕"),
    ("triangle-up", "▲"),
    ("triangle-down", "▼"),
    ("triangle-left", "◄"),
    ("triangle-right", "►"),
    ("star", "★"),
    ("pentagon", "⬟"),
    ("hexagon", "⬢"),
)
# Salts: of all numbers from 0 on the first with which no two methods of a family share a marker, nor those that are chosen at first, and
# no two at all both marker and dash; our families begin at different tones. Others than these change every mark on the page.
_MARKER, _DASH, _FAMILY, _TONE = 4840435, 147, 119, 99021


def class_colour(index: int) -> str:
    """The colour of the class whose card took the place `index` in the palette."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def algorithm_names() -> list[str]:
    """Every registered algorithm, in the order in which the page lists them."""
    return [name for names in grouped([*REGISTRY]).values() for name in names]


def families_said(lang: str) -> list[dict[str, Any]]:
    """The families as lists of algorithms head them: what each is called, and whose it is."""
    return [{"title": family_title(family, lang), "names": names} for family, names in grouped([*REGISTRY]).items()]


def mark(algorithm: str) -> Mark:
    """How a registered algorithm is drawn."""
    return mark_of(algorithm, REGISTRY[algorithm].family)


def mark_of(name: str, family: str) -> Mark:
    """How an algorithm called `name` of such a `family` is drawn, whether it is registered or not."""
    half = len(TONES) // 2
    tone = 2 * _pick(_FAMILY, family, half) + _pick(_TONE, name, half)
    symbol, glyph = _MARKERS[_pick(_MARKER, name, len(_MARKERS))]
    return Mark(TONES[tone % len(TONES)], _DASHES[_pick(_DASH, name, len(_DASHES))], symbol, glyph)


def _pick(salt: int, word: str, count: int) -> int:
    """A number below `count` that is the same on every machine, as Python's own hash is not."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{word}".encode()).digest()[:8], "big") % count
