"""Metric-based learners and baselines, each held to its oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from tiny_models import SUPPORT, make_task, tiny_backbone
from torch.nn.functional import layer_norm

from meta_demo.algorithms.registry import REGISTRY

BACKBONE = tiny_backbone(seed=3)
ONE_SHOT = [("first", 0), ("second of them", 1), ("the third", 2)]


def build(name: str, **knobs):
    cls = REGISTRY[name]
    return cls(BACKBONE, cls.Config(**knobs)).eval()


def embeddings(algorithm, task):
    with torch.no_grad():
        return algorithm.embed({}, task.support.x), algorithm.embed({}, task.query.x)


def state_of(algorithm, task):
    with torch.no_grad():
        (state,) = algorithm.adapt(task.support)
    return state


def answers(algorithm, task):
    with torch.no_grad():
        return algorithm.predict(state_of(algorithm, task), task.query.x)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_ridge_regression_is_scikit_learns(kind):
    algorithm = build("r2d2", penalty=0.7, scale=1.0)
    task = make_task(BACKBONE, algorithm.boundary, kind=kind)
    z, asked = embeddings(algorithm, task)
    ridge = Ridge(alpha=0.7, fit_intercept=False, solver="cholesky").fit(z.numpy(), task.support.y.numpy())
    wanted = ridge.predict(asked.numpy()).reshape(len(asked), -1)
    np.testing.assert_allclose(answers(algorithm, task).numpy(), wanted, rtol=1e-8, atol=1e-10)


def test_ridge_regression_leaves_each_example_out_in_closed_form():
    algorithm = build("r2d2", penalty=0.7, scale=1.0)
    task = make_task(BACKBONE, algorithm.boundary, kind="numbers")
    z, y = embeddings(algorithm, task)[0].numpy(), task.support.y.numpy()
    every = np.arange(len(z))
    wanted = [
        Ridge(alpha=0.7, fit_intercept=False).fit(z[every != i], y[every != i]).predict(z[[i]]).item() for i in every
    ]
    with torch.no_grad():
        found = algorithm.left_out([task.support], [0])[0][0][:, 0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)


def test_the_linear_probe_is_scikit_learns():
    for support in (SUPPORT, [row for row in SUPPORT if row[1] < 2]):
        algorithm = build("linear_probe", inverse_penalty=3.0)
        task = make_task(
            BACKBONE, algorithm.boundary, support=support, query=support, order=tuple(sorted({n for _, n in support}))
        )
        z, asked = embeddings(algorithm, task)
        probe = LogisticRegression(C=3.0, tol=1e-8, max_iter=1000).fit(z.numpy(), task.support.y.argmax(1).numpy())
        found = answers(algorithm, task).softmax(-1).numpy()
        np.testing.assert_allclose(found, probe.predict_proba(asked.numpy()), rtol=1e-5, atol=1e-7)


def test_the_nearest_neighbour_is_scikit_learns():
    algorithm = build("nearest")
    task = make_task(BACKBONE, algorithm.boundary)
    z, asked = embeddings(algorithm, task)
    one = KNeighborsClassifier(1).fit(z.numpy(), task.support.y.argmax(1).numpy())
    assert (answers(algorithm, task).argmax(1).numpy() == one.predict(asked.numpy())).all()


def test_matching_one_shot_is_the_nearest_by_cosine_and_its_attention_is_softmax():
    algorithm = build("matching", scale=5.0)
    task = make_task(BACKBONE, algorithm.boundary, support=ONE_SHOT)
    z, asked = embeddings(algorithm, task)
    cosine = torch.nn.functional.cosine_similarity(asked[:, None], z[None], dim=-1)
    found = answers(algorithm, task)
    torch.testing.assert_close(found.softmax(-1), (5 * cosine).softmax(-1), rtol=1e-9, atol=1e-10)
    assert torch.equal(found.argmax(1), cosine.argmax(1))


def test_matching_averages_numbers():
    algorithm = build("matching", scale=5.0)
    task = make_task(BACKBONE, algorithm.boundary, kind="numbers")
    z, asked = embeddings(algorithm, task)
    weights = (5 * asked @ z.T).softmax(-1)
    torch.testing.assert_close(answers(algorithm, task), weights @ task.support.y, rtol=1e-9, atol=1e-10)


def test_matching_leaves_each_example_out():
    algorithm = build("matching", scale=5.0)
    task = make_task(BACKBONE, algorithm.boundary, kind="numbers")
    z, y = embeddings(algorithm, task)[0], task.support.y
    every = torch.arange(len(z))
    wanted = [(5 * z[i] @ z[every != i].T).softmax(-1) @ y[every != i] for i in every]
    with torch.no_grad():
        torch.testing.assert_close(
            algorithm.left_out([task.support], [0])[0][0], torch.stack(wanted), rtol=1e-9, atol=1e-10
        )


def test_full_context_begins_as_none_and_then_sees_all_examples():
    plain, full = build("matching"), build("matching", context=True)
    task = make_task(BACKBONE, plain.boundary)
    torch.testing.assert_close(answers(full, task), answers(plain, task), rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        full.context.share.fill_(0.5)
    changed = answers(full, task)
    assert not torch.allclose(changed, answers(plain, task))
    other = [("something else", 0), *SUPPORT[1:]]
    with torch.no_grad():
        one = state_of(full, task).tensors["examples"]
        two = state_of(full, make_task(BACKBONE, full.boundary, support=other)).tensors["examples"]
    assert not torch.allclose(one[-1], two[-1])  # an example that did not change, in other company


def test_siamese_is_symmetric_and_sees_every_input_as_like_itself():
    algorithm = build("siamese")
    with torch.no_grad():
        algorithm.weights_of_differences.copy_(torch.rand_like(algorithm.weights_of_differences))
        z = embeddings(algorithm, make_task(BACKBONE, algorithm.boundary))[0]
        both = algorithm.same(z, z)
    torch.testing.assert_close(both, both.T, rtol=0, atol=0)
    torch.testing.assert_close(both.diagonal(), algorithm.alike.detach().expand(len(z)), rtol=0, atol=0)
    assert (both <= algorithm.alike).all()


def test_siamese_pairs_by_hand():
    algorithm = build("siamese")
    task = make_task(BACKBONE, algorithm.boundary)
    z, asked = embeddings(algorithm, task)
    a, b = algorithm.weights_of_differences.detach(), algorithm.alike.detach()
    alike, unlike, mean = [], [], torch.zeros(len(asked), 3, dtype=z.dtype)
    for q in range(len(asked)):
        for s in range(len(z)):
            odds = b - sum(a[j] * abs(asked[q, j] - z[s, j]) for j in range(z.shape[1]))
            kind = int(task.support.y[s].argmax())
            (alike if task.query.y[q, kind] else unlike).append(
                odds.sigmoid() if task.query.y[q, kind] else 1 - odds.sigmoid()
            )
            mean[q, kind] += odds / task.support.y[:, kind].sum()
    torch.testing.assert_close(answers(algorithm, task), mean, rtol=1e-9, atol=1e-10)
    wanted = -(torch.stack(alike).log().mean() + torch.stack(unlike).log().mean()) / 2
    torch.testing.assert_close(algorithm.meta_loss(task).detach(), wanted, rtol=1e-9, atol=1e-10)


def test_a_relation_module_begins_as_prototypes_and_a_constant_one_is_uniform():
    algorithm, plain = build("relation", scale=3.0), build("protonet", scale=3.0)
    task = make_task(BACKBONE, algorithm.boundary)
    torch.testing.assert_close(answers(algorithm, task), answers(plain, task), rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        algorithm.heard.zero_()
    torch.testing.assert_close(answers(algorithm, task).softmax(-1), torch.full((3, 3), 1 / 3, dtype=torch.float64))


def test_simpleshot_is_cosine_to_the_means_of_what_was_centred():
    algorithm = build("simpleshot", scale=2.0)
    centre = torch.linspace(-0.1, 0.1, len(algorithm.centre), dtype=torch.float64)
    with torch.no_grad():
        algorithm.centre.copy_(centre)
    task = make_task(BACKBONE, algorithm.boundary)
    plain = build("protonet")
    z, asked = (t - centre for t in embeddings(plain, task))
    z, asked = (t / t.norm(dim=-1, keepdim=True) for t in (z, asked))
    c = (task.support.y.T @ z) / task.support.y.sum(0)[:, None]
    cosine = asked @ (c / c.norm(dim=-1, keepdim=True)).T
    torch.testing.assert_close(answers(algorithm, task).softmax(-1), (4 * cosine).softmax(-1), rtol=1e-9, atol=1e-10)


def test_feat_without_attention_is_the_layer_norm_of_the_prototypes():
    algorithm = build("feat")
    task = make_task(BACKBONE, algorithm.boundary)
    z, _ = embeddings(algorithm, task)
    c = (task.support.y.T @ z) / task.support.y.sum(0)[:, None]
    torch.testing.assert_close(
        state_of(algorithm, task).tensors["prototypes"], layer_norm(c, c.shape[1:]), rtol=1e-9, atol=1e-10
    )


def test_feats_attention_is_a_transformers():
    """torch's own attention of one head, whose last map is FEAT's, with a residual and a layer norm."""
    algorithm, d = build("feat"), len(BACKBONE.head)
    rng = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for p in (algorithm.out, algorithm.out_bias, algorithm.norm_weight, algorithm.norm_bias):
            p.add_(torch.randn(p.shape, generator=rng, dtype=p.dtype) / 3)
        theirs = torch.nn.MultiheadAttention(d, 1, batch_first=True, dtype=torch.float64)
        theirs.in_proj_weight.copy_(torch.cat([algorithm.q, algorithm.k, algorithm.v]))
        theirs.in_proj_bias.zero_()
        theirs.out_proj.weight.copy_(algorithm.out)
        theirs.out_proj.bias.copy_(algorithm.out_bias)
        c = torch.randn(4, d, generator=rng, dtype=torch.float64)
        wanted = layer_norm(c + theirs(c, c, c)[0], (d,), algorithm.norm_weight, algorithm.norm_bias)
        torch.testing.assert_close(algorithm.adapted(c), wanted, rtol=1e-9, atol=1e-10)
