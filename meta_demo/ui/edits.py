"""What a visitor types while the server is at work stays: every answer says which edits it has seen, and the browser keeps what is newer.

The browser counts the edits of each list of examples and of what is tried (`scripts/edits.js`), and sends its counts along with
whatever may fill them. Here they are laid beside each value that comes back; an answer that has seen fewer edits than there are by then
is not shown, and the event `late` says so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr

from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.side import Side

Handler = Callable[..., Any]


def counts() -> gr.JSON:
    """What carries the counts to the server, place by place; nobody sees it."""
    return gr.JSON({}, visible=False)


def counting(sides: Iterable[Side[Any]]) -> dict[Any, str]:
    """The components whose scripts count edits, each with the place that it counts under."""
    parts = [part for side in sides for part in (side.cards, side.tried)]
    return {part: str(part.elem_id) for part in parts if isinstance(part, gr.HTML)}


def echoing(handler: Handler, sent: gr.JSON, places: dict[Any, str]) -> Handler:
    """`handler`, whose values for `places` say which of the visitor's edits they have seen."""

    @functools.wraps(handler)
    def call(values: Values, request: gr.Request, *event: gr.EventData) -> Updates:
        seen, updates = values.get(sent) or {}, handler(values, request, *event)
        filled = {part: _with(updates[part], seen.get(place)) for part, place in places.items() if part in updates}
        return {**updates, **filled}

    return call


def _with(update: Any, seen: int | None) -> Any:
    """An update that says what it has seen, if it brings a value."""
    whole = update if isinstance(update, dict) and "__type__" in update else gr.update(value=update)
    return {**whole, "seen": seen} if "value" in whole else whole
