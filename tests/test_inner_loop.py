"""What a gradient method may do otherwise - learn its rates, its loss, its start, look at the loss - is differentiated exactly."""

from __future__ import annotations

import pytest
import torch
from tiny_models import make_task, tiny_backbone
from torch import nn

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.gradient.fast import descended

BACKBONE = tiny_backbone(seed=1)
SCOPES = pytest.mark.parametrize("scope", ["head", "lora", "bias", "last_n"])
KNOBS = {"last_n": 1, "lora_rank": 2, "inner_steps": 3, "inner_lr": 0.05, "head_lr": 0.5}


class _Exact(GradientAlgorithm):
    name, second_order = "exact", True


class LearnedRates(_Exact):
    """A learned rate for every weight of the body, and one for the head."""

    def __init__(self, backbone, config, seed=0):
        super().__init__(backbone, config, seed)
        self.rates = nn.ParameterDict(
            {n.replace(".", "/"): nn.Parameter(0.05 * torch.ones_like(w)) for n, w in self.body.items()}
        )
        self.head_rate = nn.Parameter(0.5 * torch.ones((), dtype=backbone.dtype))

    def rate(self, step, name):  # noqa: ARG002
        return self.head_rate if name.startswith("head.") else self.rates[name.replace(".", "/")]


class LearnedLoss(_Exact):
    """Cross-entropy plus a learned pull to where the task began, and a learned weight that grows with the step."""

    def __init__(self, backbone, config, seed=0):
        super().__init__(backbone, config, seed)
        self.pull = nn.Parameter(torch.tensor(0.3, dtype=backbone.dtype))
        self.weight = nn.Parameter(torch.tensor(0.7, dtype=backbone.dtype))

    def inner_loss(self, step, fast, out, support):
        away = torch.stack([(w - step.start[n]).square().sum() for n, w in fast.items()]).sum()
        return self.weight ** (step.index + 1) * support.objective.loss(out, support.y) + self.pull * away


class SeesTheLoss(_Exact):
    """Steps as long as the loss is high, and a slot that belongs to no weight and couples all of them."""

    def __init__(self, backbone, config, seed=0):
        super().__init__(backbone, config, seed)
        self.gain = nn.Parameter(torch.tensor(0.2, dtype=backbone.dtype))

    def init_slots(self, fast):  # noqa: ARG002
        return {"seen": self.gain.detach() * 0 + 1}

    def update(self, step, fast, grads, slots):
        norm = torch.stack([g.square().sum() for g in grads.values()]).sum()
        seen = 0.5 * slots["seen"] + norm
        moved = {
            n: w - self.gain * step.loss / (1 + seen) * grads[n] + 0.01 * (step.start[n] - w) for n, w in fast.items()
        }
        return moved, {"seen": seen}


class GeneratedStart(_Exact):
    """A task begins with biases that were made from its support set."""

    def __init__(self, backbone, config, seed=0):
        super().__init__(backbone, config, seed)
        self.maker = nn.Parameter(0.1 * torch.ones(backbone.dim, dtype=backbone.dtype))

    def start(self, support, z):
        made = {n: w + self.maker.mean() * z.mean() for n, w in self.body.items() if n.endswith(("bias", "lora_b"))}
        return super().start(support, z) | made


FOREIGN = [LearnedRates, LearnedLoss, SeesTheLoss, GeneratedStart]
METHODS = pytest.mark.parametrize("cls", FOREIGN, ids=[cls.__name__ for cls in FOREIGN])


def build(cls, **knobs):
    algorithm = cls(BACKBONE, cls.Config(**KNOBS | knobs))
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(torch.randn(p.shape, generator=rng, dtype=p.dtype) / 20)
    return algorithm


def gradient(algorithm, loss):
    by = torch.autograd.grad(loss, list(algorithm.parameters()), allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in by])


@SCOPES
@METHODS
def test_walking_back_equals_the_stored_graph(cls, scope):
    algorithm = build(cls, scope=scope)
    task = make_task(BACKBONE, algorithm.boundary)
    walked, stored = algorithm.meta_loss(task), Algorithm.meta_loss(algorithm, task)
    torch.testing.assert_close(walked, stored, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient(algorithm, walked), gradient(algorithm, stored), rtol=1e-8, atol=1e-12)


@SCOPES
@METHODS
def test_the_meta_gradient_equals_finite_differences(cls, scope):
    algorithm = build(cls, scope=scope)
    task = make_task(BACKBONE, algorithm.boundary)
    exact, h = gradient(algorithm, algorithm.meta_loss(task)), 1e-5
    rng = torch.Generator().manual_seed(3)
    direction = [torch.randn(p.shape, generator=rng, dtype=p.dtype) for p in algorithm.parameters()]

    def at(distance):
        with torch.no_grad():
            for p, d in zip(algorithm.parameters(), direction, strict=True):
                p.add_(d, alpha=distance)
        return algorithm.meta_loss(task).item()

    numeric = (at(h) - at(-2 * h)) / (2 * h)
    assert numeric == pytest.approx(float(exact @ torch.cat([d.flatten() for d in direction])), rel=2e-5, abs=1e-8)


@METHODS
def test_what_it_learns_beside_the_start_has_a_gradient(cls):
    algorithm = build(cls, scope="lora")
    task = make_task(BACKBONE, algorithm.boundary)
    own = [p for n, p in algorithm.named_parameters() if not n.startswith(("_body", "shared", "log_scale"))]
    assert own and all(g.norm() > 0 for g in torch.autograd.grad(algorithm.meta_loss(task), own))


def test_an_update_of_ones_own_goes_through_as_a_whole_unless_it_says_otherwise():
    class Separable(_Exact):
        separable = True

        def update(self, step, fast, grads, slots):  # noqa: ARG002
            return {n: descended(w, grads[n], 0.1) for n, w in fast.items()}, slots

    assert LearnedRates.separable and not SeesTheLoss.separable and Separable.separable


def test_momentum_on_a_quadratic_is_the_papers_recursion():
    """v <- m v + g and w <- w - r v, by hand for a few steps of the head alone."""
    algorithm = build(_Exact, scope="head", momentum=0.9, head_lr=0.3)
    task = make_task(BACKBONE, algorithm.boundary)
    states = [s.tensors for s in algorithm.adapt(task.support)]
    z = algorithm.embed({}, task.support.x).detach()
    w, b = states[0]["head.weight"].clone(), states[0]["head.bias"].clone()
    vw, vb = torch.zeros_like(w), torch.zeros_like(b)
    for state in states[1:]:
        away = ((z @ w.T + b).softmax(-1) - task.support.y) / len(z)
        vw, vb = 0.9 * vw + away.T @ z, 0.9 * vb + away.sum(0)
        w, b = w - 0.3 * vw, b - 0.3 * vb
        torch.testing.assert_close(state["head.weight"], w, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(state["head.bias"], b, rtol=1e-10, atol=1e-12)
