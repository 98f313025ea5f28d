"""The page's one endpoint: the JSON of DESIGN.md, or one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

TASK = {
    "support": [
        {"text": "I lost my card", "label": "card"},
        {"text": "my card was stolen", "label": "card"},
        {"text": "send money to my sister", "label": "transfer"},
        {"text": "wire 50 to Tom", "label": "transfer"},
    ],
    "query": [{"text": "where is my card", "label": "card"}, {"text": "pay my landlord"}],
}


def values(*rows: tuple[str, Any]) -> dict[str, Any]:
    """A task of numbers."""
    return {"support": [{"text": text, "value": value} for text, value in rows]}


@pytest.fixture(scope="module")
def client(page_url: str) -> Client:
    return Client(page_url, verbose=False)


def test_adapt_returns_the_object_of_the_design(client: Client) -> None:
    report: dict[str, Any] = client.predict(TASK, "minilm", ["protonet", "maml"], 0, api_name="/adapt")
    assert set(report) == {"model", "device", "objective", "labels", "notes", "results"}
    assert (report["objective"], report["notes"]) == ("classes", [])
    assert report["model"] == "minilm"
    assert report["labels"] == ["card", "transfer"]
    assert [r["algorithm"] for r in report["results"]] == ["protonet", "maml"]
    for result in report["results"]:
        assert set(result) == {"algorithm", "checkpoint", "predictions", "steps", "seconds"}
        assert set(result["seconds"]) == {"features", "adapt", "predict"}
        assert result["predictions"][0]["label"] == "card"
        for prediction in result["predictions"]:
            assert set(prediction) == {"label", "probabilities"}
            assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        keys = {"step", "support_loss", "support_accuracy", "query_loss", "query_accuracy"}
        assert all(set(step) == keys for step in result["steps"])
        assert [step["step"] for step in result["steps"]] == list(range(len(result["steps"])))


def test_defaults_and_statelessness(client: Client) -> None:
    first, second = (client.predict(TASK, api_name="/adapt") for _ in range(2))
    assert len(first["results"]) == 3
    assert [r["predictions"] for r in first["results"]] == [r["predictions"] for r in second["results"]]


def test_knobs_and_where_to_start_from(client: Client) -> None:
    changed = client.predict(TASK, "minilm", ["maml"], 0, "none", {"maml": {"inner_steps": 2}}, api_name="/adapt")
    (result,) = changed["results"]
    assert result["checkpoint"] == "not meta-trained" and len(result["steps"]) == 3
    (shipped,) = client.predict(TASK, "minilm", ["maml"], 0, api_name="/adapt")["results"]
    assert shipped["checkpoint"].endswith("checkpoints/minilm/maml")


@pytest.mark.parametrize(
    ("task", "arguments", "said"),
    [
        ({}, {}, "support is missing from the task"),
        ({"support": TASK["support"][:2]}, {}, "Only one class, “card”"),
        (values(("x", "good"), ("y", 2)), {}, 'support[0].value is "good"'),
        (values(("x", "3,5"), ("y", 2)), {}, 'support[0].value is "3,5"'),
        (values(("x", 1), ("y", None)), {}, "support[1].value"),
        (values(("x", 1)), {}, "Only one example, “x”, has a value"),
        (values(("x", 7), ("y", 7)), {}, "All 2 examples have the value 7"),
        ({"support": [*TASK["support"], {"text": "x", "value": 1}]}, {}, "examples with a value (1"),
        (values(("x", 1), ("y", 2)), {"algorithms": ["maml", "protonet"]}, "protonet cannot learn numbers"),
        (TASK, {"algorithms": ["magic"]}, "magic"),
        (TASK, {"algorithms": []}, "algorithm"),
        (TASK, {"algorithms": "maml"}, '"maml" is not a list of algorithms'),
        (TASK, {"model": "/no/such/folder"}, "/no/such/folder"),
        (TASK, {"model": 7}, "model is 7"),
        (TASK, {"seed": "many"}, 'seed is "many": give a whole number'),
        (TASK, {"seed": 1.5}, "seed is 1.5"),
        (TASK, {"seed": -1}, "The seed is -1"),
        (TASK, {"checkpoint": "/etc"}, 'checkpoint is "/etc" and should say where to start from'),
        (TASK, {"knobs": ["maml"]}, "is not knobs by algorithm"),
        (TASK, {"knobs": {"maml": 3}}, "is not knobs by algorithm"),
        (TASK, {"knobs": {"anil": {"inner_steps": 1}}}, "knobs for anil"),
        (TASK, {"knobs": {"maml": {"inner_steps": 99}}}, "inner_steps"),
    ],
)
def test_a_wrong_request_is_answered_with_one_sentence(
    client: Client, task: dict[str, Any], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(task, api_name="/adapt", **arguments)
    assert said in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_only_adapt_is_documented(client: Client) -> None:
    described = client.view_api(return_format="dict")
    assert list(described["named_endpoints"]) == ["/adapt"]
    assert not described["unnamed_endpoints"]
