"""The inner loop, once: gradient descent on the support set from a meta-learned start.

Every gradient-based algorithm is this loop with one override: the order of its meta-gradient, its update, the weights that
move, or its outer loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.autograd import grad

from meta_demo.algorithms.base import Algorithm, BodyConfig, State
from meta_demo.algorithms.gradient.walk_back import leaves, walk_back
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.features import Features, Task
from meta_demo.core.heads import cross_entropy, linear, prototype_head, shared_head
from meta_demo.words import words

Fast = dict[str, Tensor]


@dataclass(frozen=True)
class GradientConfig(BodyConfig):
    """Knobs of the inner loop."""

    inner_steps: int = knob(
        8,
        words("Inner steps", "内循环步数"),
        words("gradient steps on the support set", "在支持集上的梯度步数"),
        lo=0,
        hi=50,
    )
    inner_lr: float = knob(
        0.2,
        words("Learning rate, Transformer", "学习率（Transformer）"),
        words("how far each step moves the Transformer's weights", "每一步移动 Transformer 权重的幅度"),
        lo=0.0,
        hi=1e6,
    )
    head_lr: float = knob(
        1.0,
        words("Learning rate, head", "学习率（分类头）"),
        words("how far each step moves the classifier head", "每一步移动分类头的幅度"),
        lo=0.0,
        hi=1e6,
    )
    momentum: float = knob(
        0.9,
        words("Momentum", "动量"),
        words("how much of each step the next one goes on with", "每一步有多少延续到下一步"),
        lo=0.0,
        hi=0.99,
    )
    head: str = knob(
        "prototypes",
        words("Head starts from", "分类头的起点"),
        words(
            "prototypes: the class means; shared: one learned vector for every class",
            "prototypes：类别均值；shared：所有类别共用一个学习到的向量",
        ),
        choices=("prototypes", "shared"),
    )


class GradientAlgorithm(Algorithm):
    """Fast weights: the start, moved by `inner_steps` gradient steps on the support loss.

    The head starts from the support set (Proto-MAML) or from one learned vector for every class (UNICORN-MAML).
    """

    Config: ClassVar[type[BodyConfig]] = GradientConfig
    config: GradientConfig
    second_order: ClassVar[bool] = False
    adapts_body = True

    def __init__(self, backbone: Backbone, config: GradientConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        self.shared = nn.Parameter(torch.zeros(backbone.dim, dtype=backbone.dtype, device=backbone.device))

    def start_head(self, z: Tensor, y: Tensor) -> Fast:
        """The head before the first step: z [S, D], y [S, N]."""
        if self.config.head == "shared":
            return shared_head(self.shared, y.shape[1])
        return prototype_head(z, y, self.log_scale.exp())

    def rate(self, name: str) -> float:
        """Learning rate of the fast weight `name`."""
        return self.config.head_lr if name.startswith("head.") else self.config.inner_lr

    def update(self, fast: Fast, grads: Fast, slots: Fast) -> tuple[Fast, Fast]:
        """One step of gradient descent (Finn et al. 2017, eq. 1) -> fast weights and what the next update must remember.

        With momentum, v <- m v + g and w <- w - rate v (Polyak 1964; Sutskever et al. 2013, eqs. 1 and 2); m = 0 is Finn's.
        """
        moves = {
            name: grads[name].add(slots[name], alpha=self.config.momentum) if slots else grads[name] for name in fast
        }
        return {name: w.add(moves[name], alpha=-self.rate(name)) for name, w in fast.items()}, moves

    def gradient(self, fast: Fast, support: Features, y: Tensor, *, graph: bool = False) -> Fast:
        """Of the support loss by `fast`, which are variables; with `graph` differentiable with respect to them."""
        with torch.enable_grad():
            loss = cross_entropy(linear(self.embed(fast, support), fast), y)
        by = grad(loss, list(fast.values()), create_graph=graph, allow_unused=True, materialize_grads=True)
        return dict(zip(fast, by, strict=True))

    def adapt(self, support: Features, y: Tensor, *, graph: bool = False) -> Iterator[State]:
        exact = graph and self.second_order
        support = self.backbone.pack(support)
        body: Fast = self.body if self.adapts_body else {}
        at = body if graph else leaves(body)
        z = self._embed(at, support, graph)
        head = self.start_head(z if graph else z.detach(), y)
        slots: Fast = {}
        for step in range(self.config.inner_steps + 1):
            # z and head enter the loss as variables of their own: the inner gradient holds one fixed while it
            # differentiates by the other, although the first head was made from z.
            with torch.enable_grad():
                inputs = (_views if exact else leaves)({"z": z, **head} if at else head)
                logits = linear(inputs.get("z", z), inputs)
                loss = cross_entropy(logits, y)
            fast = {**body, **head}
            yield State(fast if graph else _detached(fast), logits.detach())
            if step == self.config.inner_steps:
                return
            grads = _gradients(loss, inputs, z, at, exact=exact, retain=graph)
            fast, slots = self.update(fast, grads, slots)
            body, head = {k: fast[k] for k in body}, {k: fast[k] for k in head}
            if graph and step == self.config.inner_steps - 1:
                yield State(fast)
                return
            if body:
                at = body if exact else leaves(body)
                z = self._embed(at, support, graph)

    def predict(self, state: State, x: Features) -> Tensor:
        return linear(self.embed(state.tensors, x), state.tensors)

    def meta_loss(self, task: Task) -> Tensor:
        """Query cross-entropy after adaptation. Second order through the body walks back, so that memory stays flat -> []."""
        return walk_back(self, task) if self.second_order and self.adapts_body else super().meta_loss(task)

    def _embed(self, at: Fast, x: Features, graph: bool) -> Tensor:
        with torch.set_grad_enabled(graph or bool(at)):
            return self.embed(at, x)


def _gradients(loss: Tensor, inputs: Fast, z: Tensor, at: Fast, *, exact: bool, retain: bool) -> Fast:
    """Gradient of the support loss by the head, and through z by the body's weights `at`."""
    by_input = dict(zip(inputs, grad(loss, list(inputs.values()), create_graph=exact), strict=True))
    if not at:
        return by_input
    by_z = by_input.pop("z")
    by_body = grad(
        z, list(at.values()), by_z, create_graph=exact, retain_graph=retain, allow_unused=True, materialize_grads=True
    )
    return by_input | dict(zip(at, by_body, strict=True))


def _views(tensors: Fast) -> Fast:
    """The same values as variables of their own, still connected to what they were made from."""
    return {name: t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for name, t in tensors.items()}


def _detached(tensors: Fast) -> Fast:
    return {name: t.detach() for name, t in tensors.items()}
