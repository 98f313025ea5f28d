"""What each example of a support set is answered by an inner loop that has not seen it: what honest intervals are made from.

As many adaptations as there are examples, or ten that leave out a tenth each, mapped over by `torch.vmap`. Only where that is cheap:
where no step changes the Transformer, or where the model is small.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.func import vmap

from meta_demo.algorithms.base import State
from meta_demo.algorithms.gradient.fast import body_of
from meta_demo.algorithms.gradient.together import ROOM, TOKENS, Learner, Side, descent, tensors_of, with_tensors
from meta_demo.backbones.many import many_weights
from meta_demo.core.examples import Examples

PARTS = 10  # at the most


@torch.no_grad()
def left_out(algorithm: Learner, support: Examples) -> list[Tensor] | None:
    """Outputs [S, O] of the support set before the first step and after each, each made without its own example; None where that is
    not cheap."""
    away, rest = parts(len(support), support.y.device)
    if not (algorithm.adapts_body and algorithm.body):
        found = _by_heads(algorithm, support, away, rest)
    elif _is_cheap(algorithm, support, rest):
        found = _by_all(algorithm, support, away, rest)
    else:
        return None
    return list(found.transpose(0, 1).flatten(1, 2)[:, : len(support)])


def parts(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Who is left out together [P, p], everybody in order and the first few once more where it does not come out even, and whom is
    learned from then [P, count - p]."""
    size = -(-count // PARTS)
    first = torch.arange(0, count, size, device=device)[:, None]
    turn = (first + torch.arange(count, device=device)) % count
    return turn[:, :size], turn[:, size:]


def _is_cheap(algorithm: Learner, support: Examples, rest: Tensor) -> bool:
    """Whether so many adaptations go together: of a small model, and inputs of one length that are never padded."""
    if algorithm.backbone.inputs.pads or len(support.x.groups) != 1:
        return False
    weights = sum(w.nbytes for w in algorithm.body.values())
    tokens = support.x.groups[0].mask.shape[1] * rest.numel()
    return len(rest) * weights <= ROOM and tokens <= TOKENS


def _by_all(algorithm: Learner, support: Examples, away: Tensor, rest: Tensor) -> Tensor:
    """[P, steps + 1, p, O] where steps change the Transformer."""

    def one(learned: Side, asked: Side) -> Tensor:
        some, others = with_tensors(support, learned), with_tensors(support, asked)
        return torch.stack([algorithm.predict(State(fast), others.x) for fast in descent(algorithm, some)])

    tensors = tensors_of(support)
    with many_weights():
        found: Tensor = vmap(one)(tuple(t[rest] for t in tensors), tuple(t[away] for t in tensors))
    return found


def _by_heads(algorithm: Learner, support: Examples, away: Tensor, rest: Tensor) -> Tensor:
    """[P, steps + 1, p, O] where steps change the head alone: everybody is embedded once."""
    z = algorithm.embed({}, support.x)
    assert not body_of(algorithm.start(support, z)), "a method that begins elsewhere in the Transformer adapts it"

    def one(z: Tensor, y: Tensor, asked: Tensor) -> Tensor:
        fasts = descent(algorithm, replace(support, y=y), z)
        return torch.stack([algorithm.answer(State(fast), asked) for fast in fasts])

    found: Tensor = vmap(one)(z[rest], support.y[rest], z[away])
    return found
