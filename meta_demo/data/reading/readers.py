"""Files of examples: tables (.csv .tsv .jsonl .xlsx, columns text or image, and label), the .json task file, class folders.

Here: from a path to rows or an `Episode`, or a `UserError` of one sentence that says how to mend the file.
Not here: what makes a good episode (`episode.py`), sampling tasks from many rows.
"""

from __future__ import annotations

import csv
import io
import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

import openpyxl

from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example, clean, make_episode, shorten
from meta_demo.data.reading.files import MAX_FILE, MB, UPLOAD, Limits, read_bytes, read_json, read_text
from meta_demo.data.reading.folders import ZIP, open_tree, pictures_in, read_class_folders
from meta_demo.data.reading.pictures import DATA_URL, SUFFIXES, bounded, read_data_url
from meta_demo.data.reading.tasks import ReadImage, parse_episode, pictures_beside
from meta_demo.modalities.content import Content, Picture

MAX_UNZIPPED = 200 * MB
MAX_SHEET = 1_048_576  # rows, Excel's own limit: openpyxl would fill the gap before a row numbered in the billions

csv.field_size_limit(MAX_FILE * 4 // 3 + 100)  # a picture may stand in a cell

MAGIC_LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of a workbook with a password, and of an old .xls

Records = Iterator[tuple[int, dict[str, Any]]]  # row number as the visitor counts it, and its cells by column


def read_rows(path: Path, limits: Limits = UPLOAD, read: ReadImage = read_data_url) -> list[Example]:
    """The labelled rows that are not blank of a table, or of what `path` holds as a folder or zip: class folders, or one table that
    names pictures beside it.

    `read` reads the pictures of a table that comes alone.
    """
    return [row for row in _rows(path, limits, read) if row.content]


def read_unlabelled(path: Path, limits: Limits = UPLOAD, read: ReadImage = read_data_url) -> list[Content]:
    """What stands in a table's column text or image, or in the lines of a text file; nobody looks at labels."""
    rows = _table(read_bytes(path, UNLABELLED, limits.bytes), path.name, limits, read, labelled=False)
    return [row.content for row in rows]


def read_episode(path: Path, read: ReadImage = read_data_url) -> Episode:
    """The episode in a task file (.json), or one with what `read_rows` reads as its support set.

    `read` reads a task file's or table's pictures; see `parse_episode`.
    """
    if path.suffix.lower() in SUFFIXES:
        raise UserError("lone_picture", file=path.name)
    if path.suffix.lower() in TABLES or _is_tree(path):
        return make_episode(_rows(path, UPLOAD, read))
    text = read_text(read_bytes(path, EPISODE_FILES), path.name)
    return parse_episode(read_json(text, path.name), read)


def parse_lines(path: Path, limits: Limits) -> Iterator[tuple[int, Episode]]:
    """Line number and episode of each line of a .jsonl file of task objects."""
    data, read = read_bytes(path, (".jsonl",), limits.bytes), pictures_beside(path.parent)
    for number, line in enumerate(read_text(data, path.name).split("\n"), 1):
        if line.strip():
            try:
                yield number, parse_episode(read_json(line, path.name, number), read)
            except UserError as error:
                raise UserError("episode_line", file=path.name, line=number, problem=error) from error


def _rows(path: Path, limits: Limits, read: ReadImage) -> list[Example]:
    """Every row that is not wholly blank. A text may be blank where there is a label."""
    if not _is_tree(path):
        return _table(read_bytes(path, (*TABLES, ZIP), limits.bytes), path.name, limits, read)
    tree = open_tree(path, limits)
    tables = [file for file in tree.files if file.suffix.lower() in TABLES]
    if len(tables) == 1 and _names_pictures(data := tree.read(tables[0]), tables[0].name):
        return _table(data, tables[0].name, limits, pictures_in(tree, tables[0].parent))
    return read_class_folders(tree, limits)


def _is_tree(path: Path) -> bool:
    return path.suffix.lower() == ZIP or os.path.isdir(path)  # noqa: PTH112  (the other one raises for long names)


def _names_pictures(data: bytes, file: str) -> bool:
    _, cells = next(_records(data, file), (0, {}))
    return "image" in cells


def _records(data: bytes, file: str) -> Records:
    suffix = PurePath(file).suffix.lower()
    return _lines(data, file) if suffix == LINES else TABLES[suffix](data, file)


def _table(data: bytes, file: str, limits: Limits, read: ReadImage, labelled: bool = True) -> list[Example]:
    """The rows of a table; its pictures are read once all rows are in order. Unless `labelled`, all labels are ""."""
    found: list[tuple[int, dict[str, str]]] = []
    for number, cells in _records(data, file):
        if not {"text", "image"} & set(cells):
            raise _no_column("text", cells, file, number)
        if labelled and "label" not in cells:
            raise _no_column("label", cells, file, number)
        columns = ("text", "image", "label") if labelled else ("text", "image")
        row = {"label": ""} | {column: _cell(cells.get(column), file, number) for column in columns}
        said = row["text"] or row["image"]
        if row["text"] and row["image"]:
            raise UserError("row_both", file=file, row=number)
        if labelled and said and not row["label"]:
            raise UserError("row_no_label", file=file, row=number, text=shorten(said))
        if said or row["label"]:
            found.append((number, row))
        if len(found) > limits.rows:
            raise UserError("too_many_rows", file=file, limit=limits.rows)
    if not any(row["text"] or row["image"] for _, row in found):
        raise UserError("no_rows", file=file)
    contents = (_picture(row["image"], file, n, read) if row["image"] else clean(row["text"]) for n, row in found)
    return [Example(c, clean(row["label"])) for c, (_, row) in zip(bounded(contents, limits), found, strict=True)]


def _picture(said: str, file: str, row: int, read: ReadImage) -> Picture:
    """The picture in a cell: a data URL, or a path where `read` can follow one."""
    if read is read_data_url and not DATA_URL.match(said):
        raise UserError("row_picture", file=file, row=row, picture=shorten(said))
    return read(said, f"{file}, {row}")


def _no_column(column: str, cells: dict[str, Any], file: str, row: int) -> UserError:
    return UserError("no_column", file=file, row=row, column=column, found=shorten(", ".join(cells), 200))


def _cell(value: Any, file: str, row: int) -> str:
    """What a cell says, "" where nothing of it is visible; not yet cleaned, which takes long for a picture."""
    if isinstance(value, (dict, list)):
        raise UserError("cell_not_text", file=file, row=row)
    said = "" if value is None else str(value).strip()
    return said if clean(said[:100]) or clean(said) else ""


def _jsonl(data: bytes, file: str) -> Records:
    for number, line in enumerate(read_text(data, file).split("\n"), 1):  # splitlines also splits inside strings
        if not line.strip():
            continue
        value = read_json(line, file, number)
        if not isinstance(value, dict):
            raise UserError("line_not_object", file=file, line=number)
        yield number, _by_column(list(value), list(value.values()))


def _lines(data: bytes, file: str) -> Records:
    for number, line in enumerate(read_text(data, file).split("\n"), 1):
        yield number, {"text": line}


def _delimited(delimiter: str) -> Callable[[bytes, str], Records]:
    """A reader of text whose cells are separated by `delimiter` and quoted as spreadsheets do it."""

    def read(data: bytes, file: str) -> Records:
        grid = csv.reader(io.StringIO(read_text(data, file), newline=""), delimiter=delimiter, strict=True)
        try:
            yield from _headed(grid, file, even=True)
        except csv.Error:
            raise UserError("broken_csv", file=file, line=grid.line_num) from None

    return read


def _xlsx(data: bytes, file: str) -> Records:
    """The rows of the first sheet."""
    if data.startswith(MAGIC_LOCKED):
        raise UserError("locked_xlsx", file=file)
    return _headed(_sheet(data, file), file, even=False)


def _headed(grid: Iterable[Sequence[Any]], file: str, even: bool) -> Records:
    """The rows that are not blank, under the first of them, the header. `even`: all must be as long as the header."""
    header: Sequence[Any] = ()
    for number, cells in enumerate(grid, 1):
        if not any(cell is not None and str(cell).strip() for cell in cells):
            continue
        if not header:
            header = cells
            if len(header) == 1 and ";" in str(header[0]):
                raise UserError("semicolons", file=file)
        elif even and (len(cells) < len(header) or any(cells[len(header) :])):
            raise UserError("ragged_row", file=file, row=number, count=len(cells), expected=len(header))
        else:
            yield number, _by_column(header, [*cells, *[None] * (len(header) - len(cells))])


def _sheet(data: bytes, file: str) -> Iterator[tuple[Any, ...]]:
    """The first sheet's rows of cell values, read one at a time."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_UNZIPPED:
            raise UserError("zip_bomb", file=file, size=math.ceil(size / MB), limit=MAX_UNZIPPED // MB)
        sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()  # the declared size may be a million columns wide
        yield from islice(sheet.iter_rows(values_only=True), MAX_SHEET)
    except UserError:
        raise
    except Exception as error:  # a damaged workbook breaks openpyxl in dozens of ways: KeyError, ParseError ...
        raise UserError("broken_xlsx", file=file) from error


def _by_column(header: Sequence[Any], cells: Sequence[Any]) -> dict[str, Any]:
    """Cells by column name in lower case; of two columns with one name the first counts."""
    record: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=False):
        record.setdefault("" if name is None else clean(str(name)).lower(), cell)
    return record


TABLES: dict[str, Callable[[bytes, str], Records]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": _jsonl,
    ".xlsx": _xlsx,
}
LINES = ".txt"
UNLABELLED = (LINES, *TABLES)  # what `read_unlabelled` reads
EPISODE_FILES = (".json", *TABLES, ZIP)  # what `read_episode` reads, folders aside
