"""The knobs of the algorithms that are chosen: one component, made from what the library declares.

What is drawn goes to the browser in the visitor's language; what comes back is only what the visitor changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import gradio as gr

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.body import BodyConfig
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.config import Knob
from meta_demo.ui.markup import tag
from meta_demo.ui.palette import mark
from meta_demo.ui.scripts import script
from meta_demo.ui.starts import Bases
from meta_demo.ui.words import title

LAYERS = "last_n"  # the knob that counts layers of the model
SLIDER_MOST = 100  # a wider range of whole numbers is typed, not slid

Changed = dict[str, dict[str, Any]]  # algorithm -> knob -> the value that the visitor gave it


def knob_panel(**arguments: Any) -> gr.HTML:
    """A component whose value is a `Changed`; `shown` is what it draws. A visitor's change triggers `edit`;
    a panel that was not told what to draw, `missing`."""
    return gr.HTML(
        {},
        html_template=tag("div", cls="knob-panel"),
        js_on_load=script("parts", "knobs"),
        shown=[],
        apply_default_css=False,
        **arguments,
    )


def felt(cls: type[Algorithm]) -> list[Knob]:
    """The knobs that change what a task makes of a method: where tasks leave the Transformer alone, what of it is the method's own
    matters to meta-training only."""
    idle = () if cls.adapts_body else [f.name for f in fields(BodyConfig)]
    return [k for k in cls.Config.knobs() if k.name not in idle]


def described(algorithms: Sequence[str], bases: Bases, lang: str, layers: int | None = None) -> list[dict[str, Any]]:
    """The algorithms and their knobs as the panel draws them, at their `bases` where the visitor changed nothing; no slider goes beyond
    the `layers` that the model has, where that is known."""
    most = {LAYERS: layers} if layers else {}
    return [
        {
            "name": name,
            "title": title(name, lang),
            "glyph": mark(name).glyph,
            "colour": mark(name).colour,
            "knobs": [_described(k, bases[name][k.name], lang, most.get(k.name)) for k in felt(REGISTRY[name])],
        }
        for name in algorithms
    ]


def _described(k: Knob, base: Any, lang: str, most: int | None) -> dict[str, Any]:
    words = {"name": k.name, "title": k.said(lang), "help": k.explained(lang), "base": base}
    if k.choices:
        return words | {"kind": "choice", "choices": list(k.choices)}
    if k.kind is bool:
        return words | {"kind": "switch"}
    step, hi = 1 if k.kind is int else "any", k.hi
    if most and hi:
        hi = max(base, min(hi, most))
    return words | {"kind": "slider" if slides(k) else "number", "lo": k.lo or 0, "hi": hi, "step": step}


def slides(k: Knob) -> bool:
    """Whether a knob's range is narrow enough to slide through."""
    return k.kind is int and k.hi is not None and k.hi <= SLIDER_MOST


def changed(value: Any, algorithms: Sequence[str], bases: Bases) -> Changed:
    """The knobs of the chosen algorithms that differ from where they start: the others stay as the start has them."""
    found: Changed = {}
    for name in algorithms:
        given = value.get(name) if isinstance(value, dict) else None
        mine = {key: given[key] for key, base in bases.get(name, {}).items() if given and given.get(key, base) != base}
        if mine:
            found[name] = mine
    return found
