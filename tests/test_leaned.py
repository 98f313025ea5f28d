"""Which examples decided an answer: each kind of count against its definition, for every learner of the registry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import of_methods
from tiny_models import QUERY, SUPPORT, tiny_backbone

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.cache import Cache
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.modalities.text.page import TextSide
from meta_demo.serving.jobs import Job
from meta_demo.serving.leaned import ATTENTION, INFLUENCE, KINDS, SIMILARITY, Leaned
from meta_demo.serving.requests import Learner, Prediction
from meta_demo.ui import blocks
from meta_demo.words import LANGUAGES, text

NAMES = ("charged", "delivery", "login")
EPISODE = make_episode([Example(t, NAMES[c]) for t, c in (*SUPPORT, *QUERY)], [])
ASKED = ["where is my parcel", "the password"]
BACKBONE = tiny_backbone()
CLASSES = [name for name, cls in sorted(REGISTRY.items()) if "classes" in cls.objectives]


def job(name: str, episode: Episode = EPISODE) -> Job:
    cls = REGISTRY[name]
    steps = {loops: 2} if (loops := cls.steps_knob) else {}
    made = cls(BACKBONE, cls.Config(**steps), 0).requires_grad_(False).eval()
    return Job(Cache(10**7).shelf(), (Learner(name),), (repr(episode),), made, "", episode)


@pytest.mark.parametrize("name", of_methods(CLASSES))
def test_every_learner_says_what_each_example_counts(name: str) -> None:
    one = job(name)
    found = one.predict(ASKED, None)
    leaned = found.leaned
    assert leaned is not None and leaned.kind in KINDS and leaned.counts.shape == (2, len(EPISODE.support))
    if leaned.kind == ATTENTION:  # the shares make the answer, whatever else the learner holds
        np.testing.assert_allclose(leaned.counts @ one.y.numpy(), found.outputs, atol=1e-5)
    elif leaned.kind == SIMILARITY:
        assert (np.abs(leaned.counts) <= 1 + 1e-5).all()
        itself = one.predict([EPISODE.support[3].content], None).leaned
        assert itself is not None and itself.counts[0, 3] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", [n for n in CLASSES if REGISTRY[n].steps_knob and not REGISTRY[n].adapts_body])
def test_influence_is_what_an_answer_loses_without_an_example(name: str) -> None:
    whole = job(name).predict(ASKED, 1)
    assert whole.leaned is not None and whole.leaned.kind == INFLUENCE
    for out in (0, len(EPISODE.support) - 1):
        kept = [row for place, row in enumerate(EPISODE.support) if place != out]
        episode = replace(EPISODE, support=tuple(kept))
        assert episode.labels == EPISODE.labels
        less = job(name, episode).predict(ASKED, 1)
        top = whole.outputs.argmax(1)
        owed = [whole.outputs[q, top[q]] - less.outputs[q, top[q]] for q in range(2)]
        np.testing.assert_allclose(whole.leaned.counts[:, out], owed, atol=1e-5)


def test_where_a_class_would_lose_its_last_example_nothing_is_left_out() -> None:
    alone = make_episode([*EPISODE.support, Example("one of its kind", "odd")], [])
    found = job("anil", alone).predict(ASKED, None).leaned
    assert found is not None and found.kind == SIMILARITY


def test_numbers_are_averages_of_their_examples_too() -> None:
    numbers = make_episode([Example(t, float(place)) for place, (t, _) in enumerate(SUPPORT)], [])
    found = job("kernel", numbers).predict(ASKED, None).leaned
    assert found is not None and found.kind == ATTENTION
    np.testing.assert_allclose(found.counts.sum(1), 1, atol=1e-5)


def test_what_speaks_against_an_answer_stands_among_what_counts_most() -> None:
    counts = np.array([[0.01, -0.2, 0.1]])
    assert Leaned(INFLUENCE, counts).first(0, 2) == [1, 2]
    assert Leaned(SIMILARITY, counts).first(0, 2) == [2, 0]
    assert [Leaned(INFLUENCE, counts).length(0, place) for place in range(3)] == pytest.approx([0.05, 1, 0.5])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_its_bars_are(kind: str, lang: str) -> None:
    who = Learner("anil")
    episode = make_episode([Example("x", "a"), Example("y", "b")], [])
    answer = Prediction(who, 0, np.array([[0.9, 0.1]]), Leaned(kind, np.array([[-0.25, 0.5]])))
    html = blocks.predictions([answer], episode, TextSide(), {"a": 0, "b": 1}, {who: 0}, lang)
    assert f">{text(f'page.decided.{kind}', lang)}<" in html and f'data-kind="{kind}"' in html
    assert ("data-against" in html) == (kind == INFLUENCE)
    assert {SIMILARITY: ">0.50<", ATTENTION: ">50%<", INFLUENCE: ">+50.0<"}[kind] in html
