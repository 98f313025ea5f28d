"""The Status tab: what whoever runs the page sees, in both languages, and that strangers do not."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from browsing import Open
from playwright.sync_api import expect
from prometheus_client import Histogram

from meta_demo.core.errors import UserError
from meta_demo.serving import meter
from meta_demo.serving.service import Service
from meta_demo.ui import status
from meta_demo.ui.page import build_app
from meta_demo.ui.status import Times
from meta_demo.words import LANGUAGES, catalogue


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_sheet_says_what_is_so(lang: str, service: Service) -> None:
    turn = service.heavy.enter("v")
    try:
        with meter.timed("adapt"):
            pass
        meter.count(UserError("algorithm_none"))
        shown = status.show(service, request(lang))
    finally:
        turn.leave()
    assert "<b>0 + 1</b>" in shown and "algorithm_none" in shown
    assert catalogue()["page.status.kind.adapt"][lang] in shown


def request(lang: str) -> Any:
    return SimpleNamespace(headers={"accept-language": lang})


def test_every_kind_of_work_has_its_words(service: Service) -> None:
    sources = Path(meter.__file__).parent.glob("*.py")
    kinds = {kind for source in sources for kind in re.findall(r'timed\("(\w+)"', source.read_text("utf-8"))}
    assert len(kinds) > 5
    for kind in kinds:
        with meter.timed(kind):
            pass
    status.show(service, request("en"))


def test_percentiles_are_the_ends_of_buckets() -> None:
    seen = Histogram("x", "x", ["kind"], buckets=(1, 2, 5), registry=None)
    for seconds in [0.5] * 10 + [1.5] * 80 + [4.0] * 8 + [9.0] * 2:
        seen.labels("a").observe(seconds)
    assert status._times(seen.collect())["a"] == Times(100, pytest.approx(1.75), 5.0)
    seen.labels("b").observe(99.0)
    assert status._times(seen.collect())["b"].high == 5.0


@pytest.mark.parametrize(("setting", "there"), [("0", False), ("1", True)])
def test_it_is_there_where_the_settings_say_so(
    setting: str, there: bool, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_DEMO_STATUS", setting)
    tabs = [block.id for block in build_app(service).blocks.values() if isinstance(block, gr.Tab)]
    assert ("status" in tabs) is there


def test_it_fills_while_it_is_looked_at(visit: Open) -> None:
    page = visit()
    page.locator("#tabs").get_by_role("tab", name="Status").click()
    memory = page.locator("#status .figures b").last
    expect(memory).to_contain_text("MB")
    with page.expect_response(lambda answer: answer.request.method == "POST", timeout=30_000):  # again, by the clock
        pass
