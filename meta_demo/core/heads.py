"""Classifier heads made from a task's own classes, so that any number of classes fits and their order is irrelevant."""

from __future__ import annotations

from torch import Tensor


def prototypes(z: Tensor, y: Tensor) -> Tensor:
    """Mean embedding of each class (Snell et al. 2017, eq. 1): z [S, D], y [S, N] -> [N, D]."""
    return (y.T @ z) / y.sum(0)[:, None]


def distance_logits(z: Tensor, c: Tensor, scale: Tensor) -> Tensor:
    """Negative squared Euclidean distance to every prototype, times `scale` (Snell et al. 2017, eq. 2).

    z [..., B, D], c [..., N, D] -> [..., B, N].
    """
    return -scale * (z[..., :, None, :] - c[..., None, :, :]).square().sum(-1)


def prototype_head(z: Tensor, y: Tensor, scale: Tensor) -> dict[str, Tensor]:
    """The linear layer whose logits are the prototypes' up to a constant per row: W = 2c, b = -|c|^2.

    Triantafillou et al. 2020, section 3 (Proto-MAML). z [S, D], y [S, N] -> weight [N, D], bias [N].
    """
    c = prototypes(z, y)
    return {"head.weight": 2 * scale * c, "head.bias": -scale * c.square().sum(-1)}


def shared_head(vector: Tensor, n_way: int) -> dict[str, Tensor]:
    """One learned vector repeated for every class (Ye & Chao 2022, UNICORN-MAML): vector [D] -> weight [N, D]."""
    return {"head.weight": vector.expand(n_way, -1), "head.bias": vector.new_zeros(n_way)}


def linear(z: Tensor, head: dict[str, Tensor]) -> Tensor:
    """Logits [B, N] of embeddings z [B, D]."""
    return z @ head["head.weight"].T + head["head.bias"]
