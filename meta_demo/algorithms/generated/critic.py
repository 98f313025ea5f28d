"""The other player: a critic that tells weights a generator wrote from weights that gradient descent fitted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, softplus

from meta_demo.algorithms.fresh import fresh

HIDDEN = 64
DIVERGED = 10.0  # nats of the critic's loss, of which guessing takes 0.69, from which on it is no judge any more


class Critic(nn.Module):
    """A network of one hidden layer that looks at a class's mean and weights, each of the length of the other's.

    Before training it says nothing: both kinds are as likely.
    """

    def __init__(self, like: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        d = len(like)
        self.hidden, self.bias = fresh(like, rng, HIDDEN, 2 * d), nn.Parameter(like.new_zeros(HIDDEN))
        self.out, self.out_bias = nn.Parameter(like.new_zeros(HIDDEN)), nn.Parameter(like.new_zeros(()))

    def forward(self, means: Tensor, weights: Tensor) -> Tensor:
        """The log-odds that weights [N, D] of classes with `means` [N, D] were fitted rather than written [N]."""
        sized = means.shape[1] ** 0.5
        pair = torch.cat([sized * means, sized * weights / weights.detach().norm(dim=1).mean().clamp_min(1e-6)], 1)
        return gelu(pair @ self.hidden.T + self.bias) @ self.out + self.out_bias

    def loss(self, means: Tensor, written: Tensor, fitted: Tensor, weight: float) -> Tensor:
        """How wrong the critic is, in nats, on average over both kinds -> []. Its own weights descend that; whoever wrote is sent up,
        `weight` times as fast (gradient reversal: Ganin & Lempitsky 2015)."""
        reversed_: Tensor = _Reversed.apply(written, weight)  # type: ignore[no-untyped-call]
        return (softplus(self(means, reversed_)).mean() + softplus(-self(means, fitted)).mean()) / 2


class _Reversed(torch.autograd.Function):
    """The same value; its gradient is turned round, times a weight."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * grad, None


def fitted(head: dict[str, Tensor], z: Tensor, y: Tensor, steps: int, rate: float) -> Tensor:
    """The head's weights [N, D] after `steps` steps of gradient descent on the cross-entropy of embeddings z [B, D] with labels y."""
    weight, bias = head["head.weight"], head["head.bias"]
    for _ in range(steps):
        error = ((z @ weight.T + bias).softmax(-1) - y) / len(z)
        weight, bias = weight - rate * error.T @ z, bias - rate * error.sum(0)
    return weight
