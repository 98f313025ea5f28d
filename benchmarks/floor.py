"""The least work an adaptation can be: the floating-point operations of its matrix products, and how fast this machine does those.

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

import torch
from torch import nn

from meta_demo.algorithms.inner_loop import GradientAlgorithm
from meta_demo.core.algorithm import Algorithm
from meta_demo.core.backbone import Backbone

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
    prefix, suffix = algorithm.boundary, sizes.layers - algorithm.boundary
    steps = 0
    if isinstance(algorithm, GradientAlgorithm) and algorithm.adapts_body and algorithm.body:
        steps = algorithm.config.inner_steps
    trained = sum(w.numel() for w in algorithm.body.values() if w.dim() == 2)
    # Low-rank factors multiply beside the weights they belong to; full weights in scope are those already counted.
    beside = 2 * trained if algorithm.config.scope == "lora" else 0
    look = sizes.forward(suffix, support) + beside * sum(support)
    step = sizes.backward(suffix, support, trained) + beside * sum(support) if steps else 0
    return {
        "features": sizes.forward(prefix, support),
        "adapt": (steps + 1) * look + steps * step,
        "predict": sizes.forward(sizes.layers, query) + beside * sum(query),
    }


class Rate:
    """This machine's best rate, in operations per second, of the products that a layer is made of."""

    def __init__(self, backbone: Backbone, tokens: int) -> None:
        d = backbone.dim
        _, layer = next(backbone.named_layers())
        widest = max((m.weight.shape for m in layer.modules() if isinstance(m, nn.Linear)), key=lambda s: s[0] * s[1])
        shapes = sorted({(d, d), (d, max(widest)), (max(widest), d)})
        self._pairs = [(self._random(backbone, tokens, i), self._random(backbone, i, o)) for i, o in shapes]
        self.best = 0.0

    @staticmethod
    def _random(backbone: Backbone, rows: int, columns: int) -> torch.Tensor:
        return torch.randn(rows, columns, dtype=backbone.dtype, device=backbone.device)

    def sample(self, seconds: float = 0.05) -> None:
        """Try every shape for a while, and remember the best."""
        for a, b in self._pairs:
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                started = time.perf_counter()
                a @ b
                synchronize(a.device)
                flops = 2 * a.shape[0] * a.shape[1] * b.shape[1]
                self.best = max(self.best, flops / (time.perf_counter() - started))


def synchronize(device: torch.device) -> None:
    """Wait for an accelerator, which otherwise answers before it is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
