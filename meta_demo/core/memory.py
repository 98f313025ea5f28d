"""Memory back to the system. The GNU C library keeps freed memory for later; elsewhere nothing in here does anything."""

from __future__ import annotations

import ctypes
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
