"""What stands between a handler and the page: errors become sentences, and what says nothing changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from test_gaps import ENGLISH

from meta_demo.core.errors import UserError
from meta_demo.ui.guard import guarded

MESSAGE = gr.HTML()


def silent(*_: Any) -> Iterator[dict[Any, Any]]:
    yield from ()


def empty(*_: Any) -> Iterator[dict[Any, Any]]:
    yield {}


@pytest.mark.parametrize("handler", [silent, empty])
def test_a_stream_in_which_nothing_comes_leaves_every_output_as_it_is(handler: Any) -> None:
    """Gradio would empty them all, the captions of buttons too."""
    assert list(guarded(MESSAGE, handler)({}, ENGLISH)) == [gr.skip()]


def test_an_error_in_the_midst_of_a_stream_is_said() -> None:
    def failing(*_: Any) -> Iterator[dict[Any, Any]]:
        yield {MESSAGE: "first"}
        raise UserError("algorithm_none")

    first, last = guarded(MESSAGE, failing)({}, ENGLISH)
    assert first == {MESSAGE: "first"} and 'role="alert"' in last[MESSAGE]


@pytest.mark.parametrize("stood", ["", "<p>what was wrong</p>"])
def test_a_late_answer_clears_what_stood_there_and_not_what_was_said_meanwhile(stood: str) -> None:
    other = gr.HTML()

    def stream(*_: Any) -> Iterator[dict[Any, Any]]:
        yield {MESSAGE: "", other: "drawn"}

    def call(*_: Any) -> dict[Any, Any]:
        return {MESSAGE: ""}

    (drawn,) = guarded(MESSAGE, stream)({MESSAGE: stood}, ENGLISH)
    cleared = guarded(MESSAGE, call)({MESSAGE: stood}, ENGLISH)
    assert drawn == ({MESSAGE: "", other: "drawn"} if stood else {other: "drawn"})
    assert cleared == ({MESSAGE: ""} if stood else gr.skip())
