"""What the page is told of the map: few bytes, exact places, and nothing of it is computed twice."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_models import SUPPORT

from meta_demo.backbones.backbone import Backbone
from meta_demo.data.episode import Example, make_episode
from meta_demo.serving.plane import MOST, ROOM, Located, Travel, fitted
from meta_demo.serving.requests import Learner, Request
from meta_demo.ui import plane
from meta_demo.ui.learners import first_mover
from meta_demo.ui.side import SIDES, discover


def travel(steps: int, examples: int, classes: int) -> Travel:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(steps, examples, 2)) * [4, 1]
    own = tuple(i % classes for i in range(examples))
    centres, ones = rng.normal(size=(steps, classes, 8)), np.ones(steps)
    return Travel(tuple(range(steps)), tuple(range(examples)), own, fitted(points[0]), points, centres, ones, ones)


discover()
SIDE = SIDES["text"]()


def rows(count: int) -> list[Example]:
    return [Example(f"a sentence of some length that was typed by somebody, {i}", f"class {i}") for i in range(count)]


def unpacked(value: dict) -> np.ndarray:
    cells = np.frombuffer(base64.b64decode(value["points"]), "<u2")
    return cells.reshape(len(value["steps"]), -1, 2) / plane.FINE


def test_places_are_those_of_the_plane_but_for_one_scale():
    found = travel(3, 12, 4)
    value = plane.drawn(found, rows(12), {}, [f"class {c}" for c in range(4)], SIDE)
    shares = unpacked(value)
    assert (shares >= 0).all() and (shares.max((0, 1)) <= value["box"]).all() and max(value["box"]) == 1
    moved, expected = (np.diff(p.reshape(-1, 2), axis=0) for p in (shares, found.points))
    scale = np.abs(moved).sum() / np.abs(expected).sum()
    np.testing.assert_allclose(moved, expected * scale, atol=4 / plane.FINE)


def test_what_is_tried_is_told_in_the_same_scale_and_may_lie_outside():
    found, names = travel(3, 12, 4), [f"class {c}" for c in range(4)]
    value = plane.drawn(found, rows(12), {}, names, SIDE)
    like = plane.marked(Located(1, found.points[1, 5], 2), found, names)
    assert like["nearest"] == "class 2" and like["step"] == 1
    np.testing.assert_allclose([like["x"], like["y"]], unpacked(value)[1, 5], atol=1e-3)
    assert plane.marked(Located(1, found.points[0, 0] + 99, 2), found, names)["x"] > 1


def test_the_largest_map_is_less_than_20_kilobytes():
    found = travel(ROOM // MOST, MOST, 50)
    value = plane.drawn(found, rows(MOST), {}, [f"quite a long name of a class {c}" for c in range(50)], SIDE)
    assert len(json.dumps(value)) < 20_000
    many = travel(ROOM // 25, 25, 5)
    assert len(json.dumps(plane.drawn(many, rows(25), {}, ["a", "b", "c", "d", "e"], SIDE))) < 20_000


def test_it_opens_on_a_learner_that_moves_something():
    assert first_mover([Learner("protonet"), Learner("anil"), Learner("maml"), Learner("reptile")]) == 2
    assert first_mover([Learner("protonet"), Learner("anil")]) == 0


@pytest.mark.slow
def test_a_look_at_the_map_computes_nothing_and_another_input_one_forward_pass(service, monkeypatch):
    passes: list[int] = []
    forward = Backbone.forward

    def counted(self, x, weights):
        passes.append(1)
        return forward(self, x, weights)

    episode = make_episode([Example(t, str(c)) for t, c in SUPPORT])
    asked = Request(episode, algorithms=("maml", "protonet"), knobs={"maml": {"inner_steps": 2}})
    for _ in service.adapt_stream(asked):
        pass
    monkeypatch.setattr(Backbone, "forward", counted)
    first = service.travel(asked, Learner("maml"))
    assert first.moves and not passes, "the adaptation has embedded the examples at every step"
    assert service.travel(replace(asked), Learner("maml")) is first and not passes
    service.locate(asked, Learner("maml"), "where is my parcel?", 1)
    assert passes == [1]
