"""Tables of examples: from the rows of a table to labelled and unlabelled examples.

Not here: how a file becomes a table (`opening.py`), which columns are meant (`columns.py`), files that are no tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from meta_demo.core.errors import Notes, UserError
from meta_demo.core.files import UPLOAD, Limits
from meta_demo.core.objective import OBJECTIVES, Cell
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Example
from meta_demo.data.reading.beside import Beside
from meta_demo.data.reading.cells import cell_text
from meta_demo.data.reading.columns import (
    LABEL,
    MISSING,
    Chosen,
    Columns,
    Seen,
    Table,
    choose,
    nearest,
    seen,
)
from meta_demo.data.reading.tasks import bounded, read_content
from meta_demo.modalities.base import BLANK, MODALITIES, Content, Modality, with_article
from meta_demo.words import words

NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.0+|,00?)?")  # 1,000 may be a thousand, and 1.10 a version after 1.9
NO_LABEL = ("nan", "NaN")  # what programs write for a label that is missing; NA and None are words


@dataclass(frozen=True)
class Reading:
    """How a file is read: how much of it, what its columns are called, what reads the files it names, and where notes go.

    `seen` are the columns of each table that was read, where a person named some, or names alone did not say which are meant; `keys` those
    of the labels that its tables turn out to have a column for. `asking`: whether rows without a label are to be asked about, however many
    others there are.
    """

    limits: Limits = UPLOAD
    columns: Columns = field(default_factory=Columns)
    files: Beside | None = None
    asking: bool = False
    notes: Notes = field(default_factory=Notes, compare=False)
    keys: set[str] = field(default_factory=set, compare=False)
    seen: list[Seen] = field(default_factory=list, compare=False)


def read_table(tables: Sequence[tuple[Table, Notes]], how: Reading, labelled: bool | None = True) -> list[Example]:
    """The rows of the first of `tables` that are not wholly blank; files that it names are read once all rows are in order.

    `labelled`: True where labels are needed, None where they may be missing, False where nobody looks at them. A row without one is
    an example without a label; where fewer than two classes are left so, it is refused unless it is to be asked about.
    """
    table, said = tables[0]
    how.notes.extend(said)
    if len(tables) > 1:
        others = shorten(", ".join(f"“{other.sheet}”" for other, _ in tables[1:]), 100)
        how.notes.say("sheet_of_several", file=table.file, sheet=table.sheet, others=others)
    return _Rows([table for table, _ in tables], how, labelled).examples()


class _Rows:
    """The rows of one table on their way to examples, the first of those that might have been meant."""

    def __init__(self, tables: Sequence[Table], how: Reading, labelled: bool | None) -> None:
        self.table, self.file, self.how, self.labelled = tables[0], tables[0].file, how, labelled
        if not self.table.rows:
            raise UserError("no_rows", file=self.file)
        self.columns = self._chosen(tables)
        how.keys.update(self.columns.labels)

    def _chosen(self, tables: Sequence[Table]) -> Chosen:
        """The columns that are read; `seen` then tells of them, also where they are none, if names alone do not."""
        notes = Notes()
        try:
            found = choose(self.table, self.how.columns, notes, self._is_file, self.labelled)
        except UserError:
            self.how.seen.append(seen(tables))
            raise
        if self.how.columns or notes:
            self.how.seen.append(seen(tables[:1], found))
        self.how.notes.extend(notes)
        return found

    def examples(self) -> list[Example]:
        found: list[tuple[int, dict[str, str]]] = []  # row number, and what it says by the key of a modality
        labels: dict[
            int, tuple[str, Any]
        ] = {}  # row number -> the key of an objective, and the label as it stands there
        bare: tuple[int, str, bool] | None = None  # the first row without a label
        for number, cells in self.table.rows:
            said, label = self._inputs(number, cells), self._label(number, cells)
            if said and not label and bare is None:
                bare = (
                    number,
                    next(iter(said.values())),
                    all(cells[i] is MISSING for i in self.columns.labels.values()),
                )
            if label:
                labels[number] = label
            if said or label:
                found.append((number, said))
        if not any(said for _, said in found):
            raise UserError("no_rows", file=self.file)
        of_classes = LABEL in self.columns.labels
        if (
            self.labelled
            and of_classes
            and bare
            and not self.how.asking
            and len({labels[number] for number, said in found if said and number in labels}) < 2
        ):
            self._refuse(*bare)
        read = self._read(labels)
        contents = bounded((self._content(said, number) for number, said in found), self.how.limits)
        return [Example(c, read.get(number)) for c, (number, _) in zip(contents, found, strict=True)]

    def _read(self, labels: dict[int, tuple[str, Any]]) -> dict[int, Any]:
        """The labels by row, each column read as a whole by its objective."""
        found: dict[int, Any] = {}
        for objective in OBJECTIVES.values():
            said = {number: label for number, (key, label) in labels.items() if key == objective.key}
            same = _one_number(said.values(), self.file, self.how.notes) if objective.key == LABEL else {}
            cells = [Cell(same.get(label, label), self.file, number) for number, label in said.items()]
            read, notes = objective.read(cells)
            self.how.notes.extend(notes)
            found |= {cell.row: label for cell, label in zip(cells, read, strict=True) if label != ""}
        return found

    def _inputs(self, number: int, cells: Sequence[Any]) -> dict[str, str]:
        """What a row says, by the key of a modality."""
        places = self.columns.inputs
        if all(cells[place] is MISSING for place in places.values()):
            raise self._no_key(next(iter(places)), number, cells)
        given = {key: cells[place] for key, place in places.items() if cells[place] is not MISSING}
        said = {key: text for key, cell in given.items() if (text := cell_text(cell, self.file, number))}
        if len(said) > 1:
            first, other = (with_article(words(key)) for key in list(said)[:2])
            raise UserError("row_both", file=self.file, row=number, first=first, other=other)
        return said

    def _label(self, number: int, cells: Sequence[Any]) -> tuple[str, Any] | None:
        """The key of an objective and the label of a row; None where it has none, and no key that was meant as one."""
        here = {key: cells[place] for key, place in self.columns.labels.items() if cells[place] is not MISSING}
        if not here and self.columns.labels:
            self._check_keys(number, cells)
        said = {key: text for key, cell in here.items() if (text := cell_text(cell, self.file, number))}
        given = {key: here[key] for key in here if key in said or (key != LABEL and isinstance(here[key], float))}
        given |= {LABEL: said[LABEL]} if LABEL in said else {}
        if len(given) > 1:
            first, other = (with_article(words(key)) for key in list(given)[:2])
            raise UserError("row_both", file=self.file, row=number, first=first, other=other)
        return next(((key, label) for key, label in given.items() if key != LABEL or label not in NO_LABEL), None)

    def _check_keys(self, number: int, cells: Sequence[Any]) -> None:
        """Refuse a record whose label stands under a misspelt key."""
        chosen = {*self.columns.labels.values(), *self.columns.inputs.values()}
        others = [self.table.header[i] for i, cell in enumerate(cells) if cell is not MISSING and i not in chosen]
        for place in self.columns.labels.values():
            name = self.table.header[place]
            if said := nearest(name, others):
                raise UserError("row_key_near", file=self.file, row=number, key=said, near=name)

    def _refuse(self, number: int, text: str, missing: bool) -> None:
        """Say that a row has no label, where too few others have one for it to be a question."""
        if missing:
            raise self._no_key(LABEL, number, next(cells for n, cells in self.table.rows if n == number))
        raise UserError("row_no_label", file=self.file, row=number, text=shorten(text))

    def _no_key(self, column: str, number: int, cells: Sequence[Any]) -> UserError:
        first, *others = (kind.key for kind in MODALITIES.values())
        here = [name for name, cell in zip(self.table.header, cells, strict=True) if cell is not MISSING]
        label, *labels = (objective.key for objective in OBJECTIVES.values())
        names = {"first": first, "others": "”, “".join(others), "label": label, "labels": "”, “".join(labels)}
        found = shorten(", ".join(here), 200)
        return UserError("no_column", file=self.file, row=number, column=column, found=found, **names)

    def _is_file(self, kind: Modality[Any], cell: str) -> bool:
        return PurePath(cell).suffix.lower() in kind.suffixes or (
            self.how.files is not None and self.how.files.has(cell, kind.suffixes)
        )

    def _content(self, said: dict[str, str], row: int) -> Content:
        """The input in a cell: itself, or a path where `files` can follow one; `BLANK` where nothing is said."""
        kind = next((kind for kind in MODALITIES.values() if kind.key in said), None)
        if kind is None:
            return BLANK
        if self.how.files is None and kind.names_file(said[kind.key]):
            shown = shorten(said[kind.key])
            raise UserError("row_picture", file=self.file, row=row, noun=kind.noun, said=shown, nouns=kind.nouns)
        return read_content(kind, said[kind.key], f"{self.file}, {row}", self.how.files)


def _one_number(labels: Iterable[str], file: str, notes: Notes) -> dict[str, str]:
    """Labels that are whole numbers with a point and noughts, and how others write the same number with fewer."""
    ways: dict[str, list[str]] = {}
    for label in sorted({*labels}, key=lambda label: (len(label), label)):
        if NUMBER.fullmatch(label):
            ways.setdefault(re.sub(r"[.,]0+$", "", label), []).append(label)
    same = {other: first for first, *others in ways.values() for other in others}
    for other, first in same.items():
        notes.say("label_number", file=file, label=first, other=other)
    return same
