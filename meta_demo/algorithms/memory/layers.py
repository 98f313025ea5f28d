"""A layer of attention over the examples of a task, the asker itself, and a memory of tasks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

from meta_demo.algorithms.fresh import fresh

HEADS, WIDTH = 4, 64  # of attention in all its heads
SAME = 2.0  # how much more an example of one's own class is attended to, before training, by half of the heads; less by the others


@dataclass(frozen=True)
class Tokens:
    """Inputs with hidden states [B, D], and what is `said` of their labels so far [B, O]: those of examples, or a question's guess.

    `labels` [S, O] are the examples'. Of questions, `examples` are the examples' hidden states [S, D] before every layer; the examples
    themselves have none, as they see each other.
    """

    hidden: Tensor
    said: Tensor
    labels: Tensor
    numbers: bool
    examples: tuple[Tensor, ...] = ()


class Layer(nn.Module):
    """Attention and two linear maps, each with a residual and a layer norm before it; neither adds anything before training.

    Whoever attends sees the examples, the memory, and, where it is none of the examples, itself.
    """

    def __init__(self, like: Tensor, rng: torch.Generator) -> None:
        super().__init__()
        d = len(like)
        self.q, self.k, self.v = fresh(like, rng, WIDTH, d), fresh(like, rng, WIDTH, d), fresh(like, rng, WIDTH, d)
        self.out = nn.Parameter(like.new_zeros(d, WIDTH))
        self.up, self.up_bias = fresh(like, rng, 2 * WIDTH, d), nn.Parameter(like.new_zeros(2 * WIDTH))
        self.down = nn.Parameter(like.new_zeros(d, 2 * WIDTH))
        self.same = nn.Parameter(like.new_tensor([SAME, -SAME] * (HEADS // 2)))
        # Of an example, of a question, of a unit of a number.
        self.code = nn.Parameter(fresh(like, rng, d, 3).detach().T.contiguous())

    def forward(self, tokens: Tokens, seen: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states [B, D] after the layer, and what is said of their labels by then; `seen` [S, D] are the examples' before it."""
        asking = bool(tokens.examples)
        own = self._coded(tokens.hidden, tokens.said if tokens.numbers and not asking else None, asking=asking)
        others = self._coded(seen, tokens.labels if tokens.numbers else None, asking=False) if asking else own
        every = torch.cat([others, layer_norm(tasks, tasks.shape[1:])]) if len(tasks) else others
        q, k, v = (_heads(x @ w.T) for x, w in ((own, self.q), (every, self.k), (every, self.v)))  # [H, ., W / H]
        logits = q @ k.mT * q.shape[-1] ** -0.5
        if not tokens.numbers:
            alike = self.same[:, None, None] * (tokens.said @ tokens.labels.T)
            logits = torch.cat([logits[..., : len(seen)] + alike, logits[..., len(seen) :]], -1)
        if asking:
            mine, worth = (_heads(own @ w.T) for w in (self.k, self.v))
            logits = torch.cat([logits, (q * mine).sum(-1, keepdim=True) * q.shape[-1] ** -0.5], -1)
        share = logits.softmax(-1)
        read = share[..., : len(every)] @ v
        if asking:
            read = read + share[..., -1:] * worth
        hidden = tokens.hidden + read.movedim(0, 1).flatten(1) @ self.out.T
        inner = self._coded(hidden, tokens.said if tokens.numbers and not asking else None, asking=asking)
        hidden = hidden + gelu(inner @ self.up.T + self.up_bias) @ self.down.T
        said = share[..., : len(seen)].mean(0) @ tokens.labels if asking else tokens.said
        return hidden, said

    def _coded(self, hidden: Tensor, numbers: Tensor | None, *, asking: bool) -> Tensor:
        """Hidden states of one length, with the code of what they are, and of a number where there is one."""
        coded = layer_norm(hidden, hidden.shape[1:]) + self.code[1 if asking else 0]
        return coded if numbers is None else coded + numbers * self.code[2]


def _heads(x: Tensor) -> Tensor:
    """[B, W] -> [H, B, W / H]."""
    return x.view(len(x), HEADS, -1).movedim(1, 0)
