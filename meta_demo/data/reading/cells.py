"""Cells of a table: what a cell says as text, and cells that are no text although they look like some.

Here: errors and escapes of spreadsheets, numbers, dates as a sheet shows them. Not here: which cells belong to which column.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean

Grid = Iterator[tuple[int, Sequence[Any]]]  # row number as the visitor counts it, and its cells

# As Excel, Google Sheets and LibreOffice write them, in the languages of those who save.
ERRORS = frozenset(
    (
        *("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#GETTING_DATA"),
        *("#ERROR!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!", "#EXTERNAL!"),
        *("#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#ÜBERLAUF!", "#KALK!"),
        *("#VALEUR!", "#NOM?", "#NOMBRE!", "#NUL!", "#N/D", "#N/D!"),
        *("#¡REF!", "#¡VALOR!", "#¡DIV/0!", "#¿NOMBRE?", "#¡NULO!", "#¡NUM!", "#VALOR!", "#NOME?", "#NÚM!", "#NULO!"),
        *("#RIF!", "#VALORE!", "#NULLO!", "#N/B", "#VERW!", "#WAARDE!", "#DEEL/0!", "#NAAM?", "#GETAL!", "#LEEG!"),
        *("#ADR!", "#ARG!", "#NAZWA?", "#LICZBA!", "#YOK", "#BAŞV!", "#DEĞER!", "#SAYI/0!", "#AD?", "#SAYI!", "#BOŞ!"),
        *("#Н/Д", "#ССЫЛКА!", "#ЗНАЧ!", "#ДЕЛ/0!", "#ИМЯ?", "#ЧИСЛО!", "#ПУСТО!"),
    )
)
LONGEST = 50  # characters of a cell that may hold the name of an error
NUMBERED = re.compile(r"Err:5\d\d")  # LibreOffice's other errors
FORMULA = re.compile(r"=[-+(]*(?:[A-ZÄÖÜ][A-ZÄÖÜ0-9.]*\(|\$?[A-Z]{1,3}\$?[1-9]\d{0,6}\b)")
KEPT = re.compile(r'="([^"]*)"')  # how a sheet is told, in a text file, to leave a cell's noughts as they are
UNCALCULATED = "="  # what a `Fault` says of a formula whose value was never saved
ESCAPE = re.compile(
    r"_x(005F_x)?00([01][0-9A-Fa-f])_"
)  # Excel's for characters that XML cannot hold; 005F for its own underscore
PARTS = re.compile(r"yyyy|yy|mmmm|mmm|mm|m|dddd|ddd|dd|d|hh|h|ss|s|am/pm|a/p", re.IGNORECASE)
TWELVE = {"am/pm", "a/p"}
CODES = {
    "yyyy": "%Y",
    "yy": "%y",
    "mmmm": "%B",
    "mmm": "%b",
    "mm": "%m",
    "dddd": "%A",
    "ddd": "%a",
    "dd": "%d",
    "hh": "%H",
}
MINUTES = {"m": "{0.minute}", "mm": "{0.minute:02}"}
SHORT = {"m": "{0.month}", "d": "{0.day}", "h": "{0.hour}", "s": "{0.second}", "ss": "{0.second:02}"}


class Fault(str):
    """What stands in a cell whose value a spreadsheet could not tell: `#N/A`, or UNCALCULATED."""

    __slots__ = ()


def faulty(cell: str) -> str:
    """`cell`, marked where it is the name of a spreadsheet's error."""
    said = cell.strip() if len(cell) < LONGEST else cell
    return Fault(said) if said[:1] in ("#", "E") and _is_error(said) else cell


def _is_error(said: str) -> bool:
    return said in ERRORS or NUMBERED.fullmatch(said) is not None


def written(cell: str) -> str:
    """`cell` of a text file, where a formula stands as it was typed: marked if nobody has worked it out."""
    if not cell.startswith("="):
        return faulty(cell)
    if kept := KEPT.fullmatch(cell):
        return kept[1]
    return Fault(UNCALCULATED) if FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """`cell` with the characters that a workbook writes as `_x000D_`."""
    if "_x00" not in cell:
        return cell
    return ESCAPE.sub(lambda m: f"_x00{m[2]}_" if m[1] else chr(int(m[2], 16)), cell)


def cell_text(value: Any, file: str, row: int) -> str:
    """What a cell says, "" where nothing of it is visible; not yet cleaned, which takes long for a picture.

    A number that is whole is written without a point, and one that is none, NaN, says nothing. Raises UserError.
    """
    if isinstance(value, Fault):
        if value == UNCALCULATED:
            raise UserError("cell_uncalculated", file=file, row=row)
        raise UserError("cell_error", file=file, row=row, said=value)
    if isinstance(value, (dict, list)):
        raise UserError("cell_not_text", file=file, row=row)
    if isinstance(value, float) and not isinstance(value, bool):
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    said = "" if value is None else str(value).strip()
    return said if clean(said[:100]) or clean(said) else ""


def date_text(value: datetime.date | datetime.time, pattern: str) -> str:
    """A date or a time as a sheet shows it under a number format; in ISO 8601 where the format leaves it to the reader's country."""
    code = re.sub(r'\[[^\]]*\]|\\(.)|"([^"]*)"|_.|\*.', r"\1\2", pattern.partition(";")[0])
    if "[h" in pattern.lower() or code.lower() in ("general", "mm-dd-yy", "m/d/yy h:mm") or not PARTS.search(code):
        whole = isinstance(value, datetime.datetime) and value.time() == datetime.time()
        return str(value.date() if whole and isinstance(value, datetime.datetime) else value)
    parts = [m[0].lower() for m in PARTS.finditer(code)]
    texts = iter([_part(value, parts, i) for i in range(len(parts))])
    return PARTS.sub(lambda _: next(texts), code).strip()


def _part(value: datetime.date | datetime.time, parts: Sequence[str], place: int) -> str:
    """One part of a date; `m` after hours or before seconds is minutes."""
    part, before, after = parts[place], parts[:place][-1:], parts[place + 1 : place + 2]
    if part in MINUTES and (before in (["h"], ["hh"]) or after in (["s"], ["ss"])):
        return MINUTES[part].format(value)
    if part in TWELVE:
        return value.strftime("%p")
    if part in ("h", "hh") and TWELVE & {*parts}:
        hour = value.strftime("%I")
        return hour if part == "hh" else hour.lstrip("0")
    return SHORT[part].format(value) if part in SHORT else value.strftime(CODES[part])
