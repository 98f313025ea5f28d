"""The tables in a file: from the bytes of a .csv, .tsv, .jsonl, .xlsx or a list of JSON records to rows under the names of columns.

Not here: how cells are set apart (`delimited.py`, `workbooks.py`), and what the rows of a table say (`tables.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import PurePath
from typing import Any

from meta_demo.core.errors import Notes, UserError
from meta_demo.core.files import Limits, read_json, read_text
from meta_demo.core.strings import shorten
from meta_demo.data.reading.cells import Grid
from meta_demo.data.reading.columns import MISSING, NOTHING_SAID, Columns, Table, recognised
from meta_demo.data.reading.delimited import commas, tabs
from meta_demo.data.reading.workbooks import read_sheets

JSON = ".json"
TABLES = (".csv", ".tsv", ".jsonl", ".xlsx")
MOST_KNOWN = 4  # of what `recognised` says, where nobody said what columns are called
LOOK = 10  # rows that are not blank among which the header is looked for


def open_tables(data: bytes, file: str, limits: Limits, said: Columns = NOTHING_SAID) -> list[tuple[Table, Notes]]:
    """The tables in a file, the one that is meant first: a workbook may hold several. Raises UserError."""
    suffix = PurePath(file).suffix.lower()
    if suffix == ".xlsx":
        return _sheets(data, file, limits, said)
    notes = Notes()
    if suffix in (".csv", ".tsv"):
        grid = (commas if suffix == ".csv" else tabs)(data, file)
        return [(_headed(grid, file, limits, notes, said, even=True), notes)]
    text = read_text(data, file)
    return [(record_table(text, file, limits), notes)]


def records_of(text: str, file: str) -> list[tuple[int, dict[str, Any]]]:
    """Numbered objects: one a line, or a list of them; raises UserError."""
    if text.lstrip().startswith("["):
        whole = read_json(text, file)
        if whole and all(isinstance(value, dict) for value in whole):
            return list(enumerate(whole, 1))
    found = []
    for number, line in enumerate(text.split("\n"), 1):  # splitlines also splits inside strings
        if not line.strip():
            continue
        value = read_json(line, file, number)
        if not isinstance(value, dict):
            raise UserError("line_not_object", file=file, line=number)
        found.append((number, value))
    return found


def record_table(text: str, file: str, limits: Limits) -> Table:
    """Objects as a table, whose columns are all their keys."""
    records = records_of(text, file)
    if len(records) > limits.rows:
        raise UserError("too_many_rows", file=file, limit=limits.rows)
    header = list(dict.fromkeys(key for _, record in records for key in record))
    rows = [(number, [record.get(key, MISSING) for key in header]) for number, record in records]
    return Table(file, header, rows)


def _sheets(data: bytes, file: str, limits: Limits, said: Columns) -> list[tuple[Table, Notes]]:
    """The sheets of a workbook, those whose columns are recognised best first; blank ones are left out unless all are."""
    sheets = read_sheets(data, file)
    found = []
    for sheet in sheets:
        table = _headed(sheet.rows, file, limits, sheet.notes, said, even=False)
        found.append((replace(table, sheet=sheet.name), sheet.notes))
    there = [pair for pair in found if pair[0].rows] or found[:1]
    named = [pair for pair in there if recognised(pair[0].header, said) > MOST_KNOWN]
    fit = named or [pair for pair in there if recognised(pair[0].header)] or there
    if len(sheets) > 1 and len(fit) == 1 and fit[0] is not found[0]:
        fit[0][1].say("sheet_read", file=file, sheet=fit[0][0].sheet)
    return fit


def _headed(grid: Grid, file: str, limits: Limits, notes: Notes, said: Columns, *, even: bool) -> Table:
    """The rows that are not blank, under the one that names the columns. `even`: all must be as long as that one.

    What stands above the names, a title for instance, is left out with a note.
    """
    shown = ((n, cells) for n, cells in grid if any(cell is not None and str(cell).strip() for cell in cells))
    top = list(islice(shown, LOOK))
    place = _names_at([cells for _, cells in top], said, even)
    if not top:
        return Table(file, [], [])
    first, header = top[place]
    if place:
        title = shorten(" ".join(str(cell) for _, cells in top[:place] for cell in cells if cell is not None))
        notes.say("title_rows", file=file, row=first, title=title)
    rows: list[tuple[int, Sequence[Any]]] = []
    again = 0
    for number, cells in chain(top[place + 1 :], shown):
        if list(cells) == list(header):  # of tables put one below the other
            again += 1
            continue
        extra = any(cell is not None and cell != "" for cell in cells[len(header) :])
        if even and (len(cells) < len(header) or extra):
            raise UserError("ragged_row", file=file, row=number, count=len(cells), expected=len(header))
        rows.append((number, [*cells, *[None] * (len(header) - len(cells))][: len(header)]))
        if len(rows) > limits.rows:
            raise UserError("too_many_rows", file=file, limit=limits.rows)
    if again:
        notes.say("header_again", file=file, count=again)
    return Table(file, ["" if name is None else str(name) for name in header], rows, first)


def _names_at(rows: Sequence[Sequence[Any]], said: Columns, even: bool) -> int:
    """Which of the first `rows` names the columns: the first that is recognised, and where none is, the first that is no title."""
    for least in (MOST_KNOWN + 1, 1):
        for place, cells in enumerate(rows):
            if recognised(cells, said) >= least:
                return place
    filled = [sum(cell not in (None, "") for cell in cells) for cells in rows]
    first = next((i for i, count in enumerate(filled) if count > 1), 0)
    wide = not even or len({len(cells) for cells in rows}) == 1
    return first if wide and min(filled[first:], default=0) > 1 else 0
