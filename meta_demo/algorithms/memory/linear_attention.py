"""A layer of linear attention is a step of gradient descent: the same prediction both ways (von Oswald et al. 2023, proposition 1).

A token is an input with its label. Keys and queries read the input alone, values the error of a first guess, and what a question's own
label becomes is its prediction after one step on the squared error of the examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class OneStep:
    """What is predicted for questions [Q, O], before the step and after it, by gradient descent and by attention; and how much each
    question attends to each example [Q, S], which is their dot product."""

    before: Tensor
    by_gradient: Tensor
    by_attention: Tensor
    attended: Tensor


def one_step(x: Tensor, y: Tensor, query: Tensor, rate: float, weights: Tensor | None = None) -> OneStep:
    """One step of size `rate` on half the mean squared error of y = W x, both ways; W begins as `weights` [O, D], by default zero.

    x [S, D], y [S, O], query [Q, D].
    """
    weights = x.new_zeros(y.shape[1], x.shape[1]) if weights is None else weights
    return OneStep(
        query @ weights.T,
        query @ descended(x, y, rate, weights).T,
        attended(x, y, query, rate, weights),
        query @ x.T,
    )


@torch.enable_grad()
def descended(x: Tensor, y: Tensor, rate: float, weights: Tensor) -> Tensor:
    """The weights [O, D] after one step of gradient descent."""
    w = weights.detach().requires_grad_()
    loss = (x @ w.T - y).square().sum(-1).mean() / 2
    (slope,) = torch.autograd.grad(loss, w)
    return weights - rate * slope


def attended(x: Tensor, y: Tensor, query: Tensor, rate: float, weights: Tensor) -> Tensor:
    """The predictions [Q, O] of one layer of linear attention, e + P V K' q, with the weights of the proposition.

    Tokens are (x, y); a question's is (x, -W x), so that its label is minus the prediction at every time.
    """
    d, out = x.shape[1], y.shape[1]
    examples, questions = torch.cat([x, y], 1), torch.cat([query, -query @ weights.T], 1)
    sees = torch.diag(torch.cat([x.new_ones(d), x.new_zeros(out)]))  # keys and queries: the input alone
    error = torch.cat([x.new_zeros(d, d + out), torch.cat([weights, -torch.eye(out).to(x)], 1)])  # values: (0, W x - y)
    shared = rate / len(x) * (examples @ error.T).T @ (examples @ sees.T)  # P V K'
    after: Tensor = questions + questions @ sees.T @ shared.T
    return -after[:, d:]
