"""Pictures a little otherwise: a whole batch turned, stretched, moved and bent at once, for meta-training only.

Here: what happens to pixels on their way into a training task. Not here: how a hand draws a made-up glyph anew (`glyphs.py`).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from meta_demo.core.task import Features, Task

GRID = 5  # control points along a side of the elastic field


def distort(pixels: Tensor, strength: float, rng: torch.Generator) -> Tensor:
    """Each picture of a batch [b, C, H, W] under an affine map and an elastic field of its own -> [b, C, H, W].

    Strength 1: standard deviations of 10 degrees, 12 % of either side, 0.12 of shear, 6 % of the side in place, 2.5 % in bending
    (Simard, Steinkraus & Platt 2003). What comes in from outside continues the edge.
    """
    b = len(pixels)

    def normal(*shape: int) -> Tensor:
        return torch.randn(b, *shape, generator=rng).clamp(-2.5, 2.5) * strength

    angle, stretch, shear = 0.17 * normal(), (0.12 * normal(2)).exp(), 0.12 * normal()
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)  # [b, 2, 2]
    slant = torch.eye(2).repeat(b, 1, 1)
    slant[:, 0, 1] = shear
    matrix = turn @ slant @ torch.diag_embed(stretch)
    affine = torch.cat([matrix, 0.12 * normal(2, 1)], -1)  # the picture is 2 units wide here
    bend = interpolate(0.05 * normal(2, GRID, GRID), pixels.shape[-2:], mode="bicubic", align_corners=True)
    field = affine_grid(affine, list(pixels.shape), align_corners=False) + bend.permute(0, 2, 3, 1)
    return grid_sample(pixels, field.to(pixels), padding_mode="border", align_corners=False)


def distorted(task: Task, strength: float, rng: torch.Generator) -> Task:
    """A task over pixels with every picture distorted, and all of them turned or mirrored alike.

    A turned or mirrored alphabet is another alphabet: eight times as many classes (Santoro et al. 2016 turn characters).
    """
    symmetry = int(torch.randint(8, (), generator=rng))

    def side(features: Features) -> Features:
        groups = [replace(g, first=distort(_symmetric(g.first, symmetry), strength, rng)) for g in features.groups]
        return replace(features, groups=tuple(groups))

    return replace(task, support=side(task.support), query=side(task.query))


def _symmetric(pixels: Tensor, symmetry: int) -> Tensor:
    """One of a square's eight symmetries: quarter turns, from 4 on of the mirror image."""
    turned = pixels.rot90(symmetry % 4, (-2, -1))
    return turned.flip(-1) if symmetry >= 4 else turned
