"""How a picture becomes pixels for a model, and its last hidden states an embedding.

Plain pixels are made one picture at a time and kept, so that they depend on the picture and the processor alone. Distorted looks
are made for the whole batch that is asked for, each time anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from meta_demo.core.cache import Cache
from meta_demo.core.examples import Task
from meta_demo.core.lazy import lazy
from meta_demo.modalities.base import MODALITIES, Content
from meta_demo.modalities.inputs import Encoded, Inputs, save_reader
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.distortions import distorted, viewed
from meta_demo.modalities.picture.framing import framed


class PictureInputs(Inputs):
    """Pictures, by a model's own processor: each becomes `tokens` tokens, `prefix` of them for no patch (such as CLS).

    `grid` is rows and columns of patches, None where tokens are no grid of patches. `pooling`: cls, the mean over patches, or all, for
    `heads` that take every token.
    """

    modality = "picture"
    example = Picture(8, 8, "L", bytes(64))
    distorts = True

    def __init__(
        self,
        processor: Any,
        *,
        tokens: int,
        grid: tuple[int, int] | None,
        pooling: str,
        cache: Cache,
        heads: tuple[str, ...] = (),
    ) -> None:
        self.heads = heads
        self.processor, self.tokens, self.grid, self.pooling = processor, tokens, grid, pooling
        said = f"{type(processor).__name__} {processor.to_json_string()}"
        self._cache, self._processor = cache, hashlib.sha256(said.encode()).hexdigest()
        self._ink_fill: float | None = getattr(processor, "ink_fill", None)  # a word of ours in the processor's file
        self.prefix = tokens - grid[0] * grid[1] if grid else 0

    @property
    def examples(self) -> Sequence[Content]:
        return self.example, Picture(8, 8, "L", bytes(range(0, 256, 4)))

    def encode(self, content: Content) -> Encoded:
        picture = MODALITIES[self.modality].expect(content)
        return Encoded(picture, picture.digest, self.tokens)

    def foreseen(self, content: Content) -> int:  # noqa: ARG002
        return self.tokens

    @lazy
    def numbers(self) -> int:
        """Those of its pixels."""
        return self._plain(self.example).numel()

    def batch(self, keys: Sequence[Picture], width: int) -> tuple[Tensor, Tensor]:
        pixels = torch.stack([self._plain(replace(picture, view=0)) for picture in keys])
        for view in sorted({picture.view for picture in keys} - {0}):
            rows = torch.tensor([picture.view == view for picture in keys])
            pixels[rows] = viewed(pixels[rows], view)
        return pixels, torch.ones(len(keys), width, dtype=torch.long)

    def _plain(self, picture: Picture) -> Tensor:
        """What the processor makes of one picture -> [channels, height, width]."""
        key = (
            "pixels",
            self._processor,
            picture.digest,
        )  # equal processors share what they made; no picture is kept alive
        known: Tensor | None = self._cache.get(key)
        if known is None:
            image = framed(picture.image(), self._ink_fill) if self._ink_fill else picture.image()
            known = self.processor(images=[image.convert("RGB")], return_tensors="pt")["pixel_values"][0].clone()
            self._cache.put(key, known)
        return known

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

    def arguments(self, first: Tensor, mask: Tensor, lower: int = 0) -> dict[str, Any]:  # noqa: ARG002
        """No picture is padded: above layer `lower` nothing depends on the pixels, and reading one picture is enough."""
        return {"pixel_values": first[:1] if lower else first}

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        if self.pooling == "all":
            return hidden
        return hidden[:, 0] if self.pooling == "cls" else hidden[:, self.prefix :].mean(1)

    def save(self, folder: Path) -> None:
        if self.heads:  # the model itself says how it is pooled
            self.processor.save_pretrained(folder)
        else:
            save_reader(self.processor, self.pooling, folder)

    def looks(self, content: Content, count: int) -> list[Picture]:
        """The picture as it is, and `count` - 1 times a little distorted, always in the same ways."""
        picture = MODALITIES[self.modality].expect(content)
        return [replace(picture, view=view) for view in range(count)]

    def distorted(self, tasks: Sequence[Task], strength: float, rngs: Sequence[torch.Generator]) -> list[Task]:
        return distorted(tasks, strength, rngs)
