"""Rubbish that nearly is none: task files, calls of a running page's API, whatever else it can be asked, and a monkey in a browser.

Each is taken, or refused in a sentence of ours, and afterwards the page is as it was.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from browsing import SLOW, Open, adapt, without
from conftest import UNOPENED, Host, serving
from fuzzing import SECONDS, tries, while_there_is_time
from hypothesis import given
from hypothesis import strategies as st
from monkey import Monkey
from openpyxl import Workbook
from playwright.sync_api import expect
from test_api import TASK
from test_mistakes import post

from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.words import text

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["label", "text", "a"])
)
ANYTHING = st.recursive(
    LEAVES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=6), part, max_size=3),
    max_leaves=8,
)
ARGUMENTS: list[Any] = [TASK, "minilm", ["protonet"], 0, "auto", {"protonet": {}}]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a value, that itself first."""
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from places(part, (*at, key))


@st.composite
def nearly(draw: st.DrawFn, value: Any) -> Any:
    """A value in which something else stands at a place or two, or nothing any more."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 2))):
        where = draw(st.sampled_from([*places(value)]))
        if not where:
            return draw(ANYTHING)
        holder = value
        for key in where[:-1]:
            holder = holder[key]
        if draw(st.booleans()):
            holder[where[-1]] = draw(ANYTHING)
        else:
            del holder[where[-1]]
    return value


@tries(100)
@given(nearly(TASK))
def test_a_task_that_is_nearly_one_is_read_or_refused(task: Any) -> None:
    try:
        assert isinstance(parse_episode(task), Episode)
    except UserError as error:
        assert error.message("en") and error.message("zh")


def written() -> dict[str, bytes]:
    """A file of each kind that is read, as it should be."""
    rows = [[row["text"], row["label"]] for row in TASK["support"]]
    table, book = io.StringIO(), Workbook()
    csv.writer(table).writerows([["text", "label"], *rows])
    for row in (["text", "label"], *rows):
        book.active.append(row)
    book.save(packed := io.BytesIO())
    return {
        ".json": json.dumps(TASK).encode(),
        ".jsonl": "\n".join(json.dumps(row) for row in TASK["support"]).encode(),
        ".csv": table.getvalue().encode(),
        ".tsv": table.getvalue().replace(",", "\t").encode(),
        ".xlsx": packed.getvalue(),
    }


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv", ".xlsx"])
def test_a_file_that_is_nearly_one_is_read_or_refused(suffix: str, tmp_path: Path) -> None:
    whole = written()[suffix]

    @tries()
    @given(
        st.lists(
            st.tuples(st.integers(0, len(whole)), st.integers(0, 4), st.binary(max_size=4)), min_size=1, max_size=4
        )
    )
    def attempt(changes: list[tuple[int, int, bytes]]) -> None:
        content = whole
        for place, left_out, put in changes:
            content = content[:place] + put + content[place + left_out :]
        file = tmp_path / f"task{suffix}"
        file.write_bytes(content)
        try:
            assert isinstance(read_episode(file), Episode)
        except UserError as error:
            assert error.message("en") and error.message("zh")

    attempt()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A page of its own, which may refuse those who ask too often."""
    with serving(tmp_path_factory.mktemp("fuzz") / "log.txt", UNOPENED, META_DEMO_PUBLIC="1") as found:
        yield found


@pytest.mark.slow
def test_a_call_that_is_nearly_one_is_answered_or_refused(host: Host) -> None:
    @tries(25)
    @given(nearly(ARGUMENTS))
    def attempt(data: Any) -> None:
        try:
            body = json.dumps({"data": data}, allow_nan=False).encode()
        except (ValueError, UnicodeEncodeError):
            return  # no JSON
        status, said = post(f"{host.url}gradio_api/call/adapt", body)
        assert status in (200, 400, 422), said
        if status == 200:
            with urllib.request.urlopen(f"{host.url}gradio_api/call/adapt/{said['event_id']}", timeout=120) as answer:
                *_, last = [part for part in answer.read().decode().split("\n\n") if part]
            event, _, told = last.partition("\ndata: ")
            assert event in ("event: complete", "event: error")
            if event == "event: error":
                assert json.loads(told)["error"] not in (None, text("page.error.unexpected")), (data, told)

    attempt()
    assert "Traceback" not in host.log.read_text()


def schema_of(host: Host, path: str) -> Any:
    """What may be asked of the page, as it says itself."""
    import schemathesis  # which takes a second

    found = schemathesis.openapi.from_url(f"{host.url}{path}", wait_for_schema=60)
    found.config.update(base_url=host.url.rstrip("/"))
    return found


# What the page's own server offers, and what Gradio says of the API's one endpoint.
SCHEMAS = ("openapi.json", "gradio_api/openapi.json")
ENDLESS = ("heartbeat", "queue/data", "dev/reload", "stream")  # in the paths of what goes on for as long as one listens


@pytest.mark.slow
@pytest.mark.parametrize("path", SCHEMAS)
def test_nothing_that_can_be_asked_is_answered_with_5xx(host: Host, path: str) -> None:
    """By schemathesis, which makes requests from what the page says that it takes, and some that are a little beside that."""
    from schemathesis import GenerationMode

    operations = [found.ok() for found in schema_of(host, path).get_all_operations()]
    ways = [(operation, mode) for operation in operations for mode in GenerationMode if _ends(operation)]
    assert ways

    @tries()
    @given(st.sampled_from(ways).flatmap(lambda way: way[0].as_strategy(generation_mode=way[1])))
    def attempt(case: Any) -> None:
        try:
            said = case.call(timeout=60, stream=True)
        except (requests.exceptions.InvalidHeader, requests.exceptions.ChunkedEncodingError):
            return  # nobody can send it, or there is no such event, which Gradio says and goes
        assert said.status_code < 500 or said.status_code == 507 or case.method == "TRACE", (case.method, case.path)

    attempt()
    assert "Traceback" not in host.log.read_text()
    assert post(f"{host.url}gradio_api/call/adapt", json.dumps({"data": ARGUMENTS}).encode())[0] == 200


def _ends(operation: Any) -> bool:
    return not any(part in operation.path for part in ENDLESS)


def test_a_monkey_leaves_a_page_that_adapts(visit: Open, browser: Any, page_url: str, tmp_path: Path) -> None:
    """No error in the console but what was refused, no 5xx, no traceback in sight; and whoever comes next finds a page that works."""
    for seed in while_there_is_time(1):
        context = browser.browser.new_context()
        page = context.new_page()
        monkey = Monkey(page, seed, tmp_path)
        page.goto(page_url)
        page.locator("#model-status .ready").wait_for(timeout=SLOW)
        monkey.play(min(SECONDS, 60), few=25)
        assert monkey.failures == [], (seed, monkey.did)
        context.close()
        again = visit()
        without(again, "Fine-tuning", "MAML")
        adapt(again)
        expect(again.locator("#message .alert")).to_have_count(0)
