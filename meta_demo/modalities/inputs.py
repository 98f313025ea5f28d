"""How what a visitor shows becomes a model's first tensors, and its last ones an embedding: where text and pictures differ.

Here: tokenizers and picture processors, widths, masks, pooling. Not here: running layers (`replay.py`), caching (`backbone.py`).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from meta_demo.core.cache import Cache, size_of
from meta_demo.core.errors import UserError
from meta_demo.core.features import width_for
from meta_demo.modalities.content import Content, Picture
from meta_demo.modalities.picture.distortions import viewed
from meta_demo.modalities.picture.framing import framed

POOLING = "1_Pooling/config.json"  # sentence-transformers' side file
POOLING_MODES = {"cls_token": "cls", "mean_tokens": "mean"}
Key = tuple[int, ...] | Picture  # token ids, or the picture itself: equal keys are equal inputs


@dataclass(frozen=True)
class Encoded:
    """An input as its model reads it: its key, its length in tokens, and the number of tokens that did not fit."""

    key: Key
    length: int
    dropped: int = 0


class Inputs(ABC):
    """One modality of one model."""

    modality: ClassVar[str]
    example: ClassVar[Content]  # any input: what a new model is tried on
    pads: bool = False  # whether a batch may hold inputs of different lengths
    pad: int = 0  # the token that fills the shorter ones up

    @abstractmethod
    def encode(self, content: Content) -> Encoded:
        """Raises UserError when `content` is of the other modality."""

    @abstractmethod
    def width(self, length: int) -> int:
        """Of the narrowest batch that an input of `length` tokens goes into."""

    @abstractmethod
    def batch(self, keys: Sequence[Key], width: int) -> tuple[Tensor, Tensor]:
        """First tensor [b, ...] and mask [b, width] of inputs that go into one batch."""

    @abstractmethod
    def arguments(self, first: Tensor, mask: Tensor, start: int = 0) -> dict[str, Tensor]:
        """What the model's `forward` is called with, where the layers below `start` are not run."""

    @abstractmethod
    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Last hidden states [b, W, D] -> embeddings [b, D]."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Put beside a model's weights what reads its inputs, and how to pool."""

    def _save(self, reader: Any, pooling: str, folder: Path) -> None:
        reader.save_pretrained(folder)
        (folder / POOLING).parent.mkdir(exist_ok=True)
        said = {f"pooling_mode_{kind}": pooling == name for kind, name in POOLING_MODES.items()}
        (folder / POOLING).write_text(json.dumps(said, indent=1) + "\n")


class TextInputs(Inputs):
    """Sentences, by a tokenizer; `pooling` is the mean over tokens or the first token, `cls`."""

    modality = "text"
    example = "a"

    def __init__(self, tokenizer: Any, *, max_tokens: int, pooling: str) -> None:
        self.tokenizer, self.max_tokens, self.pooling = tokenizer, max_tokens, pooling
        self.pads = True
        self.pad = tokenizer.pad_token_id or 0

    def encode(self, content: Content) -> Encoded:
        """Token ids with the model's special tokens, cut to `max_tokens`."""
        if isinstance(content, Picture):
            raise UserError("wants_text", picture=content)
        whole = self.tokenizer(content, truncation=False, verbose=False)["input_ids"]
        if len(whole) <= self.max_tokens:
            return Encoded(tuple(whole), len(whole))
        cut = self.tokenizer(content, truncation=True, max_length=self.max_tokens)["input_ids"]
        return Encoded(tuple(cut), len(cut), len(whole) - len(cut))

    def width(self, length: int) -> int:
        return min(width_for(length), max(self.max_tokens, length)) if self.pads else length

    def batch(self, keys: Sequence[Key], width: int) -> tuple[Tensor, Tensor]:
        ids = [[*key, *[self.pad] * (width - len(key))] for key in keys if not isinstance(key, Picture)]
        mask = [[1] * len(key) + [0] * (width - len(key)) for key in keys]
        return torch.tensor(ids), torch.tensor(mask)

    def arguments(self, first: Tensor, mask: Tensor, start: int = 0) -> dict[str, Tensor]:  # noqa: ARG002
        return {"input_ids": first, "attention_mask": mask}

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        weight = mask.to(hidden.dtype)[:, :, None]
        return (hidden * weight).sum(1) / weight.sum(1)

    def save(self, folder: Path) -> None:
        self._save(self.tokenizer, self.pooling, folder)


class PictureInputs(Inputs):
    """Pictures, by a model's own processor: each becomes `tokens` tokens, `prefix` of them for no patch (such as CLS).

    `grid` is rows and columns of patches, None where tokens are no grid of patches. `pooling`: cls, or the mean over patches.
    """

    modality = "picture"
    example = Picture(8, 8, "L", bytes(64))

    def __init__(
        self, processor: Any, *, tokens: int, grid: tuple[int, int] | None, pooling: str, cache: Cache
    ) -> None:
        self.processor, self.tokens, self.grid, self.pooling = processor, tokens, grid, pooling
        self._cache, self._kept_under = cache, id(processor)
        self._ink_fill: float | None = getattr(processor, "ink_fill", None)  # a word of ours in the processor's file
        self.prefix = tokens - grid[0] * grid[1] if grid else 0

    def encode(self, content: Content) -> Encoded:
        if isinstance(content, str):
            raise UserError("wants_picture", text=content[:40])
        return Encoded(content, self.tokens)

    def width(self, length: int) -> int:
        return length

    def batch(self, keys: Sequence[Key], width: int) -> tuple[Tensor, Tensor]:
        pictures = [key for key in keys if isinstance(key, Picture)]
        known: dict[Picture, Tensor | None] = {p: self._cache.get((self._kept_under, p)) for p in pictures}
        missing = [p for p, pixels in known.items() if pixels is None]
        for view, those in groupby(sorted(missing, key=lambda p: p.view), lambda p: p.view):
            made = list(those)
            plain = self.batch([replace(p, view=0) for p in made], width)[0] if view else self._pixels(made)
            for picture, pixels in zip(made, viewed(plain, view), strict=True):
                known[picture] = pixels.clone()
                self._cache.put((self._kept_under, picture), known[picture], size_of(pixels))
        rows = [pixels for p in pictures if (pixels := known[p]) is not None]
        return torch.stack(rows), torch.ones(len(rows), width, dtype=torch.long)

    def _pixels(self, pictures: Sequence[Picture]) -> Tensor:
        """What the processor makes of pictures -> [b, channels, height, width]."""
        images = [(framed(p.image(), self._ink_fill) if self._ink_fill else p.image()).convert("RGB") for p in pictures]
        made: Tensor = self.processor(images=images, return_tensors="pt")["pixel_values"]
        return made

    def seen(self, picture: Picture) -> Picture:
        """`picture` as the model sees it: cropped and resized, with the normalisation of colours taken back."""
        pixels = self.batch([picture], self.tokens)[0][0]  # [channels, height, width]
        mean, std = (
            torch.tensor(getattr(self.processor, f"image_{name}") if self.processor.do_normalize else [plain])
            for name, plain in (("mean", 0.0), ("std", 1.0))
        )
        colours = (pixels * std.view(-1, 1, 1) + mean.view(-1, 1, 1)) * (255 if self.processor.do_rescale else 1)
        rows = colours.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).expand(-1, -1, 3)
        return Picture(rows.shape[1], rows.shape[0], "RGB", rows.contiguous().numpy().tobytes(), picture.name)

    def arguments(self, first: Tensor, mask: Tensor, start: int = 0) -> dict[str, Tensor]:  # noqa: ARG002
        """No picture is padded: above `start` nothing depends on the pixels, and reading one picture is enough."""
        return {"pixel_values": first[:1] if start else first}

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        return hidden[:, 0] if self.pooling == "cls" else hidden[:, self.prefix :].mean(1)

    def save(self, folder: Path) -> None:
        self._save(self.processor, self.pooling, folder)
