"""Generated weights and their critic, held to their oracles."""

from __future__ import annotations

import pytest
import torch
from tiny_models import SUPPORT, make_task, tiny_backbone

from meta_demo.algorithms.generated.critic import Critic, fitted
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.heads import linear, prototype_head

BACKBONE = tiny_backbone(seed=3)


def build(shaken: float = 0.0, **knobs):
    """The algorithm; `shaken`, none of its parameters where it began."""
    cls = REGISTRY["generated"]
    algorithm = cls(BACKBONE, cls.Config(**{"scope": "head", **knobs}))
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, p in sorted(algorithm.named_parameters()):
            draw = torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()), dtype=p.dtype)
            p.add_(shaken * (draw if name.startswith("critic") else torch.randn(p.shape, generator=rng, dtype=p.dtype)))
    return algorithm


def gradients(algorithm, task):
    """Of the meta-loss by the generator's parameters and by the critic's."""
    algorithm.zero_grad()
    algorithm.meta_loss(task).backward()
    found = {name: p.grad.clone() for name, p in algorithm.named_parameters() if p.grad is not None}
    return ({n: g for n, g in found.items() if n.startswith("critic") == mine} for mine in (False, True))


@torch.no_grad()
def answers(algorithm, task):
    (state,) = algorithm.adapt(task.support)
    return algorithm.predict(state, task.query.x)


def test_before_training_what_is_written_is_the_prototypes_own_head():
    algorithm = build(scale=3.0)
    task = make_task(BACKBONE, algorithm.boundary)
    plain = REGISTRY["protonet"](BACKBONE, REGISTRY["protonet"].Config(scale=3.0))
    with torch.no_grad():
        (state,) = algorithm.adapt(task.support)
        z = algorithm.embed({}, task.support.x)
        c = (task.support.y.T @ z) / task.support.y.sum(0)[:, None]
        torch.testing.assert_close(state.tensors["head.weight"], 3 * 2 * c, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(state.tensors["head.bias"], -3 * c.square().sum(1), rtol=1e-9, atol=1e-10)
    wanted = answers(plain, task).softmax(-1)
    torch.testing.assert_close(answers(algorithm, task).softmax(-1), wanted, rtol=1e-9, atol=1e-10)


def test_neither_order_nor_names_matter_to_a_trained_generator():
    algorithm = build(shaken=0.3)
    found = answers(algorithm, make_task(BACKBONE, algorithm.boundary))
    assert not torch.allclose(found, answers(build(), make_task(BACKBONE, algorithm.boundary)))
    backwards = answers(algorithm, make_task(BACKBONE, algorithm.boundary, support=SUPPORT[::-1]))
    torch.testing.assert_close(backwards, found, rtol=1e-8, atol=1e-9)
    renamed = answers(algorithm, make_task(BACKBONE, algorithm.boundary, order=(2, 0, 1)))
    torch.testing.assert_close(renamed[:, [2, 0, 1]], found, rtol=1e-8, atol=1e-9)


def test_the_low_rank_layer_is_z_plus_b_a_z():
    algorithm = build(shaken=0.3, rank=2)
    task = make_task(BACKBONE, algorithm.boundary)
    with torch.no_grad():
        (state,) = algorithm.adapt(task.support)
        z, kept = algorithm.embed({}, task.query.x), state.tensors
        after = torch.stack([q + kept["up"].T @ (kept["down"] @ q) for q in z])
    assert kept["down"].shape == kept["up"].shape == (2, z.shape[1])
    torch.testing.assert_close(answers(algorithm, task), linear(after, kept), rtol=1e-9, atol=1e-10)


def test_the_critic_adds_its_weight_times_its_gradient_turned_round_and_at_zero_nothing():
    task = make_task(BACKBONE, BACKBONE.n_layers)
    plain, _ = gradients(build(shaken=0.05), task)
    one, judged = gradients(build(shaken=0.05, critic=1.0), task)
    three, judged_too = gradients(build(shaken=0.05, critic=3.0), task)
    assert plain.keys() == one.keys() and judged
    moved = [not torch.allclose(one[name], plain[name]) for name in plain]
    assert any(moved)
    for name in plain:
        torch.testing.assert_close(three[name] - plain[name], 3 * (one[name] - plain[name]), rtol=1e-7, atol=1e-10)
    for name in judged:  # whatever its weight, the critic itself learns alike
        torch.testing.assert_close(judged[name], judged_too[name], rtol=1e-9, atol=1e-12)
    small, _ = gradients(build(shaken=0.05, critic=1e-300), task)
    for name in plain:
        torch.testing.assert_close(small[name], plain[name], rtol=1e-12, atol=1e-12)


def test_the_reversed_gradient_is_minus_the_critics_by_finite_differences():
    rng = torch.Generator().manual_seed(2)
    means, written, real, _ = (torch.randn(3, 8, generator=rng, dtype=torch.float64) for _ in range(4))
    critic = Critic(means[0], rng)
    with torch.no_grad():
        critic.out.normal_(0, 0.1, generator=rng)
    written.requires_grad_()
    critic.loss(means, written, real, 1.0).backward()
    size = float(written.detach().norm(dim=1).mean())
    for place in ((0, 0), (2, 5)):
        step = torch.zeros_like(written)
        step[place] = 1e-6
        with torch.no_grad():  # at the size that the critic sees: it is held fixed in the gradient

            def loss(moved):
                pair = torch.cat([8**0.5 * means, 8**0.5 * moved / size], 1)
                odds = torch.nn.functional.gelu(pair @ critic.hidden.T + critic.bias) @ critic.out + critic.out_bias
                return torch.nn.functional.softplus(odds).mean() / 2

            slope = (loss(written + step) - loss(written - step)) / 2e-6
        assert float(written.grad[place]) == pytest.approx(-float(slope), rel=1e-5)


def test_what_the_critic_compares_with_is_gradient_descent():
    rng = torch.Generator().manual_seed(4)
    z, y = torch.randn(6, 5, generator=rng, dtype=torch.float64), torch.eye(3, dtype=torch.float64)[[0, 0, 1, 1, 2, 2]]
    head = prototype_head(z, y, torch.tensor(0.5))
    weight, bias = (head[f"head.{name}"].clone().requires_grad_() for name in ("weight", "bias"))
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(z @ weight.T + bias, y.argmax(1))
        moves = torch.autograd.grad(loss, (weight, bias))
        weight, bias = ((w - 0.7 * g).detach().requires_grad_() for w, g in zip((weight, bias), moves, strict=True))
    torch.testing.assert_close(fitted(head, z, y, 3, 0.7), weight.detach(), rtol=1e-9, atol=1e-12)


def test_a_critic_that_diverges_is_stopped_and_its_last_good_weights_kept():
    algorithm, task = build(shaken=0.1, critic=1.0), make_task(BACKBONE, BACKBONE.n_layers)
    algorithm.meta_loss(task)
    good = {name: w.clone() for name, w in algorithm.critic.state_dict().items()}
    assert not algorithm.training_notes()
    with torch.no_grad():
        algorithm.critic.out.fill_(torch.nan)
    alone = build(shaken=0.1).meta_loss(task)
    torch.testing.assert_close(algorithm.meta_loss(task), alone, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(w, good[name]) for name, w in algorithm.critic.state_dict().items())
    assert [note.name for note in algorithm.training_notes()] == ["critic_stopped"]
    torch.testing.assert_close(algorithm.meta_loss(task), alone, rtol=1e-12, atol=1e-12)


def test_the_critic_is_left_out_of_what_is_kept():
    algorithm = build(critic=1.0)
    assert algorithm.critic and not any(name.startswith("critic") for name in algorithm.lasting)
    assert set(algorithm.lasting) == set(build().lasting)
