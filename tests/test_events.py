"""How the page's events are wired: each is answered, and none goes round for ever."""

from __future__ import annotations

import time
from collections import defaultdict

import browsing
import pytest
from browsing import SLOW, Open
from playwright.sync_api import expect

from meta_demo.serving.service import Service
from meta_demo.ui.events import LAST
from meta_demo.ui.page import build_app

LOADED = "load"  # comes once


def test_no_two_handlers_of_an_event_ask_each_other_again() -> None:
    """Gradio asks again by the event, to all handlers of it: of two that do, each would find the other at work, for ever."""
    again = defaultdict(set)
    for fn in build_app(Service()).fns.values():
        if fn.fn and fn.trigger_mode == LAST and fn.trigger_after is None:
            for target in fn.targets:
                again[target].add(fn.name)
    assert len(again) > 20
    assert [(event, names) for (_, event), names in again.items() if event != LOADED and len(names) > 1] == []


def test_no_handler_that_is_asked_again_reads_what_came_with_the_event() -> None:
    """It would be told of the event before."""
    told = [fn for fn in build_app(Service()).fns.values() if fn.collects_event_data]
    assert told and {fn.trigger_mode for fn in told} <= {"multiple", "once"}


@pytest.mark.parametrize("asked", ["try_another", "attend"])
def test_answers_and_attention_wait_for_nothing_else(asked: str) -> None:
    """Each is asked for as soon as a key was pressed, and not once the server has answered something else."""
    fns = build_app(Service()).fns
    (found,) = [fn for fn in fns.values() if fn.name == asked]
    before = fns[found.trigger_after]
    assert before.fn is None and before.trigger_after is None and len(before.targets) >= 2


@pytest.mark.browser
def test_a_page_that_was_typed_into_falls_silent(visit: Open) -> None:
    page = visit()
    browsing.without(page, "Fine-tuning", "MAML")
    page.click("#start")
    expect(page.locator(".prediction")).to_have_count(1, timeout=SLOW)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for number in range(8):  # each while the last is being answered
        page.fill("#sentence textarea", f"a room with a view of the sea {number}")
        page.wait_for_timeout(40)
    end = time.monotonic() + SLOW / 1000
    while asked and time.monotonic() < end:
        asked.clear()
        page.wait_for_timeout(4000)
    assert asked == []
