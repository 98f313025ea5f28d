"""Pictures on the page: drawn, dropped, pasted or taken with a camera, and painted patch by patch with the attention they receive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import gradio as gr

from meta_demo.core.files import MAX_FILE
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.reading import read_data_url
from meta_demo.serving import attention
from meta_demo.serving.attention import Array
from meta_demo.ui import overlay
from meta_demo.ui.guard import sentence
from meta_demo.ui.look import Map
from meta_demo.ui.markup import Html, tag
from meta_demo.ui.pictures import THUMBNAIL, url_of
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Drawn, Side, register, visible
from meta_demo.ui.starts import BOTH
from meta_demo.words import LANGUAGES, catalogue, text

_CARD = ("another", "forget")
_PAD = (
    "draw",
    "undo",
    "erase",
    "picture",
    "files",
    "camera",
    "shoot",
    "hold",
    "live",
    "close",
    "no_camera",
    "left_out",
)


_SEAT = Lock()  # a large picture takes hundreds of megabytes until it is made small: one at a time


def read_file(file: dict[str, Any]) -> dict[str, str]:
    """What the browser asks of a visitor's file, `{"name", "data", "lang"}`: `{"url"}` of it, made small, or what is `{"problem"}`."""
    lang = file["lang"] if file.get("lang") in LANGUAGES else LANGUAGES[0]
    try:
        with _SEAT:
            return {"url": url_of(read_data_url(str(file["data"]), str(file["name"])))}
    except Exception as error:
        return {"problem": sentence(error, lang)}


@register
class PictureSide(Side[Picture]):
    """The side of pictures and drawings, which cross the wire as data URLs."""

    name = "picture"
    opens = True  # a stranger need not read to draw, and whoever looks sees whether the answer is right
    first_sample = "arrows"  # of which one drawing a class tells the two starts apart
    origin = BOTH
    gallery = scratch = True
    nearest = 4
    inside = ("pad", "pictures", "picture_card")
    rows = ("pictures", "picture_row", "values")
    functions = (read_file,)
    cards_id = "picture-cards"

    def lay_out_tried(self, *, shown: bool) -> None:
        self.tried = self.own(
            gr.HTML(
                "",
                html_template=tag("div", cls="try-pad"),
                js_on_load=script("parts", "edits", "pad", "pictures", "try_pad"),
                words={lang: _pad_words(lang) | {"looked": text("page.pad.looked", lang)} for lang in LANGUAGES},
                limits={"file": MAX_FILE},
                place="try-pad",
                seen=None,
                server_functions=[read_file],
                apply_default_css=False,
                visible=visible(shown),
                elem_id="try-pad",
            )
        )

    def lay_out_map(self, *, shown: bool) -> None:
        self.overlay = self.own(overlay.overlay(elem_id="overlay", visible=visible(shown)))

    def card_words(self, lang: str) -> dict[str, str]:
        return {key: text(f"page.card.{key}", lang) for key in _CARD} | _pad_words(lang)

    def held(self, items: Sequence[str]) -> list[str]:
        return list(items)

    def items(self, held: Any) -> list[str]:
        return [str(url) for url in held if url] if isinstance(held, list) else []

    def written(self, content: Picture) -> str:
        return url_of(content)

    def mark(self, content: Picture) -> str:
        """That of the data URL that it came in, which another one of the same pixels need not be."""
        return content.source or super().mark(content)

    @property
    def moved(self) -> list[Callable[..., Any]]:
        return [self.tried.input]

    @property
    def chosen(self) -> list[Callable[..., Any]]:
        return [self.overlay.select]

    def content_of(self, value: Any) -> Picture | None:
        return read_data_url(value, "") if value else None

    def example(self, content: Picture, name: str) -> Html:
        return tag("img", src=url_of(content, THUMBNAIL), alt=name)

    def undrawable(self, inputs: Any) -> str | None:
        """Some models join patches on their way."""
        return None if inputs.grid else "page.look.no_grid"

    def draw(self, shown: Map, content: Picture, inputs: Any) -> Drawn:
        """The picture as the model sees it, under its patches."""
        names = overlay.token_names(inputs.prefix, inputs.grid, shown.lang)
        shares = attention.received(shown.matrix, shown.choice.row, inputs.prefix)
        painted = overlay.painted(inputs.seen(content), inputs.grid, shares, shown, names)
        return names, shares, {self.overlay: painted}

    def small(self, maps: Array, row: int | None, inputs: Any) -> Array:
        """The patches that are looked at, in their rows and columns."""
        looking = maps[:, :, inputs.prefix :].mean(2) if row is None else maps[:, :, row]
        patches: Array = looking[:, :, inputs.prefix :].reshape(*maps.shape[:2], *inputs.grid)
        return patches


def _pad_words(lang: str) -> dict[str, str]:
    """What a pad and the buttons beside it say."""
    return {key: catalogue()[f"page.pad.{key}"][lang] for key in _PAD} | {"too_big": text("page.upload.too_big", lang)}
