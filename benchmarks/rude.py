"""What is left of a page after a thousand visitors and ten thousand requests that no page sends: its memory, its answers, its patience.

    python -m benchmarks.rude [--sessions 1000] [--requests 10000] [--seed 0] [--no-write]

Starts the page on a free port of the loopback device; so many visitors open it and adapt, so many malformed requests follow, of every
kind in `rubbish.py`. The laws: nothing is answered with 5xx and no handler fails; memory is at most
what it was idle, the bound of the cache, and 300 MB; and the page answers as a new one does, to the last digit. The exit code is 1 where
one is broken. Writes `benchmarks/results/rude.json`.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import tyro

from benchmarks import report
from benchmarks.asked import work
from benchmarks.hosted import Host, host, load
from benchmarks.sender import AT_ONCE, PATIENCE, Met, send, visit
from benchmarks.wire import Page, answer, browser
from meta_demo.core.cache import SERVING
from meta_demo.ui.serve import LOOK, LOOKS
from meta_demo.ui.sessions import UNFETCHED

ALLOWED = 300  # MB above what is idle and the bound of the cache
RIGHT = 10  # answers that are looked at afterwards
FAULTS = ("Traceback", "ui/guard.py")  # in the log of what nobody foresaw, and of a handler that failed

COLUMNS = {"kind": "种类", "sent": "发送", "2xx": "2xx", "4xx": "4xx", "5xx": "5xx", "no answer": "无回应"}
TITLE = {
    "en": "Requests that no page sends, and what became of them",
    "zh": "任何页面都不会发送的请求，以及它们的结果",
}


@dataclass
class Arguments:
    """A thousand visitors, and ten thousand requests that no page sends."""

    sessions: int = 1000
    requests: int = 10_000
    seed: int = 0
    rest: float = UNFETCHED + 2 * LOOK * LOOKS  # seconds before memory is looked at, in which the page tidies up
    write: bool = True  # whether the table in benchmarks/results is written anew


def main(arguments: Arguments) -> int:
    """Opens, sends, and says what is left."""
    before = load()
    with host() as page, page.peak() as peak:
        idle = page.resident()
        first = Page(browser(), page.url)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda number: visit(first, number), range(arguments.sessions)))
            quiet(page)
            visited = page.resident()
            met = Met()
            list(pool.map(lambda number: send(first, number, arguments.seed, met), range(arguments.requests)))
        quiet(page)
        time.sleep(arguments.rest)
        after, logged = page.resident(), page.log.read_text("utf-8")
        found = rights(page)
    with host() as other:
        wrong = sum(one != another for one, another in zip(found, rights(other), strict=True))
    allowed = idle + SERVING + ALLOWED
    broken = faults(logged)
    broken += met.failures + [f"{wrong} of {RIGHT} answers are others than a new page's"] * bool(wrong)
    broken += [f"{after:.0f} MB where {allowed:.0f} are allowed"] * (after > allowed)
    memory = {"idle": idle, "sessions": visited, "after": after, "allowed": allowed, "peak": peak[0]}
    told = {"memory": memory, "wrong": wrong, "broken": broken, "load": [before, load()]}
    rows = [[kind, found.total(), *(found[name] for name in [*COLUMNS][2:])] for kind, found in met.statuses.items()]
    for row in rows:
        print(" | ".join(map(str, row)), flush=True)
    print(json.dumps(told, indent=2))
    if arguments.write:
        said: dict[str, Any] = {"title": TITLE, "notes": notes(told, arguments), "order": report.MEMORY}
        report.write("rude", "python -m benchmarks.rude", COLUMNS, rows, **said)
    return 1 if broken else 0


def faults(logged: str) -> list[str]:
    """What the log says around each fault: of what kind it was stands before it, and where it arose after it."""
    lines = logged.splitlines()
    places = [place for place, line in enumerate(lines) if any(fault in line for fault in FAULTS)]
    return ["\n".join(lines[max(0, place - 2) : place + 12]) for place in places]


def quiet(page: Host) -> None:
    """Until nobody's work is waiting, which may take a while: some of what nobody waits for is adapted all the same."""
    end = time.monotonic() + 5 * PATIENCE
    while time.monotonic() < end and any(value for name, value in figures(page.url) if "queue_length" in name):
        time.sleep(0.5)


def figures(url: str) -> list[tuple[str, float]]:
    """The numbers of `/metrics`, by names with their labels."""
    with browser() as client:
        lines = client.get(f"{url}/metrics", timeout=PATIENCE).text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return [(name, float(value)) for name, value in pairs]


def rights(page: Host) -> list[Any]:
    """What the page answers to a few tasks of which nothing is known."""
    with browser(700) as client:
        return [answer(client, page.url, work(50_000 + number, 3, 2), PATIENCE) for number in range(RIGHT)]


def notes(told: dict[str, Any], arguments: Arguments) -> dict[str, str]:
    """What stands beneath the table."""
    idle, visited, after, allowed, peak = (round(value) for value in told["memory"].values())
    before, now = told["load"]
    sessions, sent, right = arguments.sessions, arguments.requests, RIGHT - told["wrong"]
    return {
        "en": f"{sessions} visitors open the page and adapt, then {sent} requests come that no page sends. "
        f"MB resident: {idle} idle, {visited} after the visitors, {peak} at the most, {after} at the end, {allowed} allowed. "
        f"Afterwards {right} of {RIGHT} answers are equal to the bit to those of a new page. "
        f"Programs that wanted a processor, in the mean of a minute: {before} before, {now} after.",
        "zh": f"{sessions} 位访问者打开页面并适应，随后收到 {sent} 个任何页面都不会发送的请求。常驻内存（MB）："
        f"空闲 {idle}，访问之后 {visited}，最多 {peak}，结束时 {after}，允许 {allowed}。"
        f"之后 {RIGHT} 个回答中有 {right} 个与新页面逐位相同。一分钟内等待处理器的程序平均数：之前 {before}，之后 {now}。",
    }


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Arguments)))
