"""The labelled examples that a side of the page collects: one component, whose value says by its shape which objective's it is.

Typing and drawing stay in the browser (`scripts/`); here is only what crosses the wire, and the way from there to an episode and back,
which the form of the objective goes (`form.py`).
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.core.files import MAX_FILE
from meta_demo.data.episode import Episode
from meta_demo.modalities.base import Content
from meta_demo.ui.form import Form, Spelled, form_for, form_of, forms
from meta_demo.ui.markup import tag
from meta_demo.ui.palette import CLASS_COLOURS
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Side
from meta_demo.words import LANGUAGES, catalogue, text


def collector(side: Side[Any], value: Any, **arguments: Any) -> gr.HTML:
    """A component that holds what a form collects; a visitor's change triggers `edit`, at most twice a second, and Clear also `clear`.

    A function, not a subclass: for those Gradio writes a stub file beside the source.
    """
    able = [form for form in forms() if form.scripts(side)]
    limits = {key: limit for form in able for key, limit in form.limits().items()}
    return gr.HTML(
        value,
        html_template="".join(tag("div", cls=form.element, hidden=True) for form in able),
        js_on_load=script("parts", "edits", "marks", "reveal")
        + "".join(f"\n{{\n{script(*form.scripts(side))}\n}}" for form in able),
        words={lang: _words(able, side, lang) | side.card_words(lang) for lang in LANGUAGES},
        colours=list(CLASS_COLOURS),
        place=side.cards_id,
        seen=None,
        limits={**limits, "file": MAX_FILE},
        server_functions=list(side.functions),
        apply_default_css=False,
        elem_id=side.cards_id,
        **arguments,
    )


def _words(able: list[Form], side: Side[Any], lang: str) -> dict[str, str]:
    words = {key: catalogue()[f"page.card.{key}"][lang] for form in able for key in form.words}
    return words | {"count": text(f"page.card.count.{side.name}", lang)}


def cards_from(episode: Episode, side: Side[Any]) -> Any:
    """An episode as the component of a side holds it."""
    return form_for(episode.objective.name).collected(episode, side)


def relabelled(value: Any, form: Form, side: Side[Any]) -> Any:
    """The same examples for labels of another form."""
    before = form_of(value)
    return value if before is form else form.gathered(before.loosened(value, side), side)


def dealt(value: Any, shots: int, side: Side[Any]) -> Any:
    """The same with `shots` examples of each class to learn from, and the others held out, where there are classes."""
    return form_of(value).dealt(value, shots, side)


def spelled(value: Any, side: Side[Any]) -> Spelled:
    """What a component says, as it was sent, and whose it is: compared at every change, decoded only where somebody adapts to it."""
    form = form_of(value)
    return form.name, form.spelled(value, side)


def episode_of(said: Spelled, side: Side[Any]) -> Episode:
    """The episode that is spelled, held-out examples as labelled queries; raises UserError."""
    name, rows = said
    return form_for(name).episode(rows, side)


def colours_of(value: Any) -> dict[str, int]:
    """The colour of each class; none where labels have none."""
    return form_of(value).colours(value)


def nobody_labelled(episode: Episode) -> list[Content]:
    """The inputs of an episode without a label: those to learn from, and the questions that nobody has answered."""
    return [*episode.unlabelled, *(example.content for example in episode.query if example.label is None)]


def first_query(episode: Episode) -> Content | None:
    """Something to try: the first query, unlabelled ones before labelled ones."""
    return next((e.content for e in sorted(episode.query, key=lambda e: e.label is not None)), None)
