"""Whether an input is unlike all classes of a task: full conformal prediction over the distances of the examples to each other.

An input is taken for one more example of a class, and counted how many of all examples lie as far from the others of their class as
it does then; the share of these is a p-value, and the largest of all classes' says whether the input is like any of them (Vovk,
Gammerman & Shafer 2005, section 2.2, whose prediction set is empty where it is not). Where examples and input come alike from the
classes, the input's own class has a p-value of at most `ALPHA` no oftener than that, exactly and for any number of examples, provided
that what embeds them has not learned from the examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.1  # how often, at the most, an input of the classes is said to be of none
SAME = 1e-9  # what rounding may make of equal distances
Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Belonging:
    """How like the classes inputs are: p-values [Q], from `count` examples, `alone` of them without another of their class."""

    shares: NDArray[np.float64]
    count: int
    alone: int

    @property
    def known(self) -> bool:
        """Whether so many examples can say of anything that it is of no class."""
        return 1 + self.alone <= ALPHA * (self.count + 1) + SAME

    @property
    def missing(self) -> int:
        """The examples that there are too few, where none more is alone."""
        needed = (1 + self.alone) / ALPHA - 1
        return max(0, int(np.ceil(needed - SAME)) - self.count)

    def unlike(self, place: int) -> bool:
        """Whether the input at `place` is unlike all that was taught."""
        return self.known and bool(self.shares[place] <= ALPHA + SAME)

    def as_far(self, place: int) -> int:
        """How many examples lie at least as far from the others of their class as that input from the class that it is most like."""
        return round(float(self.shares[place]) * (self.count + 1)) - 1


def belonging(examples: Numbers, targets: Numbers, asked: Numbers) -> Belonging:
    """How like the classes the embeddings `asked` [Q, D] are, given those of the examples [S, D] and their classes as one-hot rows [S, N].

    Far is one less the cosine to the mean of the others of a class. An example that is alone in its class is as far as can be, which
    errs on the side of saying nothing.
    """
    z, new, y = (np.asarray(a, np.float64) for a in (examples, asked, targets))
    mine, totals = y.argmax(1), y.T @ z  # [S], [N, D]
    alone = y.sum(0)[mine] == 1
    rest = totals[mine] - z
    far = np.where(alone, np.inf, _apart(_dots(z, rest), _dots(z, z), _dots(rest, rest)))  # [S]
    near, to_class = new @ z.T, new @ totals.T  # [Q, S], [Q, N]
    own, square = _dots(new, new)[:, None], _dots(totals, totals)
    farness = _apart(to_class, own, square)  # [Q, N], of the input in each class
    # The input joins the others of an example's class: rest + input.
    joined = _dots(rest, rest) + 2 * (to_class[:, mine] - near) + own
    nearer = _apart(_dots(z, rest) + near, _dots(z, z), joined)  # [Q, S]
    theirs = np.where(y.T[None] > 0, nearer[:, None], far)  # [Q, N, S]
    counted = (theirs >= farness[:, :, None] - SAME).sum(-1)
    return Belonging((1 + counted).max(1) / (len(z) + 1), len(z), int(alone.sum()))


def _dots(a: Numbers, b: Numbers) -> Numbers:
    """The inner product of each row."""
    found: Numbers = (a * b).sum(-1)
    return found


def _apart(dot: Numbers, *squares: Numbers) -> Numbers:
    """One less the cosine, from the inner product and the squared lengths."""
    length = np.sqrt(np.maximum(squares[0] * squares[1], 1e-24))
    found: Numbers = 1 - dot / length
    return found
