"""Who may send at all: so many requests a minute from one address, and no file where those that were sent fill their place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.files import MB
from meta_demo.serving.pace import Pace
from meta_demo.ui.bodies import UPLOADS, drained, path_of, refuse

AT_ONCE, A_MINUTE = (
    6_000,
    12_000,
)  # requests that ask for something; a class behind one address types all at the same time
ROOM, FILES = 1024 * MB, 10_000  # of files that were sent and not opened yet: bytes, and how many


class Entrance:
    """ASGI middleware: refuses, in a sentence, what comes too often and what there is no room for."""

    def __init__(self, app: Any, folder: Callable[[], str]) -> None:
        self.app, self._folder = app, folder
        self.pace = Pace(AT_ONCE, A_MINUTE)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] in ("POST", "PUT"):
            try:
                self.pace.spend((scope.get("client") or [None])[0])
                if path_of(scope).endswith(UPLOADS) and is_full(Path(self._folder())):
                    raise UserError("uploads_full")
            except UserError as problem:
                await drained(receive)
                await refuse(scope, send, problem)
                return
        await self.app(scope, receive, send)


def is_full(folder: Path) -> bool:
    """Whether the files below `folder` are as many, or as large, as there is room for."""
    bytes_, count = 0, 0
    for size in _sizes(folder):
        bytes_, count = bytes_ + size, count + 1
        if bytes_ >= ROOM or count >= FILES:
            return True
    return False


def _sizes(folder: Path) -> Iterator[int]:
    """The sizes of all files, but those that are removed meanwhile."""
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                yield (Path(place) / name).stat().st_size
            except OSError:
                continue
