"""Sends a page what no page sends, or opens it as a visitor does, and notes how it answers. How often, and what is left, is `rude.py`'s."""

from __future__ import annotations

import socket
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

import requests

from benchmarks.asked import examples
from benchmarks.rubbish import KINDS, Sent
from benchmarks.wire import Page, browser

AT_ONCE = 8  # senders
PATIENCE = 120  # seconds


@dataclass
class Met:
    """What became of all requests: how often each kind was answered how, and what should not have been."""

    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[str] = field(default_factory=list)

    def note(self, kind: str, status: int | None, what: Sent) -> None:
        self.statuses[kind][f"{status // 100}xx" if status else "no answer"] += 1
        if status and status >= 500 and not (status == 507 or what.method == "TRACE"):
            self.failures.append(f"{status} for {what.method} {what.path[:99]} {what.body[:200]!r}")


def visit(first: Page, number: int, *, adapts: bool = True) -> None:
    """Somebody from an address of their own opens the page, and adapts to two classes of one example each."""
    with browser(number) as client:
        page = first.another(client)
        client.get(page.url, timeout=PATIENCE).raise_for_status()
        page.open("text")
        if not adapts:
            return
        said = examples(number, 2, 1)
        page.put("cards", [{"name": name, "examples": "\n".join(texts)} for name, texts in said.items()])
        page.put("algorithms", ["protonet"])
        page.send(page.event("start", "click", "summary"))


def send(first: Page, number: int, seed: int, met: Met) -> None:
    """A request that no page sends."""
    chance = Random(f"{seed} {number}")
    kind = KINDS[number % len(KINDS)]
    with browser(number % AT_ONCE) as client:
        page = first.another(client)
        what = kind(page, chance)
        met.note(kind.__name__, _half(page.url, what) if what.part is not None else _whole(page, what), what)


def _whole(page: Page, what: Sent) -> int | None:
    """The status that a request is answered with; what is said then is not listened to."""
    headers = {name: value.encode("latin-1") for name, value in what.headers.items()}
    try:
        address = requests.Request(what.method, page.url + what.path, headers=headers, data=what.body)
        with page.client.send(page.client.prepare_request(address), stream=True, timeout=PATIENCE) as said:
            return int(said.status_code)
    except requests.RequestException:
        return None


def _half(url: str, what: Sent) -> int | None:
    """Part of a body is sent, and then nothing more."""
    where = urlsplit(url)
    head = {**what.headers, "Host": where.netloc, "Content-Length": str(len(what.body))}
    lines = [f"{what.method} {what.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    with socket.create_connection((str(where.hostname), where.port or 80), PATIENCE) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode() + what.body[: what.part])
    return None
