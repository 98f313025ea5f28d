"""From an episode's inputs to the tensors an algorithm takes."""

from __future__ import annotations

from collections.abc import Sequence

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.corpus import Corpus
from meta_demo.core.examples import Examples, Task
from meta_demo.data.episode import Episode, Example
from meta_demo.modalities.base import Content


def to_task(algorithm: Algorithm, episode: Episode, among: Corpus[Content] | None = None) -> Task:
    """Features of an episode whose queries are all labelled, at the algorithm's boundary, with their targets.

    What is part of the corpus `among` is computed in its batches, once however many episodes it is in.
    """
    objective = episode.objective

    def side(rows: Sequence[Example]) -> Examples:
        x = algorithm.features([row.content for row in rows], among)
        return Examples(x, objective.encode([row.label for row in rows], algorithm.like), objective)

    seen = episode.unlabelled if algorithm.reads_unlabelled else ()
    others = algorithm.features(seen, among) if seen else None
    return Task(side(episode.support), side(episode.query), others, episode.source, episode.labels)
