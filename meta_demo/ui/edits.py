"""What a visitor types while the server is at work stays: every answer says which edits it has seen, and the browser keeps what is newer.

The browser counts the edits of each list of examples and of what is tried (`scripts/edits.js`), and sends its counts along with
whatever may fill them. Here they are laid beside each value that comes back; an answer that has seen fewer edits than there are by then
is not shown, and the event `late` says so. Gradio's own text boxes have no such script: what an answer put into one that saw fewer edits,
the script of the `keeper` takes out again (`scripts/boxes.js`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr

from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Side

Handler = Callable[..., Any]
# A number each, so that a keeper hears of every answer, also of one that says the same as the last.
_ANSWERS = itertools.count(1)


def counts() -> gr.JSON:
    """What carries the counts to the server, place by place; nobody sees it."""
    return gr.JSON({}, visible=False)


def keeper(sides: Iterable[Side[Any]]) -> gr.HTML:
    """What hears which edits an answer to a text box has seen, and gives back what was typed since; nobody sees it."""
    how = {"js_on_load": script("boxes"), "boxes": [*boxes(sides).values()], "apply_default_css": False}
    return gr.HTML(None, html_template="", elem_id="keeper", **how)


def boxes(sides: Iterable[Side[Any]]) -> dict[Any, str]:
    """Gradio's own text boxes among what collects and what is tried, each with the place that its edits are counted under."""
    parts = [part for side in sides for part in (side.lines, side.tried)]
    return {part: str(part.elem_id) for part in parts if isinstance(part, gr.Textbox)}


def counting(sides: Iterable[Side[Any]]) -> dict[Any, str]:
    """The components whose scripts count edits, each with the place that it counts under."""
    parts = [part for side in sides for part in (side.cards, side.tried)]
    return {part: str(part.elem_id) for part in parts if isinstance(part, gr.HTML)}


def echoing(handler: Handler, sent: gr.JSON, places: dict[Any, str], keeper: gr.HTML, boxes: dict[Any, str]) -> Handler:
    """`handler`, whose values for `places` say which of the visitor's edits they have seen; the `keeper` is told of those for `boxes`."""

    @functools.wraps(handler)
    def call(values: Values, request: gr.Request, *event: gr.EventData) -> Updates:
        counted, updates = values.get(sent), handler(values, request, *event)
        seen = counted if isinstance(counted, dict) else {}  # no page sends anything else
        filled = {part: _with(updates[part], seen.get(place)) for part, place in places.items() if part in updates}
        typed = {place: seen.get(place, 0) for part, place in boxes.items() if _brings(updates.get(part, gr.skip()))}
        told = {keeper: {"seen": typed, "answer": next(_ANSWERS)}} if typed else {}
        return {**updates, **filled, **told}

    return call


def _with(update: Any, seen: int | None) -> Any:
    """An update that says what it has seen, if it brings a value."""
    whole = update if isinstance(update, dict) and "__type__" in update else gr.update(value=update)
    return {**whole, "seen": seen} if _brings(whole) else whole


def _brings(update: Any) -> bool:
    """Whether an update brings a value."""
    return not (isinstance(update, dict) and "__type__" in update) or "value" in update
