"""Who asks, as the queue tells them apart; and that nothing is computed for a program that has left or cancelled its call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gradio.context import LocalContext

from meta_demo.serving.service import HEAVY, Service
from meta_demo.serving.turns import Turn
from meta_demo.ui import blocks
from meta_demo.ui.guard import ENDS
from meta_demo.ui.sessions import heard

LOOK = 0.5  # seconds after which it is looked whether somebody still listens
THREADS = ThreadPoolExecutor(HEAVY + 8, "caller")  # as many as there are places, and those who read tasks

T = TypeVar("T")


def visitor(request: Any) -> object:
    """Who sits at a page, as the queue tells them apart; None where there is no page."""
    return getattr(request, "session_hash", None)


def caller() -> object:
    """Who calls, as the queue tells them apart: all calls of one address share what one visitor gets. None where nobody knows."""
    host = _address(LocalContext.request.get(None))
    return ("address", host) if host else None


def begun(service: Service, request: Any, kind: str) -> Turn:
    """A place for what a visitor at a page begins, in that of their last of its `kind`. Raises UserError where there is no room, or where
    their address asks too often."""
    service.pace.spend(_address(request))
    return service.heavy.enter(visitor(request), replaces=kind)


def called(service: Service) -> Turn:
    """A place for what a program asks for. Raises UserError as `begun` does."""
    service.pace.spend(_address(LocalContext.request.get(None)))
    return service.heavy.enter(caller())


def _address(request: Any) -> str | None:
    client = getattr(request, "client", None)
    return client.host if client else None


def queued(turn: Turn, notice: Any, then: str, lang: str) -> Iterator[dict[Any, Any]]:
    """What a `notice` says of one's place until the turn comes, and `then`. Raises Gone."""
    told = False
    for place in turn.waiting():
        told = True
        yield {notice: blocks.waiting(place, lang)}
    if told:
        yield {notice: then}


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns, while others are served. Should its thread end, that is an error as others are, and not the server's end."""

    def alive() -> T:
        try:
            return work()
        except ENDS as error:
            raise RuntimeError("the thread has ended") from error

    return await asyncio.get_running_loop().run_in_executor(THREADS, alive)


async def while_heard(turn: Turn, work: Callable[[], T]) -> T:
    """What `work`, which computes in `turn`, returns. Where the caller leaves or cancels, the turn is over, and `work` raises Gone."""
    task = asyncio.ensure_future(in_thread(work))
    try:
        while not (await asyncio.wait([task], timeout=LOOK))[0]:
            if not heard():
                turn.leave()
        return task.result()
    finally:
        turn.leave()
