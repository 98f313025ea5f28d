"""A map of attention as lines between tokens, which `scripts/ties.js` draws (after BertViz, Vig 2019): what it is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import numpy as np

from meta_demo.serving.attention import Array
from meta_demo.ui.markup import Html, tag
from meta_demo.words import catalogue

FINE = 65535  # a weight between minus and plus the largest is told in so many parts
WORDS = ("about", "hint", "share", "change")


def words(lang: str) -> dict[str, str]:
    """What is said of the lines."""
    return {key: catalogue()[f"page.ties.{key}"][lang] for key in WORDS}


def ties(matrix: Array, names: Sequence[str], *, difference: bool) -> Html:
    """The place where a map [L, L] of tokens with these names is drawn, a row for each that looks."""
    top = max(float(np.abs(matrix).max()), 1e-9)
    cells = np.round((matrix / top + 1) / 2 * FINE).astype(np.dtype("uint16").newbyteorder("little"))
    told = {"data_names": json.dumps(list(names), ensure_ascii=False), "data_top": f"{top:.6g}"}
    return tag(
        "div", cls="ties", data_weights=base64.b64encode(cells.tobytes()).decode(), data_difference=difference, **told
    )
