"""The figures of a snapshot as the page shows them: of its support set, and of the queries that have a label."""

from __future__ import annotations

from meta_demo.core.objective import Score
from meta_demo.serving.requests import Snapshot

SETS = ("support", "query")


def score(s: Snapshot, which: str) -> Score | None:
    """The score on `which` set; None where nothing in it has a label."""
    return s.support_score if which == "support" else s.query_score


def loss(s: Snapshot, which: str) -> float | None:
    """The loss on `which` set."""
    return s.support_loss if which == "support" else s.query_loss
