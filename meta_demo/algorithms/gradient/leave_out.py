"""What each example of a support set is answered by an inner loop that has not seen it: what honest intervals are made from.

As many adaptations as there are examples, or ten that leave out a tenth each, mapped over by `torch.vmap`. Only where that is cheap:
where no step changes the Transformer, or where the model is small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor
from torch.func import vmap

from meta_demo.algorithms.base import State
from meta_demo.algorithms.gradient.fast import Fast, body_of
from meta_demo.algorithms.gradient.together import ROOM, TOKENS, Learner, Side, descent, tensors_of, with_tensors
from meta_demo.backbones.many import many_weights
from meta_demo.core.examples import Examples

PARTS = 10  # at the most


@torch.no_grad()
def left_out(algorithm: Learner, supports: Sequence[Examples], steps: Sequence[int]) -> list[list[Tensor]] | None:
    """Of each support set the outputs [S, O] after each of `steps`, each made without its own example; None where that is not cheap.
    All support sets are of one shape."""
    count = len(supports[0])
    away, rest = parts(count, supports[0].y.device)
    if not (algorithm.adapts_body and algorithm.body):
        outputs = _by_heads(algorithm, supports, away, rest, steps)
    elif _is_cheap(algorithm, supports, rest):
        outputs = _by_all(algorithm, supports, away, rest, steps)
    else:
        return None
    each = torch.stack(torch.split(outputs, len(away))).transpose(1, 2)  # [supports, steps, P, p, O]
    return [list(found.flatten(1, 2)[:, :count]) for found in each]


def parts(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Who is left out together [P, p], everybody in order and the first few once more where it does not come out even, and whom is
    learned from then [P, count - p]."""
    size = -(-count // PARTS)
    first = torch.arange(0, count, size, device=device)[:, None]
    order = (first + torch.arange(count, device=device)) % count
    return order[:, :size], order[:, size:]


def _is_cheap(algorithm: Learner, supports: Sequence[Examples], rest: Tensor) -> bool:
    """Whether the adaptations to a support set go together: of a small model, and inputs of one length that are never padded."""
    if algorithm.backbone.inputs.pads or any(len(support.x.groups) != 1 for support in supports):
        return False
    tokens = supports[0].x.groups[0].mask.shape[1] * rest.numel()
    return len(rest) * _bytes(algorithm) <= ROOM and tokens <= TOKENS


def _bytes(algorithm: Learner) -> int:
    """Of one task's fast weights in the Transformer."""
    return sum(w.nbytes for w in algorithm.body.values())


def _by_all(
    algorithm: Learner, supports: Sequence[Examples], away: Tensor, rest: Tensor, steps: Sequence[int]
) -> Tensor:
    """[supports x P, steps, p, O] where steps change the Transformer."""

    def one(learned: Side, asked: Side) -> Tensor:
        some, others = with_tensors(supports[0], learned), with_tensors(supports[0], asked)
        return torch.stack(
            [algorithm.predict(State(fast), others.x) for fast in _after(steps, descent(algorithm, some))]
        )

    tensors = [torch.stack(each) for each in zip(*map(tensors_of, supports), strict=True)]
    learned, asked = (tuple(t[:, side].flatten(0, 1) for t in tensors) for side in (rest, away))
    with many_weights():
        found: Tensor = vmap(one, chunk_size=ROOM // _bytes(algorithm))(learned, asked)
    return found


def _by_heads(
    algorithm: Learner, supports: Sequence[Examples], away: Tensor, rest: Tensor, steps: Sequence[int]
) -> Tensor:
    """[supports x P, steps, p, O] where steps change the head alone: everybody is embedded once."""
    z = torch.stack([algorithm.embed({}, support.x) for support in supports])
    assert not body_of(algorithm.start(supports[0], z[0])), (
        "a method that begins elsewhere in the Transformer adapts it"
    )

    def one(z: Tensor, y: Tensor, asked: Tensor) -> Tensor:
        fasts = _after(steps, descent(algorithm, replace(supports[0], y=y), z))
        return torch.stack([algorithm.answer(State(fast), asked) for fast in fasts])

    y = torch.stack([support.y for support in supports])
    found: Tensor = vmap(one)(z[:, rest].flatten(0, 1), y[:, rest].flatten(0, 1), z[:, away].flatten(0, 1))
    return found


def _after(steps: Sequence[int], fasts: Iterator[Fast]) -> Iterator[Fast]:
    """The fast weights after each of `steps`, which ascend; nothing is computed beyond the last of them."""
    return (fast for step, fast in enumerate(islice(fasts, steps[-1] + 1)) if step in steps)
