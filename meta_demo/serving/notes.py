"""What a person should know of inputs before any figure: what a model does not read of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import Note
from meta_demo.modalities.base import Content
from meta_demo.modalities.inputs import Encoded

FEW = 3  # inputs that are named one by one


def input_notes(backbone: Backbone, contents: Iterable[Content]) -> list[Note]:
    """Which of `contents` have more tokens than the model reads: each by itself, or how many where they are more than a few."""
    different = list(dict.fromkeys(contents))
    cut = [(c, encoded) for c in different if (encoded := backbone.encode(c)).dropped]
    if len(cut) > FEW:
        longest = max(cut, key=lambda pair: pair[1].length + pair[1].dropped)
        return [Note("truncated_many", (("count", len(cut)), ("total", len(different)), *_said(*longest)))]
    return [Note("truncated", _said(*pair)) for pair in cut]


def _said(content: Content, encoded: Encoded) -> tuple[tuple[str, Any], ...]:
    """An input with the number of its tokens, and how many of them are read."""
    return ("text", str(content)[:40]), ("kept", encoded.length), ("tokens", encoded.length + encoded.dropped)
