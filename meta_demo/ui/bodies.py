"""How much a request may send, and how many large ones are taken in at once: before anything of them is kept.

A task, or a picture, is its body several times over while it is read. So a large body waits until another one has been answered, and
one that is larger than any file may be is refused in a sentence.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.files import MAX_FILE, MB
from meta_demo.words import language

MOST = 4 * MAX_FILE  # bytes: cards full of pictures are sent at every change
LARGE = 1 * MB  # bytes from which on a body waits for a seat
SEATS = 2  # for large bodies
ONE = (
    "/component_server",
    "/call/adapt",
    "/run/adapt",
    "/api/adapt",
)  # ends of paths to which one thing is sent: a file or a task
MOST_ONE = MAX_FILE * 4 // 3 + MB  # a file in base64, and what stands around it
PATIENCE = 120  # seconds in which a large body has come, so that nobody keeps a seat
STATUS = {"body_size": 413, "body_slow": 408, "too_often": 429, "uploads_full": 507, "body_text": 400, "body_call": 400}
UPLOADS = "/upload"  # which Gradio itself writes to the disk as it comes, and bounds


class Bodies:
    """ASGI middleware: bounds what is sent, and refuses more."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._seats: asyncio.Semaphore | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT") or path_of(scope).endswith(UPLOADS):
            await self.app(scope, receive, send)
            return
        limit = MOST_ONE if path_of(scope).endswith(ONE) else MOST
        size = _said(scope)
        if size is not None and size > limit:
            await drained(receive)
            await refuse(scope, send, UserError("body_size", limit=limit // MB))
        elif size is not None and size < LARGE:
            await self.app(scope, receive, send)
        else:  # large, or of a size that nobody says
            self._seats = self._seats or asyncio.Semaphore(SEATS)
            async with self._seats:
                await self._counted(scope, receive, send, limit)

    async def _counted(self, scope: Any, receive: Any, send: Any, limit: int) -> None:
        """The application's answer, unless more comes than may, or for longer."""
        taken, begun, whole = 0, False, False
        problem: UserError | None = None
        end = asyncio.get_running_loop().time() + PATIENCE

        async def counting() -> Any:
            nonlocal taken, problem, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    event = await receive()
            except TimeoutError:
                problem = UserError("body_slow", seconds=PATIENCE)
                return {"type": "http.disconnect"}
            taken += len(event.get("body", b""))
            whole = not event.get("more_body", False)
            if taken > limit:
                problem = UserError("body_size", limit=limit // MB)
                return {"type": "http.disconnect"}
            return event

        async def noting(event: Any) -> None:
            nonlocal begun
            if not problem:
                begun = True
                await send(event)

        try:
            await self.app(scope, counting, noting)
        except Exception:  # what the application makes of a sender who has gone
            if not problem:
                raise
        if problem and not begun:
            if problem.name == "body_size" and not whole:
                await drained(receive)
            await refuse(scope, send, problem)


async def drained(receive: Any) -> None:
    """What is sent is let go by, for a while: many senders listen only once they have sent all."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while (await receive()).get("more_body", False):
                pass


def path_of(scope: Any) -> str:
    """The path of a request, without a slash at its end."""
    return str(scope["path"]).rstrip("/")


def _said(scope: Any) -> int | None:
    """The size of the body, where a header says it."""
    said = dict(scope["headers"]).get(b"content-length", b"").decode("latin-1")
    return int(said) if said.isdecimal() else None


async def refuse(scope: Any, send: Any, problem: UserError) -> None:
    """The sentence of a problem as the answer, in the language of who asks."""
    lang = language(dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1"))
    said = json.dumps({"detail": problem.message(lang)}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(said)).encode())]
    await send(
        {
            "type": "http.response.start",
            "status": STATUS[problem.name],
            "headers": [*headers, (b"connection", b"close")],
        }
    )
    await send({"type": "http.response.body", "body": said})
