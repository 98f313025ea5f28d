"""From an episode's inputs to the tensors an algorithm takes."""

from __future__ import annotations

from collections.abc import Sequence

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.examples import Examples, Task
from meta_demo.data.episode import Episode, Example


def to_task(algorithm: Algorithm, episode: Episode) -> Task:
    """Features of an episode whose queries are all labelled, at the algorithm's boundary, with their targets."""
    objective = episode.objective

    def side(rows: Sequence[Example]) -> Examples:
        x = algorithm.features([row.content for row in rows])
        return Examples(x, objective.encode([row.label for row in rows], algorithm.like), objective)

    return Task(side(episode.support), side(episode.query), labels=episode.labels)
