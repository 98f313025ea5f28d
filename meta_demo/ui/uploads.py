"""Files that visitors send: each is its sender's own, and what was never opened goes when the last page of their address closes.

A page removes a file once it has read it. What is left was sent by a page that was closed in that moment, or by no page at all: who has
none open keeps what they sent last. What is left even then goes after an hour, as everything that Gradio keeps for a session.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradio import route_utils

from meta_demo.ui.bodies import UPLOADS, path_of

HEARTBEAT = "/heartbeat/"  # in the path of what every page listens to for as long as it is open


class _OneOfMany(route_utils.GradioUploadFile):  # type: ignore[misc]
    """An upload whose place follows from chance as well: Gradio's follows from the content alone, so that whoever reads a file that a whole
    class has sent would remove it for all."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.sha.update(secrets.token_bytes(16))


def keep_apart() -> None:
    """From now on equal files of two visitors lie in two places."""
    route_utils.GradioUploadFile = _OneOfMany


class Uploads:
    """ASGI middleware: knows which pages are open and which files were sent, both by address."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._open: Counter[str] = Counter()
        self._files: dict[str, list[Path]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        who = (scope.get("client") or [""])[0]
        if scope["type"] == "http" and HEARTBEAT in scope["path"]:
            await self._listened(who, scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "POST" and path_of(scope).endswith(UPLOADS):
            await self._sent(who, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _listened(self, who: str, scope: Any, receive: Any, send: Any) -> None:
        self._open[who] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
                self._remove(who)

    async def _sent(self, who: str, scope: Any, receive: Any, send: Any) -> None:
        if not self._open[who]:
            self._remove(who)
        said = bytearray()

        async def noting(event: Any) -> None:
            said.extend(event.get("body", b""))
            await send(event)

        try:
            await self.app(scope, receive, noting)
        finally:
            with suppress(ValueError, TypeError):  # a refusal names no files
                files = [*self._files.get(who, []), *map(Path, json.loads(said))]
                self._files[who] = [file for file in files if file.exists()]

    def _remove(self, who: str) -> None:
        for file in self._files.pop(who, []):
            with suppress(OSError):
                file.unlink()
