"""Memories and attention, each held to its oracle."""

from __future__ import annotations

import math

import pytest
import torch
from tiny_models import SUPPORT, make_task, tiny_backbone

from meta_demo.algorithms.memory.linear_attention import one_step
from meta_demo.algorithms.memory.mann import Memory
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Example, make_episode
from meta_demo.learning.cost import work_of_episode

BACKBONE = tiny_backbone(seed=3)
ONE_SHOT = [("first", 0), ("second of them", 1), ("the third", 2)]


def build(name: str, **knobs):
    cls = REGISTRY[name]
    return cls(BACKBONE, cls.Config(**knobs)).eval()


def shaken(algorithm, seed=5, size=0.3):
    """The algorithm, none of its parameters where it began."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(size * torch.randn(p.shape, generator=rng, dtype=p.dtype))
    return algorithm


@torch.no_grad()
def embeddings(algorithm, task):
    return algorithm.embed({}, task.support.x), algorithm.embed({}, task.query.x)


@torch.no_grad()
def answers(algorithm, task):
    (state,) = algorithm.adapt(task.support)
    return algorithm.predict(state, task.query.x)


# --- attention


@pytest.mark.parametrize("support", [ONE_SHOT, SUPPORT])
def test_attention_without_layers_or_memory_is_dot_product_matching(support):
    algorithm = build("attention", layers=0, memory=0, keys="examples", scale=5.0)
    task = make_task(BACKBONE, algorithm.boundary, support=support)
    z, asked = embeddings(algorithm, task)
    wanted = (2 * 5 * asked @ z.T).softmax(-1) @ task.support.y  # |q - k|^2 of unit vectors is 2 - 2 q k
    torch.testing.assert_close(answers(algorithm, task).softmax(-1), wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_attention_begins_as_prototypes_or_as_the_kernel_average(kind):
    algorithm = build("attention", keys="classes", scale=3.0)
    plain = build("protonet" if kind == "classes" else "kernel", scale=3.0)
    task = make_task(BACKBONE, algorithm.boundary, kind=kind)
    torch.testing.assert_close(answers(algorithm, task), answers(plain, task), rtol=1e-9, atol=1e-9)


def test_a_layer_is_torchs_own_attention_over_examples_memory_and_oneself():
    algorithm = shaken(build("attention", layers=1, memory=5))
    layer, d = algorithm.layers[0], len(BACKBONE.head)
    task = make_task(BACKBONE, algorithm.boundary)
    z, asked = embeddings(algorithm, task)
    with torch.no_grad():
        (state,) = algorithm.adapt(task.support)
        found = algorithm.asked(state, asked)

        def normal(x):
            return torch.nn.functional.layer_norm(x, (d,))

        for i, q in enumerate(asked):
            own = normal(q) + layer.code[1]
            every = torch.cat([normal(z) + layer.code[0], normal(algorithm.tasks), own[None]])
            heads = [
                (x @ w.T).view(len(x), 4, -1).movedim(1, 0)
                for x, w in ((own[None], layer.q), (every, layer.k), (every, layer.v))
            ]
            read = torch.nn.functional.scaled_dot_product_attention(
                *heads
            )  # of a guess that says nothing yet, none is alike
            hidden = q + read.movedim(0, 1).flatten() @ layer.out.T
            inner = normal(hidden) + layer.code[1]
            hidden = hidden + torch.nn.functional.gelu(layer.up @ inner + layer.up_bias) @ layer.down.T
            torch.testing.assert_close(found[i], hidden, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_trained_attention_knows_no_order_and_each_question_stands_alone(kind):
    algorithm = shaken(build("attention"))
    task = make_task(BACKBONE, algorithm.boundary, kind=kind)
    found = answers(algorithm, task)
    backwards = answers(algorithm, make_task(BACKBONE, algorithm.boundary, support=SUPPORT[::-1], kind=kind))
    torch.testing.assert_close(backwards, found, rtol=1e-8, atol=1e-9)
    if kind == "classes":
        renamed = answers(algorithm, make_task(BACKBONE, algorithm.boundary, order=(2, 0, 1)))
        torch.testing.assert_close(renamed[:, [2, 0, 1]], found, rtol=1e-8, atol=1e-9)
    alone = make_task(BACKBONE, algorithm.boundary, query=[("I paid two times", 0)], kind=kind)
    torch.testing.assert_close(answers(algorithm, alone)[0], found[0], rtol=1e-8, atol=1e-9)


def test_the_memory_of_tasks_changes_answers_and_begins_as_the_sources_class_means():
    algorithm = shaken(build("attention", memory=2))
    task = make_task(BACKBONE, algorithm.boundary)
    before = answers(algorithm, task)
    source = type("Source", (), {"classes": {"a": ("one thing", "another"), "b": ("quite else",)}})
    algorithm.prepare([source])
    with torch.no_grad():
        mean = algorithm.embed({}, algorithm.features(["one thing", "another"])).mean(0)
    torch.testing.assert_close(algorithm.tasks[0].detach(), mean / mean.norm())
    assert not torch.allclose(answers(algorithm, task), before)


def test_attention_leaves_each_example_out():
    algorithm = shaken(build("attention"))
    task = make_task(BACKBONE, algorithm.boundary, kind="numbers")
    with torch.no_grad():
        found = algorithm.left_out([task.support], [0])[0][0]
    units = task.support.objective
    for i in range(len(SUPPORT)):
        rest = [row for j, row in enumerate(SUPPORT) if j != i]
        other = make_task(BACKBONE, algorithm.boundary, support=rest, query=[SUPPORT[i]], kind="numbers")
        y = task.support.y[[j for j in range(len(SUPPORT)) if j != i]]
        with torch.no_grad():
            (state,) = algorithm.adapt(type(other.support)(other.support.x, y, units))
            torch.testing.assert_close(found[i], algorithm.predict(state, other.query.x)[0], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_attentions_meta_losses_together_are_those_of_each(kind):
    algorithm = shaken(build("attention"))
    tasks = [make_task(BACKBONE, algorithm.boundary, kind=kind, support=s) for s in (SUPPORT, ONE_SHOT, SUPPORT[::-1])]
    wanted = 0.0
    for task in tasks:
        (state,) = algorithm.adapt(task.support)
        out, spread = algorithm.distribution(state, algorithm.embed({}, task.query.x))
        wanted += task.query.objective.loss(out, task.query.y)
        if kind == "numbers":
            wanted -= torch.distributions.Normal(out, spread).log_prob(task.query.y).mean()
    torch.testing.assert_close(sum(algorithm.meta_losses(tasks)), wanted, rtol=1e-9, atol=1e-10)


# --- a memory that is written


def filled(keys, labels):
    """A memory whose rows were all written."""
    return Memory(keys, labels, keys.new_ones(len(keys)), torch.ones(len(keys), dtype=torch.bool))


def test_a_sharp_read_of_an_orthonormal_memory_returns_its_row():
    rows = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    memory = filled(rows, torch.eye(6, dtype=torch.float64))
    read = memory.weights(3 * rows, torch.tensor(1e4, dtype=torch.float64))
    torch.testing.assert_close(read @ memory.keys, rows, rtol=0, atol=1e-12)
    uniform = memory.weights(rows, torch.tensor(0.0, dtype=torch.float64))
    torch.testing.assert_close(uniform, torch.full((6, 6), 1 / 6, dtype=torch.float64))


def test_three_slots_by_hand():
    """Four examples into three rows: the least used is emptied, and half of what is new goes where was read."""
    keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]], dtype=torch.float64)
    labels = torch.eye(2, dtype=torch.float64)[[0, 1, 1, 0]]
    memory, half, sharp = Memory.empty(3, keys[0], 2), torch.tensor(0.5, dtype=torch.float64), torch.tensor(2.0)
    reads = [
        [0, 0, 0],  # nothing there yet
        [1, 0, 0],  # the only row
        [],
        [],  # these two below, from the rows as they are by then
    ]
    rows, held = torch.zeros(3, 2, dtype=torch.float64), torch.zeros(3, 2, dtype=torch.float64)
    usage = torch.zeros(3, dtype=torch.float64)
    for t, slot in enumerate((0, 1, 2, 2)):  # usage is then 2.9, 0.99 and 0.5, as reads count too
        (read,) = memory.weights(keys[t][None], sharp)
        if not reads[t]:
            like = [
                math.exp(2 * float(keys[t] @ row / (keys[t].norm() * row.norm()))) if row.any() else 0 for row in rows
            ]
            reads[t] = [weight / sum(like) for weight in like]
        expected = torch.tensor(reads[t], dtype=torch.float64)
        torch.testing.assert_close(read, expected, rtol=1e-9, atol=1e-12)
        rows[slot], held[slot] = 0, 0
        where = 0.5 * expected
        where[slot] += 0.5
        rows, held = rows + torch.outer(where, keys[t]), held + torch.outer(where, labels[t])
        usage[slot] = 0
        usage = 0.9 * usage + expected + where
        memory = memory.with_example(keys[t], labels[t], read, half, 0.9)
        for found, wanted in ((memory.keys, rows), (memory.labels, held), (memory.usage, usage)):
            torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("support", [ONE_SHOT, SUPPORT])
def test_mann_begins_as_the_mean_likeness_to_a_classs_examples(support):
    """With one example a class that is matching; with more it is close to prototypes, as the exponential is nearly straight there."""
    algorithm = build("mann")
    with torch.no_grad():
        algorithm.gate.fill_(-50.0)
    task = make_task(BACKBONE, algorithm.boundary, support=support)
    z, asked = embeddings(algorithm, task)
    mean = (2 * asked @ z.T).exp() @ task.support.y / task.support.y.sum(0)
    wanted = (10 * mean.log()).softmax(-1)
    torch.testing.assert_close(answers(algorithm, task).softmax(-1), wanted, rtol=1e-7, atol=1e-9)


def test_the_order_of_examples_matters_to_a_memory_that_rewrites():
    algorithm = build("mann")
    with torch.no_grad():
        algorithm.gate.fill_(0.0)
    found = answers(algorithm, make_task(BACKBONE, algorithm.boundary))
    assert not torch.allclose(found, answers(algorithm, make_task(BACKBONE, algorithm.boundary, support=SUPPORT[::-1])))


def test_more_examples_than_slots_are_refused_before_anything_runs():
    algorithm = build("mann", slots=2)
    episode = make_episode([Example(text, str(c)) for text, c in SUPPORT], [])
    with pytest.raises(UserError, match=r"2 rows.*6 examples in 3 classes.*--mann.slots to 6"):
        work_of_episode(algorithm, episode)
    with pytest.raises(UserError, match="2 rows"):
        next(algorithm.adapt(make_task(BACKBONE, algorithm.boundary).support))
    work_of_episode(build("mann", slots=6), episode)


# --- linear attention


def test_linear_attention_is_one_step_of_least_squares():
    rng = torch.Generator().manual_seed(0)
    x, y, query, weights = (
        torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in ((7, 4), (7, 2), (3, 4), (2, 4))
    )
    both = one_step(x, y, query, 0.3, weights)
    by_hand = weights + 0.3 * sum(torch.outer(y[i] - weights @ x[i], x[i]) for i in range(7)) / 7
    torch.testing.assert_close(both.by_gradient, query @ by_hand.T, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(both.by_attention, query @ by_hand.T, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(both.before, query @ weights.T)
    zero = one_step(x, y, query, 0.3)  # from nothing: labels, each by how much its input is like the question
    torch.testing.assert_close(zero.by_attention, 0.3 / 7 * zero.attended @ y, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(zero.by_gradient, zero.by_attention, rtol=1e-12, atol=1e-12)
