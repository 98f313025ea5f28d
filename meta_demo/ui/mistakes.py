"""What is told of a call that nobody can read, which pages never send: one sentence and 4xx, where Gradio would say 500 and nothing."""

from __future__ import annotations

import errno
from contextvars import ContextVar
from typing import Any

import gradio as gr
from gradio import queueing, utils
from gradio.blocks import BlockFunction
from gradio.context import LocalContext

from meta_demo.core.errors import UserError
from meta_demo.serving import meter
from meta_demo.ui.bodies import refuse
from meta_demo.ui.guard import told
from meta_demo.ui.words import request_language
from meta_demo.words import text

_UNREADABLE: ContextVar[list[Exception] | None] = ContextVar(
    "unreadable", default=None
)  # of the request that is answered
OURS = (OSError, MemoryError)  # what fails for want of room or of a file is no mistake of who sent it

_payload = utils.error_payload


class Mistakes:
    """ASGI middleware: where the application cannot read what was sent, so that it fails before it answers, the answer is a sentence.

    What fails afterwards, in a handler, is a fault of ours and stays one.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        begun, unreadable = False, list[Exception]()
        _UNREADABLE.set(unreadable)

        async def noting(event: Any) -> None:
            nonlocal begun
            begun = True
            if event.get("status") == 500 and unreadable:
                event = {**event, "status": 400}
            await send(event)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if begun or scope["type"] != "http" or (isinstance(error, OURS) and not _is_full(error)):
                raise
            meter.count(error)
            await refuse(scope, send, _said_of(error))


def _is_full(error: Exception) -> bool:
    """Whether there is no room on the disk."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _said_of(error: Exception) -> UserError:
    """What the sender of what failed so is told."""
    if _is_full(error):
        return UserError("uploads_full")
    return UserError("body_text" if isinstance(error, UnicodeDecodeError) else "body_call")


class Blocks(gr.Blocks):  # type: ignore[misc]
    """A page that says how many values were too few, and notes which no component takes."""

    async def preprocess_data(self, *given: Any, **named: Any) -> Any:
        try:
            return await super().preprocess_data(*given, **named)
        except Exception as error:
            if (noted := _UNREADABLE.get()) is not None:
                noted.append(error)
            raise

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        needed, given = len(block_fn.inputs), len(inputs)
        if given < needed:
            few = UserError("api_few", name=block_fn.name, needed=needed, given=given)
            meter.count(few)
            raise gr.Error(told(few, _lang()), print_exception=False)


def payload(error: BaseException | None, show_error: bool) -> Any:
    """What Gradio sends of an error, a sentence of ours where it would send none."""
    if isinstance(error, gr.Error):
        return _payload(error, show_error)
    if isinstance(error, Exception):
        meter.count(error)
    return _payload(gr.Error(text("page.error.unexpected", _lang())), show_error)


def say_what_is_wrong() -> None:
    """From now on no error is told as nothing."""
    queueing.error_payload = utils.error_payload = payload


def _lang() -> str:
    request = LocalContext.request.get(None)
    return request_language(request) if isinstance(request, gr.Request) else "en"
