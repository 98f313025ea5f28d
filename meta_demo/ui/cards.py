"""The class cards: a custom component, and the way from cards to an episode and back.

Typing and drawing stay in the browser (`scripts/cards.js`); here is only what crosses the wire: a list of `{"name", "examples",
"held_out", "colour"}`. What examples are, only the side of the page knows that the cards are on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from meta_demo.core.files import MAX_FILE, UPLOAD
from meta_demo.core.strings import clean
from meta_demo.data.episode import Episode, Example, check_counts, episode_from_cards
from meta_demo.data.reading.tasks import bounded, foresee
from meta_demo.modalities.base import MODALITIES, Content, is_blank
from meta_demo.objectives.classes import MAX_CLASSES
from meta_demo.ui.markup import tag
from meta_demo.ui.palette import CLASS_COLOURS
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Side
from meta_demo.words import LANGUAGES, text

_WORDS = ("name", "held_out", "classes", "measured", "add", "remove", "clear")

Cards = list[dict[str, Any]]
Spelled = tuple[
    tuple[str, tuple[str, ...], tuple[str, ...]], ...
]  # of every class: its name, its examples, its held-out ones


def class_cards(side: Side[Any], value: Cards, **arguments: Any) -> gr.HTML:
    """A component whose value is the list of cards; a visitor's change triggers `edit`, at most twice a second, and Clear also `clear`.

    A function, not a subclass: for those Gradio writes a stub file beside the source.
    """
    return gr.HTML(
        value,
        html_template=tag("div", cls="cards"),
        js_on_load=script("parts", *side.inside, "cards"),
        words={lang: _words(side.name, lang) | side.card_words(lang) for lang in LANGUAGES},
        colours=list(CLASS_COLOURS),
        limits={"classes": MAX_CLASSES, "file": MAX_FILE},
        server_functions=list(side.functions),
        apply_default_css=False,
        elem_id=side.cards_id,
        **arguments,
    )


def _words(modality: str, lang: str) -> dict[str, str]:
    return {key: text(f"page.card.{key}", lang) for key in _WORDS} | {
        "count": text(f"page.card.count.{modality}", lang)
    }


def cards_from(episode: Episode, side: Side[Any]) -> Cards:
    """One card per class; labelled queries become its held-out examples."""

    def held(rows: Sequence[Example], label: str) -> Any:
        return side.held([side.written(row.content) for row in rows if row.label == label])

    return [
        {
            "name": label,
            "examples": held(episode.support, label),
            "held_out": held(episode.query, label),
            "colour": index,
        }
        for index, label in enumerate(episode.labels)
    ]


def dealt(cards: Cards, shots: int, side: Side[Any]) -> Cards:
    """The same cards with the first `shots` of each class's inputs as examples, and the others held out."""
    every = [[*side.items(card["examples"]), *side.items(card["held_out"])] for card in cards]
    return [
        card | {"examples": side.held(items[:shots]), "held_out": side.held(items[shots:])}
        for card, items in zip(cards, every, strict=True)
    ]


def spelled(cards: Any, side: Side[Any]) -> Spelled:
    """What the cards say, as it was sent: compared at every change, and decoded only where somebody adapts to it."""
    rows = [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []
    return tuple(
        (
            clean(str(row.get("name") or "")),
            tuple(side.items(row.get("examples"))),
            tuple(side.items(row.get("held_out"))),
        )
        for row in rows
    )


def episode_of(said: Spelled, side: Side[Any]) -> Episode:
    """The episode that the cards spell, held-out examples as labelled queries; raises UserError."""

    learned_from, asked = ([(row[0], row[side]) for row in said] for side in (1, 2))
    check_counts(*(sum(len(items) for _, items in cards) for cards in (learned_from, asked)))
    given = [
        (item, f"{name} {place}") for name, items in (*learned_from, *asked) for place, item in enumerate(items, 1)
    ]
    foresee([(MODALITIES[side.name], item) for item, _ in given])
    read = bounded((side.read(item, where) for item, where in given), UPLOAD)

    def contents(items: Sequence[str]) -> list[Content]:
        return [content for _, content in zip(items, read, strict=False) if not is_blank(content)]

    learned = [(name, contents(items)) for name, items in learned_from]
    query = [Example(content, name) for name, items in asked for content in contents(items)]
    return episode_from_cards(learned, query)


def colours_of(cards: Any) -> dict[str, int]:
    """The colour of each class: a card keeps its own when others come and go."""
    found: dict[str, int] = {}
    for card in cards:
        colour = card.get("colour")
        found[clean(str(card.get("name", "")))] = colour if isinstance(colour, int) else len(found)
    return found


def first_query(episode: Episode) -> Content | None:
    """Something to try: the first query, unlabelled ones before labelled ones."""
    return next((e.content for e in sorted(episode.query, key=lambda e: e.label is not None)), None)
