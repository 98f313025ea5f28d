"""`builtin:numbers`: sentences with numbers to learn, made by code, a group for each thing that can be told from a sentence.

Some groups say a number outright (ages, prices, months), others only how much of something there is (how good, how urgent). Every
group is put on a scale from 0 to 10, so that none outweighs the others in a mean squared error. The same on every machine.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from meta_demo.data.source import Source

NUMBERS = "builtin:numbers"
ROWS = 36  # sentences of a group
TOP = 10.0  # the end of every scale

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


@cache
def _about() -> dict[str, Any]:
    """The sentences, and what may stand in them."""
    return tomllib.loads(Path(__file__).with_name("scales.toml").read_text(encoding="utf-8"))


@cache
def number_source() -> Source:
    """All groups with their sentences, none of which stands in two of them."""
    about = _about()
    rows = {name: dict(_graded(**said)) for name, said in about["graded"].items()}
    rows |= {name: _some(_measured(name, **said)) for name, said in about["measured"].items()}
    rows |= {name: _some(_dates(name, **said)) for name, said in about["dated"].items()}
    rows |= {"time of day": _some(_clock(**about["clock"])), "length in words": _some(_lengths(**about["lengths"]))}
    classes = {name: tuple(some) for name, some in rows.items()}
    values = {name: tuple(round(value, 4) for value in some.values()) for name, some in rows.items()}
    return Source(NUMBERS, classes, values=values)


def spelled(number: int) -> str:
    """A number below a thousand in words."""
    if number < 20:
        return ONES.split()[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS.split()[tens - 2] + (f"-{spelled(ones)}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{spelled(hundreds)} hundred" + (f" and {spelled(rest)}" if rest else "")


def _graded(sentences: Sequence[str], words: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Every word in every sentence."""
    for sentence in sentences:
        for place, word in enumerate(words):
            yield _begun(sentence.format(word)), TOP * place / (len(words) - 1)


def _measured(name: str, sentences: Sequence[str], low: int, high: int) -> Iterator[tuple[str, float]]:
    """Numbers between the least and the largest, in digits or in words."""
    rng = random.Random(name)
    while True:
        number = rng.randint(low, high)
        said = str(number) if rng.random() < 0.5 else spelled(number)
        yield _begun(rng.choice(sentences).format(said)), TOP * (number - low) / (high - low)


def _dates(name: str, sentences: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Days of a year, of which the month or the day of the month is asked for."""
    rng = random.Random(name)
    while True:
        month, day = rng.randrange(12), rng.randint(1, 28)
        said = rng.choice(sentences).format(m=MONTHS[month], d=_ordinal(day))
        yield said, TOP * (month / 11 if name == "month" else (day - 1) / 27)


def _clock(sentences: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Times of a day, by a clock of twelve hours or of twenty-four."""
    rng = random.Random("clock")
    while True:
        hour, minute = rng.randrange(24), rng.choice((0, 10, 15, 20, 30, 45))
        said = (
            f"{hour}:{minute:02}"
            if rng.random() < 0.5
            else f"{hour % 12 or 12}:{minute:02} {'pm' if hour > 11 else 'am'}"
        )
        yield rng.choice(sentences).format(t=said), TOP * (hour * 60 + minute) / (24 * 60)


def _lengths(words: Sequence[str]) -> Iterator[tuple[str, float]]:
    """How many words there are."""
    rng = random.Random("lengths")
    while True:
        count = rng.randint(1, len(words))
        yield _begun(" ".join(rng.sample(words, count))) + ".", TOP * (count - 1) / (len(words) - 1)


def _some(rows: Iterator[tuple[str, float]]) -> dict[str, float]:
    """The first rows that differ."""
    found: dict[str, float] = {}
    while len(found) < ROWS:
        text, value = next(rows)
        found.setdefault(text, value)
    return found


def _begun(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _ordinal(number: int) -> str:
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
