"""Text whose cells are set apart by a character: which character that is, and what quotation marks mean there.

Not here: which of the cells are names of columns (`columns.py`), what the cells say (`tables.py`).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

from meta_demo.core.errors import UserError
from meta_demo.core.files import MAX_FILE, read_text
from meta_demo.core.strings import clean, shorten
from meta_demo.data.reading.cells import Grid, unescaped, written
from meta_demo.data.reading.columns import recognised

SEPARATORS = (",", ";", "\t", "|")
LOOK = 10  # lines in which a header is looked for
MAX_LABEL = 80  # characters: what is longer is no class's name
WRAPPED = re.compile(r'"(?:[^"]|"")*"')

csv.field_size_limit(MAX_FILE * 4 // 3 + 100)  # a picture may stand in a cell


def read_delimited(data: bytes, file: str, usual: str) -> Grid:
    """The rows of a file whose cells are set apart by `usual`, or by another separator where its header says so."""
    text = read_text(data, file)
    delimiter = _declared(text)
    if delimiter:
        text = "".join(("\n", *text.splitlines(keepends=True)[1:]))  # its place stays, so that rows keep their numbers
    delimiter = delimiter or _separator(text, usual)
    rows = _unquoted(text) if delimiter == "\t" else None
    if rows is None:
        rows = _quoted(text, file, delimiter)
    return ((number, [written(unescaped(cell)) for cell in cells]) for number, cells in enumerate(rows, 1))


def _declared(text: str) -> str:
    """The separator that a first line `sep=;` names, as Excel writes and reads it; "" where there is none."""
    said = re.match(r'"?sep=(.)"?\s*[\r\n]', text, re.IGNORECASE)
    return said[1] if said else ""


def _separator(text: str, usual: str) -> str:
    """The separator under which one of the first lines names columns best, and of equals the usual one."""
    lines = [line for line in re.split(r"[\r\n]+", text[:100_000]) if line.strip()][:LOOK]

    def fits(delimiter: str) -> tuple[int, bool, bool, int]:
        rows = [_split(line, delimiter) for line in lines]
        even = len({len(row) for row in rows}) == 1 and len(rows[0]) > 1
        return max(map(recognised, rows)), len(rows[0]) > 1 and delimiter == usual, even, -SEPARATORS.index(delimiter)

    return max(SEPARATORS, key=fits)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return [line]


def _unquoted(text: str) -> list[list[str]] | None:
    """Rows at whose tabs nothing is quoted: a mark stays where it stands. None where the lines are no rows without quoting.

    Spreadsheets quote a cell because of what it holds, and write marks inside it twice: where every cell that begins with a mark
    is one of those, the marks around it are theirs.
    """
    rows = [line.split("\t") for line in re.split(r"\r\n|\r|\n", text)]
    there = [row for row in rows if any(cell.strip() for cell in row)]
    if '"' in text and len({len(row) for row in there}) > 1:
        return None
    marked = [cell for row in there for cell in row if cell.startswith('"')]
    needed = all(WRAPPED.fullmatch(cell) and ('""' in cell[1:-1] or "," in cell) for cell in marked)
    all_quoted = all(WRAPPED.fullmatch(cell) for cell in (*marked, *there[0]))
    if not (needed or all_quoted):
        return rows
    return [[c[1:-1].replace('""', '"') if WRAPPED.fullmatch(c) else c for c in row] for row in rows]


def _quoted(text: str, file: str, delimiter: str) -> list[list[str]]:
    """Rows whose cells are quoted as spreadsheets do it; refuses a quotation that goes on over other rows."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    began = []  # the line on which each row begins
    try:
        last = 0
        for row in reader:
            rows.append(row)
            began.append(last + 1)
            last = reader.line_num
    except csv.Error:
        raise UserError("broken_csv", file=file, line=reader.line_num) from None
    if reader.line_num > len(rows):  # some cell has several lines
        _check_swallowed(rows, began, delimiter, file)
    return rows


def _check_swallowed(rows: Sequence[Sequence[str]], began: Sequence[int], delimiter: str, file: str) -> None:
    """Refuse a cell of several lines where one of its lines is a row: a quotation mark that was meant as one has swallowed it."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    known = [{clean(row[i]) for row in rows if len(row) > i and len(row[i]) <= MAX_LABEL} - {""} for i in range(width)]
    for row, line in zip(rows, began, strict=True):
        for place, cell in enumerate(row[:width]):
            *inner, _ = re.split(r"\r\n|\r|\n", cell)
            for number, said in enumerate(inner):
                first = place if number == 0 else 0
                if _is_row(said.split(delimiter), known[first:]):
                    raise UserError("stray_quote", file=file, line=line + number, text=shorten(inner[0]))


def _is_row(cells: Sequence[str], known: Sequence[set[str]]) -> bool:
    """Whether cells are as many as a row has, and no words of a sentence between two commas."""
    if len(cells) != len(known) or len(cells) < 2 or not all(cell.strip() for cell in cells):
        return False
    if any(clean(cell) in values for cell, values in zip(cells[1:], known[1:], strict=True)):
        return True
    prose = any(cell[0].isspace() or cell[0].isdigit() for cell in cells[1:])
    return not prose and len(cells[-1]) <= MAX_LABEL


commas, tabs = partial(read_delimited, usual=","), partial(read_delimited, usual="\t")
