"""Many tasks at once, and every example left out: the same as one adaptation after the other, in float64."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from conftest import in_turn
from transformers import AutoConfig, AutoModel

from meta_demo.algorithms.gradient import abreast, leave_out, together
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.gradient.leave_out import PARTS, parts
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.examples import Examples, Task
from meta_demo.modalities.curve.content import Point
from meta_demo.objectives.classes import Classes
from meta_demo.objectives.numbers import Numbers

pytestmark = pytest.mark.many

UNTRAINED = Path(__file__).parents[1] / "checkpoints" / "curves" / "untrained"
GRADIENT = sorted(
    name for name, cls in REGISTRY.items() if issubclass(cls, GradientAlgorithm) and "numbers" in cls.objectives
)
UNITS = Numbers(0.0, 1.0)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """The model of curves with fewer weights, each of which a learned rule is asked about at each step."""
    folder = tmp_path_factory.mktemp("curves") / "small"
    shutil.copytree(UNTRAINED, folder)
    config = AutoConfig.from_pretrained(UNTRAINED, hidden_size=16, num_attention_heads=2, intermediate_size=24)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    return load_backbone(str(folder), torch.device("cpu"), Cache(1 << 20), torch.float64, scratch=0)


def made(backbone, name: str, **knobs):
    algorithm = REGISTRY[name](
        backbone, REGISTRY[name].Config(inner_lr=0.05, head_lr=0.3, last_n=1, lora_rank=2, **knobs)
    )
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(torch.randn(p.shape, generator=rng, dtype=p.dtype) / 5)
    return algorithm


def some_examples(rng: torch.Generator, count: int) -> tuple[list[Point], torch.Tensor]:
    x = [Point(float(v)) for v in torch.rand(count, generator=rng) * 10 - 5]
    return x, torch.randn(count, 1, generator=rng, dtype=torch.float64)


def tasks(algorithm, *shots: int) -> list[Task]:
    rng = torch.Generator().manual_seed(1)

    def side(count: int) -> Examples:
        x, y = some_examples(rng, count)
        return Examples(algorithm.features(x), y, UNITS)

    return [Task(side(k), side(4)) for k in shots]


def gradients(algorithm, losses) -> tuple[torch.Tensor, list[torch.Tensor]]:
    total = torch.stack(list(losses)).sum()
    parameters = list(algorithm.parameters())
    found = (
        torch.autograd.grad(total, parameters, allow_unused=True) if total.requires_grad else [None] * len(parameters)
    )
    return total, [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]


TOGETHER = [
    (name, scope, head)
    for name in GRADIENT
    for scope in REGISTRY[name].Config.knob("scope").choices
    for head in ("prototypes", "shared")
]


@pytest.mark.parametrize(
    ("name", "scope", "head"), in_turn(TOGETHER, lambda case: case[1:] == ("lora", "prototypes"), by=1, more=4)
)
def test_together_equals_one_after_the_other(backbone, name, scope, head, monkeypatch):
    monkeypatch.setattr(together, "ROOM", 1 << 40)  # for rules too, which make much beside each weight
    algorithm = made(backbone, name, scope=scope, head=head, inner_steps=2)
    some = tasks(algorithm, 3, 3, 3)
    assert together.room(algorithm, some) == 3
    own = type(algorithm).meta_loss is not GradientAlgorithm.meta_loss  # a loss of its own is never passed over
    assert len(list(algorithm.meta_losses(some))) == (3 if own else 1)
    loss, grads = gradients(algorithm, algorithm.meta_losses(some))
    expected, one_by_one = gradients(algorithm, map(algorithm.meta_loss, some))
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-11)
    for g, e in zip(grads, one_by_one, strict=True):
        torch.testing.assert_close(g, e, rtol=1e-6, atol=1e-9)
    assert (scope, head) == ("head", "prototypes") or any(float(g.norm()) > 1e-6 for g in grads)


def test_tasks_of_several_sizes_go_one_by_one(backbone):
    algorithm = made(backbone, "maml", scope="model", head="shared", inner_steps=1)
    some = tasks(algorithm, 3, 4)
    assert together.room(algorithm, some) == 1
    assert len(list(algorithm.meta_losses(some))) == 2


def test_no_more_go_together_than_there_is_room_for(backbone, monkeypatch):
    algorithm = made(backbone, "maml", scope="model", head="shared", inner_steps=1)
    some = tasks(algorithm, 3, 3, 3, 3, 3)
    monkeypatch.setattr(together, "TOKENS", 2 * (3 + 4) * 5)
    losses = list(algorithm.meta_losses(some))
    assert len(losses) == 3
    torch.testing.assert_close(sum(losses), sum(map(algorithm.meta_loss, some)), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", GRADIENT)
def test_traces_together_equal_one_after_the_other(backbone, name, monkeypatch):
    monkeypatch.setattr(together, "ROOM", 1 << 40)
    algorithm = made(backbone, name, scope="model", head="shared", inner_steps=3).requires_grad_(False)
    some = tasks(algorithm, 3, 3)
    assert algorithm.at_once > 1
    assert [t.spreads for t in algorithm.traces(some, [0, 2, 9], intervals=False)] == [{0: None, 2: None}] * 2
    for found, task in zip(algorithm.traces(some, [0, 2, 9]), some, strict=True):
        expected = algorithm.trace(task, [0, 2, 9])
        assert list(found.outputs) == list(expected.outputs) == [0, 2]
        for step, out in expected.outputs.items():
            torch.testing.assert_close(found.outputs[step], out, rtol=1e-9, atol=1e-11)
        assert list(found.spreads) == [0, 2]
        assert algorithm.traces([task], [0], intervals=False)[0].spreads == {0: None}
        for step, spread in expected.spreads.items():
            torch.testing.assert_close(found.spreads[step], spread, rtol=1e-9, atol=1e-11)


# --- every example left out


@pytest.mark.parametrize("count", [2, 3, 10, 11, 37, 100])
def test_everybody_is_left_out_and_nobody_is_learned_from_then(count):
    away, rest = parts(count, torch.device("cpu"))
    assert away.flatten()[:count].tolist() == list(range(count)) and len(away) <= PARTS
    for gone, learned in zip(away.tolist(), rest.tolist(), strict=True):
        assert sorted({*gone, *learned}) == list(range(count)) and not {*gone} & {*learned}


LEFT_OUT = [
    (name, scope)
    for name in GRADIENT
    for scope in ("head", "lora", "model")
    if all(scope in k.choices for k in REGISTRY[name].Config.knobs() if k.name == "scope")
]


@pytest.mark.parametrize("count", [4, 13])
@pytest.mark.parametrize(("name", "scope"), LEFT_OUT)
def test_what_is_left_out_is_answered_by_an_adaptation_to_the_others(backbone, name, scope, count):
    algorithm = made(backbone, name, scope=scope, inner_steps=2).requires_grad_(False)
    x, y = some_examples(torch.Generator().manual_seed(5), count)
    support = Examples(algorithm.features(x), y, UNITS)
    other = Examples(support.x, 2 - y, UNITS)
    twice, found = algorithm.left_out([other, support], range(3))
    assert not torch.allclose(twice[2], found[2])
    assert [out.shape for out in found] == [(count, 1)] * 3
    asked = set()
    for gone, learned in zip(*(side.tolist() for side in parts(count, y.device)), strict=True):
        some = Examples(algorithm.features([x[i] for i in learned]), y[learned], UNITS)
        for step, state in enumerate(algorithm.adapt(some)):
            expected = algorithm.predict(state, algorithm.features([x[i] for i in gone]))
            new = [i for i, place in enumerate(gone) if place not in asked]
            torch.testing.assert_close(found[step][[gone[i] for i in new]], expected[new], rtol=1e-8, atol=1e-10)
        asked |= set(gone)
    (spreads,) = algorithm.spreads([support], [next(algorithm.adapt(support))])
    assert len({float(s) for s in spreads}) == 3
    (some,) = algorithm.spreads([support], [next(algorithm.adapt(support))], [0, 2])
    assert some == [spreads[0], spreads[2]], "to the bit, and nothing is answered after the step between"
    torch.testing.assert_close(spreads[2], UNITS.spread(found[2], y, left_out=True))


def test_classes_have_no_intervals_and_nobody_is_left_out_for_them(backbone, monkeypatch):
    algorithm = made(backbone, "maml", scope="head", inner_steps=2).requires_grad_(False)
    monkeypatch.setattr(algorithm, "left_out", None)
    objective = Classes.of(["a", "b"])
    support = Examples(
        algorithm.features([Point(0.0), Point(1.0)]), objective.encode(["a", "b"], algorithm.like), objective
    )
    assert algorithm.spreads([support], [next(algorithm.adapt(support))]) == [[None] * 3]


def test_where_it_is_not_cheap_the_starts_errors_count(backbone, monkeypatch):
    algorithm = made(backbone, "maml", scope="model", head="shared", inner_steps=2).requires_grad_(False)
    x, y = some_examples(torch.Generator().manual_seed(5), 4)
    support = Examples(algorithm.features(x), y, UNITS)
    monkeypatch.setattr(leave_out, "ROOM", 1)
    assert algorithm.left_out([support], range(3)) is None
    start = next(algorithm.adapt(support))
    assert algorithm.spreads([support], [start]) == [[UNITS.spread(start.outputs, y, left_out=False)] * 3]


# --- several algorithms on one support set


@pytest.mark.parametrize("head", ["prototypes", "shared"])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_abreast_equals_one_algorithm_after_the_other(backbone, steps, head):
    """Each from a start of its own, by its own rule and by its own knobs, and one that moves fewer weights than the others."""
    scopes = {name: "attention" if name == "tmaml" else "model" for name in GRADIENT if name != "cavia"}
    knobs = {"inner_steps": steps, "head": head}
    algorithms = [made(backbone, name, scope=scope, **knobs) for name, scope in scopes.items()]
    algorithms += [made(backbone, "maml", scope="model", momentum=0.5, **knobs)]
    algorithms += [made(backbone, "finetune", scope="model", weight_decay=0.3, **knobs)]
    going = [a for a in algorithms if abreast.goes(a)]
    others = {"fomaml", "reptile", "imaml", "maml_pp", "meta_sgd", "tmaml", "finetune", "shared_hierarchy"}
    assert {a.name for a in going} >= {"maml", *others}
    assert not {a.name for a in going} & {"anil"}, "what leaves the Transformer alone has nothing to gain"
    check_abreast(going, steps)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_those_with_as_many_tokens_before_an_inputs_go_abreast(backbone, steps):
    """Each with weights of its own that no task moves; and each by its own knobs."""
    knobs = {"inner_steps": steps, "scope": "model", "tokens": 3}
    going = [made(backbone, "cavia", **knobs), made(backbone, "cavia", momentum=0.5, **knobs)]
    going.append(made(backbone, "maml", **{**knobs, "scope": "prompt"}))
    assert len({(abreast.goes(a), abreast.beside(a)) for a in going[:2]}) == 1
    assert abreast.goes(going[2])
    check_abreast(going[:2], steps)
    check_abreast(going[2:] * 2, steps)
    assert abreast.beside(going[0]) != abreast.beside(made(backbone, "maml", scope="model"))


def check_abreast(going: list[GradientAlgorithm], steps: int) -> None:
    (task,) = tasks(going[0], 4)
    fasts = abreast.ends(going, task.support, steps)
    outputs = abreast.answers(going, fasts, task.query.x)
    for algorithm, fast, out in zip(going, fasts, outputs, strict=True):
        *_, alone = algorithm.adapt(task.support)
        assert fast.keys() == alone.tensors.keys()
        for name, w in alone.tensors.items():
            torch.testing.assert_close(
                fast[name], w, rtol=1e-9, atol=1e-9
            )  # AdamW divides what is but rounding by 1e-8
        torch.testing.assert_close(out, algorithm.predict(alone, task.query.x), rtol=1e-9, atol=1e-11)
        assert not any(w.requires_grad for w in fast.values())


def test_only_what_shares_the_loop_and_the_model_goes_abreast(backbone):
    assert not abreast.goes(made(backbone, "maml", scope="lora")), "factors are no weights of the model"
    assert not abreast.goes(made(backbone, "maml", scope="head")), "nothing in the Transformer moves"
    assert not abreast.goes(REGISTRY["kernel"](backbone, REGISTRY["kernel"].Config()))
