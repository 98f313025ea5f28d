"""Behind a reverse proxy: the page is found under the proxy's path, whether that path is cut off on the way or not.

The path is the setting GRADIO_ROOT_PATH, or what the proxy says in X-Forwarded-Prefix. Gradio knows the first only, and only where the
proxy cuts it off.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

PREFIX, HOST = b"x-forwarded-prefix", b"x-forwarded-host"
_PATH = re.compile(r"(/[\w.~-]{1,64}){1,8}")


class BehindProxy:
    """ASGI middleware, the outermost: cuts the proxy's path off, and tells Gradio of one that only the proxy knows."""

    def __init__(self, app: Any, root_path: str | None = None) -> None:
        self.app = app
        self.path = (urlsplit(root_path).path if root_path else "").rstrip("/")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        said = headers.get(PREFIX, b"").decode("latin-1").rstrip("/")
        prefix = self.path or (said if _PATH.fullmatch(said) else "")
        if prefix:
            scope = {**scope, "path": _without(scope["path"], prefix)}
            if raw := scope.get("raw_path"):
                scope["raw_path"] = _without(raw.decode("latin-1"), prefix).encode("latin-1")
        if prefix and not self.path:
            host = headers.get(HOST) or headers.get(b"host", b"")
            kept = [(name, value) for name, value in scope["headers"] if name != HOST]
            scope["headers"] = [*kept, (HOST, host.split(b",")[0].strip() + prefix.encode())]
        await self.app(scope, receive, send)


def _without(path: str, prefix: str) -> str:
    """`path` from behind `prefix` on, where it begins with that."""
    return path[len(prefix) :] or "/" if path == prefix or path.startswith(f"{prefix}/") else path
