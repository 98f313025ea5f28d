"""Files of examples: tables (.csv .tsv .jsonl .xlsx, columns text or another modality's key, and label or another objective's), the
.json task file, class folders.

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

from meta_demo.core.errors import Note, UserError
from meta_demo.core.files import MAX_FILE, MB, UPLOAD, Limits, read_bytes, read_json, read_text
from meta_demo.core.objective import OBJECTIVES, Cell
from meta_demo.core.strings import clean, shorten
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.reading.folders import ZIP, modality_in, open_tree, read_class_folders, within
from meta_demo.data.reading.tasks import Beside, beside, bounded, parse_episode, read_content
from meta_demo.modalities.base import BLANK, MODALITIES, Content, with_article
from meta_demo.words import words

MAX_UNZIPPED = 200 * MB
MAX_SHEET = 1_048_576  # rows, Excel's own limit: openpyxl would fill the gap before a row numbered in the billions

csv.field_size_limit(MAX_FILE * 4 // 3 + 100)  # a picture may stand in a cell

MAGIC_LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of a workbook with a password, and of an old .xls

Records = Iterator[tuple[int, dict[str, Any]]]  # row number as the visitor counts it, and its cells by column


def read_rows(path: Path, limits: Limits = UPLOAD, files: Beside | None = None) -> list[Example]:
    """The labelled rows that are not blank of a table, or of what `path` holds as a folder or zip: class folders, or one table that
    names files beside it.

    `files` reads what a table names that comes alone; without it a table may name none.
    """
    return read_source(path, limits, files)[0]


def read_source(
    path: Path, limits: Limits = UPLOAD, files: Beside | None = None
) -> tuple[list[Example], Sequence[Note]]:
    """What `read_rows` reads, and what a person should know of how it was read."""
    rows, notes = _rows(path, limits, files)
    return [row for row in rows if row.content != BLANK], notes


def read_unlabelled(path: Path, limits: Limits = UPLOAD, files: Beside | None = None) -> list[Content]:
    """What stands in a table's column text, or image and the like, or in the lines of a text file; nobody looks at labels."""
    return _unlabelled(read_bytes(path, UNLABELLED, limits.bytes), path.name, limits, files)


def read_episode(path: Path, files: Beside | None = None) -> Episode:
    """The episode in a task file (.json), or one with what `read_rows` reads as its support set; rows without a label are queries.

    `files` reads what a task file or table names; see `parse_episode`.
    """
    if lone := modality_in(path):
        raise UserError("lone_picture", file=path.name, noun=lone.noun, nouns=lone.nouns)
    if path.suffix.lower() in TABLES or _is_tree(path):
        rows, notes = _rows(path, UPLOAD, files, whole=False)
        learned, asked = ([row for row in rows if (row.label is None) == unknown] for unknown in (False, True))
        return make_episode(learned, asked, notes=notes)
    text = read_text(read_bytes(path, EPISODE_FILES), path.name)
    return parse_episode(read_json(text, path.name), files)


def parse_lines(path: Path, limits: Limits) -> Iterator[tuple[int, Episode]]:
    """Line number and episode of each line of a .jsonl file of task objects."""
    data, files = read_bytes(path, (".jsonl",), limits.bytes), beside(path.parent)
    for number, line in enumerate(read_text(data, path.name).split("\n"), 1):
        if line.strip():
            try:
                yield number, parse_episode(read_json(line, path.name, number), files)
            except UserError as error:
                raise UserError("episode_line", file=path.name, line=number, problem=error) from error


def _rows(
    path: Path, limits: Limits, files: Beside | None, *, whole: bool = True
) -> tuple[list[Example], Sequence[Note]]:
    """Every row that is not wholly blank, and what is to be said of how they were read. A text may be blank where there is a label;
    a label may, unless all rows are to be `whole`."""
    if not _is_tree(path):
        return _table(read_bytes(path, (*TABLES, ZIP), limits.bytes), path.name, limits, files, whole)
    tree = open_tree(path, limits)
    tables = [file for file in tree.files if file.suffix.lower() in TABLES]
    if len(tables) == 1 and _names_files(data := tree.read(tables[0]), tables[0].name):
        return _table(data, tables[0].name, limits, within(tree, tables[0].parent), whole)
    return read_class_folders(tree, limits), ()


def _is_tree(path: Path) -> bool:
    return path.suffix.lower() == ZIP or os.path.isdir(path)  # noqa: PTH112  (the other one raises for long names)


def _names_files(data: bytes, file: str) -> bool:
    """Whether a table has a column of a modality whose inputs come in files."""
    _, cells = next(_records(data, file), (0, {}))
    return any(kind.suffixes and kind.key in cells for kind in MODALITIES.values())


def _records(data: bytes, file: str) -> Records:
    suffix = PurePath(file).suffix.lower()
    return _lines(data, file) if suffix == LINES else TABLES[suffix](data, file)


def _table(
    data: bytes, file: str, limits: Limits, files: Beside | None, whole: bool
) -> tuple[list[Example], Sequence[Note]]:
    """The rows of a table; files that it names are read once all rows are in order."""
    found: list[tuple[int, dict[str, str]]] = []  # row number, and what it says by the key of a modality
    labels: dict[int, tuple[str, Any]] = {}  # row number -> the key of an objective, and the label as it stands there
    for number, cells, said in _said_rows(data, file, limits):
        given = [o.key for o in OBJECTIVES.values() if _cell(cells.get(o.key), file, number)]
        if not any(o.key in cells for o in OBJECTIVES.values()):
            raise _no_column(next(iter(OBJECTIVES.values())).key, cells, file, number)
        if len(given) > 1:
            first, other = (with_article(words(key)) for key in given[:2])
            raise UserError("row_both", file=file, row=number, first=first, other=other)
        if whole and said and not given:
            raise UserError("row_no_label", file=file, row=number, text=shorten(next(iter(said.values()))))
        if given:
            labels[number] = given[0], cells[given[0]]
        if said or given:
            found.append((number, said))
        if len(found) > limits.rows:
            raise UserError("too_many_rows", file=file, limit=limits.rows)
    if not any(said for _, said in found):
        raise UserError("no_rows", file=file)
    read, notes = _labels(labels, file)
    contents = (_content(said, file, number, files) for number, said in found)
    rows = zip(bounded(contents, limits), found, strict=True)
    return [Example(content, read.get(number)) for content, (number, _) in rows], notes


def _labels(labels: dict[int, tuple[str, Any]], file: str) -> tuple[dict[int, Any], list[Note]]:
    """The labels of a table by row, each column read as a whole by its objective, and what is to be said of that."""
    found: dict[int, Any] = {}
    notes: list[Note] = []
    for objective in OBJECTIVES.values():
        cells = [Cell(said, file, number) for number, (key, said) in labels.items() if key == objective.key]
        read, more = objective.read(cells)
        found |= {cell.row: label for cell, label in zip(cells, read, strict=True)}
        notes += more
    return found, notes


def _unlabelled(data: bytes, file: str, limits: Limits, files: Beside | None) -> list[Content]:
    """The inputs in a table, whatever else stands in it."""
    found = [(number, said) for number, _, said in _said_rows(data, file, limits) if said]
    if not found:
        raise UserError("no_rows", file=file)
    return list(bounded((_content(said, file, number, files) for number, said in found), limits))


def _said_rows(data: bytes, file: str, limits: Limits) -> Iterator[tuple[int, dict[str, Any], dict[str, str]]]:
    """Of each row its number, its cells by column, and what it says by the key of a modality, of which it has one at most."""
    keys = [kind.key for kind in MODALITIES.values()]
    count = 0
    for number, cells in _records(data, file):
        if not set(keys) & set(cells):
            raise _no_column(keys[0], cells, file, number)
        said = {key: cell for key in keys if (cell := _cell(cells.get(key), file, number))}
        if len(said) > 1:
            first, other = (with_article(words(key)) for key in list(said)[:2])
            raise UserError("row_both", file=file, row=number, first=first, other=other)
        count += bool(said)
        if count > limits.rows:
            raise UserError("too_many_rows", file=file, limit=limits.rows)
        yield number, cells, said


def _content(said: dict[str, str], file: str, row: int, files: Beside | None) -> Content:
    """The input in a cell: itself, or a path where `files` can follow one; `BLANK` where nothing is said."""
    kind = next((kind for kind in MODALITIES.values() if kind.key in said), None)
    if kind is None:
        return BLANK
    if files is None and kind.names_file(said[kind.key]):
        raise UserError(
            "row_picture", file=file, row=row, noun=kind.noun, said=shorten(said[kind.key]), nouns=kind.nouns
        )
    return read_content(kind, said[kind.key], f"{file}, {row}", files)


def _no_column(column: str, cells: dict[str, Any], file: str, row: int) -> UserError:
    first, *others = (kind.key for kind in MODALITIES.values())
    label, *labels = (objective.key for objective in OBJECTIVES.values())
    values = {"first": first, "others": "”, “".join(others), "label": label, "labels": "”, “".join(labels)}
    return UserError("no_column", file=file, row=row, column=column, found=shorten(", ".join(cells), 200), **values)


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
    key = next(kind.key for kind in MODALITIES.values() if kind.in_lines)
    for number, line in enumerate(read_text(data, file).split("\n"), 1):
        yield number, {key: line}


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
