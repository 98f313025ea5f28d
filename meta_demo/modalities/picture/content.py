"""A picture in memory. Reading files into it is the work of `reading.py`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from meta_demo.core.lazy import lazy

if TYPE_CHECKING:
    from PIL.Image import Image

CHANNELS = {"L": 1, "RGB": 3}


@dataclass(frozen=True)
class Picture:
    """A picture's pixels, row by row: `mode` L (one byte each) or RGB (three). Two pictures are equal when their pixels are.

    `name` is what messages call it, `source` the mark of the data URL that it was read from.
    `view` is a way for a model to look at it: 0 as it is, from 1 on a little distorted.
    """

    width: int
    height: int
    mode: str
    pixels: bytes = field(repr=False)
    name: str = field(default="", compare=False)
    view: int = 0
    source: str = field(default="", compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.pixels)

    def __str__(self) -> str:
        return self.name or f"{self.width} × {self.height}"

    @lazy
    def digest(self) -> bytes:
        """A hash of what makes it equal to others."""
        said = f"{self.width} {self.height} {self.mode} {self.view} ".encode()
        return hashlib.blake2b(said + self.pixels, digest_size=16).digest()

    @classmethod
    def of(cls, image: Image, name: str = "") -> Picture:
        """The picture that a PIL image of mode L or RGB shows."""
        return cls(*image.size, image.mode, image.tobytes(), name)

    def image(self) -> Image:
        """The same picture as a PIL image of its mode."""
        from PIL import Image

        return Image.frombytes(self.mode, (self.width, self.height), self.pixels)

    def array(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """[height, width, channels], read-only."""
        return np.frombuffer(self.pixels, np.uint8).reshape(self.height, self.width, CHANNELS[self.mode])
