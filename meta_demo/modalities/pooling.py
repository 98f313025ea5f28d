"""Last hidden states to one vector: the ways of pooling there are, by the names that sentence-transformers gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def _mean(hidden: Tensor, mask: Tensor, whole: Tensor) -> Tensor:  # noqa: ARG001
    weight = mask.to(hidden.dtype)[:, :, None]
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)


def _mean_sqrt(hidden: Tensor, mask: Tensor, whole: Tensor) -> Tensor:  # noqa: ARG001
    weight = mask.to(hidden.dtype)[:, :, None]
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9).sqrt()


def _weighted_mean(hidden: Tensor, mask: Tensor, whole: Tensor) -> Tensor:  # noqa: ARG001
    """Later tokens count for more (Muennighoff 2022): the first once, the second twice, and so on."""
    places = torch.arange(1, hidden.shape[1] + 1, dtype=hidden.dtype, device=hidden.device)
    weight = (mask.to(hidden.dtype) * places)[:, :, None]
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)


def _max(hidden: Tensor, mask: Tensor, whole: Tensor) -> Tensor:  # noqa: ARG001
    return hidden.masked_fill(mask[:, :, None] == 0, float("-inf")).amax(1)


def _cls(hidden: Tensor, mask: Tensor, whole: Tensor) -> Tensor:  # noqa: ARG001
    """The first token that counts."""
    first = mask.to(torch.int).argmax(1)
    return hidden[torch.arange(len(hidden), device=hidden.device), first]


def _last(hidden: Tensor, mask: Tensor, whole: Tensor) -> Tensor:  # noqa: ARG001
    last = whole.sum(1) - 1
    return hidden[torch.arange(len(hidden), device=hidden.device), last]


_WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cls": _cls,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}
MODES = tuple(_WAYS)  # in the order in which several at once are joined where a file has a switch for each


def pooled(hidden: Tensor, mask: Tensor, modes: Sequence[str], skipped: int = 0) -> Tensor:
    """[b, W, D] and a mask [b, W] of the tokens -> [b, D times the number of `modes`]; the first `skipped` tokens do not count."""
    counted = mask
    if skipped:
        counted = mask.clone()
        counted[:, :skipped] = 0
    return torch.cat([_WAYS[mode](hidden, counted, mask) for mode in modes], -1)
