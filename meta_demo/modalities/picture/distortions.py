"""Pictures a little otherwise: turned, stretched, moved and bent, each of a batch at once.

For meta-training every picture anew; to look at a picture more than once, always in the same ways. Not here: how a hand draws a
made-up glyph anew (`data/glyphs.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from meta_demo.core.examples import Examples, Task

GRID = 5  # control points along a side of the elastic field
VIEW = 0.8  # strength of the distortions that a picture is looked at under more than once


def viewed(pixels: Tensor, view: int) -> Tensor:
    """Pictures [b, C, H, W] under the distortion that is number `view`, the same for all pictures; 0 leaves them as they are."""
    if not view:
        return pixels
    affine, bend = _fields(1, VIEW, torch.Generator().manual_seed(99 + view))
    return _moved(pixels, affine.expand(len(pixels), -1, -1), bend.expand(len(pixels), -1, -1, -1))


def distorted(tasks: Sequence[Task], strength: float, rngs: Sequence[torch.Generator]) -> list[Task]:
    """Tasks over pixels with every picture distorted, and all those of a task turned or mirrored alike.

    A turned or mirrored alphabet is another alphabet: eight times as many classes (Santoro et al. 2016 turn characters).
    """
    groups = [task.support.x.groups + task.query.x.groups for task in tasks]
    fields = []
    for own, rng in zip(groups, rngs, strict=True):
        symmetry = _symmetry(int(torch.randint(8, (), generator=rng)))
        affine, bend = _fields(sum(len(g.first) for g in own), strength, rng)
        fields.append((symmetry @ affine, torch.einsum("ij,bjhw->bihw", symmetry, bend)))
    pixels = [g.first for own in groups for g in own]
    moved = _moved(torch.cat(pixels), *map(torch.cat, zip(*fields, strict=True)))
    each = iter(torch.split(moved, list(map(len, pixels))))

    def side(examples: Examples) -> Examples:
        moved = tuple(replace(g, first=next(each)) for g in examples.x.groups)
        return replace(examples, x=replace(examples.x, groups=moved))

    return [replace(task, support=side(task.support), query=side(task.query)) for task in tasks]


def _fields(b: int, strength: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Where each of `b` pictures, 2 units wide, is looked up: affine maps [b, 2, 3] and bends at control points [b, 2, GRID, GRID].

    Strength 1: standard deviations of 10 degrees, 12 % of either side, 0.12 of shear, 6 % of the side in place, 2.5 % in bending
    (Simard, Steinkraus & Platt 2003).
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(b, *shape, generator=rng).clamp(-2.5, 2.5) * strength

    angle, stretch, shear = 0.17 * normal(), (0.12 * normal(2)).exp(), 0.12 * normal()
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)  # [b, 2, 2]
    slant = torch.eye(2).repeat(b, 1, 1)
    slant[:, 0, 1] = shear
    matrix = turn @ slant @ torch.diag_embed(stretch)
    return torch.cat([matrix, 0.12 * normal(2, 1)], -1), 0.05 * normal(2, GRID, GRID)


def _moved(pixels: Tensor, affine: Tensor, bend: Tensor) -> Tensor:
    """Each picture under its affine map and elastic field -> [b, C, H, W]. What comes in from outside continues the edge."""
    fine = interpolate(bend.to(pixels), pixels.shape[-2:], mode="bicubic", align_corners=True)
    field = affine_grid(affine.to(pixels), list(pixels.shape), align_corners=False) + fine.permute(0, 2, 3, 1)
    return grid_sample(pixels, field, padding_mode="border", align_corners=False)


def _symmetry(number: int) -> Tensor:
    """One of a square's eight symmetries, as what it does to places: quarter turns, from 4 on of the mirror image -> [2, 2]."""
    turned = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).matrix_power(number % 4)
    return turned * torch.tensor([-1.0, 1.0]) if number >= 4 else turned
