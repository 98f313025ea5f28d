"""A short mark of a string that a browser makes in the same way (`ui/scripts/marks.js`)."""

from __future__ import annotations

import zlib


def mark_of(said: str) -> str:
    """The bytes of `said` in UTF-8, how many and their CRC-32: what the same example is known by wherever a page shows it."""
    data = said.encode("utf-8", "surrogatepass")
    return f"{len(data)}-{zlib.crc32(data):x}"
