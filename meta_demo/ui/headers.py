"""What browsers are told of every answer: where scripts may come from, who may frame the page, and that nothing is guessed.

Scripts in the page itself run by a number that is drawn for each visit, so that markup which a visitor's text might smuggle in runs none.
Gradio makes functions of text (`js_on_load`), for which browsers ask 'unsafe-eval'.
"""

from __future__ import annotations

import secrets
from typing import Any

SPACES = "https://huggingface.co https://*.hf.space"  # who shows a Space in a frame


def policy(nonce: str, *, space: bool) -> str:
    """The Content-Security-Policy of one answer."""
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' 'nonce-{nonce}' 'unsafe-eval' blob:",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": f"'self' {SPACES}" if space else "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


class Headers:
    """ASGI middleware around everything that is served; on a Space, Hugging Face may frame the page."""

    def __init__(self, app: Any, space: str | None = None) -> None:
        self.app, self.space = app, bool(space)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        page = scope["path"] == "/" and scope["method"] == "GET"

        async def tell(event: Any) -> None:
            if event["type"] == "http.response.start":
                said = {
                    "content-security-policy": policy(nonce, space=self.space),
                    "x-content-type-options": "nosniff",
                    "referrer-policy": "strict-origin-when-cross-origin",
                    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
                }
                kind = dict(event["headers"]).get(b"content-type", b"")
                if kind.startswith(b"text/event-stream"):  # a proxy that would collect events is asked not to
                    said |= {"x-accel-buffering": "no", "cache-control": "no-store, no-transform"}
                added = [(name.encode(), value.encode()) for name, value in said.items()]
                kept = [(name, value) for name, value in event["headers"] if name.decode().lower() not in said]
                event = event | {"headers": [*kept, *added]}
            await send(event)

        if not page:
            await self.app(scope, receive, tell)
            return
        await self.app(scope, receive, _marking(tell, nonce))


def _marking(send: Any, nonce: str) -> Any:
    """`send` for one page whose scripts carry the number."""
    start: dict[str, Any] = {}
    parts: list[bytes] = []

    async def hold(event: Any) -> None:
        nonlocal start
        if event["type"] == "http.response.start":
            start = event
            return
        parts.append(event.get("body", b""))
        if event.get("more_body"):
            return
        body = b"".join(parts).replace(b"<script", b'<script nonce="%b"' % nonce.encode())
        kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await send(start | {"headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return hold
