"""Gradient-based learners, each held to its oracle: what it comes to where one knows it in closed form, or from another method."""

from __future__ import annotations

import pytest
import torch
from tiny_models import make_task, tiny_backbone

from meta_demo.algorithms.gradient.imaml import conjugate_gradients
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import UserError

BACKBONE = tiny_backbone(seed=2)
KNOBS = {"scope": "last_n", "last_n": 1, "inner_steps": 3, "inner_lr": 0.05, "head_lr": 0.5, "momentum": 0.0}
GRADIENT = [name for name, cls in sorted(REGISTRY.items()) if cls.steps_knob]


def build(name: str, **knobs):
    cls = REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    return cls(BACKBONE, cls.Config(**{k: v for k, v in {**KNOBS, **knobs}.items() if k in known}))


def ends(algorithm, task) -> dict[str, torch.Tensor]:
    *_, last = algorithm.adapt(task.support)
    return {name: w.detach() for name, w in last.tensors.items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], tolerance: float = 1e-10) -> None:
    assert one.keys() == other.keys()
    for name, w in one.items():
        torch.testing.assert_close(w, other[name], rtol=tolerance, atol=tolerance)


def body_gradient(algorithm, task) -> dict[str, torch.Tensor]:
    algorithm.zero_grad()
    algorithm.meta_loss(task).backward()
    return {name: p.grad for name, p in algorithm.named_parameters() if name.startswith("_body") and p.grad is not None}


@pytest.mark.parametrize("name", ["meta_sgd", "maml_pp"])
@pytest.mark.parametrize("head", ["prototypes", "shared"])
@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_with_equal_rates_it_is_maml(name, head, kind):
    """Same weights after adaptation, same meta-gradient."""
    maml, other = build("maml", head=head), build(name, head=head, multi_step=0.0, trained_steps=2)
    task = make_task(BACKBONE, maml.boundary, kind=kind)
    same(ends(other, task), ends(maml, task))
    same(body_gradient(other, task), body_gradient(maml, task))


def test_the_gradient_by_a_rate_is_minus_the_product_of_two_gradients():
    """After one step: dL_query / da = -g_query * g_support, weight by weight (Li et al. 2017)."""
    algorithm = build("meta_sgd", inner_steps=1, head="shared")
    task = make_task(BACKBONE, algorithm.boundary)
    with torch.no_grad():
        algorithm.shared.add_(torch.randn(algorithm.shared.shape, generator=torch.Generator().manual_seed(3)))
    algorithm.meta_loss(task).backward()
    start, end = (state.tensors for state in algorithm.adapt(task.support))

    def gradients(fast, side):
        at = {name: w.detach().requires_grad_() for name, w in fast.items()}
        out = algorithm.answer(type(next(algorithm.adapt(task.support)))(at), algorithm.embed(at, side.x))
        found = torch.autograd.grad(side.objective.loss(out, side.y), list(at.values()))
        return dict(zip(at, found, strict=True))

    support, query = gradients(start, task.support), gradients(end, task.query)
    for name, rate in algorithm.rates.items():
        wanted = -query[name.replace("/", ".")] * support[name.replace("/", ".")]
        torch.testing.assert_close(rate.grad, wanted, rtol=1e-9, atol=1e-12)
    wanted = -(query["head.weight"] * support["head.weight"]).sum(0)  # one for each feature, repeated for every class
    torch.testing.assert_close(algorithm.head_rates["weight"].grad, wanted, rtol=1e-9, atol=1e-12)


def test_rates_of_steps_that_were_not_trained_are_the_lasts():
    algorithm = build("maml_pp", trained_steps=2, inner_steps=4)
    with torch.no_grad():
        algorithm.rates.mul_(torch.tensor([[1.0], [0.3]]))
    task = make_task(BACKBONE, algorithm.boundary)
    longer = build("maml_pp", trained_steps=4, inner_steps=4)
    with torch.no_grad():
        longer.rates.mul_(torch.tensor([[1.0], [0.3], [0.3], [0.3]]))
    same(ends(algorithm, task), ends(longer, task))


def test_the_multi_step_loss_is_the_weighted_sum_of_those_after_each_step():
    algorithm = build("maml_pp", trained_steps=3, multi_step=0.4)
    task = make_task(BACKBONE, algorithm.boundary)
    assert algorithm.step_weights(3) == pytest.approx([0.0, 0.2, 0.2, 0.6])
    assert algorithm.step_weights(1) == [0.0, 1.0] and algorithm.step_weights(0) == [1.0]
    losses = [float(algorithm.outer_loss(s.tensors, task)) for s in algorithm.adapt(task.support)]
    wanted = 0.2 * losses[1] + 0.2 * losses[2] + 0.6 * losses[3]
    assert float(algorithm.meta_loss(task).detach()) == pytest.approx(wanted, rel=1e-10)


def test_boil_takes_mamls_first_step_with_the_body_alone():
    boil, maml = build("boil", inner_steps=1), build("maml", inner_steps=1)
    task = make_task(BACKBONE, maml.boundary)
    moved, both = ends(boil, task), ends(maml, task)
    first = next(maml.adapt(task.support)).tensors
    for name, w in moved.items():
        torch.testing.assert_close(w, (first if name.startswith("head.") else both)[name], rtol=1e-10, atol=1e-12)
    assert any(not torch.equal(w, first[name]) for name, w in moved.items())


def test_boil_refuses_a_head_that_is_the_same_for_all_classes():
    with pytest.raises(UserError) as caught:
        build("boil", head="shared")
    assert caught.value.name == "boil_shared"


def test_t_maml_moves_attention_alone_and_is_maml_otherwise():
    tmaml, maml = build("tmaml", scope="attention"), build("maml", scope="attention")
    task = make_task(BACKBONE, maml.boundary)
    assert tmaml.body and all("attention" in name for name in tmaml.body)
    assert not any("norm" in name.lower() for name in tmaml.body)
    same(ends(tmaml, task), ends(maml, task))
    same(body_gradient(tmaml, task), body_gradient(maml, task))
    assert REGISTRY["tmaml"].Config().scope == "attention"


@pytest.mark.parametrize("size", [1, 4, 9])
def test_conjugate_gradients_are_exact_after_as_many_steps_as_dimensions(size):
    rng = torch.Generator().manual_seed(size)
    root = torch.randn(size, size, generator=rng, dtype=torch.float64)
    a, b = root @ root.T + torch.eye(size, dtype=torch.float64), torch.randn(size, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(
        conjugate_gradients(lambda x: a @ x, b, size), torch.linalg.solve(a, b), rtol=1e-8, atol=1e-10
    )


def test_conjugate_gradients_stop_where_the_matrix_is_not_positive():
    b = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert torch.equal(conjugate_gradients(lambda x: -x, b, 5), torch.zeros(2, dtype=torch.float64))


def test_the_implicit_gradient_of_a_quadratic():
    """Numbers with the head alone: squared error is a quadratic with Hessian A; the meta-gradient is (I + A / lambda)^-1 g."""
    pull = 1.7
    algorithm = build(
        "imaml", scope="head", head="shared", proximal=pull, solver_steps=60, inner_steps=50, head_lr=0.2, momentum=0.5
    )
    object.__setattr__(algorithm.config, "inner_steps", 400)
    task = make_task(BACKBONE, algorithm.boundary, kind="numbers")
    with torch.no_grad():
        algorithm.shared.copy_(torch.randn(algorithm.shared.shape, generator=torch.Generator().manual_seed(3)))
    algorithm.meta_loss(task).backward()
    z, asked = (algorithm.embed({}, side.x).detach() for side in (task.support, task.query))
    inputs, queries = (torch.cat([t, torch.ones(len(t), 1, dtype=t.dtype)], 1) for t in (z, asked))
    hessian = 2 * inputs.T @ inputs / len(inputs)
    start = torch.cat([algorithm.shared.detach(), torch.zeros(1, dtype=z.dtype)])
    eye = torch.eye(len(start), dtype=z.dtype)
    y, wanted = task.support.y[:, 0], task.query.y[:, 0]
    end = torch.linalg.solve(hessian + pull * eye, 2 * inputs.T @ y / len(inputs) + pull * start)
    found = ends(algorithm, task)
    torch.testing.assert_close(torch.cat([found["head.weight"][0], found["head.bias"]]), end, rtol=1e-7, atol=1e-9)
    g = 2 * queries.T @ (queries @ end - wanted) / len(queries)
    implicit = torch.linalg.solve(eye + hessian / pull, g)
    torch.testing.assert_close(algorithm.shared.grad, implicit[:-1], rtol=1e-6, atol=1e-9)


def test_held_ever_harder_the_implicit_gradient_is_that_by_the_end():
    """lambda -> infinity: g (Rajeswaran et al. 2019, lemma 1), where the loop has not moved."""
    algorithm = build("imaml", proximal=1e6, inner_steps=0, solver_steps=20)
    maml = build("maml", inner_steps=0)
    task = make_task(BACKBONE, maml.boundary)
    same(body_gradient(algorithm, task), body_gradient(maml, task), 1e-4)


def test_baseline_plus_plus_is_adam_on_a_cosine_classifier():
    algorithm = build("baseline_pp", inner_steps=6, head_lr=0.02, scale=7.0, momentum=0.9, weight_decay=0.0)
    task = make_task(BACKBONE, algorithm.boundary)
    z, y = algorithm.embed({}, task.support.x).detach(), task.support.y
    rows = ((y.T @ z) / y.sum(0)[:, None]).clone().requires_grad_()
    adam = torch.optim.Adam([rows], lr=0.02)
    for _ in range(6):
        adam.zero_grad()
        cosine = torch.nn.functional.normalize(z, dim=-1) @ torch.nn.functional.normalize(rows, dim=-1).T
        torch.nn.functional.cross_entropy(7.0 * cosine, y.argmax(1)).backward()
        adam.step()
    torch.testing.assert_close(ends(algorithm, task)["head.weight"], rows.detach(), rtol=1e-6, atol=1e-8)


def test_cavia_moves_the_context_and_the_head_alone():
    cavia = build("cavia", tokens=3)
    task = make_task(BACKBONE, cavia.boundary)
    first, *_, last = (state.tensors for state in cavia.adapt(task.support))
    assert first.keys() == {cavia.token_name, "head.weight", "head.bias"}
    assert torch.equal(first[cavia.token_name], cavia.placement)  # the context is zero at first
    assert all(not torch.equal(first[name], last[name]) for name in first)
    again = next(cavia.adapt(task.support)).tensors
    assert torch.equal(again[cavia.token_name], cavia.placement)  # and is again for the next task


def test_cavias_context_starts_at_zero_where_the_tokens_are_placed():
    """One step by hand: zero minus the rate times the support's gradient by the context, added to the placement."""
    cavia = build("cavia", tokens=3, inner_steps=1, inner_lr=0.7)
    task = make_task(BACKBONE, cavia.boundary)
    start, end = (state.tensors for state in cavia.adapt(task.support))
    context = torch.zeros_like(cavia.placement).requires_grad_()
    body = {name: w.detach() for name, w in cavia.body.items()}
    z = BACKBONE.forward(task.support.x, body | {cavia.token_name: cavia.placement.detach() + context})
    loss = torch.nn.functional.cross_entropy(z @ start["head.weight"].T + start["head.bias"], task.support.y.argmax(1))
    (g,) = torch.autograd.grad(loss, context)
    wanted = cavia.placement.detach() - 0.7 * g
    torch.testing.assert_close(end[cavia.token_name], wanted, rtol=1e-9, atol=1e-11)


def test_the_outer_loop_of_cavia_learns_body_and_placement():
    cavia = build("cavia", tokens=3)
    cavia.meta_loss(make_task(BACKBONE, cavia.boundary)).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for n, p in cavia.named_parameters() if n != "shared")


def test_with_a_context_of_length_zero_cavia_is_anil():
    """Nothing but the head moves, and the outer loop learns the same."""
    cavia, anil = build("cavia", tokens=0), build("anil")
    task = make_task(BACKBONE, anil.boundary)
    moved = ends(cavia, task)
    assert not moved.pop(cavia.token_name).numel()
    same(moved, ends(anil, task))
    same(body_gradient(cavia, task), body_gradient(anil, task))


def test_more_context_tokens_than_positions_are_refused():
    with pytest.raises(UserError, match="more context tokens than the model has positions"):
        build("cavia", tokens=100)
