"""Rules that move one weight at a time: a small LSTM, the same for every weight, reads its gradients and says where it goes.

There are two of them, one for the head and one for the Transformer, as Andrychowicz et al. (2016, section 3.3) have one for each kind
of layer. The gradients that a rule reads are constants of the outer loop, as in both papers: what the rule did to later gradients is
dropped, and no second derivative is asked for.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import exp
from typing import ClassVar

import torch
from torch import Tensor, nn

from meta_demo.algorithms.fresh import fresh
from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import HEAD, Fast, Step, zero
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.words import words

SMALL = 10.0  # p: a gradient below e^-p is told by its value, a larger one by its logarithm and its sign


@dataclass(frozen=True)
class RuleConfig(GradientConfig):
    """The inner loop's knobs; the learning rates are those that an untrained rule takes."""

    lora_rank: int = GradientConfig.redefault("lora_rank", 4)
    inner_steps: int = GradientConfig.redefault("inner_steps", 5)
    momentum: float = GradientConfig.redefault("momentum", 0.0)
    hidden: int = knob(
        8,
        words("Size of the rule's memory", "规则的记忆大小"),
        words(
            "numbers that the rule remembers of each weight; a start that was trained has its own",
            "规则为每个权重记住的数的个数；训练好的起点自有其值",
        ),
        lo=1,
        hi=32,
    )


class Cell(nn.Module):
    """An LSTM cell (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000), the same for every weight.

    Its numbers are drawn by `rng`; it forgets little at first.
    """

    def __init__(self, inputs: int, hidden: int, like: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        self.weight = fresh(like, rng, 4 * hidden, inputs + hidden)
        self.bias = nn.Parameter(torch.cat([like.new_zeros(hidden), like.new_ones(hidden), like.new_zeros(2 * hidden)]))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Output and memory [H, n] after x [inputs, n]."""
        seen = torch.cat([x, h])
        said = spoken(self.weight, seen, self.bias)
        size = len(h)
        taken, kept, shown = said[: 3 * size].sigmoid().chunk(3)
        c = kept * c + taken * said[3 * size :].tanh()
        return shown * c.tanh(), c


class RuleAlgorithm(GradientAlgorithm):
    """The family's inner loop with an update that is learned; with the rule, the outer loop learns the start as in first-order MAML."""

    Config = RuleConfig
    config: RuleConfig
    family = "rule"
    second_order = False
    inputs: ClassVar[int]  # numbers that the LSTM reads of each weight
    own: ClassVar[int] = 0  # numbers that the rule remembers of each weight beside the LSTM's

    def __init__(self, backbone: Backbone, config: RuleConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        rng = torch.Generator().manual_seed(seed)
        self.cells = nn.ModuleDict(
            {kind: Cell(self.inputs, config.hidden, backbone.head, rng) for kind in ("body", "head")}
        )

    @property
    def beside(self) -> int:
        """What an LSTM makes on its way: gates, memory and output, twice, as most of them enter a product."""
        return 2 * (6 * self.config.hidden + self.inputs + self.own + 1)

    def init_slots(self, fast: Fast) -> Fast:
        """Of each weight the LSTM's output and memory, what the rule itself remembers, and with momentum the velocity: all zero."""
        many = 2 * self.config.hidden + self.own + bool(self.config.momentum)
        sizes = {kind: sum(fast[name].numel() for name in names) for kind, names in by_kind(fast).items()}
        like = next(iter(fast.values()))
        return {kind: zero(like.new_empty(size)).expand(many, -1) for kind, size in sizes.items()}

    def update(self, step: Step, fast: Fast, grads: Fast, slots: Fast) -> tuple[Fast, Fast]:
        """All weights of a kind in one go: they are one long vector to the rule."""
        made: Fast = {}
        memory: Fast = {}
        for kind, names in by_kind(fast).items():
            w, g = (torch.cat([of[name].flatten() for name in names]) for of in (fast, grads))
            w, memory[kind] = self._one(step, kind, w, g, slots[kind])
            parts = torch.split(w, [fast[name].numel() for name in names])
            made |= {name: part.view_as(fast[name]) for name, part in zip(names, parts, strict=True)}
        return {name: made[name] for name in fast}, memory

    def _one(self, step: Step, kind: str, w: Tensor, g: Tensor, slot: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [n] of a kind after the step, and what is remembered of them [.., n]."""
        velocity, size = g, self.config.hidden
        if self.config.momentum:
            velocity = g + self.config.momentum * slot[-1]
        h, c = self.cells[kind](self.read(step, g), slot[:size], slot[size : 2 * size])
        rate = self.config.head_lr if kind == "head" else self.config.inner_lr
        w, own = self.moved(kind, w, rate, velocity, h, slot[2 * size : 2 * size + self.own])
        return w, torch.cat([h, c, own, *([velocity[None]] if self.config.momentum else [])])

    @abstractmethod
    def read(self, step: Step, g: Tensor) -> Tensor:
        """What the LSTM reads of each weight whose gradient is g [n] -> [inputs, n]."""

    @abstractmethod
    def moved(
        self, kind: str, w: Tensor, rate: float, velocity: Tensor, h: Tensor, own: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weights [n] of a kind after a step, given the LSTM's outputs h [H, n], and what the rule remembers [own, n]."""


def spoken(weight: Tensor, seen: Tensor, bias: Tensor) -> Tensor:
    """One linear map [out, in] of what is seen of each weight [in, n] -> [out, n]."""
    return torch.addmm(bias[:, None], weight, seen)


def by_kind(fast: Fast) -> dict[str, list[str]]:
    """The names of what each of the two rules moves."""
    found: dict[str, list[str]] = {}
    for name in fast:
        found.setdefault("head" if name.startswith(HEAD) else "body", []).append(name)
    return found


def told(g: Tensor) -> Tensor:
    """Numbers of any size as two of about the size one [2, n]: logarithm / p and sign where they are at least e^-p, else -1 and
    e^p g (Andrychowicz et al. 2016, appendix A)."""
    size, least = g.abs(), exp(-SMALL)
    large = size >= least
    first = torch.where(large, size.clamp_min(least).log() / SMALL, -torch.ones_like(g))
    return torch.stack([first, torch.where(large, g.sign(), g / least)])
