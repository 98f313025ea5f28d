"""A class of visitors at one page, over real HTTP on this machine alone: are their answers right, and how long does each kind wait?

    python -m benchmarks.load [--visitors 50] [--patience 600] [--out FILE]

Starts the page on a free port of the loopback device and lets all visitors in at once. Most adapt by the API, each to a task that nobody
else has, so that nothing is known before; some leave in the midst, some send rubbish, and all the while somebody opens the page and asks
whether it is well. Then another page, where nobody else is, is asked some of the same tasks one after the other: an answer is right where
both are equal to the last digit. The exit code is 1 where one was not, or where anything was answered with 5xx.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread
from typing import Any

import httpx
import tyro

from meta_demo.data.episode import Example
from meta_demo.data.samples import load_sample, sample_names

KINDS = ("adapt", "adapt", "adapt", "leave", "rude")  # visitors, one after the other
TASKS = 5  # different ones; those who ask for the same one have seeds of their own
ASKED = 5  # answers that are looked at
SHOTS, WAYS = 5, 5
RUBBISH: tuple[bytes, ...] = (b"{", b'{"data": 7}', b'{"data": [null]}', b'{"data": [{"support": 1}]}', b"\xff" * 999)
CALL = "/gradio_api/call/adapt"


@dataclass
class Seen:
    """What visitors met: seconds by kind, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[int, Any] = field(default_factory=dict)
    wrong: int = 0
    failures: list[str] = field(default_factory=list)
    refused: int = 0
    resident: float = 0.0  # megabytes at the most, as far as somebody looked

    def told(self) -> dict[str, Any]:
        """The figures: of each kind how many, the median and the 95th percentile of seconds."""
        kinds = {
            kind: {"count": len(all_), "median": _at(all_, 50), "p95": _at(all_, 95)}
            for kind, all_ in sorted(self.seconds.items())
        }
        return {"kinds": kinds, "wrong": self.wrong, "refused": self.refused, "failures": self.failures}


def main(visitors: int = 50, patience: float = 600, out: Path | None = None) -> int:
    """Let `visitors` in at once, none of whom waits longer than `patience` seconds."""
    with page() as url, httpx.Client(base_url=url, timeout=patience) as client:
        seen, over = Seen(), Event()
        watching = Thread(target=watch, args=(url, seen, over))
        watching.start()
        started = time.monotonic()
        with ThreadPoolExecutor(visitors) as pool:
            list(pool.map(lambda n: visit(url, n, patience, seen), range(visitors)))
        took = time.monotonic() - started
        over.set()
        watching.join()
        memory = _memory(client.get("/metrics").text)
    once = compare(seen, patience)
    told = {"visitors": visitors, "seconds": took, "alone": once, "resident_mb": memory, "peak_mb": seen.resident}
    told |= seen.told()
    print(json.dumps(told, indent=2))
    if out:
        out.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    return 1 if seen.wrong or seen.failures else 0


def compare(seen: Seen, patience: float) -> float:
    """Seconds that a task takes alone, in the mean; answers that differ there are counted."""
    numbers = [number for number, found in sorted(seen.answers.items()) if found is not None]
    numbers = numbers[:: max(1, len(numbers) // ASKED)][:ASKED]
    with page() as url, httpx.Client(base_url=url, timeout=patience) as client:
        answer(client, task(0, seed=1_000_000))  # the model is loaded
        started = time.monotonic()
        seen.wrong += sum(answer(client, task(number % TASKS, number)) != seen.answers[number] for number in numbers)
        return (time.monotonic() - started) / max(1, len(numbers))


def visit(url: str, number: int, patience: float, seen: Seen) -> None:
    """What one visitor does; what goes wrong is kept, and stops nobody."""
    kind, which = KINDS[number % len(KINDS)], number % TASKS
    begun = time.monotonic()
    try:
        with httpx.Client(base_url=url, timeout=patience) as client:
            if kind == "adapt":
                seen.answers[number] = found = answer(client, task(which, number))
                seen.refused += found is None
            elif kind == "leave":
                with client.stream("GET", f"{CALL}/{ask(client, task(which, number))}") as said:
                    next(said.iter_raw(), None)  # and goes
            else:
                for body in RUBBISH:
                    if (status := client.post(CALL, content=body).status_code) >= 500:
                        seen.failures.append(f"{status} for {body[:20]!r}")
    except Exception as error:
        seen.failures.append(f"{kind}: {type(error).__name__}: {error}")
    seen.seconds[kind].append(time.monotonic() - begun)


def watch(url: str, seen: Seen, over: Event) -> None:
    """Opens the page and asks for its health, until all others have gone."""
    once = httpx.Limits(max_keepalive_connections=0)  # one that is kept may be closed just as it is used again
    with httpx.Client(base_url=url, timeout=60, limits=once) as client:
        while not over.wait(0.5):
            for path in ("/", "/healthz", "/metrics"):
                begun = time.monotonic()
                try:
                    said = client.get(path)
                    if said.status_code != 200:
                        seen.failures.append(path)
                    elif path == "/metrics":
                        seen.resident = max(seen.resident, _memory(said.text) or 0.0)
                except httpx.HTTPError as error:
                    seen.failures.append(f"{path}: {type(error).__name__}")
                seen.seconds[path].append(time.monotonic() - begun)


def task(which: int, seed: int = 0) -> list[Any]:
    """The arguments of a call: a few classes of one of the page's samples, three algorithms."""
    rows = load_sample(_enough()[which % len(_enough())]).support
    labels = _full(rows)[:WAYS]
    support = [
        {"text": row.content, "label": label}
        for label in labels
        for row in [row for row in rows if row.label == label][:SHOTS]
    ]
    return [{"support": support, "query": support[::SHOTS]}, "minilm", ["protonet", "maml", "anil"], seed, "auto", {}]


def _enough() -> list[str]:
    """Samples of texts with as many classes, and examples of each."""
    found = ((name, load_sample(name)) for name in sample_names("text"))
    return [name for name, sample in found if sample.objective.name == "classes" and len(_full(sample.support)) >= WAYS]


def _full(rows: Sequence[Example]) -> list[str]:
    """The classes of which there are enough examples."""
    return sorted(label for label, count in Counter(str(row.label) for row in rows).items() if count >= SHOTS)


def ask(client: httpx.Client, arguments: list[Any]) -> str:
    """The number of a call that was begun."""
    said = client.post(CALL, json={"data": arguments})
    said.raise_for_status()
    return str(said.json()["event_id"])


def answer(client: httpx.Client, arguments: list[Any]) -> list[Any] | None:
    """What the page predicts, which is the same for the same task; None where there was no room."""
    with client.stream("GET", f"{CALL}/{ask(client, arguments)}") as said:
        event = ""
        for line in said.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "complete":
                return [[r["algorithm"], r["predictions"], r["steps"]] for r in json.loads(value)[0]["results"]]
            elif name == "data" and event == "error":
                if "others are waiting" in value:
                    return None
                raise ValueError(value)
    raise ValueError("the stream ended without an answer")


@contextmanager
def page() -> Iterator[str]:
    """A page of its own on the loopback device -> its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "META_DEMO_PUBLIC": "1", "HF_HUB_OFFLINE": "1"}
    running = subprocess.Popen(
        [sys.executable, "-c", "from meta_demo.start import main; main()"], env=os.environ | given
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{url}/healthz").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url
    finally:
        running.terminate()
        running.wait(30)


def _memory(said: str) -> float | None:
    """Resident megabytes, where the system tells of them."""
    lines = dict(line.rsplit(" ", 1) for line in said.splitlines() if not line.startswith("#"))
    found = lines.get("process_resident_memory_bytes")
    return float(found) / 2**20 if found else None


def _at(seconds: list[float], percent: int) -> float:
    return quantiles(seconds, n=100, method="inclusive")[percent - 1] if len(seconds) > 1 else seconds[0]


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
