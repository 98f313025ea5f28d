"""Several algorithms on one support set, abreast: every step passes once through the Transformer, under the weights of all of them.

For small models, where the calls that a step takes cost more than what they compute. What each does otherwise, its start, inner loss
and update, it does for itself, so that all are what `adapt` makes of them but for rounding. Ten algorithms of the bundled model of
curves, ten steps through ten points, take less than half the time that they take one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.autograd import grad
from torch.func import vmap

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.algorithms.gradient.base import GradientAlgorithm
from meta_demo.algorithms.gradient.fast import Fast, Step, body_of, detached, leaves, sum_of
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


@torch.no_grad()
def ends(algorithms: Sequence[GradientAlgorithm], support: Examples, steps: int) -> list[Fast]:
    """The fast weights of each after so many steps. All are of one backbone, and share the features of the support set."""
    support, backbone = algorithms[0].packed(support), algorithms[0].backbone
    begun = [a.moving for a in algorithms]
    z = look(backbone, _stacked(backbone, begun), support.x)
    own = [a.start(support, seen) for a, seen in zip(algorithms, z, strict=True)]
    groups = _grouped(algorithms, [detached({**body, **more}) for body, more in zip(begun, own, strict=True)])
    for index in range(steps):
        at = [leaves(group.fast) for group in groups]
        body = leaves(_joined(backbone, groups))
        with torch.enable_grad():
            z = look(backbone, body, support.x)
        losses, grads = _gradients(groups, at, body, z, support, index)
        for group, loss, by in zip(groups, losses, grads, strict=True):
            step = Step(index, group.start, loss)
            group.fast, group.slots = group.algorithms[0].update(step, group.fast, by, group.slots)
    found = {place: fast for group in groups for place, fast in zip(group.places, group.rows(group.fast), strict=True)}
    return [found[place] for place in range(len(algorithms))]


@torch.no_grad()
def answers(algorithms: Sequence[GradientAlgorithm], fasts: Sequence[Fast], x: Features) -> list[Tensor]:
    """Outputs [B, O] of each under its fast weights."""
    backbone = algorithms[0].backbone
    z = look(backbone, _stacked(backbone, [body_of(fast) for fast in fasts]), x)
    return [a.answer(State(fast), seen) for a, fast, seen in zip(algorithms, fasts, z, strict=True)]


def look(backbone: Backbone, stacked: Fast, x: Features) -> Tensor:
    """Unit embeddings [algorithms, B, D] of `x` under the weights of each, whose first dimension is that of the algorithms."""
    z: Tensor = vmap(lambda weights: backbone.forward(x, weights))(stacked)
    return z


@dataclass
class _Group:
    """Algorithms whose update is one: of several each tensor has a dimension in front, one of its own has none.

    `places` are those that they were asked for in.
    """

    places: list[int]
    algorithms: list[GradientAlgorithm]
    start: Fast
    fast: Fast
    slots: Fast

    def rows(self, tensors: Fast) -> list[Fast]:
        """What is whose."""
        if len(self.places) == 1:
            return [tensors]
        return [
            dict(zip(tensors, row, strict=True)) for row in zip(*(t.unbind() for t in tensors.values()), strict=True)
        ]

    def losses(self, own: Fast, z: Tensor, support: Examples, index: int) -> Tensor:
        """What each descends [members], given the fast weights of all and their embeddings z [members, S, D]."""

        def loss(algorithm: GradientAlgorithm, begun: Fast, fast: Fast, mine: Tensor) -> Tensor:
            return algorithm.inner_loss(Step(index, begun), fast, algorithm.answer(State(fast), mine), support)

        if len(self.places) > 1 and all(_plainly(algorithm) for algorithm in self.algorithms):
            together: Tensor = vmap(partial(loss, self.algorithms[0]))(self.start, own, z)
            return together
        rows = zip(self.algorithms, self.rows(self.start), self.rows(own), z, strict=True)
        return torch.stack([loss(*row) for row in rows])

    def stacked(self, w: Tensor) -> Tensor:
        """One of its tensors with the dimension in front."""
        return w if len(self.places) > 1 else w[None]


def _plainly(algorithm: GradientAlgorithm) -> bool:
    """Whether its inner loss is everybody's, which reads no knob."""
    return all(getattr(type(algorithm), name) is getattr(GradientAlgorithm, name) for name in ("inner_loss", "answer"))


def _grouped(algorithms: Sequence[GradientAlgorithm], starts: Sequence[Fast]) -> list[_Group]:
    """The algorithms at their starts, in as few groups as they can go."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for place, (algorithm, start) in enumerate(zip(algorithms, starts, strict=True)):
        alike[_moved_by(algorithm, start) if algorithm.uniform else place].append(place)
    found = []
    for places in alike.values():
        members, fasts = [algorithms[place] for place in places], [starts[place] for place in places]
        fast = {n: torch.stack([f[n] for f in fasts]) for n in fasts[0]} if len(places) > 1 else fasts[0]
        found.append(_Group(places, members, fast, fast, members[0].init_slots(fast)))
    return found


def _moved_by(algorithm: GradientAlgorithm, start: Fast) -> Hashable:
    """What a uniform update and its slots follow from: who wrote them, the knobs that the writer knows, and what is moved."""
    cls = type(algorithm)
    writer: type[Any] = next(c for c in cls.__mro__ if {"update", "rate", "init_slots"} & vars(c).keys())
    knobs = tuple(getattr(algorithm.config, knob.name) for knob in writer.Config.knobs())
    return writer, knobs, tuple((name, w.shape) for name, w in start.items())


def _stacked(backbone: Backbone, bodies: Sequence[Fast]) -> Fast:
    """The weights in the Transformer of all; one that somebody leaves alone is the model's."""
    names = dict.fromkeys(name for body in bodies for name in body)
    return {name: torch.stack([body.get(name, backbone.parameters[name]) for body in bodies]) for name in names}


def _joined(backbone: Backbone, groups: Sequence[_Group]) -> Fast:
    """The same of all groups, in their order."""
    names = dict.fromkeys(name for group in groups for name in body_of(group.fast))

    def part(group: _Group, name: str) -> Tensor:
        known = group.fast.get(name)
        w = backbone.parameters[name]
        return w.expand(len(group.places), *w.shape) if known is None else group.stacked(known)

    return {name: torch.cat([part(group, name) for group in groups]) for name in names}


def _gradients(
    groups: Sequence[_Group], at: Sequence[Fast], body: Fast, z: Tensor, support: Examples, index: int
) -> tuple[list[Tensor], list[Fast]]:
    """Loss and gradient of each group by its fast weights, which are variables `at`; those in the Transformer made z by way of `body`."""
    sizes = [len(group.places) for group in groups]
    with torch.enable_grad():
        (seen,) = leaves({"z": z}).values()
        losses = [
            group.losses(own, part, support, index)
            for group, own, part in zip(groups, at, torch.split(seen, sizes), strict=True)
        ]
        total = torch.cat(losses).sum()
    by_z, *direct = grad(total, [seen, *(w for own in at for w in own.values())], allow_unused=True)
    through = dict(zip(body, grad(z, [*body.values()], by_z, materialize_grads=True), strict=True))
    split = {name: torch.split(g, sizes) for name, g in through.items()}
    found, rest = [], iter(direct)
    for number, own in enumerate(at):
        parts = {name: split[name][number].view_as(w) for name, w in body_of(own).items()}
        by = {name: (parts.get(name), next(rest)) for name in own}
        found.append({name: sum_of(own[name], *some) for name, some in by.items()})
    return [loss.detach().view(-1 if len(loss) > 1 else ()) for loss in losses], found
