"""A control of Gradio's own for a knob, where a tab has a few that are always the same; the algorithms' many are in `knobs.py`."""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.core.config import Knob
from meta_demo.ui.knobs import slides
from meta_demo.ui.words import label


def knob_control(key: str, k: Knob, value: Any, **more: Any) -> gr.components.Component:
    """A slider, number, box or list for the knob whose words the browser knows as `key`; `more` is said to Gradio as it is."""
    words: dict[str, Any] = {"label": label(key), "info": label(f"{key}.help"), "min_width": 180, **more}
    if k.choices:
        return gr.Dropdown(list(k.choices), value=value, **words)
    if k.kind is bool:
        return gr.Checkbox(value, **words)
    if slides(k):
        return gr.Slider(k.lo or 0, k.hi, value=value, step=1, **words)
    return gr.Number(value, step=1 if k.kind is int else None, **words)
