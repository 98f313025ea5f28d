"""Unlike all that was taught: the p-value against its definition, and that false alarms are no oftener than promised."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import of_methods
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import QUERY, SUPPORT, tiny_backbone

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.belonging import ALPHA, SAME, Belonging, belonging
from meta_demo.core.cache import Cache
from meta_demo.data.episode import Example, make_episode
from meta_demo.modalities.text.page import TextSide
from meta_demo.serving.jobs import Job
from meta_demo.serving.requests import Learner, Prediction
from meta_demo.ui import blocks
from meta_demo.words import LANGUAGES, text

NAMES = ("charged", "delivery", "login")
EPISODE = make_episode([Example(t, NAMES[c]) for t, c in (*SUPPORT, *QUERY)], [])
BACKBONE = tiny_backbone()


def job(name: str, episode=EPISODE) -> Job:
    cls = REGISTRY[name]
    steps = {loops: 1} if (loops := cls.steps_knob) else {}
    made = cls(BACKBONE, cls.Config(**steps), 0).requires_grad_(False).eval()
    return Job(Cache(0).shelf(), (Learner(name),), (), made, "", episode)


def drawn(classes: list[int], seed: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings around a centre for each class, and the classes as one-hot rows."""
    rng, count = np.random.default_rng(seed), max(classes) + 1
    z = rng.normal(size=(count, 6))[classes] + spread * rng.normal(size=(len(classes), 6))
    return z / np.linalg.norm(z, axis=1, keepdims=True), np.eye(count)[classes]


def defined(z: np.ndarray, y: np.ndarray, asked: np.ndarray) -> float:
    """The p-value by its definition: every bag with the input in one of the classes, every member against the others of its class."""

    def far(bag: np.ndarray, label: np.ndarray, place: int) -> float:
        others = [i for i in range(len(bag)) if i != place and label[i] == label[place]]
        if not others:
            return np.inf
        mean = bag[others].mean(0)
        return 1 - bag[place] @ mean / np.linalg.norm(mean) / np.linalg.norm(bag[place])

    found = []
    for c in range(y.shape[1]):
        bag, label = np.vstack([z, asked]), np.append(y.argmax(1), c)
        scores = [far(bag, label, place) for place in range(len(bag))]
        found.append(np.mean([score >= scores[-1] - SAME for score in scores]))
    return max(found)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=14), st.integers(0, 10**6))
def test_it_is_what_it_is_defined_to_be(classes: list[int], seed: int) -> None:
    classes = [*range(max(classes) + 1), *classes]
    z, y = drawn(classes, seed)
    asked, _ = drawn([0, 1, 2], seed + 1)
    assert belonging(z, y, asked).shares == pytest.approx([defined(z, y, one) for one in asked])


@settings(max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=9, max_size=30), st.integers(0, 10**6), st.floats(0.05, 3.0))
def test_false_alarms_are_no_oftener_than_promised(classes: list[int], seed: int, spread: float) -> None:
    """Of any bag whose members are asked about in turn, given all others, no more than ALPHA of them are said to be of no class: that is
    what exchangeability makes of it, whatever the distribution."""
    classes = [c for c in classes if classes.count(c) > 1] or [0] * 10
    classes = [sorted({*classes}).index(c) for c in classes]
    z, y = drawn(classes, seed, spread)
    alarms = 0
    for place in range(len(z)):
        kept = np.arange(len(z)) != place
        alarms += belonging(z[kept], y[kept], z[[place]]).unlike(0)
    assert alarms <= ALPHA * len(z)


def test_something_far_from_all_is_of_no_class() -> None:
    z, y = drawn([0, 1] * 5, 0, spread=0.01)
    apart = -z[0] - z[1]
    found = belonging(z, y, np.stack([apart / np.linalg.norm(apart), z[0]]))
    assert [found.unlike(0), found.unlike(1)] == [True, False]
    assert (found.as_far(0), found.shares[0]) == (0, 1 / 11)
    assert found.as_far(1) > 0


@pytest.mark.parametrize(
    ("classes", "known", "missing"), [([0, 1, 2], False, 36), ([0, 0, 1, 1], False, 5), ([0, 1] * 4 + [0], True, 0)]
)
def test_few_examples_say_what_they_cannot(classes: list[int], known: bool, missing: int) -> None:
    z, y = drawn(classes, 0, spread=0.01)
    found = belonging(z, y, -z.mean(0, keepdims=True))
    assert (found.known, found.missing) == (known, missing)
    assert found.unlike(0) <= known


def test_with_one_example_of_each_class_nothing_is_ever_unlike() -> None:
    z, y = drawn([*range(30)], 1)
    found = belonging(z, y, drawn([0, 1], 5)[0])
    assert not found.known and (found.shares == 1).all()


@pytest.mark.parametrize(
    "name", of_methods(name for name, cls in sorted(REGISTRY.items()) if "classes" in cls.objectives)
)
def test_every_learner_judges_where_it_began(name: str) -> None:
    """In the embedding that has not learned from the examples, which the promise needs."""
    one = job(name)
    found = one.predict(["where is my parcel", "zebra"], None).belonging
    algorithm = one.algorithm
    z, asked = (
        algorithm.embed({}, algorithm.features(texts)).double().numpy()
        for texts in ([row.content for row in EPISODE.support], ["where is my parcel", "zebra"])
    )
    wanted = belonging(z, one.y.numpy(), asked)
    assert found is not None and found.count == len(EPISODE.support)
    assert found.shares == pytest.approx(wanted.shares)


def test_numbers_have_no_classes_to_be_unlike() -> None:
    numbers = make_episode([Example(text, float(place)) for place, (text, _) in enumerate(SUPPORT)], [])
    assert job("matching", numbers).predict(["zebra"], None).belonging is None


def shown(found: Belonging, lang: str) -> str:
    """The page's answer of one learner."""
    episode = make_episode([Example("x", "a"), Example("y", "b")], [])
    answer = Prediction(Learner("protonet"), 0, np.array([[0.9, 0.1]]), None, found)
    return blocks.predictions([answer], episode, TextSide(), {"a": 0, "b": 1}, {Learner("protonet"): 0}, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Belonging(np.array([1 / 16]), 15, 0), {"page.unlike", "page.unlike.why"}),
        (Belonging(np.array([7 / 16]), 15, 0), {"page.unlike.like"}),
        (Belonging(np.array([1.0]), 3, 3), {"page.unlike.alone"}),
        (Belonging(np.array([1 / 5]), 4, 0), {"page.unlike.few"}),
    ],
)
def test_the_page_says_what_can_be_said(found: Belonging, said: set[str], lang: str) -> None:
    html = shown(found, lang)
    values = {"far": found.as_far(0), "count": found.count, "share": found.shares[0], "missing": found.missing}
    keys = ("page.unlike", "page.unlike.why", "page.unlike.like", "page.unlike.alone", "page.unlike.few")
    assert {key for key in keys if f">{text(key, lang, **values)}<" in html} == said
    assert ("data-unlike" in html) == ("page.unlike" in said)
