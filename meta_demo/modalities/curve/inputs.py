"""How a point becomes tokens: sines and cosines of x, which the patches of a ViT carry, from the slowest waves to the fastest.

The model is a plain ViT of transformers whose picture is one row of patches, a patch a token; its configuration says all there is
to know: `image_size` [1, T] for T tokens, `num_channels` C for C / 2 waves in each, and `period`, a word of ours.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from meta_demo.modalities.base import MODALITIES, Content
from meta_demo.modalities.curve.content import Point
from meta_demo.modalities.inputs import Encoded, Inputs


class CurveInputs(Inputs):
    """Points as one row of `tokens` patches with `channels` numbers each, after the class token.

    Wave k, from 1 on, is sin and cos of 2 pi k x / `period`; x and x + `period` look the same.
    """

    modality = "curve"
    example = Point(0.0)

    def __init__(self, config: Any) -> None:
        _, self.tokens = config.image_size
        self.channels, self.period = int(config.num_channels), float(config.period)
        waves = self.tokens * self.channels // 2
        self.rates = 2 * math.pi / self.period * torch.arange(1, waves + 1, dtype=torch.float64)  # [waves]

    def encode(self, content: Content) -> Encoded:
        x = MODALITIES[self.modality].expect(content).x
        return Encoded(x, hashlib.blake2b(struct.pack("<d", x), digest_size=16).digest(), self.tokens + 1)

    def batch(self, keys: Sequence[float], width: int) -> tuple[Tensor, Tensor]:
        angles = torch.tensor(keys, dtype=torch.float64)[:, None] * self.rates  # [b, waves]
        waves = torch.stack([angles.sin(), angles.cos()], -1)  # [b, waves, 2]
        rows = waves.reshape(len(keys), self.tokens, self.channels).transpose(1, 2)
        return rows[:, :, None].float(), torch.ones(len(keys), width, dtype=torch.long)

    def arguments(self, first: Tensor, mask: Tensor, lower: int = 0) -> dict[str, Tensor]:  # noqa: ARG002
        """No point is padded: above layer `lower` nothing depends on the waves, and reading one point is enough."""
        return {"pixel_values": first[:1] if lower else first}

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """The class token."""
        return hidden[:, 0]

    def names(self) -> list[str]:
        """What each token is called: the class token, and the periods of the waves in the others, slowest first."""
        each = self.channels // 2
        periods = [f"{self.period / k:.3g}" for k in range(1, self.tokens * each + 1)]
        return ["CLS", *(" · ".join(periods[i : i + each]) for i in range(0, len(periods), each))]

    def save(self, folder: Path) -> None:
        """Nothing but the configuration says how points are read."""
