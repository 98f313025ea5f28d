"""Several algorithms on one support set, abreast: every step passes once through the Transformer, under the weights of all of them.

For small models, where the calls that a step takes cost more than what they compute. What each does otherwise, its start, inner loss
and update, and what weights it makes of what it moves, it does for itself, so that all are what `adapt` makes of them but for rounding.
Ten algorithms of the bundled model of curves, ten steps through ten points, take less than half the time that they take one after the
other.
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
from meta_demo.algorithms.gradient.fast import Fast, Step, body_of, detached, leaves, sum_of, variable
from meta_demo.algorithms.gradient.together import ROOM
from meta_demo.backbones.added import TOKENS
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features

LOOP = ("adapt", "packed", "begin", "look", "descend", "embed", "predict")  # what must be everybody's


def goes(algorithm: Algorithm) -> TypeGuard[GradientAlgorithm]:
    """Whether it can go beside others: the one inner loop over the model's own weights, or over tokens before an input's, of a small
    model that pads no input."""
    backbone = algorithm.backbone
    return (
        isinstance(algorithm, GradientAlgorithm)
        and algorithm.adapts_body
        and not backbone.inputs.pads
        and all(getattr(type(algorithm), name) is getattr(GradientAlgorithm, name) for name in LOOP)
        and bool(algorithm.moving)
        and all(name.endswith(TOKENS) for name in algorithm.body.keys() - backbone.parameters.keys())
        and sum(w.nbytes for w in backbone.parameters.values()) <= ROOM // 16
    )


def beside(algorithm: GradientAlgorithm) -> Hashable:
    """The tokens that it puts before an input's, which must be as many in all that go together."""
    known = algorithm.backbone.parameters
    return tuple((name, w.shape) for name, w in algorithm.body.items() if name not in known)


@torch.no_grad()
def ends(algorithms: Sequence[GradientAlgorithm], support: Examples, steps: int) -> list[Fast]:
    """The fast weights of each after so many steps. All are of one backbone with as many tokens `beside`, and share the features of the
    support set."""
    support, backbone = algorithms[0].packed(support), algorithms[0].backbone
    groups = _grouped(algorithms)
    passed = _passed(backbone, groups, support.x, graph=bool(steps))
    sizes = [len(group.places) for group in groups]
    for group, z in zip(groups, torch.split(passed.z.detach(), sizes), strict=True):
        group.begin(support, z)
    for index in range(steps):
        if index or any(group.elsewhere for group in groups):
            passed = _passed(backbone, groups, support.x, passed.still)
        losses, grads = _gradients(groups, passed, support, index)
        for group, loss, by in zip(groups, losses, grads, strict=True):
            step = Step(index, group.start, loss)
            group.fast, group.slots = group.algorithms[0].update(step, group.fast, by, group.slots)
    found = {place: fast for group in groups for place, fast in zip(group.places, group.rows(group.fast), strict=True)}
    return [found[place] for place in range(len(algorithms))]


@torch.no_grad()
def answers(algorithms: Sequence[GradientAlgorithm], fasts: Sequence[Fast], x: Features) -> list[Tensor]:
    """Outputs [B, O] of each under its fast weights."""
    backbone = algorithms[0].backbone
    bodies = [a.weights(fast) for a, fast in zip(algorithms, fasts, strict=True)]
    names = dict.fromkeys(name for body in bodies for name in body)
    z = look(backbone, {name: torch.stack([_of(body, name, backbone) for body in bodies]) for name in names}, x)
    return [a.answer(State(fast), seen) for a, fast, seen in zip(algorithms, fasts, z, strict=True)]


def look(backbone: Backbone, stacked: Fast, x: Features) -> Tensor:
    """Unit embeddings [algorithms, B, D] of `x` under the weights of each, whose first dimension is that of the algorithms."""
    z: Tensor = vmap(lambda weights: backbone.forward(x, weights))(stacked)
    return z


class _Group:
    """Algorithms whose update is one: of several each tensor has a dimension in front, one of its own has none.

    `places` are those that they were asked for in; `at` the fast weights as variables, and `made` what these make of the Transformer's
    weights, always with the dimension in front. `begun` is each one's start in the Transformer.
    """

    def __init__(self, places: list[int], algorithms: list[GradientAlgorithm]) -> None:
        self.places, self.algorithms = places, algorithms
        self.fast = self.start = self._stacked([detached(a.moving) for a in algorithms])
        self.slots: Fast = {}
        self.elsewhere = False  # whether the task begins elsewhere in the Transformer too
        self.at: Fast = {}
        self.made: Fast = {}
        self.begun = [a.body for a in algorithms]
        self._rest: Fast = {}

    @property
    def makes(self) -> bool:
        """Whether the Transformer's weights are made from the fast weights, and are not these themselves."""
        return type(self.algorithms[0]).weights is not GradientAlgorithm.weights

    def begin(self, support: Examples, z: Tensor) -> None:
        """With what the support set's embeddings z [members, S, D] say, its head above all."""
        own = self._stacked([detached(a.start(support, mine)) for a, mine in zip(self.algorithms, z, strict=True)])
        self.elsewhere = bool(body_of(own))
        self.fast = self.start = {**self.fast, **own}
        self.at |= leaves(own)
        self.slots = self.algorithms[0].init_slots(self.fast)

    def vary(self) -> None:
        """Make variables of the fast weights, and from them what goes into the Transformer."""
        self.at = leaves(self.fast)
        if self.makes:
            bodies = [a.weights(row) for a, row in zip(self.algorithms, self.rows(self.at), strict=True)]
            self.made = {name: torch.stack([body[name] for body in bodies]) for name in bodies[0]}
        else:
            self.made = {name: w if len(self.places) > 1 else w[None] for name, w in body_of(self.at).items()}

    def part(self, name: str, backbone: Backbone) -> Tensor:
        """A weight of the Transformer [members, ...], one that nobody moves among them."""
        if name in self.made:
            return self.made[name]
        if name not in self._rest:
            self._rest[name] = torch.stack([_of(body, name, backbone) for body in self.begun])
        return self._rest[name]

    def back(self, by: Fast) -> Fast:
        """Gradients by what moves in the Transformer, from those by what was `made` of it [members, ...]."""
        moved = body_of(self.at)
        if self.makes:
            grads = grad([*self.made.values()], [*moved.values()], [by[name] for name in self.made])
            return dict(zip(moved, grads, strict=True))
        return {name: by[name].view_as(w) for name, w in moved.items()}

    def rows(self, tensors: Fast) -> list[Fast]:
        """What is whose."""
        if len(self.places) == 1:
            return [tensors]
        return [
            dict(zip(tensors, row, strict=True)) for row in zip(*(t.unbind() for t in tensors.values()), strict=True)
        ]

    def losses(self, z: Tensor, support: Examples, index: int) -> Tensor:
        """What each descends [members], given the embeddings z [members, S, D] of all."""

        def loss(algorithm: GradientAlgorithm, begun: Fast, fast: Fast, mine: Tensor) -> Tensor:
            return algorithm.inner_loss(Step(index, begun), fast, algorithm.answer(State(fast), mine), support)

        if len(self.places) > 1 and all(_plainly(algorithm) for algorithm in self.algorithms):
            together: Tensor = vmap(partial(loss, self.algorithms[0]))(self.start, self.at, z)
            return together
        rows = zip(self.algorithms, self.rows(self.start), self.rows(self.at), z, strict=True)
        return torch.stack([loss(*row) for row in rows])

    def _stacked(self, each: Sequence[Fast]) -> Fast:
        """The tensors of all members; those of one alone as they are."""
        return {name: torch.stack([of[name] for of in each]) for name in each[0]} if len(each) > 1 else each[0]


@dataclass(frozen=True)
class _Passed:
    """Embeddings z [algorithms, S, D], in the order of the groups, and the variables in the Transformer that they were made from.

    `still` are the weights that nobody moves.
    """

    body: Fast
    z: Tensor
    still: Fast


def _passed(
    backbone: Backbone, groups: Sequence[_Group], x: Features, still: Fast | None = None, *, graph: bool = True
) -> _Passed:
    """One pass of all groups; what nobody moves is no variable, and known as `still` after the first."""
    with torch.set_grad_enabled(graph):
        for group in groups:
            group.vary()
    moved = dict.fromkeys(name for group in groups for name in group.made)

    def joined(name: str) -> Tensor:
        return torch.cat([group.part(name, backbone).detach() for group in groups])

    if still is None:
        names = dict.fromkeys(name for group in groups for body in group.begun for name in body)
        still = {name: joined(name) for name in names if name not in moved}
    body = {name: variable(joined(name)) for name in moved}
    with torch.set_grad_enabled(graph):
        return _Passed(body, look(backbone, {**still, **body}, x), still)


def _of(body: Fast, name: str, backbone: Backbone) -> Tensor:
    """A weight of the Transformer; one that somebody leaves alone is the model's."""
    return body[name] if name in body else backbone.parameters[name]


def _plainly(algorithm: GradientAlgorithm) -> bool:
    """Whether its inner loss is everybody's, which reads no knob."""
    return all(getattr(type(algorithm), name) is getattr(GradientAlgorithm, name) for name in ("inner_loss", "answer"))


def _grouped(algorithms: Sequence[GradientAlgorithm]) -> list[_Group]:
    """The algorithms at their starts, in as few groups as they can go."""
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for place, algorithm in enumerate(algorithms):
        alike[_moved_by(algorithm) if algorithm.uniform else place].append(place)
    return [_Group(places, [algorithms[place] for place in places]) for places in alike.values()]


def _moved_by(algorithm: GradientAlgorithm) -> Hashable:
    """What a uniform update and its slots follow from: who wrote them, the knobs that the writer knows, and what is moved."""
    cls = type(algorithm)
    writer: type[Any] = next(c for c in cls.__mro__ if {"update", "rate", "init_slots"} & vars(c).keys())
    knobs = tuple(getattr(algorithm.config, knob.name) for knob in writer.Config.knobs())
    return writer, knobs, cls.start, cls.weights, tuple((name, w.shape) for name, w in algorithm.moving.items())


def _gradients(
    groups: Sequence[_Group], passed: _Passed, support: Examples, index: int
) -> tuple[list[Tensor], list[Fast]]:
    """Loss and gradient of each group by its fast weights; by way of z those in the Transformer too."""
    sizes = [len(group.places) for group in groups]
    with torch.enable_grad():
        seen = variable(passed.z)
        parts = torch.split(seen, sizes)
        losses = [group.losses(part, support, index) for group, part in zip(groups, parts, strict=True)]
        total = torch.cat(losses).sum()
    by_z, *direct = grad(total, [seen, *(w for group in groups for w in group.at.values())], allow_unused=True)
    through = grad(passed.z, [*passed.body.values()], by_z, materialize_grads=True)
    split = {name: torch.split(g, sizes) for name, g in zip(passed.body, through, strict=True)}
    found, rest = [], iter(direct)
    for number, group in enumerate(groups):
        back = group.back({name: split[name][number] for name in group.made})
        by = {name: (back.get(name), next(rest)) for name in group.at}
        found.append({name: sum_of(group.at[name], *some) for name, some in by.items()})
    return [loss.detach().view(-1 if len(loss) > 1 else ()) for loss in losses], found
