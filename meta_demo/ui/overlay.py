"""Attention over a picture: the component that paints it, and what it is told. Pure functions but for the component."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from meta_demo.modalities.picture.content import Picture
from meta_demo.serving.attention import Array
from meta_demo.ui.atlas import EVEN
from meta_demo.ui.look import Map, heading
from meta_demo.ui.markup import tag
from meta_demo.ui.pictures import url_of
from meta_demo.ui.scripts import script
from meta_demo.words import LANGUAGES, text


def overlay(**arguments: Any) -> gr.HTML:
    """A component whose value is `painted(...)`; a click on a token triggers `select` with its index, None for all patches."""
    return gr.HTML(
        None,
        html_template=tag("div", cls="overlay"),
        js_on_load=script("parts", "overlay"),
        words={lang: {key: text(f"page.overlay.{key}", lang) for key in ("seen", "opacity")} for lang in LANGUAGES},
        apply_default_css=False,
        **arguments,
    )


def painted(seen: Picture, grid: tuple[int, int], shares: Array, shown: Map, names: Sequence[str]) -> dict[str, Any]:
    """The map over the picture: `shares` [L] of all tokens, called `names`; the first of them have no patch."""
    rows, columns = grid
    prefix = len(shares) - rows * columns
    patches, row, difference, lang = shares[prefix:], shown.choice.row, shown.choice.difference, shown.lang
    sign = "+" if difference else ""
    tokens: list[dict[str, Any]] = [
        {"index": None, "name": text("page.look.from.picture", lang), "share": None, "pressed": row is None}
    ]
    tokens += [
        {"index": i, "name": names[i], "share": f"{shares[i]:{sign}.1%}", "pressed": row == i} for i in range(prefix)
    ]
    return {
        "picture": url_of(seen),
        "title": list(heading(shown)),
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
    """The share that is painted fully: the largest, unless attention is about even, so that the picture shows."""
    largest = float(abs(patches).max())
    return max(largest, 1e-9) if difference else max(largest, EVEN / len(patches))


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
