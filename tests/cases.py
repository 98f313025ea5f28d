"""Writes the inputs of the tests of what people bring, and says what was read of them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode
from meta_demo.data.reading.readers import read_episode

ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "cases"
ROWS = [
    ("I lost my card", "card"),
    ("my card was stolen", "card"),
    ("send money to my sister", "transfer"),
    ("wire 50 to Tom", "transfer"),
]


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def book(folder: Path, *sheets: Sequence[Sequence[Any]], change: Callable[[Any], None] = lambda _: None) -> Path:
    """A workbook of sheets called A, B ..., after `change` has seen it."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in zip("ABC", sheets, strict=False):
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    change(made)
    made.save(folder / "book.xlsx")
    return folder / "book.xlsx"


def counts(episode: Episode) -> dict[Any, int]:
    return dict(Counter(row.label for row in episode.support))


def texts(episode: Episode) -> list[str]:
    return [str(row.content) for row in episode.support]


def notes(episode: Episode) -> str:
    return "\n".join(note.message() for note in episode.notes)


def refused(path: Path, name: str, *parts: str, reader: Callable[..., Any] = read_episode) -> None:
    with pytest.raises(UserError) as caught:
        reader(path)
    assert caught.value.name == name, str(caught.value)
    assert all(part in caught.value.message(lang) for part in parts for lang in ("en", "zh")), str(caught.value)


PLAIN = {"card": 2, "transfer": 2}


def table(separator: str, header: str = "text,label") -> str:
    return "".join(f"{line}\n" for line in (header, *map(",".join, ROWS))).replace(",", separator)


def zipped(folder: Path, files: dict[str, bytes], name: str = "a.zip") -> Path:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return folder / name


def csv_of(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
