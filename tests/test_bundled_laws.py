"""The laws of the registry on every bundled model, for both objectives and every scope: as it computes on the page, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import in_turn, usual

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.core.examples import Examples
from meta_demo.learning import checkpoint
from meta_demo.modalities.curve.content import Point
from meta_demo.modalities.picture.content import Picture
from meta_demo.objectives.classes import Classes
from meta_demo.objectives.numbers import Numbers

SHOWN = [np.random.default_rng(i).integers(0, 255, 1600, np.uint8).tobytes() for i in range(8)]
INPUTS: dict[str, list[Any]] = {
    "minilm": [
        "where is my parcel",
        "it never came",
        "send me the bill",
        "what do I owe",
        "hello",
        "thanks",
        "late",
        "paid",
    ],
    "glyph-vit": [Picture(40, 40, "L", drawn) for drawn in SHOWN],
    "curves": [Point(x) for x in (-4.5, -3.0, -1.0, 0.5, 2.0, 4.0, 1.0, -2.0)],
}
LABELS = {"classes": ["a", "a", "b", "b", "c", "c"], "numbers": [1.5, -2.0, 0.25, 4.0, 3.0, -1.0]}


def scopes(name: str) -> list[str | None]:
    return next(([*k.choices] for k in REGISTRY[name].Config.knobs() if k.name == "scope"), [None])


def cases() -> list[Any]:
    """Where the model is small each method with each objective, in the usual scope and another; on the others each method once, and MAML
    in every scope: what methods, objectives and scopes do is told elsewhere, here no model may come between them."""
    names = sorted(REGISTRY)
    every = [("curves", n, kind, s) for n in names for kind in sorted(REGISTRY[n].objectives) for s in scopes(n)]
    some = []
    for turn, model in enumerate(m for m in INPUTS if m != "curves"):
        for place, name in enumerate(names, turn):
            kinds = sorted(REGISTRY[name].objectives)
            own = [(model, name, kinds[(place + i) % len(kinds)], scope) for i, scope in enumerate(scopes(name))]
            some += [case for case in own if name == "maml" or case[-1] in (None, "lora")]
    return [*in_turn(every, lambda case: case[-1] in (None, "model"), by=3), *usual(some, lambda _: False)]


_KNOWN: dict[str, Any] = {}


def backbone_of(model: str) -> Any:
    if model not in _KNOWN:
        _KNOWN[model] = load_backbone(model, torch.device("cpu"), Cache(1 << 27))
    return _KNOWN[model]


def made(model: str, name: str, kind: str, scope: str | None, **more: Any) -> Algorithm:
    cls = REGISTRY[name]
    knobs = {k.name for k in cls.Config.knobs()}
    given = {"scope": scope, "inner_steps": 2, "views": 0, "head": "prototypes" if name == "boil" else None, **more}
    fitting = {key: value for key, value in given.items() if key in knobs and value is not None}
    return checkpoint.start(backbone_of(model), name, None, fitting, 0, kind).requires_grad_(False).eval()


@torch.no_grad()
def answers(
    algorithm: Algorithm, model: str, kind: str, order: Any = range(6)
) -> tuple[np.ndarray[Any, Any], list[str]]:
    """The answers to two queries in each state, as they are shown, and the labels' names."""
    labels = [LABELS[kind][i] for i in order]
    objective = Classes.of(labels) if kind == "classes" else Numbers.of(labels)
    x = algorithm.features([INPUTS[model][i] for i in order])
    support = Examples(x, objective.encode(labels, algorithm.like), objective)
    asked = algorithm.features(INPUTS[model][6:])
    shown = [objective.shown(algorithm.predict(state, asked)).numpy() for state in algorithm.adapt(support)]
    return np.stack(shown), list(objective.labels)


@pytest.mark.parametrize(("model", "name", "kind", "scope"), cases())
def test_the_laws_hold_on_every_bundled_model(model: str, name: str, kind: str, scope: str | None) -> None:
    try:
        algorithm = made(model, name, kind, scope)
    except UserError as error:
        assert error.name == "scope_empty" or name == "boil", "which has to have a body to move"
        pytest.skip(str(error))
    found, names = answers(algorithm, model, kind)
    assert np.isfinite(found[..., 0]).all() and len(found) == algorithm.steps + 1
    again, _ = answers(made(model, name, kind, scope), model, kind)
    assert np.array_equal(found, again, equal_nan=True), "the same request has the same bits"
    if algorithm.steps_knob == "inner_steps":
        start, _ = answers(made(model, name, kind, scope, inner_steps=0), model, kind)
        np.testing.assert_array_equal(start[0], found[0], "no step is the start")
    turned, others = answers(algorithm, model, kind, (5, 2, 0, 3, 1, 4))
    turned = turned[..., [others.index(n) for n in names]] if names else turned
    np.testing.assert_allclose(turned, found, rtol=2e-2, atol=2e-3)
