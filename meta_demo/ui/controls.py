"""Controls made from what the library declares: a slider, number or list for every knob of every algorithm."""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.config import Knob
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.starts import Bases
from meta_demo.ui.words import label

SLIDER_MOST = 100  # a wider range of whole numbers is typed, not slid

Knobs = dict[tuple[str, str], gr.components.Component]  # (algorithm, knob) -> its control


def knob_folds(shown: tuple[str, ...], bases: Bases) -> tuple[Knobs, dict[str, gr.Accordion]]:
    """A fold per algorithm with all its knobs at their `bases`, visible for the `shown` ones."""
    knobs: Knobs = {}
    folds: dict[str, gr.Accordion] = {}
    for name in algorithm_names():
        fold = gr.Accordion(label(f"algorithm.{name}"), open=False, visible=name in shown, elem_id=f"knobs-{name}")
        with fold, gr.Row(elem_classes="knobs"):
            for k in REGISTRY[name].Config.knobs():
                knobs[name, k.name] = knob_control(f"knob.{name}.{k.name}", k, bases[name][k.name])
        folds[name] = fold
    return knobs, folds


def knob_control(key: str, k: Knob, value: Any, **more: Any) -> gr.components.Component:
    """A slider, number, box or list for the knob whose words the browser knows as `key`; `more` is said to Gradio as it is."""
    words: dict[str, Any] = {"label": label(key), "info": label(f"{key}.help"), "min_width": 180, **more}
    if k.choices:
        return gr.Dropdown(list(k.choices), value=value, **words)
    if k.kind is bool:
        return gr.Checkbox(value, **words)
    whole = k.kind is int
    if whole and k.hi is not None and k.hi <= SLIDER_MOST:
        return gr.Slider(k.lo or 0, k.hi, value=value, step=1, **words)
    return gr.Number(value, step=1 if whole else None, **words)


def changed_knobs(
    controls: Knobs, values: dict[Any, Any], algorithms: tuple[str, ...], bases: Bases
) -> dict[str, dict[str, Any]]:
    """The knobs of the chosen algorithms that the visitor changed: the others stay as the start has them."""
    changed: dict[str, dict[str, Any]] = {}
    for name in algorithms:
        for key, base in bases.get(name, {}).items():
            value = values[controls[name, key]]
            if value != base:
                changed.setdefault(name, {})[key] = value
    return changed


def follow(controls: Knobs, values: dict[Any, Any], before: Bases, after: Bases) -> dict[Any, Any]:
    """The new values of the controls whose base changed under them; what the visitor changed stays."""
    return {
        control: after[name][key]
        for (name, key), control in controls.items()
        if after[name][key] != before[name][key] == values[control]
    }
