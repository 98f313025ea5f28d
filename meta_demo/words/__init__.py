"""The words of the page and of every message, in English and Simplified Chinese.

They live in the `.toml` files beside this one (`errors`, `cli`, `page`), and in the `words.toml` of a modality's or an objective's folder,
one table a key. Code names a key. The words of an algorithm and of its knobs stand beside its class instead.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")
Words = Mapping[str, str]  # language -> what is said in it


def words(en: str, zh: str | None = None) -> Words:
    """One thing said in every language; a name that is the same in all of them is said once."""
    return {"en": en, "zh": en if zh is None else zh}


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Every key with its text per language: `{"error.one_class": {"en": "...", "zh": "..."}}`."""
    here = Path(__file__).parent
    found: dict[str, dict[str, str]] = {}
    folders = (*here.parent.glob("modalities/*/words.toml"), *here.parent.glob("objectives/*/words.toml"))
    for file in (*sorted(here.glob("*.toml")), *sorted(folders)):
        found |= tomllib.loads(file.read_text(encoding="utf-8"))
    return found


def text(key: str, lang: str = "en", /, **values: Any) -> str:
    """The text of `key` in `lang`, its {placeholders} filled from `values`, of `Words` among them what they say in `lang`.

    An unknown key raises KeyError.
    """
    said = {name: value[lang] if isinstance(value, Mapping) else value for name, value in values.items()}
    return catalogue()[key][lang].format(**said)


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
