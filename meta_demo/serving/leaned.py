"""Which examples decided an answer: what each counted in it, as far as the learner tells.

Where it averages over examples, the share of each: that is the whole of its answer. Where it learns a head on embeddings that stay,
how much likelier each example made the answer: it learns anew without each. Elsewhere only how near each example is in the
learner's own space, which decides for class means, but is not what an adapted Transformer computes by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.objective import Objective

ATTENTION, INFLUENCE, SIMILARITY = KINDS = ("attention", "influence", "similarity")
MOST = 40  # examples of which each is left out once: as many adaptations of a head


@dataclass(frozen=True)
class Leaned:
    """What every example counts in some answers [Q, S]: shares of one, probability that the answer owes to it, or cosines."""

    kind: str
    counts: NDArray[np.floating[Any]]

    def first(self, place: int, count: int) -> list[int]:
        """The `count` examples that count most in the answer at `place`; of influence also those that spoke against it."""
        row = self.counts[place]
        order = np.argsort(-np.abs(row) if self.kind == INFLUENCE else -row, kind="stable")
        return [int(i) for i in order[:count]]

    def length(self, place: int, example: int) -> float:
        """How long the bar of an example is, of the longest."""
        longest = 1.0 if self.kind == SIMILARITY else max(float(np.abs(self.counts[place]).max()), 1e-9)
        return min(1.0, abs(float(self.counts[place, example])) / longest)


def leaves_out(algorithm: Algorithm, objective: Objective, y: Tensor) -> bool:
    """Whether it is cheap to learn anew without each example of targets y [S, O]: a head alone, and no class loses its last."""
    cheap = bool(algorithm.steps) and not algorithm.adapts_body and len(y) <= MOST
    return cheap and bool(objective.labels) and float(y.sum(0).min()) > 1


def without_each(
    algorithm: Algorithm, support: Examples, unlabelled: Features | None, step: int, rest: Callable[[], object]
) -> list[State]:
    """What the learner is after `step` steps without each example; there is a `rest` after each."""
    places, found = range(len(support)), []
    for out in places:
        found.append(_after(algorithm, support.those([i for i in places if i != out]), unlabelled, step))
        rest()
    return found


def _after(algorithm: Algorithm, support: Examples, unlabelled: Features | None, step: int) -> State:
    """The state after `step` inner steps; nothing is computed beyond it."""
    states = algorithm.adapt(support, unlabelled=unlabelled)
    for _ in range(step):
        next(states)
    return next(states)


def influence(algorithm: Algorithm, state: State, others: Sequence[State], z: Tensor) -> Tensor:
    """How much of the likeliest class's probability each answer for z [Q, D] owes to each example [Q, S]; `others` learned without it."""
    shown = algorithm.answer(state, z).softmax(-1)
    top = shown.argmax(-1, keepdim=True)
    owed = [(shown - algorithm.answer(other, z).softmax(-1)).gather(-1, top)[:, 0] for other in others]
    return torch.stack(owed, -1)
