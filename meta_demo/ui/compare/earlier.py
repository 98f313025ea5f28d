"""Earlier comparisons set beside the present one: what the browser is told of each, and the control that chooses among them.

The browser keeps them (`scripts/compare_earlier.js`), a few hundred bytes each; the session on the server none.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import gradio as gr

from meta_demo.serving.compare import Plan, Row
from meta_demo.serving.requests import Request
from meta_demo.ui.earlier import facts
from meta_demo.ui.markup import tag
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Side
from meta_demo.words import LANGUAGES, catalogue

WORDS = ("label", "caption", "then", "now", "difference", "points", "other", "apart")
SHARED = ("none", "examples")  # with the runs of the Playground


def earlier() -> gr.HTML:
    """The control beneath the table; nobody sees it before there are two comparisons."""
    said = {
        lang: {key: catalogue()[f"page.compare.earlier.{key}"][lang] for key in WORDS}
        | {key: catalogue()[f"page.earlier.{key}"][lang] for key in SHARED}
        | {"learner": catalogue()["page.compare.learner"][lang]}
        for lang in LANGUAGES
    }
    how: dict[str, Any] = {
        "js_on_load": script("parts", "kept", "compare_earlier"),
        "words": said,
        "apply_default_css": False,
    }
    return gr.HTML(None, html_template=tag("div", cls="earlier", hidden=True), elem_id="compare-earlier", **how)


def told(asked: Request, places: Plan, made: str, side: Side[Any], lang: str) -> str:
    """What tells a comparison from another, as JSON: whether it asked about the same examples, and what its name is made of."""
    examples = [(side.mark(places.examples[place].content), places.examples[place].label) for place in places.asked]
    whom = sha256(repr(examples).encode()).hexdigest()[:16]
    return json.dumps({"id": made[:16], "asked": whom, "facts": facts(asked, lang)}, ensure_ascii=False)


def answered(row: Row, places: Plan) -> str:
    """Which of the examples that were asked it was right on, a digit each."""
    return "".join(str(int(row.right[place])) for place in places.asked)
