"""A draft that a browser kept: what comes back of it, and that what is none changes nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from meta_demo.data.samples import load_sample
from meta_demo.serving.service import Service
from meta_demo.ui import draft
from meta_demo.ui.cards import cards_from
from meta_demo.ui.draft import Drafts
from meta_demo.ui.events import adapted_by, aside
from meta_demo.ui.guard import Updates
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.parts import Page
from meta_demo.ui.teaching import Teaching

ROWS = {"rows": [{"item": "mild", "value": "18", "held_out": False}, {"item": "hot", "value": "", "held_out": True}]}


@pytest.fixture
def page() -> Page:
    with gr.Blocks():
        return lay_out()


def restored(page: Page, said: Any, **address: str) -> Updates:
    values = {part: part.value for part in adapted_by(page) | aside(page)} | {page.draft: said}
    drafts = Drafts(page, Teaching(page, Handlers(Service(), page)))
    request: Any = SimpleNamespace(headers={}, query_params=address)
    return drafts.restore(values, request)


def test_what_was_typed_on_every_side_comes_back(page: Page) -> None:
    text, picture = page.sides["text"], page.sides["picture"]
    drawn = cards_from(load_sample("arrows"), picture)
    said = {
        "side": "text",
        "model": "e5-small",
        "algorithms": ["kernel", "maml", "protonet", "nobody"],
        "text/cards": ROWS,
    }
    said |= {
        "text/tried": "warm",
        "text/lines": "a\nb",
        "picture/cards": drawn,
        "picture/tried": "data:image/png;base64,AA",
    }
    found = restored(page, said | {"curve/sheet": {"points": [[1, 2]]}})
    assert found[page.modality] == "text" and found[page.shown] == "text"
    assert found[text.cards]["value"] == ROWS and found[text.cards]["visible"] is True
    assert found[text.tried]["value"] == "warm" and found[text.lines]["value"] == "a\nb"
    assert found[picture.cards]["value"] == drawn and found[picture.cards]["visible"] == "hidden"
    assert found[picture.tried]["value"] == said["picture/tried"]
    assert found[page.teach.kind] == "numbers", "what labels are follows from what was typed"
    assert found[page.adapt.algorithms] == ["kernel", "maml"], "those that are there, and can learn numbers"
    assert found[page.adapt.model].value == "e5-small"
    sheet, _ = page.sheets["curve"]
    assert found[sheet.collected]["value"]["points"] == [[1, 2]]


def test_the_side_that_opens_and_an_address_that_names_another(page: Page) -> None:
    picture, cards = page.sides["picture"], cards_from(load_sample("arrows"), page.sides["picture"])
    said = {"side": "picture", "model": "glyph-vit", "algorithms": ["protonet"], "picture/cards": cards}
    found = restored(page, said)
    assert found[page.modality] == "picture" and found[picture.cards]["value"] == cards
    assert found[page.adapt.algorithms] == ["protonet"] and found[page.teach.shots]["value"] is None
    linked = restored(page, said, side="text")
    assert linked[page.modality] == "text" and linked[picture.cards]["value"] == cards
    assert restored(page, said | {"side": "curve"})[page.modality] == "curve"


@pytest.mark.parametrize(
    "cards",
    [
        [{"name": 1}],
        [7],
        [{"name": "a", "examples": [], "held_out": "", "colour": 0}],
        {"rows": [{}]},
        {"rows": 3},
        "x",
    ],
)
def test_what_no_page_has_written_fills_nothing(page: Page, cards: Any) -> None:
    text = page.sides["text"]
    found = restored(page, {"side": "text", "text/cards": cards, "curve/sheet": {"points": "x"}}, side="picture")
    assert text.cards not in found and page.sheets["curve"][0].collected not in found
    assert restored(page, cards if isinstance(cards, list | str) else None) == {}


def test_everything_that_a_visitor_fills_is_in_it(page: Page) -> None:
    kept = set(draft.held(page).values())
    assert {part for side in page.sides.values() for part in side.heavy} <= kept
    assert {sheet.collected for sheet, _ in page.sheets.values()} <= kept
