"""Examples that nobody labelled: how they come in, who reads them, and what is said of them."""

from __future__ import annotations

import pytest
import torch
from conftest import SUPPORT, make_task, tiny_backbone

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import UserError
from meta_demo.data.reading.tasks import parse_episode
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


def test_without_unlabelled_examples_soft_k_means_are_prototypes():
    soft, plain = build("soft_kmeans"), build("protonet")
    task = make_task(BACKBONE, plain.boundary)
    with torch.no_grad():
        (a,), (b,) = soft.adapt(task.support), plain.adapt(task.support)
    torch.testing.assert_close(a.tensors["prototypes"], b.tensors["prototypes"], rtol=0, atol=0)


def test_one_round_by_hand():
    soft = build("soft_kmeans", softness=3.0)
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
