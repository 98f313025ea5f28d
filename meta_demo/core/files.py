"""Bytes, text and JSON out of files, or a `UserError` of one sentence that says how to mend the file.

Here: sizes, encodings and what can go wrong on the way. Not here: what the files say (`readers.py`, `pictures.py`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meta_demo.core.errors import UserError

MB = 1_000_000  # bytes
MAX_FILE = 20 * MB
MAX_ROWS = 5000

MAGIC = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"%PDF": "PDF", b"PK\x03\x04": "ZIP / Excel"}
MAGIC_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")  # byte order marks of UTF-16 and UTF-32


@dataclass(frozen=True)
class Limits:
    """How much of a file is read: what a visitor may upload, unless told otherwise."""

    rows: int = MAX_ROWS
    bytes: int = MAX_FILE
    memory: int = 300 * MB  # of its pictures, read
    pixels: int = 8_000_000_000  # of them, as they arrive


UPLOAD = Limits()


def read_bytes(path: Path, known: Sequence[str], limit: int = MAX_FILE) -> bytes:
    """The content of a file of a known kind, of 1 to `limit` bytes."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise UserError("is_folder", file=path)
        if path.suffix.lower() not in known:
            raise UserError("unknown_suffix", file=path.name, known=" ".join(known))
        if size > limit:
            raise UserError("file_too_big", file=path.name, size=math.ceil(size / MB * 10) / 10, limit=limit // MB)
        if size == 0:
            raise UserError("empty_file", file=path.name)
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError("no_file", file=path) from None
    except OSError as error:
        raise UserError("file_locked", file=path.name, reason=error.strerror) from None


def read_text(data: bytes, file: str) -> str:
    """UTF-8 text, with or without a byte order mark; anything else is refused by what it looks like."""
    for magic, kind in MAGIC.items():
        if data.startswith(magic):
            raise UserError("wrong_suffix", file=file, kind=kind)
    if data.startswith(MAGIC_WIDE) or _is_wide(data):
        raise UserError("wide_text", file=file)
    if b"\0" in data:
        raise UserError("binary_file", file=file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("not_utf8", file=file, line=data.count(b"\n", 0, error.start) + 1) from None
    if not text.strip():
        raise UserError("empty_file", file=file)
    return text


def _is_wide(data: bytes) -> bool:
    """UTF-16 or UTF-32 without a mark: of the four byte lanes some are mostly NUL and some never are."""
    lanes = [data[lane:4096:4] for lane in range(4)]
    return sum(lane.count(0) > 0.4 * len(lane) for lane in lanes) >= 2 and any(lane and 0 not in lane for lane in lanes)


class _Twice(ValueError):
    """A key stands twice in an object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, of which nothing is lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return found


def read_json(text: str, file: str, line: int = 1) -> Any:
    """What a JSON text says; `line` is the number of its first line within the file."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except _Twice as error:
        raise UserError("json_twice", file=file, key=str(error)) from None
    except json.JSONDecodeError as error:
        raise UserError("broken_json", file=file, line=line + error.lineno - 1, column=error.colno) from None
    except (ValueError, RecursionError):  # a number of many thousand digits; brackets nested too deeply
        raise UserError("odd_json", file=file, line=line) from None
