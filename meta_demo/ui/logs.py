"""What the server's log says of a failure: its kind and where it happened, never the words, which may hold what a visitor wrote."""

from __future__ import annotations

import logging
import sys
import traceback
from types import ModuleType
from typing import Any

from gradio import queueing, route_utils, routes

from meta_demo.core.errors import trace_of

_LOG = logging.getLogger(__name__)
SERVERS = ("uvicorn.error", "asyncio")  # loggers that print an exception with its words


class _Wordless(ModuleType):
    """Stands for `traceback` in modules that print what failed."""

    def print_exc(self, *_: Any, **__: Any) -> None:
        if error := sys.exc_info()[1]:
            _LOG.error(trace_of(error))

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)


def wordless(record: logging.LogRecord) -> bool:
    """A filter of a logger: the exception of a record becomes its kind and where it happened."""
    if record.exc_info and record.exc_info[1]:
        record.msg, record.args = f"{record.msg}: {trace_of(record.exc_info[1])}", ()
        record.exc_info = record.exc_text = None
    return True


def keep_words_out() -> None:
    """From now on nothing that a visitor wrote is printed, whatever fails."""
    for module in (queueing, route_utils, routes):
        module.traceback = _Wordless("traceback")
    for name in SERVERS:
        logging.getLogger(name).addFilter(wordless)
