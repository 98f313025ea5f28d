"""Where examples stand while a learner adapts: the plane against scikit-learn, and what is computed, and how often."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import of_methods
from sklearn.decomposition import PCA
from test_compare import BACKBONE, EPISODE, NAMES

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.cache import Cache
from meta_demo.data.episode import Example, make_episode
from meta_demo.serving import plane
from meta_demo.serving.jobs import Job, array
from meta_demo.serving.plane import fitted, located, travelled
from meta_demo.serving.requests import Learner

ALL = [name for name, cls in sorted(REGISTRY.items()) if "classes" in cls.objectives]


def job(name: str, episode=EPISODE, kept: int = 1 << 26) -> Job:
    cls = REGISTRY[name]
    made = cls(BACKBONE, cls.Config(**({loops: 3} if (loops := cls.steps_knob) else {})), 0)
    return Job(Cache(kept).shelf(), (Learner(name),), (name,), made.requires_grad_(False).eval(), "", episode)


def test_the_plane_is_scikit_learns_but_for_signs():
    z = np.random.default_rng(0).normal(size=(60, 7)) * [5, 3, 1, 1, 1, 0.5, 0.1]
    expected, found = PCA(2).fit(z), fitted(z)
    for axis, other in zip(found.axes, expected.components_, strict=True):
        assert abs(float(axis @ other)) == pytest.approx(1)
        assert axis[np.abs(axis).argmax()] > 0
    assert found.share == pytest.approx(expected.explained_variance_ratio_.sum())
    np.testing.assert_allclose(np.abs(found.at(z)), np.abs(expected.transform(z)), atol=1e-9)


def test_a_plane_of_equal_points_is_a_plane():
    found = fitted(np.ones((4, 3)))
    assert found.share == 0 and np.abs(found.at(np.ones((4, 3)))).max() < 1e-12


@torch.no_grad()
def by_hand(one: Job) -> np.ndarray:
    """The embeddings of the support set after every step, written out."""
    support = one.support()
    return np.stack([array(one.algorithm.embed(state.tensors, support.x)) for state in one.algorithm.adapt(support)])


@torch.no_grad()
@pytest.mark.parametrize("name", of_methods(ALL))
def test_every_learner_has_its_examples_and_centres_on_it(name):
    one = job(name)
    found, z = travelled(one), by_hand(one)
    if not one.algorithm.adapts_body:
        z = z[:1]
    assert found.steps == tuple(range(len(z))) and found.places == tuple(range(len(EPISODE.support)))
    np.testing.assert_allclose(found.points, found.plane.at(z), atol=1e-5)
    assert found.moves == one.algorithm.adapts_body
    for c, label in enumerate(EPISODE.labels):
        mine = [i for i, row in enumerate(EPISODE.support) if row.label == label]
        np.testing.assert_allclose(found.centres[:, c], z[:, mine].mean(1), atol=1e-5)


@torch.no_grad()
def test_what_is_tried_stands_where_its_embedding_is_and_nothing_is_computed_twice(monkeypatch):
    one = job("maml")
    travelled(one)
    monkeypatch.setattr(plane, "_travelled", None)  # whoever computes it again calls nothing
    monkeypatch.setattr(one.algorithm.__class__, "adapt", None)
    for step in (0, 1, 3, None, 9):
        found = located(one, "where is it?", step)
        _, at, state = one.reached(step)
        z = array(one.algorithm.embed(state.tensors, one.algorithm.features(["where is it?"])))
        assert found.step == at
        np.testing.assert_allclose(found.point, travelled(one).plane.at(z)[0], atol=1e-6)


@torch.no_grad()
def test_an_example_of_a_class_of_its_own_is_nearest_to_its_centre():
    episode = make_episode([Example(f"{name} {name}", name) for name in NAMES])
    one = job("protonet", episode)
    assert [located(one, row.content, None).nearest for row in episode.support] == [0, 1, 2]
    assert np.abs(travelled(one).within).max() < 1e-6 < travelled(one).between.min()


@torch.no_grad()
def test_where_an_adaptation_is_not_kept_its_ends_are_there():
    assert travelled(job("maml", kept=0)).steps == (0, 3)


@torch.no_grad()
def test_of_many_as_many_of_each_class_and_fewer_steps(monkeypatch):
    monkeypatch.setattr(plane, "MOST", 6)
    monkeypatch.setattr(plane, "ROOM", 18)
    rows = [Example(f"{name} {i}", name) for name in NAMES for i in range(5 if name != "login" else 1)]
    found = travelled(job("maml", make_episode(rows)))
    assert found.classes == (0, 0, 0, 1, 1, 2) and found.steps == (0, 2, 3)
    assert [found.index(step) for step in (0, 1, 2, 3, 8, None)] == [0, 0, 1, 2, 2, 2]


@torch.no_grad()
@pytest.mark.parametrize("name", of_methods(ALL))
def test_what_the_adaptation_has_embedded_is_not_embedded_again(name, monkeypatch):
    one = job(name)
    with_body = one.algorithm.adapts_body
    list(one.snapshots())
    if with_body:
        monkeypatch.setattr(one.algorithm, "embed", None)  # whoever embeds calls nothing
    assert len(travelled(one).steps) == (4 if with_body else 1)
