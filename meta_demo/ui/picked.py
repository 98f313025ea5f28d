"""What the page says of the one example that is chosen in the grid of a comparison or on the map (`scripts/picked.js`)."""

from __future__ import annotations

from typing import Any

from meta_demo.core.strings import shorten
from meta_demo.modalities.base import Content
from meta_demo.words import catalogue

SAID = 28  # characters of an example that are said of it


def words(lang: str) -> dict[str, str]:
    """The sentence that says what is highlighted, and the places where."""
    return {key: catalogue()[f"page.picked.{key}"][lang] for key in ("said", "grid", "map", "card")}


def said_of(content: Content) -> str:
    """The beginning of an example that has words, else nothing."""
    return shorten(content, SAID) if isinstance(content, str) else ""


def called(content: Content, label: Any) -> str:
    """An example by its label, and by its words where it has any."""
    said = said_of(content)
    return f"{label}: {said}" if said else str(label)
