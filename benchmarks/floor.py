"""The least work an adaptation can be: the floating-point operations of its matrix products, and how fast this machine does those.

The rate is that of the model's own products: as many rows as the sentences have tokens, times the weights of one layer after the
other. With 70 rows every weight that comes from memory is used 70 times, and no program multiplies as fast as with 1,000.

Counted from the model's sizes and the real token counts, so that padding, recomputation, copies and Python all show as a
distance from the floor. With P weights in the linear maps of a layer, width D, and sentences of L tokens, a layer costs

    forward    2 P L + 4 D L^2                     each weight multiplies and adds once per token; queries x keys, weights x values
    backward   2 P L + 8 D L^2                     to its weights (only those in scope), and through attention
             + 2 P L                               to what it read; the lowest layer stops at its first three maps, as
                                                   nothing below the frozen boundary wants a gradient

Left out as too little to matter: heads, embedding tables, norms, activations and the update itself.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.backbones.backbone import Backbone

PHASES = ("features", "adapt", "predict")


@dataclass(frozen=True)
class Sizes:
    """What the count depends on: width D, layers, and the weights in one layer's linear maps P."""

    dim: int
    layers: int
    layer_weights: int

    @classmethod
    def of(cls, backbone: Backbone) -> Sizes:
        _, layer = next(backbone.named_layers())
        weights = sum(m.weight.numel() for m in layer.modules() if isinstance(m, nn.Linear))
        return cls(backbone.dim, backbone.n_layers, weights)

    def forward(self, layers: int, lengths: Sequence[int]) -> int:
        """Operations of `layers` layers on sentences of these lengths."""
        tokens, squares = sum(lengths), sum(n * n for n in lengths)
        return layers * (2 * self.layer_weights * tokens + 4 * self.dim * squares)

    def backward(self, layers: int, lengths: Sequence[int], trained: int) -> int:
        """Operations of the gradient by `trained` weights that lie in the top `layers` layers."""
        tokens, squares = sum(lengths), sum(n * n for n in lengths)
        passed = layers * self.layer_weights - 3 * self.dim**2  # queries, keys and values of the lowest: not passed on
        return 2 * (trained + passed) * tokens + layers * 8 * self.dim * squares


def operations(algorithm: Algorithm, support: Sequence[int], query: Sequence[int]) -> dict[str, int]:
    """Of each phase: support features, all inner steps with a look at the support after the last, and prediction of new queries.

    `support` and `query` are the sentences' numbers of tokens.
    """
    sizes = Sizes.of(algorithm.backbone)
    prefix = algorithm.boundary if algorithm.adapts_body else sizes.layers  # what no task changes is a feature
    suffix = sizes.layers - prefix
    steps = algorithm.config.inner_steps if isinstance(algorithm, GradientAlgorithm) and suffix else 0
    trained = sum(w.numel() for w in algorithm.body.values() if w.dim() == 2)
    # Low-rank factors multiply beside the weights they belong to; full weights in scope are those already counted.
    beside = 2 * trained if getattr(algorithm.config, "scope", "") == "lora" else 0
    own = beside * sum(support)
    look = sizes.forward(suffix, support) + (own if suffix else 0)
    step = sizes.backward(suffix, support, trained) + own if steps else 0
    return {
        "features": sizes.forward(prefix, support) + (0 if suffix else own),
        "adapt": (steps + 1) * look + steps * step,
        "predict": sizes.forward(sizes.layers, query) + beside * sum(query),
    }


class Rate:
    """This machine's rate, in operations per second, at products of `rows` rows with the weights of every layer in turn."""

    def __init__(self, backbone: Backbone, rows: int) -> None:
        maps = [m for _, layer in backbone.named_layers() for m in layer.modules() if isinstance(m, nn.Linear)]
        x = {m.in_features: torch.randn(rows, m.in_features).to(m.weight) for m in maps}
        self._pairs = [(x[m.in_features], m.weight.T) for m in maps]
        self._operations = 2 * rows * sum(m.weight.numel() for m in maps)
        self._seconds: list[float] = []

    def sample(self) -> None:
        """Go through all layers once."""
        device = self._pairs[0][0].device
        started = time.perf_counter()
        for x, weight in self._pairs:
            x @ weight
        synchronize(device)
        self._seconds.append(time.perf_counter() - started)

    @property
    def median(self) -> float:
        return self._operations / median(self._seconds)


def synchronize(device: torch.device) -> None:
    """Wait for an accelerator, which otherwise answers before it is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
