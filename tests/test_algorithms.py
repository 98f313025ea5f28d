"""Laws that every algorithm in the registry obeys, whatever it does inside."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import USUAL, in_turn, usual
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import QUERY, SUPPORT, make_task, tiny_backbone

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.scopes import SCOPES
from meta_demo.learning import checkpoint

OF_CLASSES = pytest.mark.parametrize(
    "name", [name for name, cls in sorted(REGISTRY.items()) if "classes" in cls.objectives]
)
KINDS = [(name, kind) for name, cls in sorted(REGISTRY.items()) for kind in sorted(cls.objectives)]


def first_kind(case: tuple[str, ...]) -> bool:
    """Whether a law's case is about classes, where the method knows them: about numbers it does the same with another loss."""
    return case[1] == min(REGISTRY[case[0]].objectives)


def first_and_usual(case: tuple[str, ...]) -> bool:
    return first_kind(case) and case[0] in USUAL


ALGORITHMS = pytest.mark.parametrize(("name", "kind"), usual(KINDS, first_and_usual))
SCOPED = [
    (name, kind, scope)
    for name, kind in KINDS
    for scope in next((k.choices for k in REGISTRY[name].Config.knobs() if k.name == "scope"), [None])
]


def in_scopes(turn: int, *kinds: str, is_quick: Callable[[Any], bool] = first_and_usual) -> pytest.MarkDecorator:
    """The cases of a law about scopes: each method and kind of label with the usual scope, and another one in its turn."""
    cases = [case for case in SCOPED if not kinds or case[1] in kinds]
    return pytest.mark.parametrize(
        ("name", "kind", "scope"), in_turn(cases, lambda case: case[2] in (None, "lora"), turn, is_quick=is_quick)
    )


BACKBONE = tiny_backbone()
STEPS = 2  # of each inner loop, where a law says nothing of them: a first one, and one that follows another as all do


@pytest.fixture(autouse=True)
def exemption(request: pytest.FixtureRequest) -> None:
    """A method that truly cannot obey a law is left out of it, and says why."""
    law = request.node.originalname.removeprefix("test_")
    exempt = REGISTRY[request.getfixturevalue("name")].exempt if "name" in request.fixturenames else {}
    if law in exempt:
        pytest.skip(exempt[law])


def test_every_method_and_every_scope_has_its_cases():
    """With each turn a law begins with, and each scope with more than one method, whatever methods come."""
    for turn in range(len(SCOPES)):
        (mark,) = in_scopes(turn, "classes").args[1:]
        cases = [case.values if hasattr(case, "values") else case for case in mark]
        assert {name for name, *_ in cases} == {name for name, kind in KINDS if kind == "classes"}
        methods = {scope: {name for name, _, used in cases if used == scope} for scope in SCOPES}
        assert all(len(names) > 1 for names in methods.values()), methods


def build(name: str, seed: int = 0, kind: str = "classes", **knobs):
    """The algorithm with those of `knobs` that it has, and otherwise what it does labels of that `kind` with, in a few steps."""
    cls = REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    loops = {cls.steps_knob: STEPS} if cls.steps_knob else {}
    knobs = {**cls.defaults.get(kind, {}), **loops, **knobs}
    return cls(BACKBONE, cls.Config(**{k: v for k, v in knobs.items() if k in known}), seed)


def run(algorithm, order=(0, 1, 2), support=SUPPORT, query=QUERY, kind="classes"):
    """Outputs for the query after each state, those of classes in the original order."""
    task = make_task(BACKBONE, algorithm.boundary, support, query, order, kind)
    columns = list(order) if kind == "classes" else [0]
    with torch.no_grad():
        states = list(algorithm.adapt(task.support))
        return torch.stack([algorithm.predict(state, task.query.x)[:, columns] for state in states]), states


@in_scopes(0, "classes", is_quick=first_kind)  # whoever adds a method meets this law in make quick too
def test_class_order_is_irrelevant(name, kind, scope):
    logits, _ = run(build(name, 0, kind, scope=scope))
    permuted, _ = run(build(name, 0, kind, scope=scope), order=(2, 0, 1))
    torch.testing.assert_close(permuted, logits, rtol=1e-8, atol=1e-10)


@ALGORITHMS
def test_support_order_is_irrelevant(name, kind):
    logits, _ = run(build(name, 0, kind), kind=kind)
    reversed_logits, _ = run(build(name, 0, kind), kind=kind, support=SUPPORT[::-1])
    torch.testing.assert_close(reversed_logits, logits, rtol=1e-8, atol=1e-9)


@in_scopes(3)
def test_a_start_that_has_changed_is_used_at_once(name, kind, scope):
    """What is kept of a start between calls follows the outer loop's steps."""
    algorithm, texts = build(name, 0, kind, scope=scope), [text for text, _ in SUPPORT]

    def embeddings():
        with torch.no_grad():
            return algorithm.embed({}, algorithm.features(texts))

    before = embeddings()
    assert torch.equal(embeddings(), before)
    with torch.no_grad():
        for w in algorithm.parameters():
            w.add_(0.1 * torch.randn(w.shape, generator=torch.Generator().manual_seed(1), dtype=w.dtype))
    fresh = build(name, 0, kind, scope=scope)
    fresh.load_state_dict(algorithm.state_dict())
    changed = embeddings()
    torch.testing.assert_close(changed, fresh.embed({}, fresh.features(texts)).detach(), rtol=1e-9, atol=1e-11)
    assert not algorithm.body or not torch.allclose(changed, before)


@in_scopes(5)
def test_same_seed_same_bits(name, kind, scope):
    steps = {loops: 2} if (loops := REGISTRY[name].steps_knob) else {}
    first, second = (run(build(name, 7, kind, scope=scope, **steps), kind=kind)[0] for _ in range(2))
    assert torch.equal(first, second)


@ALGORITHMS
def test_the_query_never_changes_the_state(name, kind):
    algorithm = build(name, 0, kind)
    _, before = run(algorithm, kind=kind)
    _, after = run(algorithm, kind=kind, query=[("something else entirely", 1)] * 4)
    for a, b in zip(before, after, strict=True):
        assert all(torch.equal(a.tensors[key], b.tensors[key]) for key in a.tensors)


@ALGORITHMS
def test_zero_steps_equal_the_start(name, kind):
    if not (loops := REGISTRY[name].steps_knob):
        assert len(run(build(name, 0, kind), kind=kind)[1]) == 1
        return
    stepped, _ = run(build(name, 0, kind, **{loops: 3}), kind=kind)
    still, _ = run(build(name, 0, kind, **{loops: 0}), kind=kind)
    assert len(stepped) == 4 and len(still) == 1
    torch.testing.assert_close(still[0], stepped[0])


@in_scopes(7)
def test_support_logits_are_the_states_own(name, kind, scope):
    """What the loop hands out on its way is what predicting the support set gives."""
    algorithm = build(name, 0, kind, scope=scope)
    task = make_task(BACKBONE, algorithm.boundary, kind=kind)
    with torch.no_grad():
        for state in algorithm.adapt(task.support):
            own = algorithm.predict(state, task.support.x)
            torch.testing.assert_close(state.outputs, own, rtol=1e-9, atol=1e-10)


@ALGORITHMS
def test_adaptation_leaves_base_and_start_untouched(name, kind):
    algorithm = build(name, 0, kind)
    base = {n: p.clone() for n, p in BACKBONE.model.named_parameters()}
    start = {n: p.clone() for n, p in algorithm.state_dict().items()}
    run(algorithm, kind=kind)
    assert all(torch.equal(p, base[n]) for n, p in BACKBONE.model.named_parameters())
    assert all(torch.equal(p, start[n]) for n, p in algorithm.state_dict().items())


@pytest.mark.many
@ALGORITHMS
def test_default_steps_fit_the_support_better(name, kind, minilm):
    cls = REGISTRY[name]
    algorithm = cls(minilm, cls.Config(**cls.defaults.get(kind, {})))
    task = make_task(minilm, algorithm.boundary, kind=kind)
    states, y = list(algorithm.adapt(task.support)), task.support.y
    loss = [task.support.objective.loss(s.outputs, y) for s in states]
    assert len(states) == 1 or loss[-1] < loss[0]


@in_scopes(9)
def test_with_a_graph_the_states_are_the_same(name, kind, scope):
    algorithm = build(name, 0, kind, scope=scope)
    task = make_task(BACKBONE, algorithm.boundary, kind=kind)
    plain = [s.tensors for s in algorithm.adapt(task.support)]
    graph = [s.tensors for s in algorithm.adapt(task.support, graph=True)]
    for a, b in zip(plain, graph, strict=True):
        for key in a:
            torch.testing.assert_close(b[key].detach(), a[key].detach(), rtol=1e-9, atol=1e-11)


@ALGORITHMS
def test_save_load_predict_is_identical(name, kind, tmp_path):
    algorithm = build(name, 3, kind, scope="lora")
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)) / 100)
    checkpoint.save(algorithm, tmp_path / "saved")
    loaded = checkpoint.load(tmp_path / "saved", BACKBONE)
    assert torch.equal(run(loaded, kind=kind)[0], run(algorithm, kind=kind)[0])


@pytest.mark.many
@OF_CLASSES
@settings(max_examples=8)
@given(shots=st.lists(st.integers(1, 4), min_size=2, max_size=50))
def test_any_number_of_classes_and_unequal_shots(name, shots):
    algorithm = build(name, scope="last_n", last_n=1)
    support = [(f"class {c} example {i}", c) for c, count in enumerate(shots) for i in range(count)]
    logits, _ = run(algorithm, order=tuple(range(len(shots))), support=support, query=QUERY[:2])
    assert logits.shape[-1] == len(shots)
    assert bool(torch.isfinite(logits).all())


def test_no_method_needs_another():
    """A file of one method imports no file of another, unless it is a preset of it and extends its class."""
    files = {cls.__module__: cls for cls in REGISTRY.values()}
    for module, cls in files.items():
        tree = ast.parse(Path(str(sys.modules[module].__file__)).read_text("utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        others = {other for other in imported & files.keys() - {module} if not issubclass(cls, files[other])}
        assert not others, f"{module} needs {others}"
