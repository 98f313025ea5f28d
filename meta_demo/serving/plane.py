"""Where examples stand in a learner's space while it adapts: on one plane, which is fitted once to all steps together.

The plane is that of the two principal components (Pearson 1901) of the embeddings of all examples at all steps, so that what moves on
it has moved and not the plane. Not here: what the page draws of it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_demo.modalities.base import Content
from meta_demo.serving.jobs import Job, array

MOST = 120  # examples that are placed: of more, as many of each class as of any other
ROOM = 1800  # places of all steps together: where those are more, steps between are left out

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Plane:
    """A plane through `origin` [D] along two unit `axes` [2, D], and the `share` of the variance that lies in it."""

    origin: Numbers
    axes: Numbers
    share: float

    def at(self, z: Numbers) -> Numbers:
        """Where z [..., D] stands on it [..., 2]."""
        found: Numbers = (z - self.origin) @ self.axes.T
        return found


@dataclass(frozen=True)
class Travel:
    """Where examples stand after each of `steps`: `places` in the support set, `classes` of each, `points` [T, S, 2]. In the whole space
    the `centres` of classes [T, N, D], the mean distance of examples to their own, `within` [T], and of centres to each other."""

    steps: tuple[int, ...]
    places: tuple[int, ...]
    classes: tuple[int, ...]
    plane: Plane
    points: Numbers
    centres: Numbers
    within: Numbers
    between: Numbers

    def index(self, step: int | None) -> int:
        """The last of the steps that is not after `step`; None: the last of all."""
        return len(self.steps) - 1 if step is None else max(0, bisect_right(self.steps, step) - 1)

    @property
    def moves(self) -> bool:
        """Whether adapting moves anything."""
        return len(self.steps) > 1


@dataclass(frozen=True)
class Located:
    """Where one more input stands after `step` inner steps, [2], and the class whose centre is nearest in the whole space."""

    step: int
    point: Numbers
    nearest: int


def fitted(z: Numbers) -> Plane:
    """The plane of the first two principal components of z [M, D]; each axis has its largest coordinate above zero."""
    z = np.asarray(z, np.float64)
    origin = z.mean(0)
    variances, axes = np.linalg.eigh((z - origin).T @ (z - origin))  # ascending
    first = axes[:, ::-1][:, :2].T
    signs = np.sign(first[np.arange(len(first)), np.abs(first).argmax(1)])
    whole = max(float(variances.sum()), 1e-12)
    return Plane(origin, first * signs[:, None], float(np.clip(variances[::-1][:2].sum() / whole, 0, 1)))


def travelled(job: Job) -> Travel:
    """Where the examples of a job with classes stand while it adapts, computed once."""
    known: Travel | None = job.shelf.get((*job.key, "travel"))
    if known is None:
        known = _travelled(job)
        job.shelf.put((*job.key, "travel"), known)
    return known


def located(job: Job, content: Content, step: int | None) -> Located:
    """Where one more input stands."""
    travel = travelled(job)
    index = travel.index(step)
    _, _, state = job.reached(travel.steps[index])
    z = np.asarray(array(job.algorithm.embed(state.tensors, job.algorithm.features([content]))), np.float64)[0]
    nearest = int(np.linalg.norm(travel.centres[index] - z, axis=1).argmin())
    return Located(travel.steps[index], travel.plane.at(z), nearest)


def _travelled(job: Job) -> Travel:
    labels, support = job.objective.labels, job.episode.support
    places = _placed([labels.index(row.label) for row in support], len(labels))
    classes = tuple(labels.index(support[place].label) for place in places)
    states = job.states(max(2, ROOM // len(places))) if job.algorithm.adapts_body else {0: job.reached(0)[2]}
    z = np.stack([array(job.support_embeddings(*known)) for known in states.items()]).astype(np.float64)[:, places]
    plane = fitted(z.reshape(-1, z.shape[-1]))
    own = np.asarray(classes)
    centres = np.stack([z[:, own == c].mean(1) for c in range(len(labels))], 1)  # [T, N, D]
    within = np.linalg.norm(z - centres[:, own], axis=2).mean(1)
    return Travel(tuple(states), places, classes, plane, plane.at(z), centres, within, _apart(centres))


def _placed(classes: list[int], count: int) -> tuple[int, ...]:
    """The examples that are placed, in order."""
    piles = [[place for place, c in enumerate(classes) if c == one] for one in range(count)]
    dealt = [place for turn in zip_longest(*piles) for place in turn if place is not None]
    return tuple(sorted(dealt[: max(MOST, count)]))


def _apart(centres: Numbers) -> Numbers:
    """The mean distance of any two of the centres [T, N, D], for each T; 0 where there is one."""
    first, other = np.triu_indices(centres.shape[1], 1)
    if not len(first):
        return np.zeros(len(centres))
    found: Numbers = np.linalg.norm(centres[:, first] - centres[:, other], axis=2).mean(1)
    return found
