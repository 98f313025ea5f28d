"""Where examples stand while a learner adapts, drawn: a component that moves them with the slider of steps, and what it is told."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
import numpy as np

from meta_demo.data.episode import Example
from meta_demo.serving.plane import Located, Numbers, Travel
from meta_demo.ui import picked
from meta_demo.ui.markup import tag
from meta_demo.ui.palette import class_colour
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Side
from meta_demo.words import LANGUAGES, catalogue

FINE = 65535  # a point's two shares of the box are told in so many parts
ROOM = 0.06  # of the box left free around all points
WORDS = ("about", "keys", "moved", "still", "one", "tried", "outside", "some")


def plane(**arguments: Any) -> gr.HTML:
    """A component whose value is `drawn(...)`, and whose property `tried` is `marked(...)` of what is tried or None."""
    words = {
        lang: {key: catalogue()[f"page.plane.{key}"][lang] for key in WORDS} | {"picked": picked.words(lang)}
        for lang in LANGUAGES
    }
    return gr.HTML(
        None,
        html_template=tag("div", cls="plane"),
        js_on_load=script("parts", "picked", "plane"),
        words=words,
        tried=None,
        apply_default_css=False,
        **arguments,
    )


def drawn(
    travel: Travel, support: Sequence[Example], colours: Mapping[str, int], labels: Sequence[str], side: Side[Any]
) -> dict[str, Any]:
    """All places of all steps, in four bytes each, and what stands beside them."""
    low, size, box = _box(travel)
    cells = np.round((travel.points - low) / size * FINE).astype(
        np.dtype("uint16").newbyteorder("little")
    )  # [T, S, 2] of the longer side
    shown = [support[place] for place in travel.places]
    return {
        "steps": list(travel.steps),
        "points": base64.b64encode(cells.tobytes()).decode(),
        "box": [round(float(side), 4) for side in box],
        "classes": list(travel.classes),
        "labels": [{"name": name, "colour": class_colour(colours.get(name, 0))} for name in labels],
        "said": [picked.said_of(row.content) for row in shown],
        "marks": [side.mark(row.content) for row in shown],
        "within": [round(float(d), 3) for d in travel.within],
        "between": [round(float(d), 3) for d in travel.between],
        "share": round(travel.plane.share, 3),
        "whole": len(support),
    }


def marked(found: Located, travel: Travel, labels: Sequence[str]) -> dict[str, Any]:
    """The place of one more input among them, which may lie outside the box, and the class whose centre is nearest."""
    low, size, _ = _box(travel)
    x, y = ((found.point - low) / size).tolist()
    return {"step": found.step, "x": round(x, 4), "y": round(y, 4), "nearest": labels[found.nearest]}


def _box(travel: Travel) -> tuple[Numbers, float, Numbers]:
    """The lowest corner of what holds all places, its longer side, and both sides as shares of that."""
    low, high = travel.points.min((0, 1)), travel.points.max((0, 1))
    longest = max(float((high - low).max()), 1e-9)
    sides = np.maximum(high - low, 0.35 * longest) + 2 * ROOM * longest  # no strip: there are words beside points
    size = float(sides.max())
    return (low + high) / 2 - sides / 2, size, sides / size
