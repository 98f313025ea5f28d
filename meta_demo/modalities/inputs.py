"""How what a visitor shows becomes a model's first tensors, and its last ones an embedding: where text and pictures differ.

Here: tokenizers and picture processors, widths, masks, pooling. Not here: running layers (`replay.py`), caching (`backbone.py`).
"""

from __future__ import annotations

import hashlib
import json
import weakref
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.modalities.content import Content, Picture
from meta_demo.modalities.picture.distortions import viewed
from meta_demo.modalities.picture.framing import framed

POOLING = "1_Pooling/config.json"  # sentence-transformers' side file
POOLING_MODES = {"cls_token": "cls", "mean_tokens": "mean"}
Key = tuple[int, ...] | Picture  # token ids, or the picture itself: equal keys are equal inputs


@dataclass(frozen=True)
class Encoded:
    """An input as its model reads it: its key and a hash of that, its length in tokens, and the number of tokens that did not fit."""

    key: Key
    digest: bytes
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
        kept = whole
        if len(whole) > self.max_tokens:
            kept = self.tokenizer(content, truncation=True, max_length=self.max_tokens)["input_ids"]
        digest = hashlib.blake2b(array("q", kept).tobytes(), digest_size=16).digest()
        return Encoded(tuple(kept), digest, len(kept), len(whole) - len(kept))

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
        self._kept = cache.shelf()
        weakref.finalize(self, self._kept.close)
        self._ink_fill: float | None = getattr(processor, "ink_fill", None)  # a word of ours in the processor's file
        self.prefix = tokens - grid[0] * grid[1] if grid else 0

    def encode(self, content: Content) -> Encoded:
        if isinstance(content, str):
            raise UserError("wants_picture", text=content[:40])
        return Encoded(content, content.digest, self.tokens)

    def batch(self, keys: Sequence[Key], width: int) -> tuple[Tensor, Tensor]:
        """Each picture by itself: its pixels depend on no other."""
        pictures = [key for key in keys if isinstance(key, Picture)]
        return torch.stack([self._seen(p) for p in pictures]), torch.ones(len(pictures), width, dtype=torch.long)

    def _seen(self, picture: Picture) -> Tensor:
        """[channels, height, width], read once."""
        known: Tensor | None = self._kept.get(picture.digest)
        if known is None:
            plain = self._seen(replace(picture, view=0)) if picture.view else self._pixels(picture)
            known = viewed(plain[None], picture.view)[0]
            self._kept.put(picture.digest, known)
        return known

    def _pixels(self, picture: Picture) -> Tensor:
        """What the processor makes of a picture -> [channels, height, width]."""
        image = framed(picture.image(), self._ink_fill) if self._ink_fill else picture.image()
        made: Tensor = self.processor(images=[image.convert("RGB")], return_tensors="pt")["pixel_values"]
        return made[0].clone()

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
