"""What the page opens with: adapted once for everybody, never by a visit, and another side where the address asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.intervals import paired_interval
from meta_demo.serving.requests import Request, Snapshot
from meta_demo.serving.service import Service
from meta_demo.serving.turns import Turn
from meta_demo.ui.events import adapted_by, aside
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.learners import twins
from meta_demo.ui.opening import Opening, Welcome
from meta_demo.ui.page import build_app
from meta_demo.ui.parts import Page
from meta_demo.ui.starts import BOTH, TRAINED
from meta_demo.ui.teaching import Teaching
from meta_demo.words import LANGUAGES, text


class Counting(Service):
    """A service that counts what it is asked to adapt."""

    adapted = 0

    def adapt_stream(self, request: Request, turn: Turn | None = None, *, keeps: bool = True) -> Iterator[Snapshot]:
        self.adapted += 1
        return super().adapt_stream(request, turn, keeps=keeps)


@pytest.fixture
def page() -> Page:
    with gr.Blocks():
        return lay_out()


def first_sight(page: Page) -> Values:
    """What a browser sends before anything was done: of hidden sides nothing."""
    values = {part: part.value for part in adapted_by(page) | aside(page)}
    hidden = (part for side in page.sides.values() if side.name != page.modality.value for part in side.heavy)
    return {**values, **dict.fromkeys(hidden)}


def asking(**address: str) -> Any:
    return SimpleNamespace(headers={}, query_params=address)


def visit(page: Page, opening: Opening, **address: str) -> Updates:
    playground = Handlers(opening.service, page)
    return Welcome(page, Teaching(page, playground), opening).show(first_sight(page), asking(**address))


@pytest.mark.slow
def test_it_is_adapted_once_and_every_visitor_finds_it(page: Page) -> None:
    service = Counting()
    opening = Opening(service)
    assert visit(page, opening) == {}, "who comes early finds the usual button"
    assert service.adapted == 0
    opening.warm()
    one, other = visit(page, opening), visit(page, opening)
    assert service.adapted == 1
    run, shown = one[page.run], one[page.adapt.curves]
    assert run.whole and len(twins(run.history)) == 3 and len(run.history) == 6 and shown["traces"]
    assert len(run.request.episode.support) == len(run.request.episode.labels) == 4, "one example of each class"
    assert run == other[page.run] and run.ended is not other[page.run].ended
    assert Handlers(service, page)._changes({**first_sight(page), page.run: run}, "en")[page.adapt.notice] == ""
    request = run.request
    drawn = request.episode.query[0]
    assert all(
        request.episode.labels[p.outputs[0].argmax()] == drawn.label
        for p in service.predict(request, [drawn.content])
        if not p.learner.plain
    )
    step = max(run.steps[who] for who in run.history if who.algorithm == "maml")
    figures = [text("page.gap.headline", "en", algorithm="MAML", count=52, step=step, ends="").rstrip(".")]
    for who in run.history:
        if who.algorithm == "maml":
            figures += [f"{round(run.history[who][-1].query_score.value * 52)}/52"]
    assert len(figures) == 3 and all(said in one[page.adapt.notice] for said in figures)
    changed = first_sight(page) | {page.adapt.seed: 1}
    welcome = Welcome(page, Teaching(page, Handlers(service, page)), opening)
    assert welcome.show(changed, asking()) == {}, "it is what the page spells, or nothing"


@pytest.mark.slow
def test_what_the_page_opens_with_tells_the_starts_apart() -> None:
    """On the same held-out drawings each meta-trained start is right oftener than its plain twin, beyond its paired interval."""
    service = Service()
    opening = Opening(service)
    opening.warm()
    assert opening.run
    request = opening.run.request
    truth = [request.episode.labels.index(drawn.label) for drawn in request.episode.query]
    answers = {
        p.learner: p.outputs.argmax(1) for p in service.predict(request, [q.content for q in request.episode.query])
    }
    pairs = twins(answers)
    assert len(pairs) == len(request.algorithms)
    for trained, plain in pairs:
        one, other = (answers[who] == truth for who in (trained, plain))
        low, _ = paired_interval(int((one & ~other).sum()), int((other & ~one).sum()), len(truth))
        assert low > 0, (trained.algorithm, one.sum(), other.sum())


def test_each_side_begins_where_its_own_learners_start(page: Page) -> None:
    opening = Opening(Service())
    sight = first_sight(page)
    assert page.adapt.origin.value == page.side(sight).origin == BOTH
    shown = visit(page, opening, side="text")
    assert shown[page.adapt.origin]["value"] == page.sides["text"].origin == TRAINED
    teaching = Teaching(page, Handlers(opening.service, page))
    left = {**sight, page.modality: "text", page.shown: "text", page.left: shown[page.left], page.adapt.origin: "none"}
    left |= {page.sides["text"].cards: shown[page.sides["text"].cards]["value"], page.modality: "picture"}
    back = teaching.show_side(left, asking())
    assert back[page.adapt.origin]["value"] == BOTH and back[page.left]["text"].origin == "none"


def test_the_address_names_the_side(page: Page) -> None:
    opening = Opening(Service())
    for name in (*page.sides, *page.sheets):
        shown = visit(page, opening, side=name)
        assert shown.get(page.modality, page.modality.value) == name
        if name in page.sides and name != page.modality.value:
            assert shown[page.shown] == name and shown[page.sides[name].cards]["value"]
            assert shown[page.side(first_sight(page)).cards]["value"] == []
    assert visit(page, opening, side="nowhere") == {}


def test_the_pad_is_empty_and_the_page_asks_for_it_at_once(page: Page) -> None:
    assert all(not side.tried.value for side in page.sides.values())
    app = build_app(Service())
    config: Any = app.get_config_file()
    ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    loads = [d for d in config["dependencies"] if ("load" in {event for _, event in d["targets"]})]
    assert any({"runs", "curves", "picture-cards"} <= {ids[i] for i in d["outputs"]} for d in loads)


@pytest.mark.slow
def test_cards_dealt_anew_are_adapted_anew_where_they_were_adapted(page: Page) -> None:
    handlers = Handlers(Counting(), page)
    sight = first_sight(page) | {page.adapt.algorithms: ["protonet"]}
    assert [*handlers.adapt_again(sight, asking())] == [{}]
    run = [*handlers.adapt(sight, asking())][-1][page.run]
    teaching, values = Teaching(page, handlers), {**sight, page.run: run, page.teach.shots: 5}
    cards = page.side(values).cards
    dealt = teaching.deal(values, asking())[cards]
    again = [*handlers.adapt_again({**values, cards: dealt}, asking())][-1]
    assert len(run.request.episode.support) == 4 and len(again[page.run].request.episode.support) == 20
    assert again[page.adapt.notice] == ""


@pytest.mark.slow
def test_it_is_the_deal_that_adapts_anew() -> None:
    config: Any = build_app(Service()).get_config_file()
    ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    asked = [
        d for d in config["dependencies"] if any(ids.get(at) == "shots" and e == "input" for at, e in d["targets"])
    ]
    (dealing,) = [d["id"] for d in asked if "picture-cards" in {ids[i] for i in d["outputs"]}]
    after = [d for d in config["dependencies"] if d.get("trigger_after") == dealing]
    assert any({"runs", "curves", "stop"} <= {ids[i] for i in d["outputs"]} for d in after)


def test_how_an_event_stands_is_told_to_one_part_of_the_page() -> None:
    """A browser copies whatever it was told of, and all that stands within, at every step of every event."""
    config: Any = build_app(Service()).get_config_file()
    ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    told = [{ids[i] for i in d["show_progress_on"]} for d in config["dependencies"]]
    assert told == [{"message"}] * len(told) and len(told) > 50


def test_the_list_of_algorithms_has_its_words_before_the_server_answers(page: Page) -> None:
    words = page.adapt.picker.props["words"]
    assert [*words] == [*LANGUAGES] and page.adapt.picker.value == {}
    for said in words.values():
        assert str(len(REGISTRY)) in said["more"] and said["fewer"]
        named = [name for family in said["families"] for name in family["names"]]
        assert sorted(named) == sorted(REGISTRY) and all(family["title"] for family in said["families"])
