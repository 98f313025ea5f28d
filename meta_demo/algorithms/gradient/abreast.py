"""Several algorithms on one support set, abreast: every step passes once through the Transformer, under the weights of all of them.

For small models, where the calls that a step takes cost more than what they compute. What each does otherwise, its start, inner loss
and update, it does for itself, so that all are what `adapt` makes of them but for rounding. Ten algorithms of the bundled model of
curves, ten steps through ten points, take less than half the time that they take one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

import torch
from torch import Tensor
from torch.func import vmap

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.gradient.fast import Fast, Step, body_of, detached, leaves, zero
from meta_demo.algorithms.gradient.together import ROOM
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features

LOOP = ("adapt", "packed", "begin", "look", "descend", "embed", "weights", "predict")  # what must be everybody's


def goes(algorithm: Algorithm) -> TypeGuard[GradientAlgorithm]:
    """Whether it can go beside others: the one inner loop over the model's own weights, of a small model that pads no input."""
    backbone = algorithm.backbone
    return (
        isinstance(algorithm, GradientAlgorithm)
        and algorithm.adapts_body
        and not backbone.inputs.pads
        and all(getattr(type(algorithm), name) is getattr(GradientAlgorithm, name) for name in LOOP)
        and bool(algorithm.moving)
        and algorithm.moving.keys() == algorithm.body.keys() <= backbone.parameters.keys()
        and sum(w.nbytes for w in backbone.parameters.values()) <= ROOM // 16
    )


def ends(algorithms: Sequence[GradientAlgorithm], support: Examples, steps: int) -> list[Fast]:
    """The fast weights of each after so many steps. All are of one backbone, and share the features of the support set."""
    support, backbone = algorithms[0].packed(support), algorithms[0].backbone
    moving = [leaves(a.moving) for a in algorithms]
    z = look(backbone, moving, support.x, graph=steps > 0)
    own = [leaves(a.start(support, seen.detach())) for a, seen in zip(algorithms, z, strict=True)]
    fasts = [{**body, **head} for body, head in zip(moving, own, strict=True)]
    if any(map(body_of, own)):  # a task begins elsewhere in the Transformer too
        z = look(backbone, fasts, support.x, graph=steps > 0)
    starts = list(map(detached, fasts))
    slots = [a.init_slots(start) for a, start in zip(algorithms, starts, strict=True)]
    for index in range(steps):
        if index:
            z = look(backbone, fasts, support.x, graph=True)
        begun = [Step(index, start) for start in starts]
        with torch.enable_grad():
            lanes = zip(algorithms, begun, fasts, z, strict=True)
            losses = [a.inner_loss(step, fast, a.answer(State(fast), seen), support) for a, step, fast, seen in lanes]
            grads = _gradients(losses, fasts)
        done = [
            a.update(replace(step, loss=loss.detach()), detached(fast), by, slot)
            for a, step, loss, fast, by, slot in zip(algorithms, begun, losses, fasts, grads, slots, strict=True)
        ]
        fasts, slots = [leaves(fast) for fast, _ in done], [slot for _, slot in done]
    return list(map(detached, fasts))


def answers(algorithms: Sequence[GradientAlgorithm], fasts: Sequence[Fast], x: Features) -> list[Tensor]:
    """Outputs [B, O] of each under its fast weights."""
    z = look(algorithms[0].backbone, fasts, x, graph=False)
    return [a.answer(State(fast), seen) for a, fast, seen in zip(algorithms, fasts, z, strict=True)]


def look(backbone: Backbone, fasts: Sequence[Fast], x: Features, *, graph: bool) -> Tensor:
    """Unit embeddings [algorithms, B, D] of `x` under the fast weights of each; a weight that one of them leaves alone is the model's."""
    names = dict.fromkeys(name for fast in fasts for name in body_of(fast))
    with torch.set_grad_enabled(graph):
        stacked = {name: torch.stack([fast.get(name, backbone.parameters[name]) for fast in fasts]) for name in names}
        z: Tensor = vmap(lambda weights: backbone.forward(x, weights))(stacked)
    return z


def _gradients(losses: Sequence[Tensor], fasts: Sequence[Fast]) -> list[Fast]:
    """The gradient of each loss by its own fast weights."""
    flat = [w for fast in fasts for w in fast.values()]
    found = iter(torch.autograd.grad(torch.stack(list(losses)).sum(), flat, allow_unused=True))
    return [{name: zero(w) if (g := next(found)) is None else g for name, w in fast.items()} for fast in fasts]
