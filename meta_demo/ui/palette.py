"""Colours and marks: one per class and one per algorithm, the same everywhere on the page.

Classes take Okabe & Ito's colours, extended; algorithms take IBM's, and differ by dash and marker as well, so that neither
is told from the other by hue alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
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


_COLOURS = ("#7a5ff0", "#dc267f", "#0096a0", "#2f6fed", "#ec7a00", "#6f8200")
_DASHES = ("dash", "dot", "dashdot", "solid", "longdash", "longdashdot")
_MARKERS = (
    ("cross", "✚"),
    ("square", "■"),
    ("triangle-down", "▼"),
    ("circle", "●"),
    ("diamond", "◆"),
    ("triangle-up", "▲"),
    ("star", "★"),
)


def class_colour(index: int) -> str:
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def algorithm_names() -> list[str]:
    """Every registered algorithm, in the order in which the page lists and colours them."""
    return sorted(REGISTRY)


def mark(algorithm: str) -> Mark:
    index = algorithm_names().index(algorithm)
    symbol, glyph = _MARKERS[index % len(_MARKERS)]
    return Mark(_COLOURS[index % len(_COLOURS)], _DASHES[index % len(_DASHES)], symbol, glyph)
