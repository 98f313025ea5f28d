"""Files that visitors send: each is its sender's own, and goes with them."""

from __future__ import annotations

import asyncio
import json
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from meta_demo.core.errors import UserError
from meta_demo.ui.bodies import refuse
from meta_demo.ui.page import launch_arguments
from meta_demo.ui.uploads import Uploads

HERE, THERE = "192.0.2.1", "192.0.2.2"


class House:
    """An application that keeps what it is sent, and pages that are open until somebody closes them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.full, self.app = folder, False, Uploads(self.answer)

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        if "heartbeat" in scope["path"]:
            await receive()
        elif self.full:
            await refuse(scope, send, UserError("uploads_full"))
        else:
            file = self.folder / uuid4().hex
            file.write_text("x")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": json.dumps([str(file)]).encode()})

    async def send(self, who: str) -> Path | None:
        back: list[Any] = []

        async def keep(event: Any) -> None:
            back.append(event)

        await self.app(self._scope(who, "/gradio_api/upload", "POST"), None, keep)
        found = json.loads(back[1]["body"])
        return Path(found[0]) if isinstance(found, list) else None

    def open(self, who: str) -> tuple[asyncio.Future[None], asyncio.Task[None]]:
        closed = asyncio.get_running_loop().create_future()
        scope = self._scope(who, "/gradio_api/heartbeat/abc", "GET")
        return closed, asyncio.ensure_future(self.app(scope, lambda: closed, None))

    @staticmethod
    def _scope(who: str, path: str, method: str) -> dict[str, Any]:
        return {"type": "http", "method": method, "path": path, "headers": [], "client": (who, 1)}


def test_what_a_page_never_read_goes_when_the_last_page_of_its_address_closes(tmp_path: Path) -> None:
    async def day() -> None:
        house = House(tmp_path)
        first, second, other = house.open(HERE), house.open(HERE), house.open(THERE)
        await asyncio.sleep(0)
        mine, theirs = [await house.send(HERE) for _ in range(2)], await house.send(THERE)
        house.full = True
        assert await house.send(HERE) is None
        mine[0].unlink()  # as a page does that has read it
        await closed(first)
        assert mine[1].exists() and theirs.exists()
        await closed(second)
        assert not mine[1].exists() and theirs.exists(), "what a neighbour sent went too"
        await closed(other)
        assert not theirs.exists()

    asyncio.run(day())


async def closed(page: tuple[asyncio.Future[None], asyncio.Task[None]]) -> None:
    page[0].set_result(None)
    await page[1]


def test_who_has_no_page_open_keeps_what_they_sent_last(tmp_path: Path) -> None:
    async def day() -> None:
        house = House(tmp_path)
        files = [await house.send(HERE) for _ in range(5)]
        assert [file.exists() for file in files] == [False] * 4 + [True]

    asyncio.run(day())


def test_the_page_is_served_behind_it(service: Any) -> None:
    assert Uploads in [part.cls for part in launch_arguments(service)["app_kwargs"]["middleware"]]


@pytest.mark.slow
def test_a_file_that_a_whole_class_sends_is_as_many_files(page_url: str) -> None:
    """Whoever reads theirs removes it, and it alone; all go with the last page of their address, here one that no other test has."""
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\ntext,label\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    where, places = urlsplit(page_url), set()

    def call(*how: Any) -> tuple[HTTPConnection, HTTPResponse]:
        connection = HTTPConnection(str(where.hostname), where.port, timeout=60, source_address=("127.0.0.2", 0))
        connection.request(*how)
        return connection, connection.getresponse()

    page, _ = call("GET", f"{where.path}gradio_api/heartbeat/abc")
    for _ in range(3):
        connection, answer = call("POST", f"{where.path}gradio_api/upload", body, kind)
        places.add(Path(json.loads(answer.read())[0]))
        connection.close()
    assert len(places) == 3 and all(place.exists() for place in places)
    page.close()
    for _ in range(600):
        if gone := not any(place.exists() for place in places):
            break
        time.sleep(0.1)
    assert gone
