"""Memory back to the system. The GNU C library keeps freed memory for later; elsewhere nothing in here does anything."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def give_back() -> None:
    """Hand freed pages, wherever they lie between used ones, back to the system; other threads go on meanwhile."""
    trim = _trim()
    if trim:
        trim(0)


def settle() -> None:
    """What there is now is taken to stay: whoever tidies up need not look through it again."""
    gc.collect()
    gc.freeze()


def tidy(*, settled: bool = False) -> None:
    """What nobody holds any more but itself goes, and its memory back to the system; what has `settled` is looked through where that is
    asked. An error holds all that was computed where it arose, a request with a large body among it, and Python looks for such only once
    many others have come."""
    frozen = settled and gc.get_freeze_count() > 0
    if frozen:
        gc.unfreeze()
    gc.collect()
    if frozen:
        gc.freeze()
    give_back()
