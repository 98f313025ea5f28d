"""Requests that no page sends, at random: each kind is a function of a page and of chance. They are sent by `sender.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from benchmarks.asked import work
from benchmarks.wire import CALL, PREFIX, Page

JSON = {"Content-Type": "application/json"}
NO_JSON = (b"", b"{", b"[[", b"\xff" * 999, b"nul", b'"x', b"1e999", b"NaN", b"[" * 50_000, b'{"data": [}', b"\x00")
ODD: tuple[Any, ...] = (None, True, -1, 0, 1.5, 1e308, 2**70, "", "x", "\ud800", "../../etc/passwd", "<script>")
ODD += ([], {}, [[]], {"a": {}}, [None] * 9, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}})
FORBIDDEN = (
    "/etc/passwd",
    "../../../etc/passwd",
    "/proc/self/environ",
    "app.py",
    "%2e%2e%2fapp.py",
    "http://127.0.0.1:9",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE")
LARGE = 2_000_000  # letters of what is huge
MULTIPART = "multipart/form-data; boundary=x"
PARTS = (
    b"",
    b"--x",
    b"--x--\r\n",
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\nhalf a fi',
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="../../../tmp/a"\r\n\r\nx\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\n\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--x--\r\n',
    b"--x\r\nContent-Disposition: nothing\r\n\r\nx\r\n--x--\r\n",
    b'--y\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n--y--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="' + b"a" * 5000 + b'"\r\n\r\nx\r\n--x--\r\n',
)


@dataclass(frozen=True)
class Sent:
    """A request; where only `part` of its body is sent, whoever sends it then goes."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    part: int | None = None


Kind = Callable[[Page, Random], Sent]


def _posts(page: Page, chance: Random) -> str:
    """Somewhere that something may be sent to."""
    return chance.choice([path for path, methods in page.paths.items() if "post" in methods])


def _filled(path: str, value: str) -> str:
    """A path in whose places a value stands."""
    while "{" in path:
        head, _, tail = path.partition("{")
        path = head + value + tail.partition("}")[2]
    return path


def _posted(path: str, body: Any) -> Sent:
    return Sent("POST", path, json.dumps(body).encode(), JSON)


def no_json(page: Page, chance: Random) -> Sent:
    """What cannot be read at all."""
    return Sent("POST", _filled(_posts(page, chance), "x"), chance.choice(NO_JSON), JSON)


def wrong_types(_: Page, chance: Random) -> Sent:
    """A call in which something else stands at one place."""
    data = deepcopy(work(0, 2, 2))
    holder, key = chance.choice([*_places(data)])
    holder[key] = chance.choice(ODD)
    return _posted(CALL, {"data": data})


def too_few(_: Page, chance: Random) -> Sent:
    return _posted(CALL, {"data": [chance.choice(ODD) for _ in range(chance.randrange(9))]})


def huge(_: Page, chance: Random) -> Sent:
    """A word without end somewhere."""
    data = deepcopy(work(0, 2, 2))
    texts = [(holder, key) for holder, key in _places(data) if isinstance(holder[key], str)]
    holder, key = chance.choice(texts)
    holder[key] = chance.choice("x \u4e2d<") * LARGE
    if chance.random() < 0.5:
        data[2] = ["no such method"]
    return _posted(CALL, {"data": data})


def forged(page: Page, chance: Random) -> Sent:
    """An event of the page in which a component holds what it cannot."""
    event = chance.choice([event for event in page.events if event["inputs"] and event["backend_fn"]])
    data = [page.values[part] for part in event["inputs"]]
    data[chance.randrange(len(data))] = chance.choice(ODD)
    return _joined(page, event["id"], data)


def no_event(page: Page, chance: Random) -> Sent:
    """An event that is none, or of nobody."""
    body = {"data": [], "fn_index": 1, "session_hash": page.name, "trigger_id": None, "event_data": None}
    for name in chance.sample([*body], chance.randint(1, 3)):
        if chance.random() < 0.3:
            del body[name]
        else:
            body[name] = chance.choice((*ODD, 9999, "x" * 99_999))
    return _posted(f"{PREFIX}/{chance.choice(('queue/join', 'run/predict', 'api/predict', 'call/v2/adapt'))}", body)


def no_component(page: Page, chance: Random) -> Sent:
    body = {"data": chance.choice(ODD), "component_id": chance.choice((*page.values, *ODD)), "fn_name": "x"}
    return _posted(f"{PREFIX}/component_server", body | {"session_hash": chance.choice(ODD)})


def upload(_: Page, chance: Random) -> Sent:
    """Files that are none."""
    kind = chance.choice((MULTIPART, MULTIPART, "multipart/form-data", "text/plain", "", "\xff"))
    asked = chance.choice(("", "?upload_id=", f"?upload_id={'x' * 5000}", "?upload_id=../x"))
    return Sent("POST", f"{PREFIX}/upload{asked}", chance.choice(PARTS), {"Content-Type": kind} if kind else {})


def half(_: Page, chance: Random) -> Sent:
    """A body of which a part comes."""
    whole = _posted(CALL, {"data": work(0, 2, 2)})
    if chance.random() < 0.5:
        whole = Sent("POST", f"{PREFIX}/upload", PARTS[4] * 9, {"Content-Type": MULTIPART})
    return Sent(whole.method, whole.path, whole.body, whole.headers, chance.randrange(len(whole.body)))


def no_file(_: Page, chance: Random) -> Sent:
    """What nobody may read."""
    how = chance.choice(
        ("file=", "file/", "proxy=", "static/", "theme.css?", "custom_component/", "stream/", "deep_link?")
    )
    name = chance.choice(FORBIDDEN)
    return Sent("GET", f"{PREFIX}/{how}{name if chance.random() < 0.5 else quote(name, safe='')}")


def wrong_way(page: Page, chance: Random) -> Sent:
    """Whatever the page has, asked in another way and about something else."""
    path = _filled(chance.choice([*page.paths]), quote(str(chance.choice(ODD)).encode("utf-8", "replace"), safe=""))
    asked = chance.choice(("", "?session_hash=", "?session_hash=%00", "?x=" + "y" * 9999, "?__theme=%ff", "?side=%00"))
    return Sent(chance.choice(METHODS), path + asked, chance.choice((b"", b"{}", b"x")), JSON)


def odd_headers(_: Page, chance: Random) -> Sent:
    """Asked for the page with what no browser says."""
    name = chance.choice(
        ("Accept-Language", "Cookie", "X-Forwarded-Prefix", "X-Forwarded-Host", "X-Forwarded-Proto", "Range")
    )
    said = chance.choice(
        ("\xff", "x" * 9000, "../..", "<script>", "en;q=x", "bytes=9-1", "", "a=b; a=b; =;;", "//evil.org")
    )
    return Sent("GET", chance.choice(("/", "/config", f"{PREFIX}/info", "/theme.css")), headers={name: said})


KINDS: tuple[Kind, ...] = (no_json, wrong_types, too_few, huge, forged, no_event, no_component)
KINDS += (upload, half, no_file, wrong_way, odd_headers)


def _joined(page: Page, event: Any, data: list[Any]) -> Sent:
    body = {"data": data, "fn_index": event, "session_hash": page.name, "trigger_id": None}
    return _posted(f"{PREFIX}/queue/join", body)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Where something stands: what holds it, and under which name or number."""
    inside = [*value.items()] if isinstance(value, dict) else [*enumerate(value)] if isinstance(value, list) else []
    return [found for key, part in inside for found in ((value, key), *_places(part))]
