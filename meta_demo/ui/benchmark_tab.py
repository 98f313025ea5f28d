"""The Benchmark tab: the measured tables of `benchmarks/results`, read when the page is opened.

A table is a JSON object {"title", "command", "machine", "date", "columns": [...], "rows": [[...], ...], "notes",
"order"}; title, notes and columns may be texts, or objects with one text per language.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gradio as gr
from pydantic import BaseModel, ValidationError

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.places import place
from meta_demo.ui import blocks, frontier
from meta_demo.ui.charts import chart, figure_json
from meta_demo.ui.frontier import Point
from meta_demo.ui.markup import Html, tag, together
from meta_demo.ui.words import request_language
from meta_demo.words import text

RESULTS = place("benchmarks/results")

Said = str | dict[str, str]
Value = str | int | float | None


class Table(BaseModel):
    """One measured table."""

    title: Said
    command: str
    machine: str
    date: str
    columns: list[Said]
    rows: list[list[Value]]
    notes: Said | list[Said] = ""
    order: int = 0  # tables of a lower one come first
    points: list[Point] = []  # what the chart draws


def lay_out() -> list[gr.HTML]:
    """What follows from the tables, the chart, and the tables themselves, as `show` fills them."""
    follows = gr.HTML("", elem_id="benchmark-follows", padding=False)
    return [follows, chart("frontier", elem_classes="sheet"), gr.HTML("", elem_id="benchmark", padding=False)]


def read_tables(folder: Path = RESULTS) -> list[Table]:
    """The tables in `folder` by their order, and then by file name; files that hold something else are passed over."""
    tables = []
    for path in sorted(folder.glob("*.json")):
        try:
            tables.append(Table.model_validate(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, RecursionError, ValidationError):
            continue
    return sorted(tables, key=lambda table: table.order)


def show(request: gr.Request) -> tuple[str, dict[str, Any] | None, str]:
    """One sentence, the chart and every measured table, in the visitor's language."""
    tables, lang = read_tables(), request_language(request)
    points = [point for table in tables for point in table.points if point.algorithm in REGISTRY]
    drawn = figure_json(frontier.figure(points, lang)) if points else None
    said = tag("p", frontier.sentence(points, lang), cls="follows") if points else ""
    return said, drawn, page(tables, lang)


def page(tables: list[Table], lang: str) -> Html:
    """A sheet per table, the first of them open where no chart stands above; one sentence where nothing was measured."""
    if not tables:
        return tag("div", blocks.empty("page.benchmark.empty", lang), cls="sheet")
    drawn = any(table.points for table in tables)
    return together([_sheet(table, lang, shown=not drawn and table is tables[0]) for table in tables])


def _sheet(table: Table, lang: str, *, shown: bool) -> Html:
    """A table, folded away unless it is `shown`, that scrolls sideways in its own box, and how it was made beneath."""
    title = _said(table.title, lang)
    notes = table.notes if isinstance(table.notes, list) else [table.notes] if table.notes else []
    facts = {"command": tag("code", table.command), "machine": table.machine, "date": table.date}
    made = [(tag("dt", text(f"page.benchmark.{key}", lang)), tag("dd", fact)) for key, fact in facts.items()]
    return tag(
        "details",
        tag("summary", tag("h2", title), cls="heading"),
        tag("div", _table(table, lang), cls="table-box", tabindex=0, role="region", aria_label=title),
        [tag("p", _said(note, lang), cls="note") for note in notes],
        tag("dl", made),
        cls="sheet measured",
        open=shown,
    )


def _table(table: Table, lang: str) -> Html:
    """The figures; whatever stands among numbers stands to the right, a word such as mean too."""
    count = len(table.columns)
    kinds = ["number" if any(_is_number(row[i]) for row in table.rows if i < len(row)) else "" for i in range(count)]
    head = [
        tag("th", _said(column, lang), scope="col", cls=kind) for column, kind in zip(table.columns, kinds, strict=True)
    ]
    rows = [tag("tr", [_cell(value, i, kinds[i]) for i, value in enumerate(row)]) for row in table.rows]
    return tag("table", tag("thead", tag("tr", head)), tag("tbody", rows))


def _cell(value: Value, place: int, kind: str) -> Html:
    """A cell; the first of a row names it."""
    return tag("td" if place else "th", _shown(value), scope=None if place else "row", cls=kind)


def _shown(value: Value) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _is_number(value: Value) -> bool:
    """Whether it reads as one, as 91.2 ± 0.6 does."""
    return bool(re.match(r"[+−-]?\d[\d.,]*( |$|%)", _shown(value)))


def _said(words: Said, lang: str) -> str:
    """The words in a language; in the first there is where that one is missing."""
    return (words.get(lang) or next(iter(words.values()), "")) if isinstance(words, dict) else words
