"""Which columns of an uploaded table are read: shown where that had to be guessed, and chosen by the visitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from meta_demo.data.reading.columns import NOTHING_SAID, Columns, Seen
from meta_demo.objectives.numbers import Numbers
from meta_demo.ui.markup import tag
from meta_demo.ui.scripts import script
from meta_demo.words import LANGUAGES, catalogue


def picker(prefix: str, upload: str) -> gr.HTML:
    """The choices for the files of the button `upload`."""
    keys = ("title", "text", "label", "numbers", "none", "about")
    return gr.HTML(
        None,
        html_template=tag("div", cls="columns", hidden=True),
        js_on_load=script("parts", "columns"),
        words={lang: {key: catalogue()[f"page.columns.{key}"][lang] for key in keys} for lang in LANGUAGES},
        apply_default_css=False,
        elem_id=f"{prefix}s",
        elem_classes="column-picker",
        prefix=prefix,
        upload=upload,
    )


def said(value: Any) -> Columns:
    """The columns that a visitor chose for the file that is uploaded."""
    if not (isinstance(value, dict) and value.get("chosen")):
        return NOTHING_SAID
    key = Numbers.key if value.get("numbers") else ""
    return Columns(str(value.get("text") or ""), str(value.get("label") or ""), key)


def offered(seen: Sequence[Seen], columns: Columns) -> dict[str, Any] | None:
    """The columns to choose from and those that are read; None where nobody need choose."""
    if not seen:
        return None
    return vars(seen[0]) | {"names": list(seen[0].names), "numbers": bool(columns.key)}
