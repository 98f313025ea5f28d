"""Examples that nobody labelled: how they come in, who reads them, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis, skew
from tiny_models import SUPPORT, make_task, tiny_backbone

from meta_demo.algorithms.base import State
from meta_demo.algorithms.metric.soft_kmeans import LOG_RADIUS
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import UserError
from meta_demo.core.examples import Examples
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.objectives.classes import Classes
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service

BACKBONE = tiny_backbone()
TASK = {
    "support": [{"text": "my card is lost", "label": "card"}, {"text": "send money home", "label": "transfer"}],
    "query": [{"text": "where is my card"}],
    "unlabelled": [
        {"text": "the card is gone"},
        {"text": " the  card is gone "},
        {"text": ""},
        {"text": "pay my sister"},
    ],
}


def build(name: str, **knobs):
    cls = REGISTRY[name]
    return cls(BACKBONE, cls.Config(**knobs)).eval()


def test_blank_and_repeated_ones_are_left_out():
    episode = parse_episode(TASK)
    assert episode.unlabelled == ("the card is gone", "pay my sister")
    assert len(episode.support) == 2 and len(episode.query) == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"text": "a", "image": "b"}], "unlabelled[0]"),
        ([{}], "unlabelled[0].text"),
        ("words", "unlabelled"),
        ([{"image": "data:image/gif;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs="}], "pictures"),
    ],
)
def test_what_cannot_be_unlabelled_is_refused_by_its_place(rows, said):
    with pytest.raises(UserError) as caught:
        parse_episode(TASK | {"unlabelled": rows})
    assert said in str(caught.value)


def test_moved_prototypes_keep_one_length():
    """A lone line between two classes and far from a third moves two of them and brings neither nearer to everything."""
    z, labels = torch.eye(4, dtype=torch.float64), Classes.of(["a", "b", "c"])
    support = Examples(None, labels.encode(["a", "b", "c"], z), labels)
    line = torch.nn.functional.normalize(z[:1] + z[1:2], dim=1)
    query = torch.nn.functional.normalize(z[3:] + 0.05 * z[2:3], dim=1)  # unlike all of them, least unlike c
    answers = {}
    for level in (True, False):
        soft = build("soft_kmeans", strangers="none", level=level)
        state = State(soft.remember(z[:3], support, line), objective=labels)
        answers[level] = int(soft.answer(state, query).argmax())
        lengths = state.tensors["prototypes"].norm(dim=1)
        assert bool((lengths - lengths[0]).abs().max() < 1e-12) == level
    torch.testing.assert_close(lengths[2], torch.tensor(1.0, dtype=torch.float64), atol=1e-3, rtol=0)
    assert answers == {True: 2, False: 0}


def test_without_unlabelled_examples_soft_k_means_are_prototypes():
    soft, plain = build("soft_kmeans"), build("protonet")
    task = make_task(BACKBONE, plain.boundary)
    with torch.no_grad():
        (a,), (b,) = soft.adapt(task.support), plain.adapt(task.support)
    torch.testing.assert_close(a.tensors["prototypes"], b.tensors["prototypes"], rtol=0, atol=0)


def test_one_round_by_hand():
    soft = build("soft_kmeans", softness=3.0, level=False, strangers="none")
    task = make_task(BACKBONE, soft.boundary)
    texts = ["my card", "the parcel is late", "password please", "a stranger"]
    with torch.no_grad():
        unlabelled = soft.features(texts)
        (state,) = soft.adapt(task.support, unlabelled=unlabelled)
        z, u = soft.embed({}, task.support.x), soft.embed({}, unlabelled)
    label = [n for _, n in SUPPORT]
    means = [torch.stack([z[i] for i in range(len(z)) if label[i] == n]).mean(0) for n in range(3)]
    for n in range(3):
        total, weight = torch.zeros_like(z[0]), 0.0
        for i in range(len(z)):
            if label[i] == n:
                total, weight = total + z[i], weight + 1
        for j in range(len(u)):
            near = torch.stack([(-3.0 * (u[j] - m).square().sum()).exp() for m in means])
            share = float(near[n] / near.sum())
            total, weight = total + share * u[j], weight + share
        torch.testing.assert_close(state.tensors["prototypes"][n], total / weight, rtol=1e-10, atol=1e-12)


def test_the_service_hands_them_to_who_reads_them_and_says_where_nobody_does(service: Service):
    with_them, without = (parse_episode(task) for task in (TASK, {k: v for k, v in TASK.items() if k != "unlabelled"}))
    both = ("protonet", "soft_kmeans")
    told = [service.report(Request(e, algorithms=both, checkpoint="none"))[0] for e in (with_them, without)]
    first, second = ([r["predictions"][0]["probabilities"]["card"] for r in report["results"]] for report in told)
    assert first[0] == second[0] and first[1] != second[1]
    assert told[0]["notes"] == told[1]["notes"] == []
    (note,) = service.report(Request(with_them, algorithms=("protonet",), checkpoint="none"))[0]["notes"]
    assert "2 unlabelled examples" in note and "soft_kmeans" in note


def test_a_question_among_the_unlabelled_is_said_to_be_transductive(service: Service):
    episode = parse_episode(TASK | {"unlabelled": [{"text": "Where is my card"}]})
    (note,) = service.report(Request(episode, algorithms=("soft_kmeans",), checkpoint="none"))[0]["notes"]
    assert note.startswith("1 of the unlabelled examples are also asked about")


@pytest.mark.parametrize("strangers", ["class", "masks"])
def test_strangers_change_nothing_where_there_are_no_unlabelled_examples(strangers):
    soft, plain = build("soft_kmeans", strangers=strangers), build("protonet")
    task = make_task(BACKBONE, plain.boundary)
    with torch.no_grad():
        (a,), (b,) = soft.adapt(task.support), plain.adapt(task.support)
    assert torch.equal(a.tensors["prototypes"], b.tensors["prototypes"])


def one_round(soft) -> tuple[np.ndarray, ...]:
    """Embeddings of the support set and of some without a label, classes, and the prototypes that the algorithm found."""
    task = make_task(BACKBONE, soft.boundary)
    texts = ["my card", "the parcel is late", "password please", "a stranger", "and one more of them"]
    with torch.no_grad():
        unlabelled = soft.features(texts)
        (state,) = soft.adapt(task.support, unlabelled=unlabelled)
        z, u = soft.embed({}, task.support.x), soft.embed({}, unlabelled)
    return z.numpy(), u.numpy(), np.array([n for _, n in SUPPORT]), state.tensors["prototypes"].numpy()


def moved(z: np.ndarray, u: np.ndarray, label: np.ndarray, shares: np.ndarray) -> np.ndarray:
    rows = [(z[label == n].sum(0) + shares[:, n] @ u) / ((label == n).sum() + shares[:, n].sum()) for n in range(3)]
    return np.stack(rows)


def test_a_class_of_strangers_by_hand():
    """Ren et al. 2018, equations 5 to 7, with the sharpness in the place of a half."""
    soft = build("soft_kmeans", softness=3.0, strangers="class", level=False)
    assert float(soft.log_radius) == pytest.approx(LOG_RADIUS), "wider, strangers keep what is no stranger"
    with torch.no_grad():
        soft.log_radius.fill_(0.2)
    z, u, label, found = one_round(soft)
    means = [z[label == n].mean(0) for n in range(3)]
    near = np.array([[-3 * ((x - m) ** 2).sum() for m in means] + [-3 * (x**2).sum() / np.exp(0.4) - 0.2] for x in u])
    shares = np.exp(near) / np.exp(near).sum(1, keepdims=True)
    np.testing.assert_allclose(found, moved(z, u, label, shares[:, :3]), rtol=1e-9, atol=1e-11)


def test_masks_of_strangers_by_hand():
    """Ren et al. 2018, equations 8 to 10."""
    soft = build("soft_kmeans", softness=3.0, strangers="masks", level=False)
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in (soft.out, soft.hidden_bias):
            p.copy_(torch.randn(p.shape, generator=rng, dtype=p.dtype) / 3)
    z, u, label, found = one_round(soft)
    means = [z[label == n].mean(0) for n in range(3)]
    away = np.array([[((x - m) ** 2).sum() for m in means] for x in u])
    near = np.exp(-3 * away)
    shares = near / near.sum(1, keepdims=True)
    away /= away.mean(0)
    w, b, out, out_b = (p.detach().numpy() for p in (soft.hidden, soft.hidden_bias, soft.out, soft.out_bias))
    for n in range(3):
        d = away[:, n]
        said = np.array([d.min(), d.max(), d.var(), skew(d), kurtosis(d, fisher=False)])
        threshold, slope = out @ np.tanh(w @ said + b) + out_b
        shares[:, n] /= 1 + np.exp(-np.log1p(np.exp(slope)) * (threshold - d))
    np.testing.assert_allclose(found, moved(z, u, label, shares), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("strangers", ["class", "masks"])
def test_the_outer_loop_learns_what_strangers_are(strangers):
    soft = build("soft_kmeans", strangers=strangers)
    task = make_task(BACKBONE, soft.boundary)
    soft.train()
    soft.meta_loss(replace(task, unlabelled=soft.features(["my card", "the parcel", "a stranger"]))).backward()
    told = [soft.log_radius] if strangers == "class" else [soft.out, soft.out_bias]
    assert all(p.grad is not None and bool(p.grad.any()) for p in told)
