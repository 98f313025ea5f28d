"""Attention over a picture: the component that paints it, and what it is told. Pure functions but for the component."""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.attention import Array
from meta_demo.core.content import Picture
from meta_demo.core.messages import LANGUAGES, text
from meta_demo.ui.pictures import url_of
from meta_demo.ui.scripts import script


def overlay(**arguments: Any) -> gr.HTML:
    """A component whose value is `painted(...)`; a click on a token triggers `token` with its index, None for all patches."""
    return gr.HTML(
        None,
        html_template='<div class="overlay"></div>',
        js_on_load=script("parts", "overlay"),
        words={lang: {key: text(f"page.overlay.{key}", lang) for key in ("seen", "opacity")} for lang in LANGUAGES},
        apply_default_css=False,
        **arguments,
    )


def painted(
    seen: Picture, grid: tuple[int, int], shares: Array, row: int | None, *, difference: bool, lang: str
) -> dict[str, Any]:
    """The map over the picture: `shares` [L] of all tokens, the first ones without a patch; `row` is the token that looks."""
    rows, columns = grid
    prefix = len(shares) - rows * columns
    patches = shares[prefix:]
    sign = "+" if difference else ""
    names = token_names(prefix, grid, lang)
    tokens: list[dict[str, Any]] = [
        {"index": None, "name": text("page.look.from.patches", lang), "share": None, "pressed": row is None}
    ]
    tokens += [
        {"index": i, "name": names[i], "share": f"{shares[i]:{sign}.1%}", "pressed": row == i} for i in range(prefix)
    ]
    return {
        "picture": url_of(seen),
        "rows": rows,
        "columns": columns,
        "prefix": prefix,
        "shares": [round(float(share), 5) for share in patches],
        "top": _top(patches, difference),
        "difference": difference,
        "chosen": row - prefix if row is not None and row >= prefix else None,
        "names": [f"{name}: {share:{sign}.1%}" for name, share in zip(names[prefix:], patches, strict=True)],
        "tokens": tokens,
    }


def _top(patches: Array, difference: bool) -> float:
    """The share that is painted fully: the largest, but of even attention only a third, so that the picture shows."""
    largest = float(abs(patches).max())
    return max(largest, 1e-9) if difference else max(largest, 3 / len(patches))


def token_names(prefix: int, grid: tuple[int, int], lang: str) -> list[str]:
    """What tokens are called: the first by its office, further ones without a patch by their number, patches by their place."""
    special = [text("page.look.class_token", lang)] + [
        text("page.look.other_token", lang, number=i) for i in range(1, prefix)
    ]
    patches = [
        text("page.look.patch", lang, row=row, column=column)
        for row in range(1, grid[0] + 1)
        for column in range(1, grid[1] + 1)
    ]
    return special[:prefix] + patches
