"""Controls made from what the library declares: a slider, number or list for every knob of every algorithm."""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.core.algorithm import REGISTRY
from meta_demo.core.config import Knob
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.words import label

SLIDER_MOST = 100  # a wider range of whole numbers is typed, not slid

Knobs = dict[tuple[str, str], gr.components.Component]  # (algorithm, knob) -> its control


def knob_folds(shown: tuple[str, ...]) -> tuple[Knobs, dict[str, gr.Accordion]]:
    """A fold per algorithm with all its knobs, visible for the `shown` ones."""
    knobs: Knobs = {}
    folds: dict[str, gr.Accordion] = {}
    for name in algorithm_names():
        fold = gr.Accordion(label(f"algorithm.{name}"), open=False, visible=name in shown, elem_id=f"knobs-{name}")
        with fold, gr.Row(elem_classes="knobs"):
            for k in REGISTRY[name].Config.knobs():
                knobs[name, k.name] = knob_control(k)
        folds[name] = fold
    return knobs, folds


def knob_control(k: Knob) -> gr.components.Component:
    words: dict[str, Any] = {"label": label(f"knob.{k.name}"), "info": label(f"knob.{k.name}.help"), "min_width": 180}
    if k.choices:
        return gr.Dropdown(list(k.choices), value=k.default, **words)
    whole = isinstance(k.default, int)
    if whole and k.hi is not None and k.hi <= SLIDER_MOST:
        return gr.Slider(k.lo or 0, k.hi, value=k.default, step=1, **words)
    return gr.Number(k.default, step=1 if whole else None, **words)


def changed_knobs(controls: Knobs, values: dict[Any, Any], algorithms: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The knobs of the chosen algorithms that differ from their defaults: the others stay as a checkpoint has them."""
    changed: dict[str, dict[str, Any]] = {}
    for name in algorithms:
        for k in REGISTRY[name].Config.knobs() if name in REGISTRY else ():
            value = values[controls[name, k.name]]
            if value != k.default:
                changed.setdefault(name, {})[k.name] = value
    return changed
