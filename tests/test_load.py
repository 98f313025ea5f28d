"""The benchmarks of many visitors, small: that they ask what the page takes, hear what it says, and find it right."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from conftest import UNOPENED, Host, serving
from requests import Session

from benchmarks import rude, sender
from benchmarks.asked import examples, work
from benchmarks.rubbish import KINDS, Kind
from benchmarks.wire import Page, answer, browser, events
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.serving.service import Service
from meta_demo.ui.endpoint import adapt_endpoint

ROOT = Path(__file__).parents[1]
SESSIONS, REQUESTS = 30, 204


@pytest.mark.parametrize("number", [0, 1])
def test_the_load_asks_for_what_the_api_takes(service: Service, number: int) -> None:
    """Over plain HTTP every argument has to be there."""
    arguments = work(number, 5, 5)
    assert len(arguments) == len(inspect.signature(adapt_endpoint(service)).parameters)
    episode = parse_episode(arguments[0])
    assert len(episode.support) == 25 and len(episode.objective.labels) == 5
    assert examples(number, 5, 5) == examples(number, 5, 5) != examples(number + 1, 5, 5)


def test_a_stream_is_heard_event_by_event() -> None:
    lines = [b"event: complete", b"data: [1]", b"", b"data: {}", b"event: error", b"data: null"]
    assert [*events(lines)] == [("complete", [1]), ("", {}), ("error", None)]


@pytest.mark.slow
def test_a_few_visitors_are_let_in_at_once() -> None:
    """By locust, which has a process to itself."""
    sizes = ["--visitors", "3", "--ways", "2", "--shots", "2", "--quiet", "1", "--hurt", "34", "--no-write"]
    command = [sys.executable, "-m", "benchmarks.load", *sizes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout[done.stdout.index("{") :])
    assert done.returncode == 0, told
    assert told["answers"] == 3 and told["wrong"] == told["failures"] == [] and told["refused"] == 0
    assert told["peak MB"] > 100 and "prediction |" in done.stdout


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A page of its own, which may refuse those who ask too often."""
    with serving(tmp_path_factory.mktemp("rude") / "log.txt", UNOPENED, 600, META_DEMO_PUBLIC="1") as found:
        yield found


@pytest.mark.slow
def test_what_no_page_sends_is_refused_and_the_page_answers_as_before(host: Host) -> None:
    client: Session = browser()
    first = Page(client, host.url.rstrip("/"))
    asked = work(0, 2, 2)
    before = answer(client, first.url, asked, 120)
    for number in range(SESSIONS):
        sender.visit(first, number, adapts=number < 3)
    met = sender.Met()
    for number in range(REQUESTS):
        sender.send(first, number, 0, met)
    assert met.failures == []
    assert {*met.statuses} == {kind.__name__ for kind in KINDS}
    log = host.log.read_text()
    assert [fault for fault in rude.FAULTS if fault in log] == []
    assert answer(client, first.url, asked, 120) == before


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_rubbish_is_the_same_for_the_same_chance(kind: Kind) -> None:
    """What the benchmark found is found again."""
    page = Page.__new__(Page)
    page.name, page.values = "me", {1: "a", 2: None}
    page.events = [{"id": 0, "inputs": [1, 2], "backend_fn": True}]
    page.__dict__["paths"] = {"/a/{name}": ["get"], "/b": ["post"]}
    assert kind(page, Random(3)) == kind(page, Random(3))


@pytest.mark.parametrize(("status", "bad"), [(200, False), (404, False), (500, True), (502, True), (507, False)])
def test_an_answer_that_should_not_have_been_is_kept(status: int, bad: bool) -> None:
    met = sender.Met()
    met.note("x", status, KINDS[2](Page.__new__(Page), Random(0)))
    assert bool(met.failures) is bad
