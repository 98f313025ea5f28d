"""Meta-gradients against oracles in float64: finite differences, a hand-written loop, Reptile's definition."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from math import comb

import pytest
import torch
from conftest import USUAL, in_turn, usual
from tiny_models import SUPPORT, make_task, tiny_backbone
from torch.autograd import grad
from torch.func import functional_call
from torch.nn.functional import cross_entropy, normalize

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.gradient.walk_back import Loop, Point
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.scopes import SCOPES
from meta_demo.core.errors import UserError

BACKBONE = tiny_backbone(seed=1)
SHALLOW = tiny_backbone(num_hidden_layers=1)  # for what does not depend on weights
EXACT = [name for name, cls in sorted(REGISTRY.items()) if getattr(cls, "second_order", not cls.steps_knob)]
EVERY_SCOPE = pytest.mark.parametrize("scope", usual(SCOPES, lambda scope: scope == "lora"))
HEADS = pytest.mark.parametrize("head", ["prototypes", "shared"])


def plain(name: str, backbone: Backbone = BACKBONE, **knobs):
    cls = REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    return cls(backbone, cls.Config(**{k: v for k, v in knobs.items() if k in known}))


def build(name: str, **knobs):
    """A start that is not the pretrained one, so that no term of a gradient is zero by accident."""
    algorithm = plain(name, **knobs)
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(torch.randn(p.shape, generator=rng, dtype=p.dtype) / 10)
    return algorithm


def cases() -> list[tuple[str, str, str | None, str | None]]:
    """Every exact method that has something to learn, with each objective, scope and head that it takes."""
    found = []
    for name in EXACT:
        knobs = {k.name: k.choices for k in REGISTRY[name].Config.knobs()}
        for scope, head in product(knobs.get("scope", [None]), knobs.get("head", [None])):
            with suppress(UserError):
                if list(plain(name, SHALLOW, scope=scope, head=head).parameters()):
                    found += [(name, kind, scope, head) for kind in sorted(REGISTRY[name].objectives)]
    return found


def meta_gradient(algorithm, task) -> torch.Tensor:
    algorithm.zero_grad()
    algorithm.meta_loss(task).backward()
    return torch.cat(
        [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in algorithm.parameters()]
    )


@pytest.mark.parametrize(
    ("name", "kind", "scope", "head"),
    in_turn(
        cases(),
        lambda case: case[2] in (None, "lora") and case[3] in (None, "prototypes"),
        by=2,
        more=3,
        is_quick=lambda case: case[0] in USUAL,
    ),
)
def test_exact_meta_gradient_equals_finite_differences(name, kind, scope, head):
    """Along a random direction, which sees every weight: (L(p + h d) - L(p - h d)) / 2h = grad . d."""
    algorithm = build(name, scope=scope, last_n=2, lora_rank=2, inner_steps=2, inner_lr=0.05, head_lr=0.5, head=head)
    task = make_task(BACKBONE, algorithm.boundary, kind=kind)
    gradient = meta_gradient(algorithm, task)
    parameters = list(algorithm.parameters())
    start = [p.detach().clone() for p in parameters]
    rng = torch.Generator().manual_seed(11)

    def loss_at(direction: list[torch.Tensor], h: float) -> float:
        with torch.no_grad():
            for p, s, d in zip(parameters, start, direction, strict=True):
                p.copy_(s + h * d)
        return float(algorithm.meta_loss(task).detach())

    direction = [torch.randn(p.shape, generator=rng, dtype=p.dtype) for p in parameters]
    once, half = ((loss_at(direction, h) - loss_at(direction, -h)) / (2 * h) for h in (1e-5, 5e-6))
    numeric = (4 * half - once) / 3  # what is curved three times over falls out (Richardson)
    exact = float(gradient @ torch.cat([d.flatten() for d in direction]))
    assert numeric == pytest.approx(exact, rel=2e-5, abs=1e-8)


@pytest.mark.parametrize("name", ["maml", "anil"])
def test_one_vector_under_every_class_shifts_all_logits_alike(name):
    algorithm = build(name, scope="head", inner_steps=3, inner_lr=0.05, head_lr=0.5, head="shared")
    assert meta_gradient(algorithm, make_task(BACKBONE, algorithm.boundary)).norm() < 1e-12
    other = build(name, scope="head", inner_steps=3, inner_lr=0.05, head_lr=0.5)
    assert meta_gradient(other, make_task(BACKBONE, other.boundary)).norm() > 1e-6


def by_hand(algorithm, task, *, second_order: bool) -> torch.Tensor:
    """MAML's loop written out, with nothing of ours but the start: whole model, one text at a time, one functional call."""
    start = dict(algorithm.body)
    config = algorithm.config
    scale = algorithm.log_scale.exp()

    def weights(w):
        full = {k: v for k, v in w.items() if "lora" not in k and "scaled" not in k}
        for k in w:
            base = k.rpartition(".")[0]
            if k.endswith(".scaled_in"):
                full[base + ".weight"] = BACKBONE.parameter(base + ".weight") * w[k]
            if k.endswith(".scaled_out"):
                full[base + ".weight"] = BACKBONE.parameter(base + ".weight") * w[k][:, None]
                full[base + ".bias"] = BACKBONE.parameter(base + ".bias") * w[k]
            if k.endswith(".lora_a"):
                base = k.removesuffix(".lora_a")
                full[base + ".weight"] = BACKBONE.parameter(base + ".weight") + 2 * w[base + ".lora_b"] @ w[k]
        return full

    def embed(w, features):
        rows = [None] * features.count
        for group in features.groups:
            for place, ids, mask in zip(group.index.tolist(), group.first, group.mask, strict=True):
                inputs = {"input_ids": ids[None, : int(mask.sum())]}
                out = functional_call(BACKBONE.model, weights(w), (), inputs).last_hidden_state[0]
                rows[place] = normalize(out.mean(0), dim=0)
        return torch.stack(rows)

    z = embed(start, task.support.x)
    c = (task.support.y.T @ z) / task.support.y.sum(0)[:, None]
    w_head, b_head = 2 * scale * c, -scale * c.square().sum(1)
    fast = dict(start)
    velocity = [0.0] * (len(fast) + 2)
    target = task.support.y.argmax(1)
    for _ in range(config.inner_steps):
        # Fresh nodes, so that the partial derivative by the body does not run through the head made from it.
        body = {k: v * 1.0 for k, v in fast.items()}
        head_w, head_b = w_head * 1.0, b_head * 1.0
        loss = cross_entropy(embed(body, task.support.x) @ head_w.T + head_b, target)
        how = {"create_graph": second_order, "retain_graph": True, "allow_unused": True, "materialize_grads": True}
        gradients = grad(loss, [*body.values(), head_w, head_b], **how)
        gradients = gradients if second_order else [g.detach() for g in gradients]
        velocity = [config.momentum * v + g for v, g in zip(velocity, gradients, strict=True)]
        *g_body, g_w, g_b = velocity
        fast = {k: v - config.inner_lr * g for (k, v), g in zip(fast.items(), g_body, strict=True)}
        w_head, b_head = w_head - config.head_lr * g_w, b_head - config.head_lr * g_b
    logits = embed(fast, task.query.x) @ w_head.T + b_head
    return cross_entropy(logits, task.query.y.argmax(1))


@pytest.mark.parametrize("scope", usual([n for n, s in SCOPES.items() if not s.adds], lambda scope: scope == "lora"))
@pytest.mark.parametrize(("name", "second_order"), [("maml", True), ("fomaml", False)])
def test_meta_gradient_equals_a_hand_written_loop(name, second_order, scope):
    algorithm = build(name, scope=scope, last_n=2, lora_rank=2, inner_steps=2, inner_lr=0.1, head_lr=0.5)
    task = make_task(BACKBONE, algorithm.boundary)
    ours = meta_gradient(algorithm, task)
    algorithm.zero_grad()
    loss = by_hand(algorithm, task, second_order=second_order)
    loss.backward()
    theirs = torch.cat(
        [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in algorithm.parameters()]
    )
    torch.testing.assert_close(float(algorithm.meta_loss(task)), float(loss), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


def test_first_order_differs_from_exact():
    """The test above would pass for both if the second-order terms were lost on both sides."""
    knobs = {"scope": "last_n", "last_n": 2, "inner_steps": 2, "inner_lr": 0.1, "head_lr": 0.5}
    exact, first = (build(name, **knobs) for name in ("maml", "fomaml"))
    task = make_task(BACKBONE, exact.boundary)
    a, b = meta_gradient(exact, task), meta_gradient(first, task)
    assert (a - b).norm() > 1e-3 * a.norm()


@HEADS
@EVERY_SCOPE
def test_reptile_follows_its_definition(scope, head):
    """Gradient of its meta-loss = start - adapted (Nichol et al. 2018, algorithm 1), on all of the task's examples."""
    algorithm = build("reptile", scope=scope, last_n=2, lora_rank=2, inner_steps=3, inner_lr=0.1, head=head)
    task = make_task(BACKBONE, algorithm.boundary)
    if scope == "head" and head == "prototypes":
        assert float(algorithm.meta_loss(task)) == 0.0  # nothing it could move
        return
    meta_gradient(algorithm, task)
    *_, last = algorithm.adapt(task.support + task.query)
    for name, p in algorithm.body.items():
        torch.testing.assert_close(p.grad, p.detach() - last.tensors[name].detach())
    if head == "shared":
        expected = algorithm.shared.detach() - last.tensors["head.weight"].detach().mean(0)
        torch.testing.assert_close(algorithm.shared.grad, expected)


SCOPED = [
    (name, scope)
    for name, cls in sorted(REGISTRY.items())
    for scope in next((k.choices for k in cls.Config.knobs() if k.name == "scope"), [None])
]


@pytest.mark.parametrize(("name", "scope"), in_turn(SCOPED, lambda case: case[1] in (None, "lora"), turn=5, more=2))
def test_every_meta_loss_is_a_finite_scalar(name, scope):
    algorithm = build(name, scope=scope, lora_rank=2, inner_steps=2)
    task = make_task(BACKBONE, algorithm.boundary)
    loss = algorithm.meta_loss(task)
    assert loss.shape == () and bool(torch.isfinite(loss))


def test_a_meta_step_helps():
    """Descending the exact meta-gradient lowers the loss after adaptation."""
    algorithm = build("maml", scope="last_n", last_n=1, inner_steps=2, inner_lr=0.05, head_lr=0.5)
    task = make_task(BACKBONE, algorithm.boundary)
    optimizer = torch.optim.SGD(algorithm.parameters(), lr=1e-2)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = algorithm.meta_loss(task)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses == sorted(losses, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kept", "scope", "head"),
    in_turn(
        product([0, 5000, 1 << 26], SCOPES, ["prototypes", "shared"]),
        lambda case: case[1:] == ("lora", "prototypes"),
        by=1,
        more=9,  # each scope with each head
    ),
)
def test_walking_back_equals_the_stored_graph(scope, head, kept, monkeypatch):
    """MAML keeps no graph through the inner loop; the base class's meta-loss does: one gradient, for every scope.

    `kept` bytes of fast weights: all of them, or a few, the others made again.
    """
    monkeypatch.setattr("meta_demo.algorithms.gradient.walk_back.KEPT", kept)
    algorithm = build("maml", scope=scope, last_n=2, lora_rank=2, inner_steps=4, inner_lr=0.1, head_lr=0.5, head=head)
    task = make_task(BACKBONE, algorithm.boundary)
    ours = meta_gradient(algorithm, task)
    algorithm.zero_grad()
    loss = Algorithm.meta_loss(algorithm, task)
    loss.backward()
    stored = torch.cat(
        [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in algorithm.parameters()]
    )
    assert float(algorithm.meta_loss(task)) == pytest.approx(float(loss), rel=1e-12)
    torch.testing.assert_close(ours, stored, rtol=1e-6, atol=1e-12)


def test_prototypes_learn_from_one_example_of_each_class():
    """By loops: example j of its class against example j + r of every class, wherever that is another example."""
    algorithm = build("protonet", scope="lora", last_n=1)
    support = [*SUPPORT, ("a class of one", 3)]
    task = make_task(BACKBONE, algorithm.boundary, support, order=(2, 0, 1, 3))
    z = algorithm.embed({}, (task.support + task.query).x)
    label = torch.cat([task.support.y, task.query.y]).argmax(1).tolist()
    members = [[i for i, other in enumerate(label) if other == n] for n in range(4)]
    losses = []
    for n, own in enumerate(members):
        for j, i in enumerate(own):
            for r in range(1, max(map(len, members))):
                shots = [group[(j + r) % len(group)] for group in members]
                if shots[n] != i:
                    logits = -algorithm.log_scale.exp() * (z[i] - z[shots]).square().sum(1)
                    losses.append(cross_entropy(logits, torch.tensor(n)))
    assert len(set(map(len, members))) > 1  # classes of different sizes, one of them of a single example
    torch.testing.assert_close(algorithm.meta_loss(task), torch.stack(losses).mean())


@EVERY_SCOPE
def test_tasks_that_go_together_give_the_gradients_of_each_alone(scope):
    """Of equal and unequal sizes, with and without the same labels."""
    algorithm = build("protonet", scope=scope, last_n=2, lora_rank=2)
    swapped = [(text, 2 - n) for text, n in SUPPORT]
    supports = [
        (SUPPORT, (0, 1, 2)),
        (swapped, (0, 1, 2)),
        (swapped[::-1], (2, 0, 1)),
        (SUPPORT[:4] + SUPPORT[5:], (0, 1, 2)),
    ]
    tasks = [make_task(BACKBONE, algorithm.boundary, support, order=order) for support, order in supports]
    each = sum(meta_gradient(algorithm, task) for task in tasks)
    algorithm.zero_grad()
    (loss,) = algorithm.meta_losses(tasks)
    loss.backward()
    together = torch.cat(
        [(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in algorithm.parameters()]
    )
    torch.testing.assert_close(together, each, rtol=1e-9, atol=1e-12)
    assert float(loss) == pytest.approx(sum(float(algorithm.meta_loss(task)) for task in tasks), rel=1e-12)


@pytest.mark.parametrize("slots", [1, 2, 3, 50])
@pytest.mark.parametrize("steps", [0, 1, 2, 7, 20])
def test_the_way_back_keeps_few_states_and_makes_few_again(steps, slots):
    """Against Griewank & Walther's optimum for n states of which slots + 1 can be held, r n - C(slots + 1 + r, r - 1)."""
    made = []

    class Counted(Loop):
        def __init__(self):
            pass

        def _advance(self, point, count):
            made.append(count)
            return Point(point.index + count, {}, {})

    path = [point.index for point in Counted().backwards(Point(0, {}, {}), steps, slots)]
    assert path == list(range(steps, -1, -1))
    n, c = steps + 1, slots + 1
    r = next(r for r in range(n + 1) if comb(c + r, r) >= n)
    assert sum(made) <= (r * n - comb(c + r, r - 1) if r else 0) + steps
