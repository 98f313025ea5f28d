"""The class cards: one custom component per modality, and the way from cards to an episode and back.

Typing and drawing stay in the browser (`scripts/cards.js`); here is only what crosses the wire: a list of `{"name", "examples",
"held_out", "colour"}`, where examples are text, one per line, or a list of pictures as data URLs.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.core.files import MAX_FILE
from meta_demo.core.strings import clean
from meta_demo.data.episode import MAX_CLASSES, Episode, Example, episode_from_cards
from meta_demo.modalities.base import Content, is_blank
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.reading import read_data_url
from meta_demo.ui.guard import sentence
from meta_demo.ui.palette import CLASS_COLOURS
from meta_demo.ui.pictures import url_of
from meta_demo.ui.scripts import script
from meta_demo.words import LANGUAGES, text

_WORDS = ("name", "held_out", "classes", "measured", "add", "remove", "clear")
_INSIDE = {  # modality -> the scripts of a card's inside, and the words that only it needs
    "text": (("text_card",), ("examples",)),
    "picture": (("pad", "pictures", "picture_card"), ("another", "forget")),
}

Cards = list[dict[str, Any]]


def class_cards(modality: str, value: Cards, **arguments: Any) -> gr.HTML:
    """A component whose value is the list of cards; a visitor's change triggers `edit`, at most twice a second, and Clear also `clear`.

    A function, not a subclass: for those Gradio writes a stub file beside the source.
    """
    inside, words = _INSIDE[modality]
    return gr.HTML(
        value,
        html_template='<div class="cards"></div>',
        js_on_load=script("parts", *inside, "cards"),
        words={lang: _card_words(modality, lang, *_WORDS, *words) | _pad_words(lang) for lang in LANGUAGES},
        colours=list(CLASS_COLOURS),
        limits={"classes": MAX_CLASSES, "file": MAX_FILE},
        server_functions=[read_file],
        apply_default_css=False,
        **arguments,
    )


def try_pad(**arguments: Any) -> gr.HTML:
    """A component whose value is the data URL of the picture to be recognised; a visitor's change triggers `input`."""
    return gr.HTML(
        "",
        html_template='<div class="try-pad"></div>',
        js_on_load=script("parts", "pad", "pictures", "try_pad"),
        words={lang: _pad_words(lang) for lang in LANGUAGES},
        limits={"file": MAX_FILE},
        server_functions=[read_file],
        apply_default_css=False,
        **arguments,
    )


def read_file(file: dict[str, Any]) -> dict[str, str]:
    """What the browser asks of a visitor's file, `{"name", "data", "lang"}`: `{"url"}` of it, made small, or what is `{"problem"}`."""
    lang = file["lang"] if file.get("lang") in LANGUAGES else LANGUAGES[0]
    try:
        return {"url": url_of(read_data_url(str(file["data"]), str(file["name"])))}
    except Exception as error:
        return {"problem": sentence(error, lang)}


def _card_words(modality: str, lang: str, *keys: str) -> dict[str, str]:
    return {key: text(f"page.card.{key}", lang) for key in keys} | {"count": text(f"page.card.count.{modality}", lang)}


def _pad_words(lang: str) -> dict[str, str]:
    """What a pad and the buttons beside it say."""
    keys = ("draw", "undo", "erase", "picture", "files", "camera", "shoot", "close", "no_camera")
    return {key: text(f"page.pad.{key}", lang) for key in keys} | {"too_big": text("page.upload.too_big", lang)}


def cards_from(episode: Episode) -> Cards:
    """One card per class; labelled queries become its held-out examples."""
    return [
        {
            "name": label,
            "examples": _on_card([e.content for e in episode.support if e.label == label], episode.modality),
            "held_out": _on_card([e.content for e in episode.query if e.label == label], episode.modality),
            "colour": index,
        }
        for index, label in enumerate(episode.labels)
    ]


def dealt(cards: Cards, shots: int) -> Cards:
    """The same cards with the first `shots` of each class's inputs as examples, and the others held out."""
    return [card | _dealt(card["examples"], card["held_out"], shots) for card in cards]


def _dealt(examples: str | list[str], held_out: str | list[str], shots: int) -> dict[str, str | list[str]]:
    if isinstance(examples, list) or isinstance(held_out, list):
        every = [*examples, *held_out]
        return {"examples": every[:shots], "held_out": every[shots:]}
    lines = [line for said in (examples, held_out) for line in said.splitlines() if clean(line)]
    return {"examples": "\n".join(lines[:shots]), "held_out": "\n".join(lines[shots:])}


def _on_card(contents: list[Content], modality: str) -> str | list[str]:
    if modality == "text":
        return "\n".join(map(str, contents))
    return [url_of(content) for content in contents if isinstance(content, Picture)]


def episode_of(cards: Any) -> Episode:
    """The episode that the cards spell, held-out examples as labelled queries; raises UserError."""
    rows = [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []
    learned = [(str(row.get("name") or ""), _off_card(row, "examples")) for row in rows]
    held_out = [(str(row.get("name") or ""), _off_card(row, "held_out")) for row in rows]
    query = [Example(content, name) for name, contents in held_out for content in contents]
    return episode_from_cards(learned, query)


def _off_card(card: dict[str, Any], key: str) -> list[Content]:
    said, name = card.get(key) or [], clean(str(card.get("name") or ""))
    contents: list[Content] = (
        list(said.splitlines())
        if isinstance(said, str)
        else [read_data_url(str(url), f"{name} {place}") for place, url in enumerate(said, 1)]
    )
    return [content for content in contents if not is_blank(content)]


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
