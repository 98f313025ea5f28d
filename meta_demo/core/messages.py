"""The one catalogue of words: every label of the page and every message, in English and Simplified Chinese.

The words live in `catalogue.toml` beside this file, one table a key. Code names a key; nothing else in the project
holds a sentence that a visitor reads.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Every key with its text per language: `{"error.one_class": {"en": "...", "zh": "..."}}`."""
    with (Path(__file__).parent / "catalogue.toml").open("rb") as file:
        return tomllib.load(file)


def text(key: str, lang: str = "en", /, **values: Any) -> str:
    """The text of `key` in `lang`, its {placeholders} filled from `values`. An unknown key raises KeyError."""
    return catalogue()[key][lang].format(**values)


def language(accept_language: str | None) -> str:
    """The first of our languages that a browser's Accept-Language header asks for; English when none is."""
    wanted = []
    for part in (accept_language or "").split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), tag.lower()))
        except ValueError:
            continue
    for priority, tag in sorted(wanted, key=lambda item: item[0]):
        if priority and tag.split("-")[0] in LANGUAGES:
            return tag.split("-")[0]
    return "en"


class UserError(ValueError):
    """Something a visitor can mend. Carries a catalogue key (`error.<name>`) and the values it speaks of.

    `str(error)` is the English sentence; `error.message("zh")` the Chinese one.
    """

    def __init__(self, name: str, /, **values: Any) -> None:
        self.name, self.values = name, values
        super().__init__(self.message())

    def message(self, lang: str = "en") -> str:
        return text(f"error.{self.name}", lang, **self.values)


@dataclass(frozen=True)
class Note:
    """Something a visitor should know, though nothing failed: a catalogue key (`note.<name>`) and its values."""

    name: str
    values: tuple[tuple[str, Any], ...] = ()

    def message(self, lang: str = "en") -> str:
        return text(f"note.{self.name}", lang, **dict(self.values))
