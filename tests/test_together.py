"""Many tasks at once: the same losses and meta-gradients as one task after the other, in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from meta_demo.algorithms.gradient import together
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import load_backbone
from meta_demo.backbones.scopes import SCOPES
from meta_demo.core.cache import Cache
from meta_demo.core.examples import Examples, Task
from meta_demo.modalities.curve.content import Point
from meta_demo.objectives.numbers import Numbers

UNTRAINED = Path(__file__).parents[1] / "checkpoints" / "curves" / "untrained"
GRADIENT = sorted(name for name, cls in REGISTRY.items() if issubclass(cls, GradientAlgorithm))
UNITS = Numbers(0.0, 1.0)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(str(UNTRAINED), torch.device("cpu"), Cache(1 << 20), torch.float64, scratch=0)


def made(backbone, name: str, **knobs):
    algorithm = REGISTRY[name](
        backbone, REGISTRY[name].Config(inner_lr=0.05, head_lr=0.3, last_n=1, lora_rank=2, **knobs)
    )
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(torch.randn(p.shape, generator=rng, dtype=p.dtype) / 5)
    return algorithm


def tasks(algorithm, *shots: int) -> list[Task]:
    rng = torch.Generator().manual_seed(1)

    def side(count: int) -> Examples:
        x = algorithm.features([Point(float(v)) for v in torch.rand(count, generator=rng) * 10 - 5])
        return Examples(x, torch.randn(count, 1, generator=rng, dtype=torch.float64), UNITS)

    return [Task(side(k), side(4)) for k in shots]


def gradients(algorithm, losses) -> tuple[torch.Tensor, list[torch.Tensor]]:
    total = torch.stack(list(losses)).sum()
    parameters = list(algorithm.parameters())
    found = (
        torch.autograd.grad(total, parameters, allow_unused=True) if total.requires_grad else [None] * len(parameters)
    )
    return total, [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]


@pytest.mark.parametrize("head", ["prototypes", "shared"])
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", GRADIENT)
def test_together_equals_one_after_the_other(backbone, name, scope, head):
    algorithm = made(backbone, name, scope=scope, head=head, inner_steps=2)
    some = tasks(algorithm, 3, 3, 3)
    assert together.room(algorithm, some) == 3
    assert len(list(algorithm.meta_losses(some))) == 1
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
def test_traces_together_equal_one_after_the_other(backbone, name):
    algorithm = made(backbone, name, scope="model", head="shared", inner_steps=3).requires_grad_(False)
    some = tasks(algorithm, 3, 3)
    assert algorithm.at_once > 1
    for found, task in zip(algorithm.traces(some, [0, 2, 9]), some, strict=True):
        expected = algorithm.trace(task, [0, 2, 9])
        assert list(found.outputs) == list(expected.outputs) == [0, 2]
        for step, out in expected.outputs.items():
            torch.testing.assert_close(found.outputs[step], out, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(found.spread, expected.spread, rtol=1e-9, atol=1e-11)
