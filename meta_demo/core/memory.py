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
    """What there is now is taken to stay: whoever looks later for what nobody holds any more need not look through it again."""
    gc.collect()
    gc.freeze()
    give_back()


def tidy() -> None:
    """What nobody holds any more but itself goes, and its memory back to the system: an error holds all that was computed where it arose,
    a request with a large body among it, and Python looks for such only once many others have come."""
    gc.collect()
    give_back()
