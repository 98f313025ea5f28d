"""A Transformer that has learned nothing: random weights by a seed, and heads that look at their neighbours where they can.

Attention that must first find out what is next to what learns little for hundreds of steps. Where a layer adds a learned bias for
each relative position (BEiT), each head starts at one of the eight neighbours, as in ConViT (d'Ascoli et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

NEIGHBOURS = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]  # rows down, columns to the right
TABLE = "relative_position_bias_table"


def fresh_model(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """What `build` makes of a Hugging Face configuration, with random weights; nothing is drawn from the global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build()
    tables: list[Any] = [module for module in model.modules() if hasattr(module, TABLE)]
    for depth, module in enumerate(tables):
        table: Tensor = getattr(module, TABLE).data  # [(2H-1)(2W-1) + 3, heads], the last three about CLS
        rows, columns = module.window_size
        table[:-3] = _neighbour_bias(rows, columns, table.shape[1], depth / len(tables))
    return model


def fresh_head(dim: int, seed: int) -> Tensor:
    """A vector [D] whose product with an embedding of length 1 is a normal number of variance 1."""
    return torch.randn(dim, generator=torch.Generator().manual_seed(seed))


def _neighbour_bias(rows: int, columns: int, heads: int, depth: float) -> Tensor:
    """Minus the squared distance of each relative position from a head's neighbour: sharp in the lowest layer (depth 0), and
    wider and softer above -> [(2 rows - 1)(2 columns - 1), heads]."""
    reach = 1 if depth < 0.5 else 2
    down = torch.arange(2 * rows - 1)[:, None] - (rows - 1)  # of the query, from where it looks
    right = torch.arange(2 * columns - 1)[None, :] - (columns - 1)
    bias = [
        -((down + reach * y) ** 2 + (right + reach * x) ** 2) * (1 - depth) / reach**2
        for y, x in (NEIGHBOURS[h % len(NEIGHBOURS)] for h in range(heads))
    ]
    return torch.stack(bias, -1).flatten(0, 1).float()
