"""What dies in the midst of a visit: the server, by SIGKILL, or what computes. Nothing typed is lost, and one can press again."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsing import SENTENCES, SLOW, Visitors, adapt, cards
from conftest import UNOPENED, serving
from playwright.sync_api import Error, Page, expect
from requests import Session

from benchmarks import wire
from benchmarks.wire import answer
from meta_demo.words import text

pytestmark = pytest.mark.slow

DYING = """
import threading
from meta_demo.serving.jobs import Job
snapshots, dies = Job.snapshots, threading.Semaphore({times})

def midway(job):
    for number, snapshot in enumerate(snapshots(job)):
        if job.algorithm.name == "finetune" and number == 2 and dies.acquire(blocking=False):
            raise SystemExit("the thread ends")
        yield snapshot

Job.snapshots = midway
"""
TASK = {"support": [{"text": "one lamp", "label": "a"}, {"text": "two soups", "label": "b"}], "query": [{"text": "x"}]}
CALL = [TASK, "minilm", ["finetune"], 0, "none", {}]
CARDS = [{"name": "a", "examples": "one lamp"}, {"name": "b", "examples": "two soups"}]


def typed(page: Page) -> dict[str, Any]:
    """What stands where a visitor can write, and what they have chosen."""
    examples = page.locator("#cards textarea").evaluate_all("all => all.map(e => e.value)")
    chosen = page.locator("#algorithms input:checked").evaluate_all("all => all.map(e => e.value).sort()")
    tried = page.locator("#sentence textarea").input_value()
    return {"names": cards(page), "examples": examples, "chosen": chosen, "tried": tried}


@pytest.mark.browser
def test_after_kill_9_and_a_restart_the_page_comes_back_with_everything_typed(
    browser: Visitors, tmp_path: Path
) -> None:
    visitors = browser
    with serving(tmp_path / "first.txt", UNOPENED, 600) as first:
        visitor = visitors.enter(first.url, {"locale": "en-US", "viewport": {"width": 1600, "height": 1000}})
        page = visitor.page
        page.goto(first.url + SENTENCES)
        expect(page.locator("#cards .card").first).to_be_visible()
        page.locator("#cards .card-name").first.fill("mine")
        page.locator("#cards textarea").first.fill("one lamp\ntwo lamps")
        page.locator("#algorithms").get_by_label("MAML", exact=True).uncheck()
        page.fill("#sentence textarea", "three lamps")
        page.wait_for_function("() => Object.values(localStorage).some(kept => kept.includes('three lamps'))")
        page.click("#start")
        expect(page.locator(".run").first).to_be_visible(timeout=SLOW)  # in the midst of an adaptation
        first.process.kill()
        first.process.wait()
        page.wait_for_timeout(2000)  # by now the page knows
        page.locator("#cards .card-name").nth(1).fill("mine too")
        page.fill("#sentence textarea", "four lamps")
        page.wait_for_function("() => Object.values(localStorage).some(kept => kept.includes('four lamps'))")
        before = typed(page)
        with serving(tmp_path / "second.txt", UNOPENED, 600, PORT=str(urlsplit(first.url).port)) as second:
            with suppress(Error):  # Gradio loads the page anew too, once a server is there, and one of both is aborted
                page.reload()
            expect(page.locator("#draft .draft-said")).to_contain_text(
                text("page.draft.restored", when="").rstrip(" ."), timeout=SLOW
            )
            expect(page.locator("#cards .card-name").first).to_have_value("mine")
            expect(page.locator("#sentence textarea")).to_have_value("four lamps")
            assert typed(page) == before
            adapt(page)
            expect(page.locator(".prediction").first).to_be_visible(timeout=SLOW)
            expect(page.locator("#message .alert")).to_have_count(0)
            visitor.complaints.clear()  # that nobody was there
            visitors.leave(visitor)
            assert "Traceback" not in second.log.read_text()


@pytest.fixture
def client() -> Session:
    return wire.browser()


def test_a_thread_that_dies_in_the_midst_is_told_of_and_one_presses_again(client: Session, tmp_path: Path) -> None:
    """On the page and over the API; and the place that it had is free."""
    with serving(tmp_path / "log.txt", DYING.format(times=2) + UNOPENED, 600) as host:
        url = host.url.rstrip("/")
        page = wire.Page(client, url)
        page.open("text")
        page.put("cards", CARDS)
        page.put("algorithms", ["protonet", "finetune"])
        go = page.event("start", "click", "summary")
        told = dict(zip(go["outputs"], page.send(go), strict=True))
        assert text("page.error.unexpected") in str(told[page.parts["message"]])
        with pytest.raises(ValueError, match=text("page.error.unexpected")[:20]):
            answer(client, url, CALL, 60)
        for _ in range(2):
            told = dict(zip(go["outputs"], page.send(go), strict=True))
            assert 'class="summary"' in str(told[page.parts["summary"]])
        assert answer(client, url, CALL, 60) == answer(client, url, CALL, 60)
        free = 'meta_demo_queue_length{kind="heavy"} 0.0'
        end = time.monotonic() + 120
        while free not in client.get(f"{url}/metrics").text:
            assert time.monotonic() < end, "the place of what died is still taken"
            time.sleep(0.5)
        assert host.log.read_text().count("RuntimeError") >= 2, "the log says why"
