"""One language per visitor: the server's choice from Accept-Language is told to Gradio's front end as well.

Left alone, Gradio looks at the first language of the browser only and knows Chinese as zh-CN and zh-TW, so that a page could mix
two languages. This touches the one HTML page and nothing else.
"""

from __future__ import annotations

from typing import Any

from meta_demo.words import language, text

_TAGS = {"en": "en", "zh": "zh-CN"}


class BrowserLanguage:
    """ASGI middleware around the application that serves the page at `/`."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        header = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
        lang = language(header)
        head: dict[str, Any] = {}
        body = b""

        async def hold(event: Any) -> None:
            nonlocal head, body
            if event["type"] == "http.response.start":
                head = event
                return
            body += event.get("body", b"")
            if event.get("more_body"):
                return
            page = localize(body, lang)
            kept = [(k, v) for k, v in head["headers"] if k != b"content-length"]
            kept += [(b"content-length", str(len(page)).encode()), (b"vary", b"Accept-Language")]
            await send(head | {"headers": kept})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, hold)


def localize(page: bytes, lang: str) -> bytes:
    """The page with its `lang` attribute and title set, and with a browser that claims the language we chose."""
    tag = _TAGS[lang]
    script = f'<script>Object.defineProperty(navigator, "language", {{get: () => "{tag}"}});</script>'
    page = page.replace(b'lang="en"', f'lang="{tag}"'.encode(), 1)
    return page.replace(b"<head>", f"<head>{script}<title>{text('page.title', lang)}</title>".encode(), 1)
