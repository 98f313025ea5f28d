"""`builtin:chinese`: the same in Chinese, from `chinese.toml`: topics, tones, forms of text, who speaks to whom, and figures."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache, partial

from meta_demo.data.broad.sentences import distinct, fill, read

COMMA = "，"


@cache
def _topics() -> Mapping[str, Mapping[str, list[str]]]:
    return {
        name: {slot: said.split(COMMA) for slot, said in of.items()} for name, of in read("chinese")["topics"].items()
    }


class _Words:
    """What the slots of one Chinese sentence are filled with."""

    def __init__(self, rng: random.Random, topic: str = "") -> None:
        self.rng = rng
        said = _topics()[topic or rng.choice(list(_topics()))]
        self._said = {slot: rng.choice(words) for slot, words in said.items()}
        self._said["thing"], self._said["thing2"] = rng.sample(said["thing"], 2)
        self._said["who"], self._said["who2"] = rng.sample(said["who"], 2)

    def __call__(self, slot: str) -> str:
        spans = {"n": (2, 99), "month": (1, 12), "day": (1, 28)}
        return str(self.rng.randint(*spans[slot])) if slot in spans else self._said[slot]


def _draw(patterns: Sequence[str], topic: str, rng: random.Random) -> str:
    return fill(rng.choice(patterns), _Words(rng, topic), rng)


def chinese() -> Mapping[str, list[str]]:
    """All Chinese classes with their sentences."""
    about = read("chinese")
    made = {f"话题/{name}": distinct(name, partial(_draw, about["frames"], name)) for name in _topics()}
    for kind, title in {"tones": "语气", "forms": "文体", "speakers": "谁对谁", "quantities": "数量"}.items():
        made |= {f"{title}/{name}": distinct(name, partial(_draw, said, "")) for name, said in about[kind].items()}
    return made
