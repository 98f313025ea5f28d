"""What fails underneath a visitor: they are told in a sentence, keep what they had, leave no place taken, and can press again."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient
from test_sides import said
from tiny_models import saved_model

from meta_demo.core.errors import UserError
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.serving.jobs import Job
from meta_demo.serving.requests import Request, Snapshot
from meta_demo.serving.service import Service
from meta_demo.ui import callers
from meta_demo.ui.guard import guarded
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.mistakes import Mistakes
from meta_demo.words import text

FULL = OSError(errno.ENOSPC, "No space left on device")
TASK = {
    "support": [{"text": "one lamp", "label": "a"}, {"text": "two soups", "label": "b"}],
    "query": [{"text": "a lamp"}],
}


@pytest.mark.parametrize("error", [FULL, MemoryError("secret"), KeyError("secret"), SystemExit("secret")], ids=repr)
@pytest.mark.parametrize("after", [0, 2], ids=["before the first step", "in the midst"])
def test_who_is_told_keeps_what_was_there_and_presses_again(
    error: BaseException, after: int, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gr.Blocks():
        page = lay_out()
    mine: Any = SimpleNamespace(headers={}, session_hash="mine")
    press = guarded(page.message, Handlers(service, page).adapt)
    values = said(page, "text") | {page.adapt.algorithms: ["protonet", "finetune"]}
    values[page.sides["text"].cards] = [{"name": "a", "examples": "one lamp"}, {"name": "b", "examples": "two soups"}]
    *_, first = press(values, mine)
    values |= {page.run: first[page.run], page.adapt.seed: 3}
    snapshots = Job.snapshots

    def fails(job: Job) -> Iterator[Snapshot]:
        for number, snapshot in enumerate(snapshots(job)):
            if number == after:
                raise error
            yield snapshot

    with monkeypatch.context() as broken:
        broken.setattr(Job, "snapshots", fails)
        updates = [*press(values, mine)]
    assert (
        text("page.error.unexpected", "en") in updates[-1][page.message] and "secret" not in updates[-1][page.message]
    )
    back = next(update for update in reversed(updates) if page.run in update)
    assert back[page.run] is first[page.run] and back[page.adapt.stop].interactive is False
    assert len(service.heavy) == len(service.light) == 0
    *_, last = press(values, mine)
    assert last[page.run].whole and last[page.run].request.seed == 3


@pytest.mark.slow
def test_a_model_whose_files_vanish_is_told_of_and_comes_back_with_them(tmp_path: Path) -> None:
    folder, away = saved_model(tmp_path / "model", "bert"), tmp_path / "away"
    service = Service(torch.device("cpu"))
    request = Request(parse_episode(TASK), str(folder), ("protonet",))
    for part in ("model.safetensors", "config.json"):
        shutil.move(folder / part, away)
        with pytest.raises(UserError):
            service.history(request)
        shutil.move(away, folder / part)
        assert len(service.heavy) == 0
    whole = service.history(request)
    shutil.rmtree(folder)
    again = service.history(replace(request, seed=1))
    assert whole["protonet"][-1].outputs.tobytes() == again["protonet"][-1].outputs.tobytes(), "what is loaded stays"


def test_numbers_that_are_none_are_told_of_and_not_kept(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    request = Request(parse_episode(TASK), "minilm", ("finetune",), seed=91)
    with monkeypatch.context() as broken:
        broken.setattr("meta_demo.serving.jobs.finite", lambda _: False)
        with pytest.raises(UserError) as told:
            service.history(request)
    assert told.value.name == "diverged" and len(service.heavy) == 0
    assert service.history(request)["finetune"][-1].error is None


def test_a_disk_that_is_full_refuses_files_in_a_sentence() -> None:
    async def writes(_: Any) -> Any:
        raise FULL

    app = Starlette(routes=[Route("/upload", writes, methods=["POST"])], middleware=[Middleware(Mistakes)])
    said = TestClient(app, raise_server_exceptions=False).post(
        "/upload", content=b"x", headers={"accept-language": "zh"}
    )
    assert said.status_code == 507 and said.json()["detail"] == text("error.uploads_full", "zh")


def test_a_thread_that_ends_does_not_end_the_server() -> None:
    """SystemExit in a task of an event loop would end the loop."""

    async def call() -> str:
        with pytest.raises(RuntimeError):
            await asyncio.ensure_future(callers.in_thread(partial(sys.exit, "secret")))
        return await callers.in_thread(lambda: "served")

    assert asyncio.run(call()) == "served"
