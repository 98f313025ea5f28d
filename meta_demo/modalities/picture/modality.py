"""Pictures as a modality: files and data URLs, the same when their pixels are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.core.places import place
from meta_demo.modalities.base import BLANK, Content, Modality, Model, register
from meta_demo.modalities.inputs import pooling_of
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.inputs import PictureInputs
from meta_demo.modalities.picture.reading import (
    DATA_URL,
    DOUBTFUL,
    SUFFIXES,
    foreseen,
    read_data_url,
    read_picture,
)
from meta_demo.modalities.sentence import beside, side_file
from meta_demo.words import words

# vision halves -> the class of transformers that has the projection too
PROJECTED = {
    "clip_vision_model": "CLIPVisionModelWithProjection",
    "metaclip_2_vision_model": "MetaClip2VisionModelWithProjection",
}
_NONE = words("-")
GLYPH_VIT = Model(
    "glyph-vit",
    "1.1 M",
    lambda: place("checkpoints/glyph-vit/model"),
    sha256="cdbd29eaf0e7ea7e23d9ec68e9bbbf870e3e94d98ea78e3a79baa7f82203a931",
    megabytes=4,
    languages=_NONE,
    good=words("drawings and letters", "手绘图形与字母"),
)
OFFERED = (
    Model("facebook/dinov2-small", "22 M", megabytes=88, good=words("photographs of any kind", "各类照片")),
    Model(
        "google/vit-base-patch16-224-in21k",
        "86 M",
        megabytes=346,
        good=words("photographs of things and animals", "物体与动物照片"),
    ),
    Model(
        "facebook/deit-tiny-patch16-224", "5.7 M", megabytes=23, good=words("photographs, and quick", "照片，速度快")
    ),
    Model(
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        "88 M",
        megabytes=605,
        licence="MIT",
        good=words("pictures of any kind: photographs, drawings, screens", "各类图片：照片、绘画、截图"),
    ),
    Model("google/siglip-base-patch16-224", "93 M", megabytes=813, good=words("pictures of any kind", "各类图片")),
)


@register
class Pictures(Modality[Picture]):
    """Drawings and photographs."""

    name, key, content, rank = "picture", "image", Picture, 1
    title, noun, nouns = words("pictures", "图片"), words("picture", "图片"), words("pictures", "图片")
    reads = words("looks at", "读取")
    models = (GLYPH_VIT, *OFFERED)
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

    def foreseen(self, said: Any) -> tuple[int, int]:
        """By what stands at the beginning of the file."""
        return foreseen(said)

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
        """The configuration of what looks at pictures: of CLIP and its like that half, with its projection."""
        half = getattr(config, "vision_config", None)
        if half is None:
            return config
        if half.model_type in PROJECTED:
            half.architectures, half.projection_dim = [PROJECTED[half.model_type]], config.projection_dim
        elif hasattr(config, "projection_dim") and not half.model_type.startswith("siglip"):
            raise UserError("model_module", model=config.name_or_path, module=f"{config.model_type} projection")
        return half

    def loaded_as(self, config: Any) -> Any:
        import transformers

        name = (config.architectures or [""])[0]
        return getattr(transformers, name) if name in PROJECTED.values() else None

    def inputs(self, source: str, model: Any, cache: Cache) -> PictureInputs:
        """How the model reads pictures: by the processor kept in `source`, and one look at what comes out."""
        processor = _processor(source)
        pixels = processor(images=[PictureInputs.example.image().convert("RGB")], return_tensors="pt")["pixel_values"]
        tokens = _tokens(model, pixels, source)
        patch = getattr(model.config, "patch_size", None)
        grid = (pixels.shape[2] // patch, pixels.shape[3] // patch) if isinstance(patch, int) else None
        if grid and grid[0] * grid[1] > tokens:  # the model joins patches on its way
            grid = None
        has_cls = grid is not None and tokens > grid[0] * grid[1]
        said = pooling_of(source)
        pooling, heads = (said, ()) if said else _as_published(model, has_cls)
        return PictureInputs(processor, tokens=tokens, grid=grid, pooling=pooling, cache=cache, heads=heads)


def _tokens(model: Any, pixels: Tensor, source: str) -> int:
    """How many tokens the model makes of one picture; raises UserError where it makes none, or does not run."""
    parameter = next(model.parameters())
    try:
        with torch.no_grad():
            shape = model(pixel_values=pixels.to(parameter)).last_hidden_state.shape
    except Exception as error:  # whatever the architecture raises
        raise UserError("model_runs", model=source) from error
    if len(shape) != 3:  # [1, channels, rows, columns]
        raise UserError("model_map", model=source)
    return int(shape[1])


def _processor(source: str) -> Any:
    """The processor that lies beside a model; raises UserError when there is none."""
    from transformers import AutoImageProcessor

    try:
        return AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
    except ImportError:
        return _plain_processor(source)
    except Exception as error:  # its file can be broken in any way
        if beside(source, "preprocessor_config.json") or beside(source, "processor_config.json"):
            raise
        raise UserError("model_no_processor", model=source) from error


def _plain_processor(source: str) -> Any:
    """ViT's processor with the settings of one that needs torchvision (DINOv3's), where it does no more than that one: it resizes,
    rescales and normalises. Raises UserError where it does."""
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    said = side_file(source, "preprocessor_config.json")
    steps = {k: v for k, v in said.items() if k.startswith("do_") and v}
    if steps.keys() - {"do_resize", "do_rescale", "do_normalize", "do_convert_rgb"} or set(said.get("size") or {}) != {
        "height",
        "width",
    }:
        raise UserError("model_needs", model=source, package="torchvision")
    named = ("size", "resample", "rescale_factor", "image_mean", "image_std", "do_resize", "do_rescale", "do_normalize")
    return ViTImageProcessorPil(**{name: said[name] for name in named if name in said})


def _as_published(model: Any, has_cls: bool) -> tuple[str, tuple[str, ...]]:
    """How the papers of an architecture make one vector of a picture: the pooling, and the model's own modules behind it.

    CLIP: CLS, a norm, a projection. SigLIP: attention of its own. BEiT and Data2Vec: the mean over patches, and a norm where they were
    tuned. Hiera: the mean, and a norm. Else CLS where there is one, or the mean.
    """
    config: Any = model.config
    unread: frozenset[str] = getattr(model, "unread", frozenset())
    kind = config.model_type
    if hasattr(model, "visual_projection"):
        return "cls", ("vision_model.post_layernorm", "visual_projection")
    if hasattr(model, "post_layernorm") and kind in PROJECTED:
        return "cls", ("post_layernorm",)
    if kind == "siglip_vision_model" and model.use_head:
        return "all", ("head",)
    if kind == "hiera":
        return ("all", ("pooler",)) if "pooler.layernorm.weight" not in unread else ("mean", ())
    if getattr(config, "use_mean_pooling", False):
        normed = "pooler.layernorm.weight" in dict(model.named_parameters()).keys() - unread
        return "mean", ("pooler.layernorm",) if normed else ()
    return ("cls" if has_cls else "mean"), ()


def _in_cell(cell: Any) -> Content:
    """The picture in `{"bytes", "path"}`; nothing where there is none."""
    if not cell:
        return BLANK
    path = Path(cell.get("path") or "")
    return read_picture(cell.get("bytes") or path, path.name)
