"""Rubbish that nearly is none: task files, and calls of a running page's API. Each is taken, or refused in a sentence of ours."""

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
from conftest import Host, serving
from fuzzing import tries
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
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
    with serving(tmp_path_factory.mktemp("fuzz") / "log.txt", META_DEMO_PUBLIC="1") as found:
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
