"""How an event of the page is wired, and which components it reads and writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import isgeneratorfunction
from typing import Any

from meta_demo.ui import edits
from meta_demo.ui.guard import guarded
from meta_demo.ui.parts import Page

# Whatever computes takes turns in the service; the default, one call of each handler at a time, would have visitors wait for each other.
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": None}
ONCE: dict[str, Any] = {"trigger_mode": "once"}  # a second press of a button whose work is under way asks for nothing
# A second press is sent at once: the service ends what the first one asked for.
ANEW: dict[str, Any] = {"trigger_mode": "multiple"}
# One trains; the others are told so at once.
TRAINING: dict[str, Any] = {"concurrency_id": "training", "concurrency_limit": 16} | ONCE
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
# What measures in the background waits for itself alone.
DEALING: dict[str, Any] = {"concurrency_id": "dealing", "concurrency_limit": 1}
# Of events while one is under way none is lost: the last is answered too. Gradio drops them all unless told. It asks again by the event,
# not by the handler: two such handlers of one event would ask each other again for ever, so that all but one follow (`then`) or are ANEW.
LAST = "always_last"


def wired(
    page: Page,
    listen: Any,
    handler: Callable[..., Any],
    inputs: set[Any],
    outputs: set[Any],
    *,
    whole: bool = False,
    **how: Any,
) -> Any:
    """`handler` for an event; what it raises is said in the page's message, and what it fills keeps what was typed meanwhile. What is
    on the sides that are not shown stays in the browser, unless the `whole` page is asked for."""
    sides = page.sides.values()
    places, boxes = (
        {part: name for part, name in found.items() if part in outputs}
        for found in (edits.counting(sides), edits.boxes(sides))
    )
    if (places or boxes) and not isgeneratorfunction(handler):
        handler, inputs = edits.echoing(handler, page.edits, places, page.keeper, boxes), inputs | {page.edits}
        outputs = outputs | {page.keeper} if boxes else outputs
    inputs = inputs | {page.message}
    how = {"trigger_mode": LAST, "js": _sent(page, inputs, whole)} | QUIET | how
    return listen(guarded(page.message, handler), inputs, outputs | {page.message}, **how)


def _sent(page: Page, inputs: set[Any], whole: bool) -> str | None:
    """What the browser does before it sends `inputs`: what hidden sides have collected stays there, and edits are counted."""
    order = sorted(inputs, key=lambda part: part._id)  # as Gradio sends them
    heavy = [[order.index(part), side.name] for side in page.sides.values() for part in side.heavy if part in inputs]
    acts = []
    if page.modality in inputs and heavy and not whole:
        shown = f"given[{order.index(page.modality)}]"
        acts.append(f"for (const [place, side] of {json.dumps(heavy)}) if (side !== {shown}) given[place] = null;")
    if page.edits in inputs:
        acts.append(f"given[{order.index(page.edits)}] = {{ ...window.edits }};")
    return f"(...given) => {{ {' '.join(acts)} return given; }}" if acts else None


def adapted_by(page: Page) -> set[Any]:
    """What an adaptation depends on, and the last one."""
    adapt = page.adapt
    cards = (part for side in page.sides.values() for part in (side.cards, side.lines) if part)
    chosen = {adapt.model, adapt.algorithms, adapt.origin, adapt.names, adapt.seed, adapt.knobs}
    return {page.run, page.switch, page.own, page.modality, page.shown, *cards, *chosen}


def aside(page: Page) -> set[Any]:
    """How the sides of the page were left, and which is shown."""
    return {page.left, page.shown}


def of_sides(page: Page) -> set[Any]:
    """What differs between the page's sides."""
    adapt, look, trial = page.adapt, page.look, page.trial
    parts = [part for side in page.sides.values() for part in side.parts]
    parts += [part for sheet, _ in page.sheets.values() for part in sheet.parts]
    results = {
        adapt.runs,
        adapt.curves,
        adapt.losses,
        adapt.summary,
        adapt.gap,
        adapt.notice,
        adapt.stop,
        trial.step,
        trial.predictions,
    }
    headings = {page.teach.heading, trial.heading, look.heading}
    chosen = {
        page.modality,
        page.teach.sample,
        page.teach.columns,
        page.teach.kind,
        page.teach.shots,
        adapt.model,
        adapt.names,
        look.algorithm,
        page.map.algorithm,
        page.map.empty,
        page.map.plane,
    }
    chosen |= {adapt.algorithms, adapt.picker, *fitting(page)}
    kept = {page.run, page.gaps, page.row, *aside(page)}
    places = (page.bench, *(place for _, place in page.sheets.values()))
    return {*parts, *results, *headings, *chosen, *kept, *places, *of_look(page)}


def fitting(page: Page) -> set[Any]:
    """What follows the model, the algorithms and the boxes of meta-trained starts."""
    return {page.switch, page.adapt.origin, page.adapt.starts, page.adapt.notice, page.adapt.knobs}


def asked_by(page: Page) -> set[Any]:
    """What a prediction and a map depend on."""
    look = page.look
    tried = (side.tried for side in page.sides.values())
    chosen = {look.algorithm, look.layer, look.head, look.moment, page.map.algorithm}
    return {page.run, page.row, page.modality, page.shown, page.trial.step, *tried, *chosen}


def of_look(page: Page) -> set[Any]:
    look = page.look
    parts = (part for side in page.sides.values() for part in side.parts)
    return {look.empty, look.caption, look.words, look.atlas, page.message, *parts}
