"""How far two starts lie apart: deals of the same examples, their paired interval, and the sentence that the page says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from math import inf
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from test_sides import said

from meta_demo.core.intervals import small_interval
from meta_demo.data.deals import dealt_anew, how_many
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.serving.gaps import DEALS, can_deal, gap
from meta_demo.serving.requests import PLAIN, Learner
from meta_demo.serving.service import Service
from meta_demo.ui.form import form_for
from meta_demo.ui.gaps import Dealing, sentences
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Gaps, Run
from meta_demo.ui.starts import BOTH
from meta_demo.ui.words import title
from meta_demo.words import LANGUAGES, text

ENGLISH: Any = SimpleNamespace(headers={})
TWINS = Learner("maml", "folder"), Learner("maml", PLAIN)


@pytest.fixture
def page() -> Page:
    with gr.Blocks():
        return lay_out()


def counted(episode: Episode) -> dict[Any, int]:
    labels = [row.label for row in episode.support]
    return {label: labels.count(label) for label in labels} if episode.labels else {None: len(labels)}


@pytest.mark.parametrize("name", sample_names())
def test_a_deal_holds_the_same_examples_and_as_many_of_each_class(name: str) -> None:
    sample = load_sample(name)
    if not sample.query:
        pytest.skip("nothing is held out")
    labelled = replace(sample, query=tuple(row for row in sample.query if row.label is not None))
    deals = list(dealt_anew(sample, DEALS, seed=0))
    assert len({deal.support for deal in deals}) == min(DEALS, how_many(sample)) == len(deals)
    assert deals == list(dealt_anew(sample, DEALS, seed=0)) and deals != list(dealt_anew(sample, DEALS, seed=1))
    for deal in deals:
        assert counted(deal) == counted(sample) and deal.labels == sample.labels
        assert sorted(map(repr, (*deal.support, *deal.query))) == sorted(
            map(repr, (*labelled.support, *labelled.query))
        )


def test_few_examples_are_all_dealt_or_not_at_all() -> None:
    rows = [Example(f"example {place}", label) for place, label in enumerate("aabb")]
    few = make_episode([rows[0], rows[2]], [rows[1], rows[3]])
    assert how_many(few) == 4 == len(list(dealt_anew(few, DEALS, seed=0))) and not can_deal(few)
    assert not can_deal(make_episode([rows[0], rows[2]]))


def test_the_interval_is_of_differences() -> None:
    deals = [
        {TWINS[0]: (0.1, shared + 0.1 + away), TWINS[1]: (0.1, shared)} for shared, away in ((0.1, 0.01), (0.8, -0.01))
    ]
    mean, half = gap(deals, TWINS, 9)
    assert mean == pytest.approx(0.1) and half == pytest.approx(12.7062 * 0.01)
    assert gap(deals, TWINS, 0) == (0.0, 0.0)
    assert small_interval([0.5]) == (0.5, inf)


def both(page: Page, service: Service, cards: dict[Any, Any] | None = None) -> tuple[dict[Any, Any], Run]:
    """What the page holds after an adaptation from both starts."""
    handlers, adapt = Handlers(service, page), page.adapt
    values = said(page, "text") | {page.gaps: None, page.trial.step: 0, adapt.origin: BOTH} | (cards or {})
    values |= {adapt.algorithms: ["nearest", "protonet"]}
    values |= {page.switch: handlers.choose(values, ENGLISH)[page.switch]}
    *_, last = handlers.adapt(values, ENGLISH)
    return values | {page.run: last[page.run]}, last[page.run]


def test_where_all_start_from_is_what_the_control_says_whatever_answer_comes_late(service: Service, page: Page) -> None:
    """An algorithm was ticked, then both starts were chosen, and the answer to the first came after that."""
    handlers, adapt = Handlers(service, page), page.adapt
    ticked = said(page, "text") | {adapt.algorithms: ["maml"], adapt.origin: "trained"}
    late = handlers.choose(ticked, ENGLISH)
    assert "value" not in late[adapt.origin]
    now = ticked | {adapt.origin: BOTH, page.switch: late[page.switch]}
    assert list(handlers._spelling(now).also) == [Learner("maml", "none")]
    assert handlers.choose(now, ENGLISH)[page.switch].origin == BOTH


def frames(dealing: Dealing, values: dict[Any, Any], page: Page) -> Iterator[tuple[Gaps, str]]:
    for updates in dealing.deal(values, ENGLISH):
        if page.gaps in updates:
            yield updates[page.gaps], updates[page.adapt.gap]


def test_the_page_deals_until_it_is_sure_or_something_changes(page: Page, service: Service) -> None:
    values, run = both(page, service)
    dealing = Dealing(service, page)
    assert sorted(who.algorithm for who in run.history) == ["nearest", "protonet", "protonet"] and run.whole
    found = list(frames(dealing, values, page))
    assert [len(known.deals) for known, _ in found] == list(range(DEALS + 1))
    assert [known.going for known, _ in found] == [True] * DEALS + [False]
    assert "one deal" in found[0][1] and f"1 of {DEALS}" in found[0][1]
    known, sentence = found[-1]
    assert f"over {DEALS} deals of your own examples" in sentence and "±" in sentence and "Nearest" in sentence
    again = dealing.move(values | {page.gaps: known}, ENGLISH)
    assert again[page.adapt.gap] == sentence
    assert dealing.halt(values | {page.gaps: known}, ENGLISH) == {}
    halted = dealing.halt(values | {page.gaps: found[2][0]}, ENGLISH)
    assert "over 2 deals of your own examples so far" in halted[page.adapt.gap] and not halted[page.gaps].going
    assert Handlers(service, page).stop(values | {page.gaps: known}, ENGLISH) == {}
    ((again, _),) = frames(dealing, values, page)
    assert run.ended.is_set() and not again.going, "what was ended stays so"


def test_a_change_ends_the_dealing_between_two_steps(page: Page, service: Service) -> None:
    """Whoever ended it may have seen less than was said meanwhile: the last word, that no more is dealt, comes from where it is dealt."""
    values, run = both(page, service)
    dealing = Dealing(service, page)
    seen = []
    for updates in dealing.deal(values, ENGLISH):
        seen.append(updates)
        if len(seen) == 2:
            dealing.halt(values | {page.gaps: Gaps()}, ENGLISH)  # what the browser sent was older
    assert len(seen) == 3 and run.ended.is_set()
    assert not seen[2][page.gaps].going and seen[2][page.gaps].deals == seen[1][page.gaps].deals
    assert not seen[2][page.adapt.stop].interactive


def test_another_adaptation_has_the_last_word(page: Page, service: Service) -> None:
    values, _ = both(page, service)
    seen = []
    for updates in (stream := Dealing(service, page).deal(values, ENGLISH)):
        seen.append(updates)
        if len(seen) == 2:
            next(iter(Handlers(service, page).adapt(values, ENGLISH)))
    assert len(seen) == 2 and next(stream, None) is None


def test_a_new_adaptation_ends_the_dealing_of_the_last(page: Page, service: Service) -> None:
    values, run = both(page, service)
    *_, last = Handlers(service, page).adapt(values, ENGLISH)
    assert run.ended.is_set() and not last[page.run].ended.is_set()
    late = values | {page.gaps: Gaps(going=True), page.run: run}
    dealing = Dealing(service, page)
    assert page.adapt.gap not in dealing.halt(late, ENGLISH) | dealing.move(late, ENGLISH), (
        "a late answer says nothing of what is over"
    )


def test_an_adaptation_from_one_start_deals_nothing(page: Page, service: Service) -> None:
    values = said(page, "text") | {page.gaps: None, page.trial.step: 0}
    *_, last = Handlers(service, page).adapt(values, ENGLISH)
    assert list(frames(Dealing(service, page), values | {page.run: last[page.run]}, page)) == []


def test_cards_that_hold_too_few_say_so(page: Page, service: Service) -> None:
    side = page.sides["text"]
    for held, key in (("b card", "too few examples"), ("", "Without held-out examples")):
        cards = [
            {"name": "a", "examples": "one card", "held_out": "two cards" if held else ""},
            {"name": "b", "examples": "a parcel", "held_out": held},
        ]
        values, _ = both(page, service, {side.cards: cards})
        (only,) = frames(Dealing(service, page), values, page)
        assert key in only[1] and not only[0].deals


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("ahead", "told"), [(0.2, "better"), (-0.2, "worse"), (0.0, "none")])
def test_the_sentence_says_who_is_better_only_where_it_can_be_told(
    page: Page,
    service: Service,
    ahead: float,
    told: str,
    lang: str,
) -> None:
    _, run = both(page, service)
    trained, plain = (who for who in run.history if who.algorithm == "protonet")
    known = Gaps(tuple({trained: (0.5 + ahead + away,), plain: (0.5,)} for away in (0.01, -0.01, 0.0, 0.0, 0.0)))
    difference = form_for("classes").difference(*gap(known.deals, (trained, plain), 0), lang)
    words = {"algorithm": title("protonet", lang), "step": 0, "difference": difference, "count": 5}
    words["other"] = text("page.gap.other.plain", lang)
    assert text(f"page.gap.{told}", lang, **words) in unescape(sentences(run, known, 0, lang))
