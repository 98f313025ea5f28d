"""Multi-task learning: plain classification under heads that only training needs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import make_task, tiny_backbone

from meta_demo.algorithms.multitask.multitask import EPSILON
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import Note, UserError
from meta_demo.data.sampler import VALID, Fixed, Sampler
from meta_demo.data.source import Source
from meta_demo.data.sources import hold_out, load_source
from meta_demo.learning import checkpoint
from meta_demo.learning.optimizers import Optimizer
from meta_demo.learning.outer import Run
from meta_demo.learning.plan import Plan
from meta_demo.learning.tensors import to_task

BACKBONE = tiny_backbone(seed=2)
SCHOOL, SPORT = load_source("builtin:school"), load_source("builtin:sport")
KNOBS = {"scope": "last_n", "last_n": 1, "inner_steps": 2}


def build(name: str = "multitask", sources=(), **knobs):
    cls = REGISTRY[name]
    algorithm = cls(tiny_backbone(seed=2), cls.Config(**{**KNOBS, **knobs}))
    algorithm.prepare(sources)
    with torch.no_grad():
        for w in getattr(algorithm, "heads", ()):
            assert not w.any()
            w.copy_(torch.randn(w.shape, generator=torch.Generator().manual_seed(4), dtype=w.dtype) / 4)
    return algorithm


def drawn(algorithm, *sources: Source, shape=Fixed(3, 1, 2)):  # noqa: B008 (a frozen value)
    """A task of each source."""
    return [to_task(algorithm, Sampler([source], shape).draw(0)) for source in sources]


def test_one_task_is_plain_classification():
    """A loop by hand over every example gives the same loss and the same gradient, of the encoder and of the head.

    The head sees embeddings less their mean over the batch, over their standard deviation there, and of length 1 on average.
    """
    algorithm = build(sources=[SCHOOL])
    episode = Sampler([SCHOOL], Fixed(3, 1, 2)).draw(0)
    (task,) = drawn(algorithm, SCHOOL)
    algorithm.meta_loss(task).backward()
    own = {name: p.grad.clone() for name, p in algorithm.named_parameters() if p.grad is not None}
    algorithm.zero_grad()
    weight, bias = algorithm.heads
    assert weight.shape == (len(SCHOOL.classes), 16)
    losses, rows = [], (*episode.support, *episode.query)
    every = torch.cat([algorithm.embed({}, algorithm.features([row.content])) for row in rows])
    spread = ((every - every.mean(0)).square().mean(0) + EPSILON).sqrt()
    for row, z in zip(rows, (every - every.mean(0)) / spread / every.shape[1] ** 0.5, strict=True):
        logits = 2 * algorithm.log_scale.exp() * weight @ z + bias
        losses.append(logits.logsumexp(0) - logits[list(SCHOOL.classes).index(row.label)])
    torch.stack(losses).mean().backward()
    assert {"log_scale", "heads.0", "heads.1"} < own.keys()
    for name, p in algorithm.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(own[name], p.grad, rtol=1e-9, atol=1e-12)


def test_a_task_adapts_as_fine_tuning_does():
    """From the same weights and the same head."""
    ours, theirs = build(sources=[SCHOOL, SPORT]), build("finetune", head="prototypes")
    for one, other in zip(
        ours.adapt(make_task(ours.backbone, ours.boundary).support),
        theirs.adapt(make_task(theirs.backbone, theirs.boundary).support),
        strict=True,
    ):
        assert one.tensors.keys() == other.tensors.keys()
        assert all(torch.equal(w, other.tensors[name]) for name, w in one.tensors.items())


def test_each_source_has_a_head_for_its_classes_or_all_have_one():
    ours, theirs = build(sources=[SCHOOL, SPORT]), build(sources=[SCHOOL, SPORT], heads="one")
    counts = len(SCHOOL.classes), len(SPORT.classes)
    assert [w.shape[0] for w in ours.heads[::2]] == [*counts]
    assert [w.shape[0] for w in theirs.heads[::2]] == [sum(counts)]
    for algorithm, touched in ((ours, [False, True]), (theirs, [True])):
        (task,) = drawn(algorithm, SPORT)
        algorithm.meta_loss(task).backward()
        assert [w.grad is not None for w in algorithm.heads[::2]] == touched
    with torch.no_grad():  # the rows of the other source are among the classes
        theirs.heads[1][: counts[0]] = 100.0
        assert float(theirs.meta_loss(task)) > 50


def test_sources_of_one_name_share_a_head():
    half = len(SCHOOL.classes) // 2
    parts = [
        replace(SCHOOL, classes=dict(list(SCHOOL.classes.items())[some])) for some in (slice(half), slice(half, None))
    ]
    assert [w.shape[0] for w in build(sources=parts).heads[::2]] == [len(SCHOOL.classes)]


def test_sources_count_by_their_sizes_when_asked():
    algorithm = build(sources=[SCHOOL, SPORT], weights="size")
    sizes = torch.tensor([SCHOOL.size, SPORT.size], dtype=torch.float64)
    for task, share in zip(drawn(algorithm, SCHOOL, SPORT), sizes / sizes.mean(), strict=True):
        loss, whole = algorithm.source_loss(task), algorithm.meta_loss(task)
        torch.testing.assert_close(whole, share * loss)
        torch.testing.assert_close(build(sources=[SCHOOL, SPORT]).meta_loss(task), loss)


def test_the_weight_by_uncertainty_ends_at_a_half_over_the_loss():
    """exp(-v) L + v / 2 is least at exp(v) = 2 L, by descent and by its derivative, each source for itself."""
    algorithm = build(sources=[SCHOOL, SPORT], weights="uncertainty")
    losses = {SCHOOL.name: torch.tensor(3.0, dtype=torch.float64), SPORT.name: torch.tensor(0.2, dtype=torch.float64)}
    for name, loss in losses.items():
        torch.testing.assert_close(algorithm.weighted(name, loss), loss)  # v = 0 at first
    optimizer = torch.optim.SGD([algorithm.log_variances], lr=0.5)
    for _ in range(400):
        optimizer.zero_grad()
        torch.stack([algorithm.weighted(name, loss) for name, loss in losses.items()]).sum().backward()
        optimizer.step()
    expected = (2 * torch.stack([*losses.values()])).log()
    torch.testing.assert_close(algorithm.log_variances.detach(), expected, rtol=0, atol=1e-8)


def test_a_source_without_classes_of_its_own_is_refused():
    with pytest.raises(UserError, match="makes up new classes"):
        build(sources=[SCHOOL, Source("endless", {}, tasks=lambda rng, count: [])])  # noqa: ARG005


def test_one_source_alone_is_said():
    algorithm = build(sources=[SCHOOL])
    assert algorithm.remarks([SCHOOL]) == [Note("multitask_alone", (("source", SCHOOL.name),))]
    assert algorithm.remarks([SCHOOL, SPORT]) == []


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch 2.8 has no Muon")
def test_heads_take_no_steps_of_muon():
    algorithm = build(sources=[load_source("builtin")], scope="all")
    parts = Optimizer(algorithm.named_parameters(), weight_decay=0.0, muon=True)._parts
    assert len(parts) == 2
    assert not {id(p) for p in algorithm.heads} & {id(p) for group in parts[1].param_groups for p in group["params"]}


@pytest.mark.many
def test_training_leaves_the_heads_out_and_maml_goes_on_from_there(tmp_path):
    """MTL then MAML: the encoder that classification has learned is what MAML begins from."""
    (kept,), (held_out,) = hold_out([SCHOOL], seed=0)
    valid = [Sampler([held_out], Fixed(2, 1, 2), 0, VALID).draw(i) for i in range(2)]
    plan = Plan(steps=30, meta_batch=2, lr=1e-2, valid_every=30, valid_episodes=2, keep="last")
    algorithm = build(weights="uncertainty", scope="all")
    run = Run(algorithm, Sampler([kept, SPORT], Fixed(3, 1, 2), mix="size"), valid, plan, tmp_path)
    assert run.notes() == []
    losses = [p.loss for p in run.train() if p.loss is not None]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5]) and algorithm.log_variances.ne(0).all()
    weights = load_file(tmp_path / "weights.safetensors")
    assert not any(name.startswith(("heads", "log_variances")) for name in weights) and "log_scale" in weights
    assert json.loads((tmp_path / "card.json").read_text())["algorithm"] == "multitask"
    maml = build("maml", scope="all")
    checkpoint.warm_start(maml, tmp_path)
    assert all(torch.equal(w, weights[f"_body.{name.replace('.', '/')}"]) for name, w in maml.body.items())
