"""Strings as everything else sees them: cleaned when they come in, cut short when a message quotes them."""

from __future__ import annotations

import unicodedata

NOT_TEXT = "\ufeff\ufffe\uffff"  # byte order marks and noncharacters, which XML, and so a workbook, cannot hold


def clean(text: str) -> str:
    """NFC, without control characters, each run of whitespace one space; "" when nothing visible is left.

    Format characters stay: an emoji's joiners and right-to-left marks carry meaning.
    """
    kept = "".join(c for c in text if c.isspace() or not (unicodedata.category(c) in ("Cc", "Cs") or c in NOT_TEXT))
    result = " ".join(unicodedata.normalize("NFC", kept).split())
    return result if any(unicodedata.category(c) not in ("Cf", "Zs") for c in result) else ""


def shorten(said: object, width: int = 60) -> str:
    """`said` as a string, cleaned and cut to `width` characters, for use in a message."""
    text = clean(str(said))
    return text if len(text) <= width else text[: width - 1] + "…"
