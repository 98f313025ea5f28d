"""What learners are called on the page, and which of them are one algorithm from two starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.serving.requests import Learner
from meta_demo.ui.words import title
from meta_demo.words import text

Twins = tuple[Learner, Learner]  # from a meta-trained start, and from plain weights


def twins(learners: Iterable[Learner]) -> list[Twins]:
    """The algorithms that are there from both starts."""
    every = list(learners)
    return [(who, other) for who in every for other in every if _plain_of(other, who)]


def called(who: Learner, among: Iterable[Learner], lang: str) -> str:
    """The name of a learner; where its algorithm is there from another start too, with the start."""
    name = title(who.algorithm, lang)
    if all(who not in pair for pair in twins(among)):
        return name
    return text("page.learner.plain" if who.plain else "page.learner.trained", lang, algorithm=name)


def first_mover(learners: Sequence[Learner]) -> int:
    """The place of the first learner whose adapting moves the Transformer; the first of all where there is none."""
    return next((i for i, who in enumerate(learners) if REGISTRY[who.algorithm].adapts_body), 0)


def _plain_of(other: Learner, who: Learner) -> bool:
    return other.plain and not who.plain and other.algorithm == who.algorithm
