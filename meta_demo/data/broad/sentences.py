"""Sentences made from patterns: `[one|other]` is a choice, and `{thing}` stands for something of the topic that the sentence is about.

Here: how a pattern is filled. Not here: the patterns (the `.toml` files beside this one), and what sources are made of them (`kinds.py`).
The same on every machine: whatever is drawn hangs on a seed that is said in words.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from meta_demo.data.broad.verbs import inflected
from meta_demo.data.scales import MONTHS

ROWS = 48  # sentences of a class
TRIES = 40 * ROWS
NAMES = [
    "Anna",
    "Ben",
    "Carla",
    "David",
    "Elif",
    "Femi",
    "Grace",
    "Henry",
    "Ines",
    "Jonas",
    "Kemal",
    "Laura",
    "Mateo",
    "Nadia",
    "Oscar",
    "Priya",
    "Ruth",
    "Samuel",
    "Tara",
    "Victor",
    "Wei",
    "Yusuf",
]
SURNAMES = [
    "Abbott",
    "Baker",
    "Costa",
    "Dvorak",
    "Ellison",
    "Fischer",
    "Garcia",
    "Hughes",
    "Ivanov",
    "Jensen",
    "Khan",
    "Lindgren",
    "Moreau",
    "Novak",
    "Okafor",
    "Rossi",
    "Tanaka",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
COLOURS = ["red", "blue", "green", "yellow", "purple", "orange", "grey", "black", "brown", "pink", "turquoise"]
SLOT = re.compile(r"\{(#?[A-Za-z0-9.\-]+)\}")
CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
ARTICLE = re.compile(r"\b([Aa]) (?=[aeiouAEIOU](?!ne\b|ne-|ni[cfvq]|uro|s[ei]))")


@cache
def read(name: str) -> dict[str, Any]:
    """What one of the files beside this one says."""
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))


@cache
def topics() -> dict[str, dict[str, list[str]]]:
    """The words of each topic, by kind."""
    return {
        topic: {kind: [word.strip() for word in said.split(",")] for kind, said in words.items()}
        for topic, words in read("topics").items()
    }


class Words:
    """What the slots of one sentence are filled with; a slot that occurs twice says the same twice, but for numbers."""

    def __init__(self, rng: random.Random, topic: str = "") -> None:
        self.rng, self.topic = rng, topic or rng.choice(list(topics()))
        said = topics()[self.topic]
        self._two = {"thing": rng.sample(said["things"], 2), "do": rng.sample(said["doings"], 2)}
        self._two |= {"person": rng.sample(said["people"], 2), "name": rng.sample(NAMES, 2), "day": rng.sample(DAYS, 2)}
        self._two |= {"colour": rng.sample(COLOURS, 2), "place": rng.sample(said["places"], 2)}
        self._two["year"] = [str(year) for year in sorted(rng.sample(range(1720, 2020), 2))]
        self._one = {"surname": rng.choice(SURNAMES), "month": rng.choice(MONTHS)}

    def __call__(self, slot: str) -> str:
        """What a slot says, with capitals as its name has them; raises KeyError where there is none of that name."""
        if slot.startswith("#"):
            return _number(slot[1:], self.rng)
        plain = self._plain(slot.lower())
        if slot.isupper() and len(slot) > 1:
            return plain.upper()
        if slot[:2] == "Id":
            return "".join(part.capitalize() for part in plain.split("_"))
        return plain if slot[0].islower() else plain[0].upper() + plain[1:]

    def _plain(self, slot: str) -> str:
        if slot in self._one:
            return self._one[slot]
        name, second = (slot[:-1], 1) if slot.endswith("2") and slot != "n2" else (slot, 0)
        if name in self._two:
            return self._two[name][second]
        if name == "id":
            return re.sub(r"[^a-z]+", "_", self._two["thing"][second].lower()).strip("_")
        if name in ("things", "persons"):
            return plural(self._two[name[:-1]][0])
        if name in FORMS:
            return inflected(self._two["do"][0], FORMS[name])
        return DRAWN[name](self.rng)


FORMS = {"did": "past", "done": "participle", "doing": "ing", "does": "third"}
DRAWN: dict[str, Callable[[random.Random], str]] = {
    "n": lambda rng: str(rng.randint(12, 99)),
    "n2": lambda rng: str(rng.randint(2, 9)),
    "hour": lambda rng: str(rng.randint(1, 12)),
    "gene": lambda rng: "".join(rng.choice("ACGT") for _ in range(6)),
}


def fill(pattern: str, words: Callable[[str], str], rng: random.Random) -> str:
    """A sentence of a pattern."""
    chosen = CHOICE.sub(lambda found: rng.choice(found[1].split("|")), pattern)
    said = SLOT.sub(lambda found: words(found[1]), chosen)
    return ARTICLE.sub(r"\1n ", said).strip()


def distinct(seed: str, draw: Callable[[random.Random], str], rows: int = ROWS) -> list[str]:
    """So many sentences that differ, or as many as there are."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    for _ in range(TRIES):
        found[draw(rng)] = None
        if len(found) == rows:
            break
    return list(found)


def about_anything(label: str, patterns: Sequence[str]) -> list[str]:
    """Sentences of some patterns, each of a topic of its own; the patterns take turns."""
    turn = iter(range(TRIES + 1))
    return distinct(label, lambda rng: fill(patterns[next(turn) % len(patterns)], Words(rng), rng))


def plural(noun: str) -> str:
    """Several of what a noun phrase says one of."""
    head, of, rest = noun.partition(" of ")
    if head.endswith(("s", "x", "ch", "sh")):
        head += "es"
    elif head.endswith("y") and head[-2] not in "aeiou":
        head = head[:-1] + "ies"
    elif head.endswith("man"):
        head = head[:-2] + "en"
    else:
        head += "s"
    return head + of + rest


def _number(span: str, rng: random.Random) -> str:
    low, high = span.split("-")
    if "." in span:
        return f"{rng.randint(round(float(low) * 10), round(float(high) * 10)) / 10:.1f}"
    return str(rng.randint(int(low), int(high)))
