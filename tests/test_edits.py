"""What was typed while the server was at work: answers say which edits they have seen, and nothing else of them changes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from meta_demo.data.samples import load_sample
from meta_demo.serving.service import Service
from meta_demo.ui import edits
from meta_demo.ui.asking import Asking
from meta_demo.ui.cards import cards_from
from meta_demo.ui.events import adapted_by, aside
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.page import build_app
from meta_demo.ui.parts import Page
from meta_demo.ui.teaching import Teaching

ASKED: Any = SimpleNamespace(headers={}, query_params={})


@pytest.fixture
def page() -> Page:
    with gr.Blocks():
        return lay_out()


def values(page: Page, **more: Any) -> dict[Any, Any]:
    return {part: part.value for part in adapted_by(page) | aside(page) | {page.teach.kind, page.teach.shots}} | more


def test_a_value_says_which_edits_it_has_seen(page: Page) -> None:
    text, picture = page.sides["text"], page.sides["picture"]
    places = edits.counting(page.sides.values())
    assert set(places) == {text.cards, picture.cards, picture.tried}

    def answer(*_: Any) -> Any:
        return {
            text.cards: [1],
            picture.cards: gr.update(visible="hidden"),
            picture.tried: gr.update(value="url"),
            page.message: "done",
        }

    called = edits.echoing(answer, page.edits, places, page.keeper, {})({page.edits: {"cards": 4, "try-pad": 0}}, ASKED)
    assert called[text.cards] == gr.update(value=[1]) | {"seen": 4}
    assert called[picture.tried] == gr.update(value="url") | {"seen": 0}
    assert "seen" not in called[picture.cards] and called[page.message] == "done"


def test_the_keeper_hears_which_edits_a_text_box_has_seen(page: Page) -> None:
    side = page.sides["text"]
    boxes = edits.boxes(page.sides.values())
    assert set(boxes) == {side.lines, side.tried} and [*boxes.values()] == page.keeper.props["boxes"]

    def told(updates: dict[Any, Any]) -> Any:
        call = edits.echoing(lambda *_: updates, page.edits, {}, page.keeper, boxes)
        return call({page.edits: {"lines": 3}}, ASKED).get(page.keeper)

    first = told({side.lines: gr.update(value="a"), side.tried: "b"})
    assert first["seen"] == {"lines": 3, "sentence": 0}
    assert told({side.lines: "a", side.tried: gr.update(visible=True)})["seen"] == {"lines": 3}
    assert told({side.lines: "a"}) != told({side.lines: "a"}), "of an answer that is the same as the last it hears too"
    assert told({side.tried: gr.update(visible="hidden"), page.message: ""}) is None


def test_whatever_fills_a_text_box_tells_the_keeper() -> None:
    app = build_app(Service())
    carriers = {b for b in app.blocks.values() if isinstance(b, gr.JSON)}
    keepers = {b for b in app.blocks.values() if isinstance(b, gr.HTML) and "boxes" in b.props}
    boxes = {b for b in app.blocks.values() if isinstance(b, gr.Textbox) and b.elem_id in ("lines", "sentence")}
    assert len(keepers) == 1 and len(boxes) == 2
    filling = [f for f in app.fns.values() if boxes & set(f.outputs)]
    assert len(filling) > 5
    assert [f.name for f in filling if not keepers & set(f.outputs) or "window.edits" not in str(f.js)] == []
    assert [f.name for f in filling if not carriers & set(f.inputs)] == []


@pytest.mark.slow
def test_whatever_fills_a_list_knows_the_edits() -> None:
    """An event that could fill a list of examples and is not told the counts would lose what was typed."""
    app = build_app(Service())
    carriers = {b for b in app.blocks.values() if isinstance(b, gr.JSON)}
    lists = {b for b in app.blocks.values() if isinstance(b, gr.HTML) and "seen" in b.props}
    assert len(lists) == 3 and len(carriers) == 1
    filling = [f for f in app.fns.values() if lists & set(f.outputs) and not f.types_generator]
    assert len(filling) > 5
    assert [f.name for f in filling if not carriers & set(f.inputs) or "window.edits" not in str(f.js)] == []


def test_other_labels_asked_for_twice_change_nothing_the_second_time(page: Page) -> None:
    teaching = Teaching(page, Handlers(Service(), page))
    side = page.sides["text"]
    said = values(page) | {
        page.modality: "text",
        page.shown: "text",
        side.cards: cards_from(load_sample("travel-planning"), side),
    }
    said |= {page.teach.kind: "numbers"}
    once = teaching.relabel(said, ASKED)
    typed = once[side.cards]["value"]
    assert typed["rows"]
    assert teaching.relabel(said | {side.cards: typed}, ASKED) == {}


def test_what_came_too_late_is_said_and_all_else_fits_what_stayed(page: Page) -> None:
    """The answer was of a sample with numbers, and classes stayed on the cards."""
    teaching = Teaching(page, Handlers(Service(), page))
    side = page.sides["text"]
    cards = cards_from(load_sample("travel-planning"), side)
    numbers = replace(page.switch.value, objective="numbers")
    late = values(page) | {page.modality: "text", page.shown: "text", side.cards: cards, page.switch: numbers}
    kept = teaching.keep(late, ASKED)
    assert side.cards not in kept and kept[page.teach.sample] is None
    assert "was kept" in kept[page.adapt.notice]
    assert kept[page.teach.kind] == "classes" and kept[page.switch].objective == "classes"


@pytest.mark.parametrize("sent", [7, "x", [1], None])
def test_counts_that_no_page_sends_count_nothing(sent: Any, page: Page) -> None:
    text = page.sides["text"]
    call = edits.echoing(lambda *_: {text.cards: [1]}, page.edits, {text.cards: "cards"}, page.keeper, {})
    assert call({page.edits: sent}, ASKED)[text.cards] == gr.update(value=[1]) | {"seen": None}


@pytest.mark.parametrize("said", [None, {}, {"layer": "x", "head": 0}], ids=repr)
def test_an_event_that_says_nothing_chooses_nothing(said: Any, page: Page, service: Service) -> None:
    """As no page sends it: its values are none either."""
    event, none = gr.EventData(None, said), dict.fromkeys([page.run, page.row, page.look.algorithm, page.teach.upload])
    asking = Asking(service, page)
    assert asking.choose_map(none, ASKED, event) == {}
    assert asking.choose_token(none, ASKED, event) == {page.row: None}
    assert Teaching(page, Handlers(service, page)).open_file(none, ASKED) == {}
