"""Work on a GPU that is lent: what crosses over, what comes back, and what happens where nothing is lent or memory is short."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import Note, UserError
from meta_demo.data.episode import Example, make_episode
from meta_demo.data.samples import load_sample
from meta_demo.modalities.curve.content import Point
from meta_demo.modalities.picture.content import Picture
from meta_demo.serving import crossing
from meta_demo.serving.crossing import LONGEST, Piece, Refused, Work, cpu_seconds, packed, seconds, unpacked
from meta_demo.serving.lending import Desk, Lender
from meta_demo.serving.requests import Request
from meta_demo.serving.service import LENT, Service, where_computed
from meta_demo.words import text

pytestmark = pytest.mark.many

TASK = make_episode(
    [Example("I lost my card", "card"), Example("send money to Tom", "transfer"), Example("my card is gone", "card")],
    [Example("where is my card", "card"), Example("pay my landlord", "transfer")],
)
REQUEST = Request(TASK, algorithms=("maml", "protonet", "anil"), knobs={"maml": {"inner_steps": 2}})


def crossed(piece: Any) -> Any:
    """What comes out at the other side, as pickle carries it; what is no plain value and no array may not cross."""
    check(piece)
    return pickle.loads(pickle.dumps(piece))


def check(value: Any) -> None:
    if isinstance(value, dict | list | tuple):
        for part in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            check(part)
    else:
        assert value is None or isinstance(value, str | int | float | bool | np.ndarray), type(value)


class Neighbour:
    """Another process, as far as the service can tell: it has a desk of its own."""

    def __init__(self) -> None:
        self.desk, self.works = Desk("cpu"), []

    def __call__(self, work: Work) -> Iterator[Piece]:
        self.works.append(work)
        yield from map(crossed, self.desk.worked(crossed(work)))


@pytest.fixture(scope="module")
def neighbour() -> Neighbour:
    return Neighbour()


@pytest.fixture
def borrowing(neighbour: Neighbour) -> Service:
    neighbour.works.clear()
    return Service(torch.device("cpu"), lender=Lender(neighbour, worth=0))


def test_states_come_back_to_the_same_answers(borrowing: Service, neighbour: Neighbour, service: Service) -> None:
    here, there = service.history(REQUEST), borrowing.history(REQUEST)
    for name in REQUEST.algorithms:
        assert [s.step for s in there[name]] == [s.step for s in here[name]]
        for ours, theirs in zip(here[name], there[name], strict=True):
            np.testing.assert_allclose(theirs.outputs, ours.outputs, atol=1e-5)
            assert theirs.support_loss == pytest.approx(ours.support_loss, abs=1e-5)
    (work,) = neighbour.works
    assert [job["algorithm"] for job in work["jobs"]] == ["maml", "anil"], "who learns at once stays here"
    assert where_computed(there) == [LENT] and where_computed(here) == []
    assert all(s.notes == () for s in there["protonet"])


def test_predictions_and_attention_are_computed_from_the_arrays(
    borrowing: Service, neighbour: Neighbour, service: Service
) -> None:
    borrowing.history(REQUEST)
    for ours, theirs in zip(
        service.predict(REQUEST, ["a lost card"]), borrowing.predict(REQUEST, ["a lost card"]), strict=True
    ):
        np.testing.assert_allclose(theirs.outputs, ours.outputs, atol=1e-5)
        np.testing.assert_allclose(theirs.leaned.counts, ours.leaned.counts, atol=1e-5)
    ours, theirs = (s.attention(REQUEST, "maml", "a lost card") for s in (service, borrowing))
    for mine, yours in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, yours, atol=1e-5)
    assert len(neighbour.works) == 1, "nobody borrows for an adaptation that is known"


def test_no_weight_is_changed_in_place(borrowing: Service, neighbour: Neighbour) -> None:
    """The next visitor's work finds the model as the first one's did."""
    before = neighbour.desk.backbone("minilm").hash
    bits = [
        s.outputs.tobytes()
        for s in Service(torch.device("cpu"), lender=Lender(neighbour, worth=0)).history(REQUEST)["maml"]
    ]
    again = [s.outputs.tobytes() for s in borrowing.history(REQUEST)["maml"]]
    neighbour.desk.backbone("minilm").__dict__.pop("hash", None)
    assert neighbour.desk.backbone("minilm").hash == before and bits == again


@pytest.mark.parametrize("sample", ["bank-requests", "six-of-a-line", "oven-degrees"])
def test_every_kind_of_task_crosses(sample: str, service: Service, borrowing: Service) -> None:
    episode = load_sample(sample)
    from meta_demo.backbones.loading import DEFAULT

    names = ("maml",) if "maml" in episode.objective.algorithms else episode.objective.algorithms[:1]
    request = Request(replace(episode, query=episode.query[:2]), DEFAULT[episode.modality], names)
    here, there = (s.history(request)[names[0]][-1].outputs for s in (service, borrowing))
    np.testing.assert_allclose(here, there, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "content",
    ["a sentence", Point(1.5), Picture(2, 1, "RGB", bytes(range(6)), "a.png", 3), Picture(1, 1, "L", b"\x07")],
)
def test_an_input_is_the_same_on_the_other_side(content: Any) -> None:
    there = crossed(packed(content))
    assert unpacked(there) == content and str(unpacked(there)) == str(content)


def refusing(name: str) -> Any:
    def run(_: Work) -> Iterator[Piece]:
        raise Refused(Note(name))
        yield {}

    return run


@pytest.mark.parametrize("name", ["gpu_refused", "gpu_quota"])
def test_where_nothing_is_lent_the_cpu_computes_and_says_so(name: str, service: Service) -> None:
    refused = Service(torch.device("cpu"), lender=Lender(refusing(name), worth=0))
    report, errors = refused.report(REQUEST)
    expected, _ = service.report(REQUEST)
    assert report["notes"] == [text(f"note.{name}")] and not errors
    assert [r["predictions"] for r in report["results"]] == [r["predictions"] for r in expected["results"]]
    asked = Service(torch.device("cpu"), lender=Lender(refusing(name), worth=0))
    assert (
        asked.predict(REQUEST, ["a card"])[0].outputs.tobytes()
        == service.predict(REQUEST, ["a card"])[0].outputs.tobytes()
    )


def test_a_loan_that_ends_midway_is_gone_on_with_on_the_cpu(neighbour: Neighbour, service: Service) -> None:
    """Each step is there once, and what was lent too little memory for is said."""

    def run(work: Work) -> Iterator[Piece]:
        for place, piece in enumerate(neighbour(work)):
            if place == 3:
                yield {"error": None}
            yield piece

    history = Service(torch.device("cpu"), lender=Lender(run, worth=0)).history(REQUEST)
    assert [s.step for s in history["maml"]] == [0, 1, 2]
    assert Note("gpu_memory") in where_computed(history)
    for ours, theirs in zip(service.history(REQUEST)["maml"], history["maml"], strict=True):
        np.testing.assert_allclose(ours.outputs, theirs.outputs, atol=1e-5)


def test_what_a_visitor_can_mend_is_said_as_here(borrowing: Service) -> None:
    diverging = replace(REQUEST, algorithms=("maml",), knobs={"maml": {"inner_lr": 10.0, "inner_steps": 20}})
    there = borrowing.history(diverging)["maml"][-1]
    assert there.error is None or there.error.name == "diverged"

    def run(_: Work) -> Iterator[Piece]:
        yield {"error": "model_size", "values": {"model": "x", "size": 9, "limit": 1}}

    with pytest.raises(UserError, match="9 million"):
        Service(torch.device("cpu"), lender=Lender(run, worth=0)).history(REQUEST)


def test_work_that_is_little_is_not_sent_away(neighbour: Neighbour) -> None:
    neighbour.works.clear()
    Service(torch.device("cpu"), lender=Lender(neighbour)).history(REQUEST)
    assert neighbour.works == []


def test_the_time_asked_for_grows_with_examples_tokens_and_steps() -> None:
    def work(tokens: int, steps: int, parameters: int = 10_000_000) -> Work:
        return {"operations": 2 * parameters * tokens * (3 * steps + 1), "steps": steps + 1}

    assert seconds(work(100, 1)) < seconds(work(100, 50)) < seconds(work(100_000, 50)) <= LONGEST
    assert seconds(work(10**7, 50)) == LONGEST and seconds(work(0, 0)) >= crossing.START
    assert cpu_seconds(work(371, 5)) == pytest.approx(2 * 10e6 * 371 * 16 / crossing.CPU_RATE)
    json.dumps(work(1, 1))


def test_the_names_of_what_is_lent_to_exist() -> None:
    assert {"maml", "anil"} <= {name for name, cls in REGISTRY.items() if cls.steps_knob}
