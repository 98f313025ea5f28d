"""Which words decided an answer: the parts add up, for every learner, and a word that nothing depends on adds nothing."""

from __future__ import annotations

from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import of_methods
from tiny_models import QUERY, SUPPORT, tiny_backbone

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.serving.attention import Token
from meta_demo.serving.decisive import Decisive, decisive
from meta_demo.serving.jobs import Job
from meta_demo.serving.requests import Learner
from meta_demo.ui import look
from meta_demo.words import LANGUAGES, text

NAMES = ("charged", "delivery", "login")
EPISODE = make_episode([Example(t, NAMES[c]) for t, c in (*SUPPORT, *QUERY)], [])
ASKED = "where is my parcel and the password"
BACKBONE = tiny_backbone()


def job(name: str, episode: Episode = EPISODE, **knobs: object) -> Job:
    cls = REGISTRY[name]
    steps = {loops: 2} if (loops := cls.steps_knob) else {}
    made = cls(BACKBONE, cls.Config(**steps, **knobs), 0).requires_grad_(False).eval()
    return Job(Cache(10**7).shelf(), (Learner(name),), (repr(episode),), made, "", episode)


def reached(one: Job):
    *_, last = one.algorithm.adapt(one.support(), unlabelled=one.unlabelled())
    return last


@torch.no_grad()
@pytest.mark.parametrize(
    "name", of_methods(name for name, cls in sorted(REGISTRY.items()) if "classes" in cls.objectives)
)
def test_the_parts_add_up_to_the_whole(name: str) -> None:
    one = job(name)
    found = decisive(one.algorithm, reached(one), ASKED, one.objective, steps=256)
    answer = one.predict([ASKED], None).outputs[0]
    assert found.top == one.objective.labels[int(answer.argmax())]
    assert found.parts.sum() == pytest.approx(found.whole, abs=0.02 * max(1, np.abs(found.parts).sum()))
    assert found.parts[0] == found.parts[-1] == 0  # the marks at both ends stay


@torch.no_grad()
def test_they_add_up_the_better_the_more_steps_there_are() -> None:
    one = job("protonet", scale=30.0)
    last = reached(one)
    gaps = []
    for steps in (2, 8, 32, 128):
        found = decisive(one.algorithm, last, ASKED, one.objective, steps=steps)
        gaps.append(abs(found.parts.sum() - found.whole))
        assert gaps[-1] <= 4 * abs(found.whole) / steps**2 + 1e-4, (
            gaps
        )  # the midpoint rule's error falls with the square
    assert gaps[-1] < gaps[0]


@torch.no_grad()
def test_an_answer_that_depends_on_no_word_owes_nothing_to_any() -> None:
    one = job("protonet")
    last = reached(one)
    alike = last.tensors["prototypes"][:1].expand(3, -1).clone()
    found = decisive(one.algorithm, type(last)({**last.tensors, "prototypes": alike}), ASKED, one.objective)
    np.testing.assert_allclose([*found.parts, found.whole], 0, atol=1e-5)


@torch.no_grad()
def test_embeddings_of_words_that_a_task_moves_are_the_ones_that_are_read() -> None:
    one = job("maml", scope="model", inner_lr=0.5)
    last = reached(one)
    found = decisive(one.algorithm, last, ASKED, one.objective, steps=256)
    assert found.top == one.objective.labels[int(one.predict([ASKED], None).outputs[0].argmax())]
    assert found.parts.sum() == pytest.approx(found.whole, abs=0.02 * max(1, np.abs(found.parts).sum()))


@torch.no_grad()
def test_numbers_are_decided_by_words_too() -> None:
    numbers = make_episode([Example(t, float(place)) for place, (t, _) in enumerate(SUPPORT)], [])
    one = job("kernel", numbers)
    found = decisive(one.algorithm, reached(one), ASKED, one.objective, steps=128)
    assert found.top is None
    assert found.parts.sum() == pytest.approx(found.whole, abs=0.02 * max(1, np.abs(found.parts).sum()))


@torch.no_grad()
def test_a_model_without_words_is_refused_by_name() -> None:
    one = job("protonet")
    bare = SimpleNamespace(backbone=SimpleNamespace(words_path=None, name="glyph-vit"))
    with pytest.raises(UserError, match="glyph-vit"):
        decisive(bare, reached(one), ASKED, one.objective)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_colours_words_and_not_the_marks_at_the_ends(lang: str) -> None:
    said = "<b> parcel"
    tokens = [Token("", 0, 0, True), Token("<b>", 0, 3, False), Token("parcel", 4, 10, False), Token("", 0, 0, True)]
    found = Decisive(np.array([0.0, -0.25, 1.0, 0.0]), 0.74, "delivery")
    html = look.decided(found, said, tokens, ("MAML", 3), lang)
    assert html.count('class="token"') == 2
    assert "<b> parcel" not in html and "&lt;b&gt;" in html
    assert html.index(look.MARKED[1]) < html.index(look.MARKED[0])  # the first word speaks against the answer
    for key, values in {
        "title": {"name": "MAML", "step": 3, "top": "delivery"},
        "note": {"sum": 0.75, "whole": 0.74},
        "attention": {},
    }.items():
        assert text(f"page.words.{key}", lang, **values) in unescape(html)
