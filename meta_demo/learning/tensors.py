"""From an episode's texts to the tensors an algorithm takes."""

from __future__ import annotations

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.corpus import Corpus
from meta_demo.core.features import Task
from meta_demo.core.heads import one_hot
from meta_demo.data.episode import Episode
from meta_demo.modalities.content import Content


def to_task(algorithm: Algorithm, episode: Episode, among: Corpus[Content] | None = None) -> Task:
    """Features of an episode whose queries are all labelled, at the algorithm's boundary, with one-hot labels.

    What is part of the corpus `among` is computed in its batches, once however many episodes it is in.
    """
    labels = {label: i for i, label in enumerate(episode.labels)}
    support = algorithm.features([row.content for row in episode.support], among)
    query = algorithm.features([row.content for row in episode.query], among)
    y = [
        one_hot([labels[row.label or ""] for row in rows], len(labels), algorithm.log_scale)
        for rows in (episode.support, episode.query)
    ]
    return Task(support, y[0], query, y[1])
