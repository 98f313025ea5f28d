"""The Meta-train tab's settings: which knobs of a training a visitor has, within which limits, and their controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import gradio as gr

from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.ui.controls import knob_control
from meta_demo.ui.sheet import SHEETS
from meta_demo.ui.words import label
from meta_demo.words import LANGUAGES, words

Controls = dict[str, gr.components.Component]  # knob -> its control

VALIDATIONS = 10  # in a whole run
SHOWN = ("steps", "n_way", "k_shot", "meta_batch", "lr")  # the others are folded away
# The tab validates and saves when it sees fit, keeps the best, and trains no body from the pixels up, which distortions need.
LEFT_OUT = ("save_every", "valid_every", "valid_episodes", "keep", "distort")


@dataclass(frozen=True)
class PageTaskPlan(TaskPlan):
    """The tasks as a visitor may set them, who shares a machine with others."""

    n_way: int = TaskPlan.redefault("n_way", hi=20)
    k_shot: int = TaskPlan.redefault("k_shot", hi=10)
    n_query: int = TaskPlan.redefault("n_query", hi=10)


@dataclass(frozen=True)
class PagePlan(Plan):
    """The outer loop as a visitor may set it, who shares a machine with others and watches."""

    steps: int = Plan.redefault("steps", 100, hi=2000, help=words("how often the start is moved", "起点移动的次数"))
    meta_batch: int = Plan.redefault("meta_batch", hi=16)
    lr: float = Plan.redefault(
        "lr", lo=1e-6, hi=1.0, help=words("how far a step moves the start", "每一步移动起点的幅度")
    )
    valid_episodes: int = Plan.redefault("valid_episodes", 40)


KNOBS = {k.name: k for config in (PageTaskPlan, PagePlan) for k in config.knobs() if k.name not in LEFT_OUT}


def composed() -> dict[str, dict[str, str]]:
    """The words of the controls, for Gradio to pick by language: key -> language -> text."""
    titles = {_key(name): {lang: k.said(lang) for lang in LANGUAGES} for name, k in KNOBS.items()}
    return titles | {f"{_key(name)}.help": {lang: k.explained(lang) for lang in LANGUAGES} for name, k in KNOBS.items()}


def lay_out() -> Controls:
    """A control for every knob: a few in sight, the others in a fold."""
    with gr.Row(elem_classes="knobs", elem_id="train-numbers"):
        controls = {name: _control(name) for name in SHOWN}
    with gr.Accordion(label("page.train.more"), open=False, elem_id="train-more"), gr.Row(elem_classes="knobs"):
        return controls | {name: _control(name) for name in KNOBS if name not in SHOWN}


def spelt(values: Mapping[str, Any], lang: str) -> tuple[PageTaskPlan, PagePlan]:
    """What the controls' values spell; raises UserError, in the page's own words, where one is none of its knob's."""
    good = {name: k.checked(values[name], k.said(lang)) for name, k in KNOBS.items()}
    task = PageTaskPlan(**{k.name: good[k.name] for k in PageTaskPlan.knobs()})
    plan = PagePlan(**{k.name: good[k.name] for k in PagePlan.knobs() if k.name in good})
    every = ceil(plan.steps / VALIDATIONS)
    return task, replace(plan, save_every=every, valid_every=every)


def suited(before: str, kind: str) -> dict[str, Any]:
    """The knobs whose value changes when tasks are of another kind: to what suits a sheet, and back to what is usual."""
    usual = {name: KNOBS[name].default for name in (SHEETS[before].knobs if before in SHEETS else ())}
    return usual | dict(SHEETS[kind].knobs if kind in SHEETS else {})


def _control(name: str) -> gr.components.Component:
    return knob_control(_key(name), KNOBS[name], KNOBS[name].default, elem_id=f"train-{name}", min_width=150)


def _key(name: str) -> str:
    return f"page.train.knob.{name}"
