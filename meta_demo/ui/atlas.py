"""Every layer and head at a glance: a component that shows all attention maps of an input, small, side by side."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr
import numpy as np

from meta_demo.serving.attention import Array
from meta_demo.ui.markup import tag
from meta_demo.ui.scripts import script
from meta_demo.words import LANGUAGES, catalogue, text

EVEN = 3  # even attention is painted this many times weaker than the strongest colour


def atlas(**arguments: Any) -> gr.HTML:
    """A component whose value is `tiled(...)`; a click on a map triggers `select` with its layer and head, from 0."""
    place = catalogue()["page.atlas.place"]
    return gr.HTML(
        None,
        html_template=tag("div", cls="atlas"),
        js_on_load=script("parts", "atlas"),
        words={lang: {"about": text("page.atlas.about", lang), "place": place[lang]} for lang in LANGUAGES},
        apply_default_css=False,
        **arguments,
    )


def tiled(maps: Array, spread: int, layer: int, head: int, *, difference: bool) -> dict[str, Any]:
    """All `maps` [layers, heads, rows, columns] in a byte per cell, each scaled to its own largest; differences to the largest of all.

    Even attention, over `spread` tokens, stays pale.
    The one that is looked at closely is `layer` and `head`, from 0; a head below 0 stands for all of them.
    """
    layers, heads, rows, columns = maps.shape
    top = np.abs(maps).max(None if difference else (2, 3), keepdims=True)
    scaled = maps / np.maximum(
        top, 1e-9 if difference else EVEN / spread
    )  # [layers, heads, rows, columns] within [-1, 1]
    cells = np.round(scaled * 127 + 128 if difference else scaled * 255).astype(np.uint8)
    return {
        "layers": layers,
        "heads": heads,
        "rows": rows,
        "columns": columns,
        "shares": base64.b64encode(cells.tobytes()).decode(),
        "difference": difference,
        "chosen": [layer, head],
    }
