"""The figures of a snapshot as the page shows them. The only place on the page that knows what a snapshot calls them."""

from __future__ import annotations

from dataclasses import dataclass

from meta_demo.core.intervals import wilson
from meta_demo.serving.requests import Snapshot

SETS = ("support", "query")


@dataclass(frozen=True)
class Score:
    """A fraction `value` of `count` examples, and its 95 % interval."""

    value: float
    low: float
    high: float
    count: int

    @property
    def right(self) -> int:
        """How many of the examples were right."""
        return round(self.value * self.count)


def score(s: Snapshot, which: str) -> Score | None:
    """The score on `which` set, support or query; None where nothing in it has a label."""
    value, count = getattr(s, f"{which}_accuracy"), getattr(s, f"{which}_count")
    return None if value is None else Score(value, *wilson(value, count), count)


def loss(s: Snapshot, which: str) -> float | None:
    """The loss on `which` set."""
    found: float | None = getattr(s, f"{which}_loss")
    return found


def count(s: Snapshot, which: str) -> int:
    """How many examples of `which` set have a label."""
    found: int = getattr(s, f"{which}_count")
    return found
