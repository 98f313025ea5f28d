"""Which of the visitor's examples decided an answer: one bar each, whatever a learner counts them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meta_demo.core.objective import objective_of
from meta_demo.data.episode import Example
from meta_demo.serving.leaned import INFLUENCE, SIMILARITY, Leaned
from meta_demo.ui.form import form_for
from meta_demo.ui.markup import Html, tag
from meta_demo.ui.side import Side
from meta_demo.words import text


def bars(
    leaned: Leaned | None, support: Sequence[Example], side: Side[Any], colours: dict[str, int], lang: str
) -> Html | None:
    """Those that count most in the first answer, and what the bars are; None where nobody asked."""
    if leaned is None:
        return None
    heading = tag(
        "em", text(f"page.decided.{leaned.kind}", lang), title=text(f"page.decided.{leaned.kind}.about", lang)
    )
    items = [_bar(leaned, place, support[place], side, colours) for place in leaned.first(0, side.nearest)]
    return tag("div", heading, tag("ul", items), cls="leaned", data_kind=leaned.kind)


def _bar(leaned: Leaned, place: int, example: Example, side: Side[Any], colours: dict[str, int]) -> Html:
    """An example, how much it counts, and whether that speaks against the answer."""
    form = form_for(objective_of(example.label).name)
    name, colour = form.label(example, colours)
    said = None if form.dealt_by_shots else tag("b", name, cls="value")
    count = float(leaned.counts[0, place])
    shown = tag("span", said, side.example(example.content, name), cls="what")
    track = tag("span", tag("i"), cls="track")
    style = f"--k:{colour};--p:{leaned.length(0, place):.4f}"
    against = leaned.kind == INFLUENCE and count < 0
    return tag(
        "li",
        shown,
        track,
        tag("span", _said(leaned.kind, count), cls="count"),
        style=style,
        title=name,
        data_against=against,
    )


def _said(kind: str, count: float) -> str:
    """How much an example counts, in the units of its kind."""
    if kind == SIMILARITY:
        return f"{count:.2f}"
    return f"{100 * count:+.1f}" if kind == INFLUENCE else f"{count:.0%}"
