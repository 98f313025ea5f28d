"""What to label next: what all learners doubt, or are sure of differently, and no two that say the same."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_demo.data.episode import Example, make_episode
from meta_demo.modalities.text.page import TextSide
from meta_demo.serving.requests import Learner, Request
from meta_demo.serving.service import Service
from meta_demo.serving.unsure import MOST, Unsure, chosen, doubts
from meta_demo.ui import unsure as shown
from meta_demo.ui.asking import Asking
from meta_demo.ui.layout import lay_out
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Run

SUPPORT = [
    Example(text, label)
    for text, label in [
        ("my card was charged twice", "card"),
        ("I lost my card", "card"),
        ("the parcel never came", "parcel"),
        ("where is my order", "parcel"),
    ]
]
LINES = [
    "my card is gone",
    "the parcel is late",
    "my parcel was charged to my card",
    "my parcel was charged to my cards",
    "hello",
]
ENGLISH: Any = type("Request", (), {"headers": {"accept-language": "en"}, "session_hash": "me", "client": None})


def test_doubt_is_none_where_all_are_sure_of_the_same_and_whole_where_they_contradict() -> None:
    sure, other, even = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]]), np.full((1, 3), 1 / 3)
    assert doubts([sure, sure]) == pytest.approx([0])
    assert doubts([even]) == pytest.approx([1])
    assert doubts([sure, other]) == pytest.approx([np.log(2) / np.log(3)])
    assert doubts([sure, other, np.array([[0.0, 0.0, 1.0]])]) == pytest.approx([1])


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_most_doubted_comes_first_and_none_twice(doubt: list[float], count: int, seed: int) -> None:
    z = np.random.default_rng(seed).normal(size=(len(doubt), 5))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    places = chosen(np.array(doubt), z, count)
    assert doubt[places[0]] == max(doubt)
    assert len(set(places)) == len(places) == min(count, len(doubt))


def test_of_two_that_say_the_same_one_is_asked_about() -> None:
    z = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert chosen(np.array([0.9, 0.89, 0.2]), z, 2) == [0, 2]


def request(lines: list[str]) -> Request:
    return Request(make_episode(SUPPORT, [], lines), algorithms=("protonet", "nearest"))


def test_a_service_asks_all_learners_about_the_first_lines(service: Service) -> None:
    found = service.unsure(request(LINES))
    outputs = [p.outputs for p in service.predict(request(LINES), LINES, similar=False)]
    expected = doubts(outputs)
    assert found[0].content == LINES[int(expected.argmax())]
    for one in found:
        place = LINES.index(str(one.content))
        assert one.doubt == pytest.approx(expected[place])
        assert one.answers == tuple(
            (Learner(n), int(o[place].argmax())) for n, o in zip(("protonet", "nearest"), outputs, strict=True)
        )
    assert {*LINES[2:4]} - {str(one.content) for one in found[:2]}, (
        "two lines that say the same are not both asked about first"
    )
    assert service.unsure(request([])) == []
    many = [f"line number {i}" for i in range(MOST + 5)]
    assert all(many.index(str(one.content)) < MOST for one in service.unsure(request(many)))


@pytest.fixture
def page() -> Page:
    with gr.Blocks():
        return lay_out()


@pytest.mark.parametrize(("lang", "said"), [("en", "learners asked: 2"), ("zh", "询问了 2 个学习者")])
def test_a_line_stands_with_what_every_learner_takes_it_for(lang: str, said: str) -> None:
    asked = request([evil := "<img src=x>", "hello"])
    run = Run(
        asked,
        "",
        {"card": 0, "parcel": 1},
        {Learner(n): [type("S", (), {"steps": 0, "step": 0})()] for n in asked.algorithms},
    )  # type: ignore[misc]
    html = str(
        shown.rows([Unsure(evil, 0.5, ((Learner("protonet"), 0), (Learner("nearest"), 1)))], run, TextSide(), lang)
    )
    assert said in html and "50%" in html and "<img" not in html
    assert html.index("card") < html.index("parcel")


def test_before_there_is_anything_to_ask_the_page_says_what_to_do(page: Page, service: Service) -> None:
    side = page.sides["text"]
    values = {page.modality: "text", page.run: None, page.trial.step: 0}
    assert side.next
    assert "box above" in Asking(service, page).label_next(values, ENGLISH)[side.next[1]]
    run = Run(asked := request(LINES), "", {"card": 0, "parcel": 1})
    for snapshot in service.adapt_stream(asked):
        run = run.with_history({**run.history, snapshot.learner: [*run.history.get(snapshot.learner, []), snapshot]})
    told = Asking(service, page).label_next({**values, page.run: run}, ENGLISH)[side.next[1]]
    assert str(service.unsure(asked)[0].content) in told
