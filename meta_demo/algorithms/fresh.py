"""Weights that nobody has trained yet."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def fresh(like: Tensor, rng: torch.Generator, *shape: int) -> nn.Parameter:
    """A linear map [*shape], drawn so that inputs [..., shape[-1]] of unit variance leave it with unit variance.

    It is drawn in float64, so that every dtype begins alike, and has the dtype and the device of `like`.
    """
    return nn.Parameter((torch.randn(*shape, generator=rng, dtype=torch.float64) * shape[-1] ** -0.5).to(like))
