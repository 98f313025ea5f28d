"""What a visitor sees when something goes wrong: one sentence in their language, never a traceback."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from meta_demo.algorithms.registry import get_algorithm
from meta_demo.core.errors import UserError, trace_of
from meta_demo.learning.checkpoint import read_card
from meta_demo.serving import meter
from meta_demo.serving.turns import Gone
from meta_demo.ui import blocks
from meta_demo.ui.sessions import heard
from meta_demo.ui.words import request_language, title
from meta_demo.words import text

Values = dict[Any, Any]  # component -> what the browser says it holds
Updates = dict[Any, Any]  # component -> what it shall hold

ENDS = (SystemExit, KeyboardInterrupt)  # what ends a thread, and the whole server where it gets out of a handler

_LOG = logging.getLogger(__name__)


def sentence(error: BaseException, lang: str) -> str:
    """A UserError's own sentence; for anything else a general one, and where it happened goes to the log. Each is counted.

    Neither the error's words nor its values are logged: they may be a visitor's.
    """
    meter.count(error)
    if isinstance(error, UserError):
        return _fixed_knob(error, lang) if error.name == "checkpoint_knob" else told(error, lang)
    _LOG.error(trace_of(error))
    return text("page.error.unexpected", lang)


def told(error: UserError, lang: str) -> str:
    """The sentence of `error`; of a folder of this machine it names the end, which is all that a visitor knows."""
    values = {name: "/".join(Path(v).parts[-2:]) if name == "folder" else v for name, v in error.values.items()}
    return text(f"error.{error.name}", lang, **values)


def _fixed_knob(error: UserError, lang: str) -> str:
    """A knob that a meta-trained start cannot do without, in the words that stand on the page."""
    v = error.values
    algorithm = read_card(v["folder"]).algorithm
    knob = next(k for k in get_algorithm(algorithm).Config.knobs() if k.name == v["name"])
    return text(
        "page.starts.knob",
        lang,
        algorithm=title(algorithm, lang),
        knob=knob.said(lang),
        made=v["made"],
        value=v["value"],
    )


def guarded(message: gr.HTML, handler: Callable[..., Any]) -> Callable[..., Any]:
    """`handler(values, request, ...)`, with its errors shown in `message`.

    What clears the message clears what stood there when the visitor acted: where nothing did, an answer that comes late leaves what
    has been said meanwhile.
    """

    def whole(updates: Any, values: Values) -> Any:
        if updates and updates.get(message) == "" and values.get(message) == "":
            updates = {part: value for part, value in updates.items() if part is not message}
        # Gradio takes an empty dictionary for a missing value, not for components that stay as they are
        return gr.skip() if updates == {} else updates

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(values: Values, request: gr.Request, *event: gr.EventData) -> Iterator[Updates]:
            nothing = True  # Gradio empties every output of a stream in which nothing came
            try:
                for updates in handler(values, request, *event):
                    if not heard():
                        raise Gone
                    nothing = False
                    yield whole(updates, values)
            except Gone:  # nobody waits for it any more
                pass
            except (Exception, *ENDS) as error:
                nothing = False
                yield {message: blocks.alert(sentence(error, request_language(request)))}
            if nothing:
                yield gr.skip()

        return stream

    @functools.wraps(handler)
    def call(values: Values, request: gr.Request, *event: gr.EventData) -> Any:
        try:
            return whole(handler(values, request, *event), values)
        except Gone:
            return gr.skip()
        except (Exception, *ENDS) as error:
            return {message: blocks.alert(sentence(error, request_language(request)))}

    return call
