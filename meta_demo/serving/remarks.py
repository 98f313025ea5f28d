"""What is to be said of a request before its figures: where it is computed, what of it is not used, and what makes its learners differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import Note
from meta_demo.learning import checkpoint
from meta_demo.modalities.base import identity
from meta_demo.serving.requests import Request, Snapshot


def where_computed(history: Mapping[Any, Sequence[Snapshot]]) -> list[Note]:
    """What is to be said of where an adaptation was computed."""
    return list(dict.fromkeys(note for steps in history.values() for snapshot in steps for note in snapshot.notes))


def about_random(request: Request) -> list[Note]:
    """What is to be said of starts that know nothing."""
    names = [who.algorithm for who in request.learners if request.scratch_of(who) is not None]
    return [checkpoint.random_note(", ".join(names), request.model, request.seed)] if names else []


def about_unlabelled(request: Request) -> list[Note]:
    """What is to be said of the examples that nobody labelled."""
    episode, readers = request.episode, [name for name, cls in sorted(REGISTRY.items()) if cls.reads_unlabelled]
    if not episode.unlabelled:
        return []
    if not set(readers) & set(request.algorithms):
        return [Note("unlabelled_unused", (("count", len(episode.unlabelled)), ("known", ", ".join(readers))))]
    asked = {identity(row.content) for row in episode.query}
    both = sum(identity(content) in asked for content in episode.unlabelled)
    return [Note("transductive", (("count", both),))] if both else []


def about_heads(algorithms: Sequence[Algorithm]) -> list[Note]:
    """What is to be said where some begin with another head than others: part of what tells them apart is the head's."""
    begins: dict[str, list[str]] = {}
    for algorithm in algorithms:
        if head := getattr(algorithm.config, "head", None):
            begins.setdefault(head, []).append(algorithm.name)
    said = ((head, ", ".join(dict.fromkeys(names))) for head, names in sorted(begins.items()))
    return [Note("heads_differ", tuple(said))] if len(begins) > 1 else []
