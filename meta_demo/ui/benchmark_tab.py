"""The Benchmark tab: the measured tables of `benchmarks/results`, read when the page is opened.

A table is a JSON object {"title", "command", "machine", "date", "columns": [...], "rows": [[...], ...], "notes"}; title, notes and
columns may be texts, or objects with one text per language.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

import gradio as gr
from pydantic import BaseModel, ValidationError

from meta_demo.core.places import place
from meta_demo.ui import views
from meta_demo.ui.words import request_language
from meta_demo.words import text

RESULTS = place("benchmarks/results")

Said = str | dict[str, str]
Value = str | int | float | None
_NUMBER = ' class="number"'


class Table(BaseModel):
    """One measured table."""

    title: Said
    command: str
    machine: str
    date: str
    columns: list[Said]
    rows: list[list[Value]]
    notes: Said | list[Said] = ""


def lay_out() -> gr.HTML:
    return gr.HTML("", elem_id="benchmark", padding=False)


def read_tables(folder: Path = RESULTS) -> list[Table]:
    """The tables in `folder`, by file name; files that hold something else are passed over."""
    tables = []
    for path in sorted(folder.glob("*.json")):
        try:
            tables.append(Table.model_validate(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, RecursionError, ValidationError):
            continue
    return tables


def show(request: gr.Request) -> str:
    return page(read_tables(), request_language(request))


def page(tables: list[Table], lang: str) -> str:
    if not tables:
        return f'<div class="sheet">{views.empty("page.benchmark.empty", lang)}</div>'
    return "".join(_sheet(table, lang) for table in tables)


def _sheet(table: Table, lang: str) -> str:
    """A table that scrolls sideways in its own box, and how it was made beneath."""
    numbers = [any(_is_number(row[i]) for row in table.rows if i < len(row)) for i in range(len(table.columns))]
    head = "".join(
        f'<th scope="col"{_NUMBER if number else ""}>{_said(column, lang)}</th>'
        for column, number in zip(table.columns, numbers, strict=True)
    )
    rows = "".join(
        f"<tr>{''.join(_cell(value, i, numbers[i]) for i, value in enumerate(row))}</tr>" for row in table.rows
    )
    notes = table.notes if isinstance(table.notes, list) else [table.notes] if table.notes else []
    said = "".join(f'<p class="note">{_said(note, lang)}</p>' for note in notes)
    facts = {"command": f"<code>{escape(table.command)}</code>", "machine": escape(table.machine)}
    facts["date"] = escape(table.date)
    made = "".join(f"<dt>{text(f'page.benchmark.{key}', lang)}</dt><dd>{fact}</dd>" for key, fact in facts.items())
    title = _said(table.title, lang)
    return (
        f'<section class="sheet measured"><div class="heading"><h2>{title}</h2></div>'
        f'<div class="table-box" tabindex="0" role="region" aria-label="{title}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{said}<dl>{made}</dl></section>"
    )


def _cell(value: Value, place: int, number: bool) -> str:
    """A cell; the first of a row names it, and whatever stands among numbers stands to the right, a word such as mean too."""
    tag, scope = ("th", ' scope="row"') if place == 0 else ("td", "")
    return f"<{tag}{scope}{_NUMBER if number else ''}>{escape(_shown(value))}</{tag}>"


def _shown(value: Value) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _is_number(value: Value) -> bool:
    """Whether it reads as one, as 91.2 ± 0.6 does."""
    return bool(re.match(r"[+−-]?\d[\d.,]*( |$|%)", _shown(value)))


def _said(words: Said, lang: str) -> str:
    """Escaped words in a language; in the first there is where that one is missing."""
    if isinstance(words, dict):
        words = words.get(lang) or next(iter(words.values()), "")
    return escape(words)
