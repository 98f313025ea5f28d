"""Learned rules and hierarchies in float64, each held to what it comes to before training or in a case that can be worked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import make_task, tiny_backbone
from torch import nn
from torch.autograd import grad

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.gradient.fast import Step
from meta_demo.algorithms.hierarchy.shared_hierarchy import MIXING
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.algorithms.rule.base import Cell, told
from meta_demo.algorithms.rule.learned_optimizer import SCALE
from meta_demo.algorithms.rule.meta_lstm import FORGET, INPUT
from meta_demo.backbones.scopes.lora import merged
from meta_demo.core.errors import UserError
from meta_demo.learning import checkpoint

BACKBONE = tiny_backbone(seed=2)
KNOBS = {
    **{"scope": "lora", "last_n": 1, "lora_rank": 2, "inner_steps": 3, "hidden": 3},
    **{"inner_lr": 0.05, "head_lr": 0.5, "momentum": 0.0},
}
RULES = pytest.mark.parametrize("name", ["meta_lstm", "learned_optimizer"])
KINDS = pytest.mark.parametrize("kind", ["classes", "numbers"])


def build(name: str, *, noise: float = 0.0, cls: type[Algorithm] | None = None, **knobs):
    cls = cls or REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    algorithm = cls(BACKBONE, cls.Config(**{k: v for k, v in {**KNOBS, **knobs}.items() if k in known}))
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(noise * torch.randn(p.shape, generator=rng, dtype=p.dtype))
    return algorithm


def ends(algorithm, task) -> dict[str, torch.Tensor]:
    *_, last = algorithm.adapt(task.support)
    return {name: w.detach() for name, w in last.tensors.items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, w in one.items():
        torch.testing.assert_close(w, other[name], rtol=1e-10, atol=1e-12)


def gradient(algorithm, loss) -> torch.Tensor:
    by = grad(loss, list(algorithm.parameters()), allow_unused=True, materialize_grads=True)
    return torch.cat([g.flatten() for g in by])


def body_gradient(algorithm, task) -> dict[str, torch.Tensor]:
    own = {n: p for n, p in algorithm.named_parameters() if n.startswith("_body")}
    by = grad(algorithm.meta_loss(task), list(own.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(own, by, strict=True))


def along(algorithm, loss_of, exact: torch.Tensor, h: float = 1e-5, rel: float = 2e-5) -> None:
    """`exact` is the gradient of `loss_of` along a random direction, by finite differences."""
    rng = torch.Generator().manual_seed(3)
    direction = [torch.randn(p.shape, generator=rng, dtype=p.dtype) for p in algorithm.parameters()]

    def at(distance: float) -> float:
        with torch.no_grad():
            for p, d in zip(algorithm.parameters(), direction, strict=True):
                p.add_(d, alpha=distance)
        return float(loss_of().detach())

    numeric = (at(h) - at(-2 * h)) / (2 * h)
    at(h)
    assert numeric == pytest.approx(float(exact @ torch.cat([d.flatten() for d in direction])), rel=rel, abs=1e-9)


# --- rules


@RULES
@KINDS
@pytest.mark.parametrize("momentum", [0.0, 0.7])
@pytest.mark.parametrize("scope", ["lora", "bias"])
def test_before_training_a_rule_is_gradient_descent(name, kind, momentum, scope):
    """Forget 1, input a, candidate -g; and an output that is linear in the gradient."""
    rule, maml = (build(n, momentum=momentum, scope=scope) for n in (name, "maml"))
    task = make_task(BACKBONE, maml.boundary, kind=kind)
    same(ends(rule, task), ends(maml, task))


def test_the_bias_of_the_input_gate_is_a_learning_rate():
    """With gates that look at nothing, input a and forget f: w <- f w - a g."""
    rule, maml = build("meta_lstm"), build("maml", inner_lr=0.05 * 0.3, head_lr=0.5 * 0.3)
    sigmoid = torch.tensor(INPUT, dtype=torch.float64).sigmoid()
    with torch.no_grad():
        for bias in rule.biases.values():
            bias[1] = torch.logit(0.3 * sigmoid)
    task = make_task(BACKBONE, maml.boundary)
    same(ends(rule, task), ends(maml, task))
    with torch.no_grad():
        for bias in rule.biases.values():
            bias[:] = torch.tensor([FORGET - 2, -1e3])
    shrunk = (torch.tensor([FORGET - 2, FORGET], dtype=torch.float64).sigmoid()).tolist()
    first = next(rule.adapt(task.support)).tensors
    same(ends(rule, task), {n: w * (shrunk[0] / shrunk[1]) ** 3 for n, w in first.items()})


def test_without_an_output_nothing_moves():
    rule = build("learned_optimizer")
    with torch.no_grad():
        for direct in rule.direct.values():
            direct.zero_()
    task = make_task(BACKBONE, rule.boundary)
    same(ends(rule, task), next(rule.adapt(task.support)).tensors)


def test_numbers_are_told_by_logarithm_and_sign():
    g = torch.tensor([1.0, -torch.e, 0.0, 2e-5, -1e-30], dtype=torch.float64)
    size = 2e-5 * torch.exp(torch.tensor(10.0, dtype=torch.float64))
    wanted = torch.tensor([[0.0, 0.1, -1, -1, -1], [1, -1, 0, float(size), 0]], dtype=torch.float64)
    torch.testing.assert_close(told(g), wanted, rtol=1e-12, atol=1e-12)


def lstm_of(cell: Cell, inputs: int, hidden: int) -> nn.LSTMCell:
    """torch's own cell with the numbers of ours."""
    own = nn.LSTMCell(inputs, hidden, dtype=torch.float64)
    taken, kept, shown, new = (part.detach() for part in cell.weight.chunk(4))
    weight = torch.cat([taken, kept, new, shown])
    taken, kept, shown, new = (part.detach() for part in cell.bias.chunk(4))
    with torch.no_grad():
        own.weight_ih.copy_(weight[:, :inputs])
        own.weight_hh.copy_(weight[:, inputs:])
        own.bias_ih.copy_(torch.cat([taken, kept, new, shown]))
        own.bias_hh.zero_()
    return own


@RULES
@torch.no_grad()
def test_two_steps_are_those_of_torchs_own_lstm(name):
    """Coordinate by coordinate, from gradients and losses that are given."""
    rule = build(name, noise=0.3)
    rng = torch.Generator().manual_seed(1)
    lstm = lstm_of(rule.cells["body"], rule.inputs, 3)
    w = torch.randn(2, 4, generator=rng, dtype=torch.float64)
    fast = {"some.lora_a": w}
    slots, flat = rule.init_slots(fast), w.flatten()
    h = c = torch.zeros(8, 3, dtype=torch.float64)
    first = torch.tensor([FORGET, INPUT], dtype=torch.float64).sigmoid()
    before = torch.zeros(8, 2, dtype=torch.float64)
    for index, loss in enumerate((1.3, 0.4)):
        g = torch.randn(2, 4, generator=rng, dtype=torch.float64)
        step = Step(index, fast, torch.tensor(loss, dtype=torch.float64))
        fast, slots = rule.update(step, fast, {"some.lora_a": g}, slots)
        seen = told(g.flatten()).T
        if name == "meta_lstm":
            seen = torch.cat([seen, told(step.loss).expand(8, 2)], 1)
        h, c = lstm(seen, (h, c))
        if name == "meta_lstm":
            at = torch.cat([h, flat[:, None], before], 1)
            gates = (at @ rule.gates["body"].T + rule.biases["body"]).sigmoid()
            flat = gates[:, 0] / first[0] * flat - 0.05 * gates[:, 1] / first[1] * g.flatten()
            before = gates - first
        else:
            flat = flat - 0.05 * (rule.direct["body"] * g.flatten() + SCALE * h @ rule.out["body"])
        torch.testing.assert_close(fast["some.lora_a"].flatten(), flat, rtol=1e-11, atol=1e-13)


@RULES
@KINDS
@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_the_meta_gradient_holds_the_gradients_of_the_inner_loop(name, kind, momentum):
    """By finite differences of a loop whose gradients and losses are those of the parameters as they are."""
    rule = build(name, noise=0.1, momentum=momentum)
    task = make_task(BACKBONE, rule.boundary, kind=kind)
    told_before = []
    update = rule.update

    def listening(step, fast, grads, slots):
        told_before.append((step, grads))
        return update(step, fast, grads, slots)

    rule.update = listening
    exact = gradient(rule, rule.meta_loss(task))
    rule.update = update
    assert len(told_before) == 3

    def replayed():
        fast, *_ = rule.begin(task.support, graph=True)
        slots = rule.init_slots(fast)
        for step, grads in told_before:
            fast, slots = rule.update(step, fast, grads, slots)
        return rule.outer_loss(fast, task)

    along(rule, replayed, exact)
    own = [p for n, p in rule.named_parameters() if n.startswith(("cells", "gates", "biases", "direct", "out"))]
    assert all(g is not None and g.norm() > 0 for g in grad(rule.meta_loss(task), own))


@RULES
def test_with_second_derivatives_the_meta_gradient_would_be_exact(name):
    """The same update walks back, so that whoever wants the exact one says `second_order = True`."""
    cls = type("Exact", (REGISTRY[name],), {"second_order": True})
    rule = build(name, noise=0.1, cls=cls, scope="last_n")
    task = make_task(BACKBONE, rule.boundary)
    walked, stored = rule.meta_loss(task), Algorithm.meta_loss(rule, task)
    exact = gradient(rule, walked)
    torch.testing.assert_close(exact, gradient(rule, stored), rtol=1e-7, atol=1e-10)
    along(rule, lambda: rule.meta_loss(task), exact, h=1e-7, rel=1e-3)


def test_a_start_keeps_the_size_of_its_rule(tmp_path: Path):
    checkpoint.save(build("meta_lstm"), tmp_path / "saved")
    with pytest.raises(UserError) as caught:
        checkpoint.load(tmp_path / "saved", BACKBONE, {"hidden": 5})
    assert caught.value.name == "checkpoint_knob"


# --- losses


@KINDS
@pytest.mark.parametrize("adaptive", [True, False])
def test_set_to_the_usual_loss_it_is_maml(kind, adaptive):
    """Same weights after adaptation, same meta-gradient."""
    learned, maml = build("learned_loss", adaptive=adaptive, momentum=0.9), build("maml", momentum=0.9)
    task = make_task(BACKBONE, maml.boundary, kind=kind)
    same(ends(learned, task), ends(maml, task))
    same(body_gradient(learned, task), body_gradient(maml, task))


@KINDS
def test_a_loss_is_what_the_network_says_of_every_output(kind):
    learned = build("learned_loss", noise=0.2)
    task = make_task(BACKBONE, learned.boundary, kind=kind)
    rng = torch.Generator().manual_seed(2)
    out = torch.randn(task.support.y.shape, generator=rng, dtype=torch.float64)
    usual = task.support.objective.loss(out, task.support.y)
    seen = out.log_softmax(1) if kind == "classes" else out
    state = torch.stack([usual, ((seen - seen.mean()) ** 2).mean(), torch.tensor(2 / 3, dtype=torch.float64)])
    total = 0.0
    for row, target in zip(seen, task.support.y, strict=True):
        for s, y in zip(row, target, strict=True):
            hidden = learned.first @ torch.stack([s, y]) + learned.first_bias
            hidden = hidden * (1 + learned.follow[0] @ state) + learned.follow[1] @ state
            hidden = learned.second @ hidden.exp().add(1).log() + learned.second_bias
            total = total + hidden.exp().add(1).log() @ learned.out
    wanted = learned.usual * usual + total / len(seen)
    found = learned.inner_loss(Step(2, {}), {}, out, task.support)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def test_every_part_of_a_learned_loss_learns():
    learned = build("learned_loss", noise=0.1)
    own = ("usual", "first", "second", "out", "follow")
    parts = [p for n, p in learned.named_parameters() if n.startswith(own)]
    by = grad(learned.meta_loss(make_task(BACKBONE, learned.boundary)), parts)
    assert len(parts) == 7 and all(g.norm() > 0 for g in by)


# --- hierarchies


@KINDS
@pytest.mark.parametrize("scope", ["lora", "last_n", "prompt"])
def test_one_adapter_that_is_always_taken_is_anil(scope, kind):
    """Same heads after adaptation, same meta-gradient by the adapter; the mixture has no say."""
    bank, anil = (build(name, scope=scope, adapters=1) for name in ("shared_hierarchy", "anil"))
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, w in anil._body.items():
            w.add_(torch.randn(w.shape, generator=rng, dtype=w.dtype) / 10)
            bank._body[name].copy_(w[None])
    task = make_task(BACKBONE, anil.boundary, kind=kind)
    moved = ends(bank, task)
    assert torch.equal(moved.pop(MIXING), torch.zeros(1, dtype=torch.float64))
    same(moved, ends(anil, task))
    same({n: g[0] for n, g in body_gradient(bank, task).items()}, body_gradient(anil, task))
    assert not grad(bank.meta_loss(task), [bank.mixing])[0].any()


@pytest.mark.parametrize("scope", ["lora", "last_n", "norm", "ia3"])
def test_an_even_mixture_is_the_model_that_it_was(scope):
    bank = build("shared_hierarchy", scope=scope, adapters=3)
    task = make_task(BACKBONE, bank.boundary)
    plain = BACKBONE.forward(task.support.x, {})
    torch.testing.assert_close(bank.embed({}, task.support.x), plain, rtol=1e-9, atol=1e-11)
    assert all(not torch.equal(w[0], w[1]) for n, w in bank._body.items() if not n.endswith("lora_b"))


def test_a_mixture_of_low_rank_factors_is_the_sum_of_their_products():
    bank = build("shared_hierarchy", adapters=3, noise=0.2)
    logits = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    found = merged(BACKBONE, bank.weights({MIXING: logits}))
    for name, b in bank._body.items():
        if name.endswith("lora_b"):
            a, own = bank._body[name.removesuffix("b") + "a"], name.replace("/", ".").removesuffix("lora_b") + "weight"
            wanted = BACKBONE.parameter(own) + 2 * sum(
                p * bk @ ak for p, bk, ak in zip(logits.softmax(0), b, a, strict=True)
            )
            torch.testing.assert_close(found[own], wanted, rtol=1e-10, atol=1e-12)


def test_a_task_moves_the_mixture_where_adapters_differ():
    bank = build("shared_hierarchy", adapters=3, noise=0.2, inner_steps=1)
    task = make_task(BACKBONE, bank.boundary)
    first, last = (state.tensors for state in bank.adapt(task.support))
    assert first.keys() == {MIXING, "head.weight", "head.bias"}
    at = first[MIXING].detach().requires_grad_()
    out = bank.answer(type(next(bank.adapt(task.support)))(first), bank.embed({MIXING: at}, task.support.x))
    (g,) = grad(task.support.objective.loss(out, task.support.y), at)
    torch.testing.assert_close(last[MIXING], first[MIXING] - 0.05 * g, rtol=1e-9, atol=1e-12)
    assert g.abs().max() > 0


def test_another_methods_start_becomes_a_bank_around_it(tmp_path: Path):
    anil, bank = build("anil", noise=0.1), build("shared_hierarchy", adapters=3)
    checkpoint.save(anil, tmp_path / "saved")
    checkpoint.warm_start(bank, tmp_path / "saved")
    x = make_task(BACKBONE, anil.boundary).support.x
    torch.testing.assert_close(bank.embed({}, x), anil.embed({}, x), rtol=1e-9, atol=1e-11)
    other = build("shared_hierarchy", adapters=3)
    checkpoint.save(bank, tmp_path / "bank")
    checkpoint.warm_start(other, tmp_path / "bank")
    same(dict(other._body), dict(bank._body))
    checkpoint.save(build("shared_hierarchy", scope="lora"), tmp_path / "lora")
    with pytest.raises(UserError) as caught:  # of a bank's adapters none is a single method's
        checkpoint.warm_start(build("anil"), tmp_path / "lora")
    assert caught.value.name == "checkpoint_tensors"


def test_a_bank_of_another_scope_is_what_a_bank_stands_on(tmp_path: Path):
    biased = build("shared_hierarchy", scope="bias", noise=0.1)
    checkpoint.save(biased, tmp_path / "bias")
    bank = checkpoint.warm_start(build("shared_hierarchy", adapters=3), tmp_path / "bias")
    before, after = (a.embed({}, make_task(a.backbone, a.boundary).support.x) for a in (biased, bank))
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-11)
    assert bank.backbone.given and not torch.allclose(
        before, build("anil").embed({}, make_task(BACKBONE, 3).support.x), atol=1e-3
    )
