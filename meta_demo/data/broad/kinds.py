"""`builtin:broad`: classes of other kinds than what somebody wants, made by code: topics, tones, forms of text, grammar, figures ...

Here: from patterns and words to sources, one for each kind. Labels are `kind/class`, so that a kind is a group, whose classes can share
a task (`--within`). No class is one of the page's samples, of the packs, or of the data sets that starts are tested on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache, partial

from meta_demo.data.broad.chinese import chinese
from meta_demo.data.broad.disguises import DISGUISES
from meta_demo.data.broad.sentences import Words, about_anything, distinct, fill, read, topics
from meta_demo.data.broad.verbs import TENSES, WHO, pattern
from meta_demo.data.episode import Example
from meta_demo.data.source import Source, make_source

BROAD = "broad"  # all kinds that are in English
Classes = Mapping[str, list[str]]


def _listed(name: str, part: str = "classes") -> Classes:
    """The classes that are patterns and nothing else."""
    return {label: about_anything(label, patterns) for label, patterns in read(name)[part].items()}


def _speakers() -> Classes:
    """One or two things that are said: some are always said alike."""

    def draw(patterns: list[str], rng: random.Random) -> str:
        return fill(" ".join(rng.sample(patterns, rng.choice((1, 1, 2)))), Words(rng), rng)

    return {label: distinct(label, partial(draw, patterns)) for label, patterns in read("speakers")["classes"].items()}


def _topics() -> Classes:
    """Each topic in sentences of any tone and any build."""
    files = (("tones", "classes"), ("aspects", "classes"), ("grammar", "classes"), ("grammar", "questions"))
    said = [one for name, part in files for patterns in read(name)[part].values() for one in patterns]
    telling = [one for one in said if one.count("{") > 1]

    def draw(topic: str, rng: random.Random) -> str:
        return fill(rng.choice(telling), Words(rng, topic), rng)

    return {topic: distinct(topic, partial(draw, topic)) for topic in topics()}


def _tenses() -> Classes:
    def draw(tense: str, who: str, rng: random.Random) -> str:
        return fill(pattern(tense, who, rng), Words(rng), rng)

    return {f"{tense}, {who}": distinct(f"{tense} {who}", partial(draw, tense, who)) for tense in TENSES for who in WHO}


def _quantities() -> Classes:
    """Figures alone, and in sentences that fit any figure or this one."""
    about = read("quantities")

    def draw(figures: list[str], own: list[str], rng: random.Random) -> str:
        words = Words(rng)
        it, it2 = (fill(rng.choice(figures), words, rng) for _ in range(2))
        said = fill(
            rng.choice(own if rng.random() < 0.5 else about["anywhere"]),
            lambda s: {"it": it, "it2": it2}.get(s) or words(s),
            rng,
        )
        return said[0].upper() + said[1:]

    return {
        label: distinct(label, partial(draw, one["figures"], one["sentences"]))
        for label, one in about["classes"].items()
    }


def _disguises() -> Classes:
    """Sentences of any tone, each class written in its own way."""
    said = [one for patterns in read("tones")["classes"].values() for one in patterns]

    def draw(label: str, rng: random.Random) -> str:
        return DISGUISES[label](fill(rng.choice(said), Words(rng), rng), rng).strip()

    return {label: distinct(label, partial(draw, label)) for label in DISGUISES}


KINDS: dict[str, Callable[[], Classes]] = {
    "topics": _topics,
    "tones": partial(_listed, "tones"),
    "forms": partial(_listed, "forms"),
    "speakers": _speakers,
    "aspects": partial(_listed, "aspects"),
    "constructions": partial(_listed, "grammar"),
    "questions": partial(_listed, "grammar", "questions"),
    "tenses": _tenses,
    "quantities": _quantities,
    "formats": partial(_listed, "formats"),
    "disguises": _disguises,
}
CHINESE = "chinese"
NAMES = [BROAD, *KINDS, CHINESE]
OFFERED = [f"builtin:{BROAD}", f"builtin:{CHINESE}"]  # in the page: a kind beside the whole would share its sentences


@cache
def broad_source(name: str, spec: str) -> Source:
    """The source of one of NAMES; a sentence that stands under two of its classes is in none of them."""
    if name == CHINESE:
        classes = chinese()
    else:
        kinds = KINDS if name == BROAD else [name]
        classes = {f"{kind}/{label}": said for kind in kinds for label, said in KINDS[kind]().items()}
    return make_source(spec, (Example(text, label) for label, said in classes.items() for text in said))
