"""Files of examples: tables (.csv .tsv .jsonl .xlsx, columns text and label), the .json task file, class folders.

Here: from a path to rows or an `Episode`, or a `UserError` of one sentence that says how to mend the file.
Not here: what makes a good episode (`episode.py`), sampling tasks from many rows.
"""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl

from meta_demo.core.messages import UserError
from meta_demo.data.episode import Episode, Example, clean, make_episode, shorten
from meta_demo.data.files import MB, UPLOAD, Limits, read_bytes, read_json, read_text
from meta_demo.data.folders import ZIP, read_class_folders
from meta_demo.data.pictures import read_data_url
from meta_demo.data.tasks import ReadImage, parse_episode, pictures_beside

MAX_UNZIPPED = 200 * MB
MAX_SHEET = 1_048_576  # rows, Excel's own limit: openpyxl would fill the gap before a row numbered in the billions

MAGIC_LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of a workbook with a password, and of an old .xls

Records = Iterator[tuple[int, dict[str, Any]]]  # row number as the visitor counts it, and its cells by column


def read_rows(path: Path, labels_required: bool = True, limits: Limits = UPLOAD) -> list[Example]:
    """The rows of a table that have a text, cleaned; without a label only if `labels_required` is false."""
    return [row for row in _rows(path, labels_required, limits) if row.content]


def read_episode(path: Path, read: ReadImage = read_data_url) -> Episode:
    """The episode in a task file (.json), or one with a table, a folder of class folders, or a zip of it as its support set.

    `read` reads a task file's pictures; see `parse_episode`.
    """
    kind = path.suffix.lower()
    if kind in TABLES:
        return make_episode(_rows(path, labels_required=True, limits=UPLOAD))
    if kind == ZIP or path.is_dir():
        return make_episode(read_class_folders(path, UPLOAD))
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


def _rows(path: Path, labels_required: bool, limits: Limits) -> list[Example]:
    """Every row of a table that is not wholly blank. A text may be blank where there is a label."""
    data = read_bytes(path, tuple(TABLES), limits.bytes)
    rows: list[Example] = []
    for number, cells in TABLES[path.suffix.lower()](data, path.name):
        for column in ("text", "label")[: 1 + labels_required]:
            if column not in cells:
                raise _no_column(column, cells, path.name, number)
        text, label = (_cell(cells.get(column), path.name, number) for column in ("text", "label"))
        if text and not label and labels_required:
            raise UserError("row_no_label", file=path.name, row=number, text=shorten(text))
        if text or label:
            rows.append(Example(text, label or None))
        if len(rows) > limits.rows:
            raise UserError("too_many_rows", file=path.name, limit=limits.rows)
    if not any(row.content for row in rows):
        raise UserError("no_rows", file=path.name)
    return rows


def _no_column(column: str, cells: dict[str, Any], file: str, row: int) -> UserError:
    if column == "text" and "image" in cells:
        return UserError("table_image", file=file)
    return UserError("no_column", file=file, row=row, column=column, found=shorten(", ".join(cells), 200))


def _cell(value: Any, file: str, row: int) -> str:
    if isinstance(value, (dict, list)):
        raise UserError("cell_not_text", file=file, row=row)
    return "" if value is None else clean(str(value))


def _jsonl(data: bytes, file: str) -> Records:
    for number, line in enumerate(read_text(data, file).split("\n"), 1):  # splitlines also splits inside strings
        if not line.strip():
            continue
        value = read_json(line, file, number)
        if not isinstance(value, dict):
            raise UserError("line_not_object", file=file, line=number)
        yield number, _by_column(list(value), list(value.values()))


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
EPISODE_FILES = (".json", *TABLES, ZIP)  # what `read_episode` reads, folders aside
