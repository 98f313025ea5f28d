"""What learners are called on the page, and which of them are one algorithm from two starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.serving.requests import Learner
from meta_demo.ui.words import title
from meta_demo.words import text

Twins = tuple[Learner, Learner]  # from a meta-trained start, and from plain weights


def twins(learners: Iterable[Learner]) -> list[Twins]:
    """The algorithms that are there from a meta-trained start and from plain weights."""
    every = list(learners)
    return [pair for pair in rivals(every) if pair[1].plain]


def rivals(learners: Iterable[Learner]) -> list[Twins]:
    """The meta-trained starts, each with every other start of the same algorithm."""
    every = list(learners)
    trained = [who for who in every if not who.plain and not who.random]
    return [(who, other) for who in trained for other in every if other != who and other.algorithm == who.algorithm]


def start_of(who: Learner) -> str:
    """What a learner begins from, as words are called by it."""
    return "plain" if who.plain else "random" if who.random else "trained"


def called(who: Learner, among: Iterable[Learner], lang: str) -> str:
    """The name of a learner; where its algorithm is there from another start too, with the start."""
    name = title(who.algorithm, lang)
    if all(who not in pair for pair in rivals(among)):
        return name
    return text(f"page.learner.{start_of(who)}", lang, algorithm=name)


def first_mover(learners: Sequence[Learner]) -> int:
    """The place of the first learner whose adapting moves the Transformer; the first of all where there is none."""
    return next((i for i, who in enumerate(learners) if REGISTRY[who.algorithm].adapts_body), 0)
