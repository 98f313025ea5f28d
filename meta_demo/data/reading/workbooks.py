"""Workbooks (.xlsx): their sheets as rows of cells, as a person sees them.

Here: what a sheet hides or joins, values as it shows them, and what it could not work out. Not here: which sheet and which columns
hold the examples (`tables.py`).
"""

from __future__ import annotations

import datetime
import io
import math
import re
import zipfile
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import openpyxl
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

from meta_demo.core.errors import Notes, UserError
from meta_demo.core.files import MB
from meta_demo.data.reading.cells import UNCALCULATED, Fault, Grid, date_text, unescaped

MAX_UNZIPPED = 200 * MB
MAX_SHEET = 1_048_576  # rows, Excel's own limit: openpyxl would fill the gap before a row numbered in the billions
MAX_MERGED = 100_000  # cells that one merged area may fill

MAGIC_LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of a workbook with a password, and of an old .xls

HIDDEN = re.compile(rb'<(?:\w+:)?row\b(?=[^>]*\bhidden="(?:1|true)")[^>]*\br="(\d{1,7})"')
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
# A cell with a formula and no value, as programs write it that do not calculate.
UNVALUED = re.compile(
    rb'<(?:\w+:)?c\b[^>]*\br="([A-Z]{1,3}\d{1,7})"[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*'
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


@dataclass
class Sheet:
    """One sheet: its name, and its rows, read once and one at a time, without those it hides, which `notes` then tell."""

    name: str
    rows: Grid
    notes: Notes = field(default_factory=Notes)


def read_sheets(data: bytes, file: str) -> list[Sheet]:
    """The sheets of a workbook, without those that it hides where it shows any; raises UserError."""
    if data.startswith(MAGIC_LOCKED):
        raise UserError("locked_xlsx", file=file)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_UNZIPPED:
            raise UserError("zip_bomb", file=file, size=math.ceil(size / MB), limit=MAX_UNZIPPED // MB)
        every = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets
        if not every:  # nothing but charts, or what is left of a damaged one
            raise UserError("no_rows", file=file)
        shown = [sheet for sheet in every if sheet.sheet_state == "visible"] or every
        return [_sheet(data, sheet, file) for sheet in shown]
    except UserError:
        raise
    except Exception as error:  # a damaged workbook breaks openpyxl in dozens of ways: KeyError, ParseError ...
        raise UserError("broken_xlsx", file=file) from error


def _sheet(data: bytes, sheet: Any, file: str) -> Sheet:
    notes = Notes()
    return Sheet(sheet.title, _rows(data, sheet, file, notes), notes)


def _rows(data: bytes, sheet: Any, file: str, notes: Notes) -> Grid:
    """The numbered rows of a sheet that it shows."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            xml = archive.read(sheet._worksheet_path)
        hidden = {int(number) for number in HIDDEN.findall(xml)}
        faults = {coordinate_to_tuple(place.decode()) for place in UNVALUED.findall(xml)}
        joined = _Joined([range_boundaries(area.decode()) for area in MERGED.findall(xml)])
        del xml
        sheet.reset_dimensions()  # the declared size may be a million columns wide
        left_out = 0
        for number, cells in enumerate(islice(sheet.iter_rows(), MAX_SHEET), 1):
            row = [
                Fault(UNCALCULATED) if faults and (number, column) in faults else _value(cell)
                for column, cell in enumerate(cells, 1)
            ]
            row = joined.filled(number, row)
            if number in hidden:
                left_out += any(value is not None for value in row)
            else:
                yield number, row
        if left_out:
            notes.say("rows_hidden", file=file, count=left_out)
        if joined.used:
            notes.say("cells_merged", file=file, count=joined.used)
    except UserError:
        raise
    except Exception as error:
        raise UserError("broken_xlsx", file=file) from error


class _Joined:
    """Merged areas: what stands in the first cell of one holds for every row of it."""

    def __init__(self, areas: list[tuple[int, int, int, int]]) -> None:
        self.rows: dict[
            int, list[tuple[int, int]]
        ] = {}  # row -> (column, first row) of the areas that reach it from above
        for column, first, _, last in areas:
            for row in range(first + 1, min(last, first + MAX_MERGED) + 1):
                self.rows.setdefault(row, []).append((column - 1, first))
            self.rows.setdefault(first, []).append((column - 1, first))
        self.values: dict[tuple[int, int], Any] = {}
        self.used = 0

    def filled(self, number: int, row: list[Any]) -> list[Any]:
        """`row` with what stands above it in the same merged cell."""
        for column, first in self.rows.get(number, ()):
            if number == first:
                self.values[column, first] = row[column] if column < len(row) else None
            elif (value := self.values.get((column, first))) is not None and any(cell is not None for cell in row):
                row += [None] * (column + 1 - len(row))
                if row[column] is None:
                    row[column] = value
                    self.used += 1
        return row


def _value(cell: Any) -> Any:
    """What a cell shows."""
    value = cell.value
    if isinstance(value, str):
        return Fault(value) if cell.data_type == "e" else unescaped(value)
    if isinstance(value, datetime.date | datetime.time):
        return date_text(value, cell.number_format or "General")
    return value
