"""Numbers as they stand in a table's column. A number that can be read in two ways is never guessed at: it is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from meta_demo.core.errors import Note, UserError
from meta_demo.core.objective import Cell
from meta_demo.core.strings import clean, shorten

_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?[0-9]+(,[0-9]+)?")
_THOUSANDS = re.compile(
    r"[+-]?[1-9][0-9]{0,2}([.,])[0-9]{3}(\1[0-9]{3})*"
)  # 1.200: twelve hundred, or a little more than one
_MARKS = re.compile(r"[+-]?[0-9]+([.,][0-9]+)+")  # digits with points or commas between them
_ENDLESS = re.compile(r"[+-]?(inf|infinity|nan|∞)", re.IGNORECASE)


def read_cells(cells: Sequence[Cell]) -> tuple[list[float], list[Note]]:
    """The numbers in a column, and a note where its commas were taken for decimal ones.

    A point, or a comma, before exactly three digits counts as decimal only where another cell of the column shows that it is.
    Raises UserError that names the row.
    """
    said = [_said(cell) for cell in cells]
    strings = [s for s in said if isinstance(s, str)]
    commas = any("," in s for s in strings) and all(_COMMA.fullmatch(s) for s in strings)
    mark = "," if commas else "."
    shows = any(mark in s and not _THOUSANDS.fullmatch(s) for s in strings)
    values = []
    for cell, s in zip(cells, said, strict=True):
        where = {"file": cell.file, "row": cell.row, "cell": shorten(cell.said)}
        if isinstance(s, float):
            values.append(_finite(s, where))
        elif not (_COMMA if commas else _PLAIN).fullmatch(s):
            if _MARKS.fullmatch(s):
                raise UserError("value_ambiguous", **where)
            if _ENDLESS.fullmatch(s):
                raise UserError("value_endless", **where)
            raise UserError("value_word", **where)
        elif _THOUSANDS.fullmatch(s) and not shows:
            raise UserError("value_ambiguous", **where)
        else:
            values.append(_finite(float(s.replace(",", ".")), where))
    example = next((s for s in strings if commas and "," in s), "")
    note = (("cell", example), ("value", f"{float(example.replace(',', '.')):g}")) if example else ()
    return values, [Note("decimal_commas", note)] if example else []


def _said(cell: Cell) -> str | float:
    """What a cell says: a number where the file knows it for one, or its characters with a plain minus."""
    if isinstance(cell.said, int | float) and not isinstance(cell.said, bool):
        try:
            return float(cell.said)
        except OverflowError:
            return math.inf
    return clean(str(cell.said)).replace("−", "-")


def _finite(value: float, where: dict[str, object]) -> float:
    if not math.isfinite(value):
        raise UserError("value_endless", **where)
    return value
