"""Calls that no page sends: each is answered with one sentence, and none with 5xx."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient
from test_api import TASK

from meta_demo.ui.mistakes import Blocks, Mistakes, payload
from meta_demo.words import text


def post(url: str, body: bytes) -> tuple[int, Any]:
    ask = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(ask, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("call/v2/adapt", {"taskk": 7}, 400),
        ("call/v2/adapt", {"data": [TASK]}, 400),
        ("call/v2/none", {}, 400),
        ("call/none", {"data": []}, 400),
        ("run/adapt", {"data": [TASK]}, 404),
        ("api/adapt", {"data": [TASK]}, 404),
        ("queue/join", {"data": [], "fn_index": 9999, "session_hash": "x"}, 400),
        ("component_server", {"data": 1, "component_id": 9999, "fn_name": "x", "session_hash": "x"}, 400),
        ("call/adapt", {}, 422),
    ],
)
def test_what_cannot_be_read_is_said_to_be_so(page_url: str, path: str, body: dict[str, Any], status: int) -> None:
    found, said = post(f"{page_url}gradio_api/{path}", json.dumps(body).encode())
    assert found == status and said["detail"]


@pytest.mark.parametrize("given", [0, 1, 5])
def test_too_few_values_are_counted(page_url: str, given: int) -> None:
    body = {"data": [TASK, "minilm", ["protonet"], 0, "auto", {}][:given]}
    _, begun = post(f"{page_url}gradio_api/call/adapt", json.dumps(body).encode())
    with urllib.request.urlopen(f"{page_url}gradio_api/call/adapt/{begun['event_id']}", timeout=60) as answer:
        said = answer.read().decode()
    assert (
        said.startswith("event: error")
        and f"of 6 values, and {given} came" in json.loads(said.split("data: ")[1])["error"]
    )


def test_no_error_is_told_as_nothing() -> None:
    assert payload(ValueError("secret"), False)["error"] == text("page.error.unexpected")
    assert payload(gr.Error("a sentence"), False)["error"] == "a sentence"


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")])
def test_what_an_application_cannot_read_is_a_mistake_of_the_sender(error: Exception) -> None:
    """FastAPI repeats what was sent in what it says of it, which fails for bytes that are no text."""
    said = client(error).get("/")
    assert said.status_code == 400 and said.json()["detail"]
    assert ("UTF-8" in said.json()["detail"]) == isinstance(error, UnicodeDecodeError)


@pytest.mark.parametrize("error", [OSError("disk full"), MemoryError()])
def test_what_the_house_has_no_room_for_is_none(error: Exception) -> None:
    assert client(error).get("/").status_code == 500


def client(error: Exception) -> TestClient:
    async def fails(_: Any) -> Any:
        raise error

    app = Starlette(routes=[Route("/", fails)], middleware=[Middleware(Mistakes)])
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(("choice", "status"), [("none such", 400), ("b", 500), ("a", 200)])
def test_a_value_that_nothing_takes_is_a_mistake_and_a_handler_that_fails_is_ours(choice: str, status: int) -> None:
    """Gradio says 500 of both."""
    with Blocks() as page:
        field = gr.Dropdown(["a", "b"])
        field.input(lambda said: {"a": "x"}[said], field, None, queue=False, api_name="fill")
    page.queue(api_open=False)
    app = gr.mount_gradio_app(Starlette(middleware=[Middleware(Mistakes)]), page, "/")
    with TestClient(app, raise_server_exceptions=False) as visitor:
        sent = {"data": [choice], "fn_index": 0, "session_hash": "x"}
        assert visitor.post("/gradio_api/run/predict", json=sent).status_code == status
