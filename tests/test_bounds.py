"""Pictures and bodies are counted before anything of them is decoded or kept."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import numpy as np
import pytest
from PIL import Image

from meta_demo.core.errors import UserError
from meta_demo.core.files import MB, UPLOAD, Limits
from meta_demo.data.reading import tasks
from meta_demo.data.reading.readers import read_rows
from meta_demo.data.reading.tasks import foresee, parse_episode
from meta_demo.modalities.base import MODALITIES
from meta_demo.modalities.picture import page, reading
from meta_demo.modalities.picture.reading import foreseen
from meta_demo.ui import bodies
from meta_demo.ui.bodies import Bodies
from meta_demo.ui.cards import episode_of
from meta_demo.ui.side import discover

PICTURES = MODALITIES["picture"]


def file_of(size=(40, 30), mode="RGB", kind="png", **how):
    buffer = io.BytesIO()
    colours = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(colours).convert(mode).save(buffer, kind, **how)
    return buffer.getvalue()


def url_of(data, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def undecoded(monkeypatch):
    """The test fails where a picture is decoded."""

    def fail(*_):
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr(reading, "picture_of", fail)


@pytest.mark.usefixtures("undecoded")
def test_a_pictures_size_is_seen_before_it_is_decoded():
    assert foreseen(file_of()) == (1200, 1200)  # a PNG in colours may be a drawing, which is kept grey
    assert foreseen(url_of(file_of(kind="jpeg"), "jpeg")) == (3600, 1200)
    assert foreseen(file_of(mode="L", kind="jpeg")) == (1200, 1200)
    assert foreseen(file_of((2048, 1024), "L")) == (512 * 256, 2048 * 1024)  # no more is kept
    assert foreseen(file_of((1200, 900), kind="tiff")) == (512 * 384, 1200 * 900)  # whose size may stand at the end
    heads = file_of((3000, 2000), kind="jpeg", quality=95)
    assert len(heads) > reading.HEAD and foreseen(heads)[1] == 6_000_000
    assert foreseen(b"no picture") == foreseen("data:image/png;base64,!!!") == foreseen("") == (0, 0)
    assert MODALITIES["text"].foreseen("a text") == (0, 0)


@pytest.mark.slow
@pytest.mark.usefixtures("undecoded")
def test_two_thousand_pictures_on_cards_are_refused_before_one_is_decoded():
    side = next(side for side in discover() if side.name == "picture")()
    photo = url_of(file_of((512, 400), kind="jpeg"), "jpeg")
    said = (("cats", (photo,) * 1000, ()), ("dogs", (photo,) * 1000, ()))
    with pytest.raises(UserError) as caught:
        episode_of(("classes", said), side)
    size = 2000 * 512 * 400 * 3
    values = {"count": 2000, "size": size // MB, "fits": int(2000 * UPLOAD.memory / size)}
    assert caught.value.name == "pictures_many" and caught.value.values.items() >= values.items()
    assert "2,000 pictures" in str(caught.value) and "about 488" in str(caught.value)
    assert "488" in caught.value.message("zh")
    with pytest.raises(UserError, match="2001"):
        episode_of(("classes", (("cats", (photo,) * 2001, ()),)), side)


@pytest.mark.usefixtures("undecoded")
def test_a_task_of_too_many_pixels_is_refused_before_one_is_decoded(monkeypatch):
    url = url_of(file_of())
    task = {"support": [{"image": url, "label": str(i % 2)} for i in range(6)]}
    monkeypatch.setattr(tasks, "UPLOAD", Limits(pixels=6 * 1200 - 1))
    monkeypatch.setattr(foresee, "__defaults__", (tasks.UPLOAD,))
    with pytest.raises(UserError) as caught:
        parse_episode(task)
    assert (caught.value.name, caught.value.values["fits"]) == ("pictures_many", 5)


def test_a_folder_is_read_as_far_as_its_pixels_may_go(tmp_path, monkeypatch):
    for i in range(6):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        (tmp_path / "ab"[i % 2] / f"{i}.png").write_bytes(file_of((40, 30 + i)))
    assert len(read_rows(tmp_path)) == 6
    decoded = []
    plain = reading.picture_of
    monkeypatch.setattr(reading, "picture_of", lambda *a: decoded.append(1) or plain(*a))
    with pytest.raises(UserError) as caught:
        read_rows(tmp_path, Limits(pixels=3 * 40 * 36))
    assert caught.value.name == "pictures_pixels" and len(decoded) == 3


def test_files_of_visitors_are_decoded_one_at_a_time(monkeypatch):
    inside, most = [], []

    def slow(*_):
        inside.append(1)
        most.append(len(inside))
        sleep(0.02)
        inside.pop()
        raise UserError("no_support")

    monkeypatch.setattr(page, "read_data_url", slow)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(page.read_file, [{"name": "a", "data": "b", "lang": "en"}] * 8))
    assert max(most) == 1 and all(set(answer) == {"problem"} for answer in answers)


# --- bodies


class Client:
    """Sends bodies through the middleware, and sees what comes back and how many are taken in at once."""

    def __init__(self):
        self.inside = self.most = 0
        self.seen = []
        self.app = Bodies(self.answer)

    async def answer(self, _scope, receive, send):
        self.inside += 1
        self.most = max(self.most, self.inside)
        body, more = b"", True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.inside -= 1
                raise RuntimeError("gone")
            body, more = body + event.get("body", b""), event.get("more_body", False)
        self.seen.append(len(body))
        await asyncio.sleep(0.01)
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def post(self, path, *chunks, length=None, lang="en"):
        headers = [(b"accept-language", lang.encode())]
        headers += [(b"content-length", str(length).encode())] if length is not None else []
        events = [{"type": "http.request", "body": c, "more_body": i + 1 < len(chunks)} for i, c in enumerate(chunks)]
        sent = []

        async def receive():
            return events.pop(0)

        async def send(event):
            sent.append(event)

        await self.app({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
        return sent[0]["status"], b"".join(event.get("body", b"") for event in sent[1:])


def test_a_body_beyond_the_bound_is_refused_in_a_sentence_and_never_read():
    client = Client()
    status, said = asyncio.run(client.post("/gradio_api/call/adapt", b"", length=60_000_000))
    assert status == 413 and not client.seen
    assert "27 MB" in json.loads(said)["detail"]
    status, said = asyncio.run(client.post("/gradio_api/call/adapt", b"", length=60_000_000, lang="zh"))
    assert "27 MB" in json.loads(said)["detail"] and "请" in json.loads(said)["detail"]
    assert asyncio.run(client.post("/gradio_api/queue/join", b"x", length=60_000_000))[0] == 200  # cards of pictures
    assert asyncio.run(client.post("/gradio_api/queue/join", b"x", length=90_000_000))[0] == 413
    assert asyncio.run(client.post("/gradio_api/upload", b"x", length=90_000_000))[0] == 200  # bounded elsewhere


def test_a_body_that_does_not_say_its_size_is_counted_and_refused(monkeypatch):
    client = Client()
    monkeypatch.setattr(bodies, "MOST", 100)
    status, said = asyncio.run(client.post("/gradio_api/queue/join", b"x" * 60, b"x" * 60))
    assert status == 413 and json.loads(said)["detail"] and not client.seen
    assert asyncio.run(client.post("/gradio_api/queue/join", b"x" * 60, b"x" * 40)) == (200, b"ok")
    monkeypatch.setattr(bodies, "PATIENCE", 0.05)
    client = Client()

    async def slowly():
        events = iter([{"type": "http.request", "body": b"x", "more_body": True}])
        sent = []

        async def receive():
            if not (event := next(events, None)):
                await asyncio.sleep(60)
            return event

        async def send(event):
            sent.append(event)

        await client.app({"type": "http", "method": "POST", "path": "/a", "headers": []}, receive, send)
        return sent[0]["status"]

    assert asyncio.run(slowly()) == 408


def test_large_bodies_wait_for_each_other_and_small_ones_for_nobody():
    client = Client()

    async def together(size):
        await asyncio.gather(*(client.post("/gradio_api/component_server", b"x", length=size) for _ in range(16)))

    asyncio.run(together(20_000_000))
    assert client.most == bodies.SEATS and len(client.seen) == 16
    client = Client()
    asyncio.run(together(1000))
    assert client.most == 16
