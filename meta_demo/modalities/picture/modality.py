"""Pictures as a modality: files and data URLs, the same when their pixels are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from meta_demo.core.cache import Cache
from meta_demo.core.places import place
from meta_demo.modalities.base import BLANK, Content, Modality, Model, register
from meta_demo.modalities.inputs import pooling_of
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.inputs import PictureInputs
from meta_demo.modalities.picture.reading import DATA_URL, DOUBTFUL, SUFFIXES, read_data_url, read_picture
from meta_demo.words import words

GLYPH_VIT = Model(
    "glyph-vit",
    "1.1 M",
    lambda: place("checkpoints/glyph-vit/model"),
    sha256="3256f34fde99683ad8f5549d1f66066ea76d40e85dd57270e946671032887a63",
)


@register
class Pictures(Modality[Picture]):
    """Drawings and photographs."""

    name, key, content, rank = "picture", "image", Picture, 1
    title, noun, nouns = words("pictures", "图片"), words("picture", "图片"), words("pictures", "图片")
    reads = words("looks at", "读取")
    models = (
        GLYPH_VIT,
        Model("facebook/dinov2-small", "22 M"),
        Model("WinKawaks/vit-small-patch16-224", "22 M"),
        Model("facebook/deit-tiny-patch16-224", "5.7 M"),
        Model("openai/clip-vit-base-patch32", "87 M"),
    )
    main_input = "pixel_values"
    suffixes, doubtful = SUFFIXES, DOUBTFUL
    hub_columns = ("image", "img")
    columns = (
        *(
            "image",
            "images",
            "img",
            "file_name",
            "filename",
            "image_path",
            "image_name",
            "image_file",
            "image_id",
            "img_path",
        ),
        *("file", "path", "filepath", "file_path", "picture", "photo", "id_code", "id", "name"),
        *(
            "bild",
            "dateiname",
            "datei",
            "fichier",
            "imagen",
            "archivo",
            "图片",
            "图像",
            "文件名",
            "文件",
            "照片",
            "画像",
            "이미지",
        ),
    )

    def read(self, said: Any, where: str) -> Picture:
        """The picture in a data URL."""
        return read_data_url(said, where)

    def names_file(self, said: Any) -> bool:
        return not DATA_URL.match(said)

    def decode(self, data: bytes, name: str) -> Picture:
        return read_picture(data, name)

    def column(self, rows: Any, name: str) -> Iterator[Content] | None:
        from datasets import Image

        if not isinstance(rows.features[name], Image):
            return None
        return map(_in_cell, rows.cast_column(name, Image(decode=False))[name])

    def is_blank(self, content: Picture) -> bool:
        return content.pixels.count(255) == len(content.pixels)

    def spelled(self, content: Picture) -> str:
        """Its size, and the hash of its pixels."""
        return f"{content.width} x {content.height} {content.mode} {hashlib.sha256(content.pixels).hexdigest()}"

    def digest(self, content: Picture) -> bytes:
        return content.digest

    def mark(self, content: Picture) -> bytes:
        return f"{content.mode} {content.width} {content.height} ".encode() + content.pixels

    def size(self, content: Picture) -> int:
        return len(content.pixels)

    def length(self, content: Picture) -> int:
        return len(content.pixels)

    def warm(self) -> None:
        from transformers import AutoImageProcessor  # noqa: F401

    def config(self, config: Any) -> Any:
        """Of CLIP and its like, the half that looks at pictures."""
        return getattr(config, "vision_config", config)

    def inputs(self, source: str, model: Any, cache: Cache) -> PictureInputs:
        """By the processor kept in `source`, and one look at what comes out."""
        from transformers import AutoImageProcessor

        processor = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
        pixels = processor(images=[PictureInputs.example.image().convert("RGB")], return_tensors="pt")["pixel_values"]
        parameter = next(model.parameters())
        with torch.no_grad():
            tokens = model(pixel_values=pixels.to(parameter)).last_hidden_state.shape[1]
        patch = getattr(model.config, "patch_size", None)
        grid = (pixels.shape[2] // patch, pixels.shape[3] // patch) if isinstance(patch, int) else None
        if grid and grid[0] * grid[1] > tokens:  # the model joins patches on its way
            grid = None
        has_cls = grid is not None and tokens > grid[0] * grid[1]
        pooling = pooling_of(source) or ("cls" if has_cls else "mean")
        return PictureInputs(processor, tokens=tokens, grid=grid, pooling=pooling, cache=cache)


def _in_cell(cell: Any) -> Content:
    """The picture in `{"bytes", "path"}`; nothing where there is none."""
    if not cell:
        return BLANK
    path = Path(cell.get("path") or "")
    return read_picture(cell.get("bytes") or path, path.name)
