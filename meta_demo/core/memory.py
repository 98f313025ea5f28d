"""Memory back to the system. The GNU C library keeps freed memory for later; elsewhere nothing in here does anything."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from functools import cache

from meta_demo.core.settings import give

ARENA_MAX = -8  # of malloc.h
ALLOCATOR = "PYTHONMALLOC"  # read when Python starts


@cache
def _of_library(name: str) -> Callable[..., int] | None:
    """A function of the GNU C library's."""
    if not sys.platform.startswith("linux"):
        return None
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found


def take_from_library() -> None:
    """This program begins anew, in its own place, with every object of Python's in memory of the C library's; where it already is, or
    somebody has chosen, it goes on. Python's own allocator keeps a megabyte for the smallest object in it: after an afternoon of rubbish
    it held 340 MB for nothing."""
    if _of_library("malloc_trim") and give(ALLOCATOR, "malloc"):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def share_arenas(count: int = 2) -> None:
    """From now on threads share so many places that memory is taken from: each of its own keeps what others could use. For a process of
    many threads that take turns."""
    if choose := _of_library("mallopt"):
        choose(ARENA_MAX, count)


def give_back() -> None:
    """Hand freed pages, wherever they lie between used ones, back to the system; other threads go on meanwhile."""
    if trim := _of_library("malloc_trim"):
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
