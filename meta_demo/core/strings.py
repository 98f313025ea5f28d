"""Strings as everything else sees them: cleaned when they come in, cut short when a message quotes them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

BLOCK = 1 << 16  # characters that are cleaned at once
REACH = 1000  # of them are looked at for whitespace to cut at
WHITE = re.compile(r"\s+")
CONTROLS = dict.fromkeys(i for i in (*range(32), 127) if not chr(i).isspace())
QUOTED = 50  # times the width of a quotation, of what is looked at for it
NOT_TEXT = "\ufeff\ufffe\uffff"  # byte order marks and noncharacters, which XML, and so a workbook, cannot hold
JOINERS = "\u200c\u200d"  # part of emoji, and of words in Persian or Hindi
# What leaves no trace between letters: soft hyphens, zero widths, marks of direction, fillers, deprecated formatting.
UNSEEN = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u3164\uffa0"
UNSEEN += "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2060, 0x2070))))


# Marks that one program writes for another: dashes, apostrophes and quotation marks.
ALIKE = {ord(c): "-" for c in "‐‑‒–—―−﹘"} | {ord(c): "'" for c in "’‘‛ʼ´`′＇"} | {ord(c): '"' for c in "“”„‟«»″"}


def clean(text: str) -> str:
    """NFC, without control characters, each run of whitespace one space; "" when nothing visible is left.

    Format characters stay: an emoji's joiners and right-to-left marks carry meaning.
    """
    blocks = list(map(_kept, _blocks(text)))
    blocks[0], blocks[-1] = blocks[0].lstrip(), blocks[-1].rstrip()
    result = "".join(blocks)
    while "  " in result:  # where two blocks meet
        result = result.replace("  ", " ")
    result = result.strip()
    if result == text:  # one text is not kept twice
        result = text
    return result if any(unicodedata.category(c) not in ("Cf", "Zs") for c in result) else ""


def _blocks(text: str) -> Iterator[str]:
    """A text in parts that are cleaned one by one, so that a long one takes little memory: cut before whitespace or, where there is
    none, before ASCII, with which nothing that comes before composes."""
    start = 0
    while len(text) - start > BLOCK:
        end = start + BLOCK
        cut = next((i for i in range(end, end - REACH, -1) if text[i].isspace()), None)
        cut = cut or next((i for i in range(end, len(text)) if text[i].isascii()), len(text))
        yield text[start:cut]
        start = cut
    yield text[start:]


def _kept(block: str) -> str:
    if block.isascii():
        kept = block.translate(CONTROLS)
    else:
        kept = "".join(
            c for c in block if c.isspace() or not (unicodedata.category(c) in ("Cc", "Cs") or c in NOT_TEXT)
        )
    return WHITE.sub(" ", unicodedata.normalize("NFC", kept))


def clean_name(text: str) -> str:
    """A class's name cleaned, without what nobody can see: names that look the same are the same."""
    seen = "".join(c for c in clean(text) if c not in UNSEEN)
    around = zip(seen, " " + seen, seen[1:] + " ", strict=False)
    return clean("".join(c for c, before, after in around if c not in JOINERS or min(before, after) > "\u02ff"))


def shorten(said: object, width: int = 60) -> str:
    """`said` as a string, cleaned and cut to `width` characters, for use in a message."""
    text = clean(str(said)[: QUOTED * width])
    return text if len(text) <= width else text[: width - 1] + "…"


def looks(name: str) -> str:
    """What is left of a name where capitals, widths, and the kinds of dashes and quotation marks do not count."""
    return unicodedata.normalize("NFKC", name.translate(ALIKE)).casefold()
