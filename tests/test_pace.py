"""How often somebody may ask, as laws on a clock of our own; what comes too often, and what there is no room for, is refused in words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_demo.core.errors import UserError
from meta_demo.serving import pace
from meta_demo.serving.pace import Pace
from meta_demo.serving.service import A_MINUTE, AT_ONCE, HEAVY, Service
from meta_demo.ui import callers, entrance
from meta_demo.ui.entrance import Entrance
from meta_demo.ui.page import launch_arguments
from meta_demo.ui.sessions import SESSIONS

COUNT = settings(max_examples=60)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(bound: Pace, who: object) -> bool:
    try:
        bound.spend(who)
    except UserError:
        return False
    return True


@COUNT
@given(at_once=st.integers(1, 20), a_minute=st.integers(1, 600), waits=st.lists(st.floats(0, 5), max_size=80))
def test_nobody_gets_more_than_the_bound_and_everybody_gets_it(at_once: int, a_minute: int, waits: list[float]) -> None:
    clock = Clock()
    bound, count = Pace(at_once, a_minute, clock), 0
    for wait in waits:
        clock.now += wait
        count += taken(bound, "one")
        assert count <= at_once + clock.now * a_minute / 60 + 1e-6
    assert count >= min(len(waits), at_once), "refused though there were calls left"


@COUNT
@given(at_once=st.integers(1, 20), a_minute=st.integers(1, 600))
def test_who_waits_as_long_as_is_said_is_served(at_once: int, a_minute: int) -> None:
    clock = Clock()
    bound = Pace(at_once, a_minute, clock)
    assert all(taken(bound, "one") for _ in range(at_once))
    with pytest.raises(UserError, match=str(a_minute)) as refused:
        bound.spend("one")
    clock.now += float(refused.value.values["seconds"])
    assert taken(bound, "one")


def test_one_does_not_use_up_what_another_may_ask() -> None:
    bound = Pace(1, 1, Clock())
    assert taken(bound, "one") and not taken(bound, "one") and taken(bound, "other")
    assert all(taken(bound, None) for _ in range(9)), "the house itself was refused"


def test_those_who_asked_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "REMEMBERED", 5)
    bound = Pace(3, 1, Clock())
    for who in range(50):
        bound.spend(who)
    assert len(bound._left) == 5


def test_a_class_behind_one_address_may_press_all_at_once() -> None:
    service = Service(torch.device("cpu"))
    assert AT_ONCE >= 2 * 50 and HEAVY >= 50
    for number in range(AT_ONCE):
        request: Any = SimpleNamespace(client=SimpleNamespace(host="192.0.2.1"), session_hash=f"v{number % 50}")
        callers.begun(service, request, "adapt")
    assert len(service.heavy) == 50
    with pytest.raises(UserError, match=str(A_MINUTE)):
        callers.begun(service, request, "adapt")
    assert len(service.heavy) == 50, "who was refused lost the run that was under way"


class Sent:
    """What an application behind the entrance gets, and what comes back."""

    def __init__(self, folder: Path) -> None:
        self.reached = 0
        self.app = Entrance(self.answer, lambda: str(folder))

    async def answer(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.reached += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    def ask(
        self, method: str = "POST", path: str = "/gradio_api/queue/join", host: str = "192.0.2.1"
    ) -> tuple[int, str]:
        back: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(event: Any) -> None:
            back.append(event)

        scope = {"type": "http", "method": method, "path": path, "headers": [], "client": (host, 1)}
        asyncio.run(self.app(scope, receive, send))
        return back[0]["status"], back[1]["body"].decode()


def test_requests_that_come_too_often_are_refused_and_pages_still_open(tmp_path: Path) -> None:
    sent = Sent(tmp_path)
    sent.app.pace = Pace(2, 60, Clock())
    assert [sent.ask()[0] for _ in range(3)] == [200, 200, 429] and sent.reached == 2
    assert "try again in 1 s" in json.loads(sent.ask()[1])["detail"]
    assert sent.ask("GET", "/")[0] == 200 and sent.ask(host="192.0.2.2")[0] == 200


@pytest.mark.parametrize(("bound", "value"), [("ROOM", 10), ("FILES", 2)])
def test_uploads_have_a_bound_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int) -> None:
    monkeypatch.setattr(entrance, bound, value)
    sent = Sent(tmp_path)
    assert sent.ask(path="/gradio_api/upload")[0] == 200
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "task.csv").write_bytes(b"12345")
    status, said = sent.ask(path="/gradio_api/upload")
    assert status == 507 and "full" in json.loads(said)["detail"] and sent.ask()[0] == 200
    (tmp_path / "one" / "task.csv").unlink()
    assert sent.ask(path="/gradio_api/upload")[0] == 200


def test_the_page_is_launched_with_these_bounds(service: Service) -> None:
    said = launch_arguments(service)
    assert said["state_session_capacity"] == SESSIONS
    kinds = [part.cls for part in said["app_kwargs"]["middleware"]]
    assert Entrance in kinds
