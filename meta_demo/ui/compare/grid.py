"""The grid of a comparison: each example that was left out, and what each learner answered it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from meta_demo.serving.compare import Plan, Row
from meta_demo.serving.requests import Learner
from meta_demo.ui import blocks, picked
from meta_demo.ui.learners import called
from meta_demo.ui.markup import Html, tag
from meta_demo.ui.palette import class_colour
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Side
from meta_demo.words import LANGUAGES, text


def grid(rows: Mapping[Learner, Row], plan: Plan, side: Side[Any], colours: Mapping[str, int], lang: str) -> Html:
    """Examples by learners, of those that are done; where learners answer differently the row says so."""
    done = [row for row in rows.values() if row.complete]
    if not done:
        return Html()
    names = [tag("th", blocks.swatch(row.algorithm), " ", called(row.learner, rows, lang), scope="col") for row in done]
    first = [tag("th", text(f"page.compare.{key}", lang), scope="col") for key in ("example", "label")]
    split = sum(_differ(done, place) for place in plan.asked)
    heading = text("page.compare.grid", lang, split=split, count=len(plan.asked))
    body = [_line(place, done, plan, side, colours) for place in plan.asked]
    whole = tag("table", tag("caption", heading), tag("thead", tag("tr", first, names)), tag("tbody", body))
    box = tag("div", whole, cls="table-box", tabindex=0, role="region", aria_label=heading)
    said = tag("p", cls="picked-said", role="status")
    note = tag("p", text("page.compare.grid.note", lang), cls="note")
    return tag("div", box, said, note, cls="measured compared answers")


def component(**arguments: Any) -> gr.HTML:
    """What shows a grid, of which a row can be chosen."""
    words = {lang: {"picked": picked.words(lang)} for lang in LANGUAGES}
    how = script("parts", "picked", "reveal", "grid")
    return gr.HTML("", js_on_load=how, words=words, padding=False, **arguments)


def _differ(rows: Sequence[Row], place: int) -> bool:
    """Whether some were right and others wrong, or wrong in other ways."""
    return len({int(row.answers[place].argmax()) for row in rows}) > 1


def _line(place: int, rows: Sequence[Row], plan: Plan, side: Side[Any], colours: Mapping[str, int]) -> Html:
    example = plan.examples[place]
    style = f"--k:{class_colour(colours.get(example.label, 0))}"
    pick = tag("button", side.example(example.content, example.label), type="button", cls="pick", aria_pressed="false")
    shown = tag("th", tag("div", pick, cls="what"), scope="row")
    split = _differ(rows, place)
    label = tag("td", tag("span", example.label, cls="of", style=style), tag("b", " ≠") if split else None)
    known = {"data_example": side.mark(example.content), "data_said": picked.called(example.content, example.label)}
    answers = [_answer(row, place, plan) for row in rows]
    return tag("tr", shown, label, answers, cls="split" if split else "", **known)


def _answer(row: Row, place: int, plan: Plan) -> Html:
    """The class that it found likeliest, how sure it was, and whether that is right."""
    shown, right = row.answers[place], row.right[place]
    said = plan.objective.labels[int(shown.argmax())]
    share = tag("small", f"{float(shown.max()):.0%}")
    return tag(
        "td", tag("span", "✓" if right else "✗", cls="sign"), " ", said, " ", share, cls="right" if right else "wrong"
    )
