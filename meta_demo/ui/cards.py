"""The class cards: one custom component, and the way from cards to an episode and back.

Typing stays in the browser (`cards.js`); here is only what crosses the wire: a list of
`{"name", "examples", "held_out", "colour"}`, examples one per line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from meta_demo.core.messages import LANGUAGES, text
from meta_demo.data.episode import MAX_CLASSES, Episode, Example, clean, episode_from_cards
from meta_demo.data.files import MAX_FILE
from meta_demo.ui.palette import CLASS_COLOURS

_WORDS = ("name", "examples", "held_out", "count", "classes", "measured", "add", "remove", "clear")
_SCRIPT = Path(__file__).parent / "cards.js"

Cards = list[dict[str, Any]]


def class_cards(value: Cards, **arguments: Any) -> gr.HTML:
    """A component whose value is the list of cards; a visitor's change triggers `edit`, at most twice a second.

    A function, not a subclass: for those Gradio writes a stub file beside the source.
    """
    return gr.HTML(
        value,
        html_template='<div class="cards"></div>',
        js_on_load=_SCRIPT.read_text("utf-8"),
        words={lang: _words(lang) for lang in LANGUAGES},
        colours=list(CLASS_COLOURS),
        limits={"classes": MAX_CLASSES, "file": MAX_FILE},
        apply_default_css=False,
        **arguments,
    )


def _words(lang: str) -> dict[str, str]:
    return {w: text(f"page.card.{w}", lang) for w in _WORDS} | {"too_big": text("page.upload.too_big", lang)}


def cards_from(episode: Episode) -> Cards:
    """One card per class; labelled queries become its held-out examples."""
    return [
        {
            "name": label,
            "examples": "\n".join(str(e.content) for e in episode.support if e.label == label),
            "held_out": "\n".join(str(e.content) for e in episode.query if e.label == label),
            "colour": index,
        }
        for index, label in enumerate(episode.labels)
    ]


def episode_of(cards: Any) -> Episode:
    """The episode that the cards spell, held-out examples as labelled queries; raises UserError."""
    rows = [_row(card) for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []
    query = [Example(line, row["name"]) for row in rows for line in row["held_out"].splitlines() if clean(line)]
    return episode_from_cards(rows, query)


def colours_of(cards: Any) -> dict[str, int]:
    """The colour of each class: a card keeps its own when others come and go."""
    found: dict[str, int] = {}
    for card in cards:
        colour = card.get("colour")
        found[clean(str(card.get("name", "")))] = colour if isinstance(colour, int) else len(found)
    return found


def first_sentence(episode: Episode) -> str:
    """Something to try: the first query, unlabelled ones before labelled ones."""
    return next((str(e.content) for e in sorted(episode.query, key=lambda e: e.label is not None)), "")


def _row(card: dict[str, Any]) -> dict[str, str]:
    return {key: str(card.get(key) or "") for key in ("name", "examples", "held_out")}
