"""What to label next: of the inputs that nobody labelled those that the learners doubt most, and no two alike.

Doubt is the entropy of the mean of all learners' probabilities: it is high where each is unsure, and where they are sure of different
classes (McCallum & Nigam 1998). Chosen one after the other, each by its doubt times how far it is from those chosen before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_demo.modalities.base import Content
from meta_demo.serving.requests import Learner

SHOWN = 4
MOST = 200  # inputs that are looked at: the first, where there are more
Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Unsure:
    """An input without a label, how much it is doubted, from 0 to 1, and the likeliest class of each learner by its place."""

    content: Content
    doubt: float
    answers: tuple[tuple[Learner, int], ...]


def doubts(outputs: Sequence[Numbers]) -> NDArray[np.float64]:
    """Of each input [U] the entropy of the mean of several learners' probabilities [U, N], over the largest there can be."""
    mean = np.mean([np.asarray(out, np.float64) for out in outputs], 0)
    logs = np.log(np.maximum(mean, 1e-12))
    found: NDArray[np.float64] = -(mean * logs).sum(1) / np.log(mean.shape[1])
    return found


def chosen(doubt: NDArray[np.float64], z: Numbers, count: int = SHOWN) -> list[int]:
    """The places of `count` inputs, most wanted first, given their doubt [U] and unit embeddings [U, D]."""
    apart = np.ones(len(doubt))
    found: list[int] = []
    while len(found) < min(count, len(doubt)):
        wanted = doubt * apart
        wanted[found] = -1
        found.append(int(wanted.argmax()))
        apart = np.minimum(apart, np.clip(1 - z @ z[found[-1]], 0, 1))
    return found
