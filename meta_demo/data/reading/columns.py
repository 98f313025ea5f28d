"""Which columns of a table hold the inputs and the labels: as they are called here, as a person says, or as names and cells suggest.

A guess is always said. Not here: what the cells say (`tables.py`); what people call a column of inputs, which its modality knows.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from meta_demo.core.errors import Notes, UserError
from meta_demo.core.objective import OBJECTIVES
from meta_demo.core.strings import clean, shorten
from meta_demo.modalities.base import MODALITIES, Modality
from meta_demo.words import Words

LABEL = "label"
# What people call a column of classes, the likeliest first.
LABELS = (
    *("label", "labels", "label_text", "class", "class_label", "class_name", "category", "categories", "intent"),
    *("target", "tag", "tags", "topic", "sentiment", "emotion", "stars", "rating", "score", "type", "kind", "genre"),
    *("gold_label", "gold", "department", "queue", "status", "priority", "language", "species", "answer", "y"),
    *(
        "klasse",
        "kategorie",
        "etikett",
        "thema",
        "absicht",
        "stimmung",
        "sterne",
        "bewertung",
        "typ",
        "art",
        "abteilung",
    ),
    *("étiquette", "etiquette", "classe", "catégorie", "categorie", "thème", "sujet", "étoiles"),
    *("etiqueta", "clase", "categoría", "categoria", "tema", "intención", "sentimiento", "estrellas", "rótulo"),
    *("метка", "класс", "категория", "тема", "ラベル", "カテゴリ", "カテゴリー", "分類", "라벨", "분류", "카테고리"),
    *("标签", "类别", "分类", "类型", "意图", "情感", "主题", "星级", "评分", "標籤", "類別", "分類標籤", "意圖"),
)
MOST_CLASSES = 50  # that a column is guessed to hold
LONG = 40  # characters of a cell that is no column's name


@dataclass(frozen=True)
class Columns:
    """What a person says the columns of a table are called, and by the key of which objective its labels are read; "" where that is to
    be found out."""

    text: str = ""
    label: str = ""
    key: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.label)


NOTHING_SAID = Columns()


@dataclass(frozen=True)
class Table:
    """Names of columns as they are spelt, and under them numbered rows of as many cells; `MISSING` where a record has no such key."""

    file: str
    header: Sequence[str]
    rows: Sequence[tuple[int, Sequence[Any]]]
    first: int = 1  # the number of the row that names the columns
    sheet: str = ""  # of a workbook with several

    def cells(self, place: int) -> list[str]:
        """What stands in a column, cleaned, without its blanks."""
        said = (clean(str(cells[place])[:200]) for _, cells in self.rows if cells[place] not in (None, MISSING))
        return [text for text in said if text]


@dataclass(frozen=True)
class Seen:
    """What the columns of a table are called, and which of them are read; "" where that could not be told."""

    file: str
    names: tuple[str, ...]
    text: str = ""
    label: str = ""


class _Missing:
    def __repr__(self) -> str:
        return ""


MISSING = _Missing()


@dataclass(frozen=True)
class Chosen:
    """The places of a table's columns: of inputs by the key of their modality, of labels by the key of their objective."""

    inputs: dict[str, int]
    labels: dict[str, int]


def recognised(names: Sequence[Any], said: Columns = NOTHING_SAID) -> int:
    """How well a row names columns: 2 for inputs and as many for labels where they are called as here, 1 as people call them; more
    than all of those where it has every column that a person `said`."""
    spelt = [_plain(name) for name in names]
    if said and {_plain(name) for name in (said.text, said.label) if name} <= {*spelt}:
        return 5
    keys = {kind.key for kind in MODALITIES.values()}
    known = {_plain(name) for kind in MODALITIES.values() for name in kind.columns}
    inputs = 2 if keys & {*spelt} else int(bool(known & {*spelt}))
    labels = (
        2
        if {o.key for o in OBJECTIVES.values()} & {*spelt}
        else int(bool({_plain(name) for name in LABELS} & {*spelt}))
    )
    return inputs + labels if inputs and labels else 0


def choose(
    table: Table, said: Columns, notes: Notes, is_file: Callable[[Modality[Any], str], bool], labelled: bool | None
) -> Chosen:
    """The columns of `table`; `labelled`: whether there must be labels (True), may be (None), or nobody looks at any (False).

    Raises UserError where they cannot be told.
    """
    names = [_plain(name) for name in table.header]
    inputs = _said(table, said.text) or _exact(table, names, MODALITIES.values())
    labels = {} if labelled is False else _said_label(table, names, said, labelled)
    if inputs and (labels or labelled is False):
        return Chosen(inputs, labels)
    _check_header(table)
    if labelled is False:  # nobody would be told of a guess
        raise _no_column(next(iter(MODALITIES.values())).key, table)
    guess = _Guess(table, names, is_file)
    found = inputs or guess.inputs(taken={*labels.values()})
    place = next(iter(labels.values()), None)
    if place is None:
        place = guess.label(taken={*found.values()}, named=labelled is None)
    if not found and place is not None:
        found = guess.text_beside(place)
    if not found and place is None and labelled:
        found, place = guess.both()
    if not found or (place is None and labelled):
        raise _no_column(LABEL if inputs else next(iter(MODALITIES.values())).key, table)
    _say(table, notes, found if not inputs else {}, place if not labels else None, {*found.values(), place})
    return Chosen(found, labels or ({} if place is None else {LABEL: place}))


def seen(tables: Sequence[Table], chosen: Chosen | None = None) -> Seen:
    """The columns of `tables`, and those that were chosen of the first."""
    header = tables[0].header
    names = tuple(dict.fromkeys(name for table in tables for cell in table.header if (name := clean(str(cell)))))
    places = (chosen.inputs, chosen.labels) if chosen else ({}, {})
    taken = (next(iter(found.values()), None) for found in places)
    return Seen(tables[0].file, names, *("" if place is None else clean(str(header[place])) for place in taken))


def _say(table: Table, notes: Notes, inputs: dict[str, int], label: int | None, taken: set[int | None]) -> None:
    """Note which columns were guessed, and which others might have been meant."""
    for place in inputs.values():
        kind = next(kind for kind in MODALITIES.values() if kind.key in inputs)
        others = [table.header[i] for i in _Guess.candidates(table, kind.columns) if i not in taken]
        _said_so(table, notes, "column_inputs", place, others, nouns=kind.nouns)
    if label is not None:
        others = [table.header[i] for i in _Guess.candidates(table, LABELS) if i not in taken]
        _said_so(table, notes, "column_label", label, others)


def _said_so(table: Table, notes: Notes, note: str, place: int, others: Sequence[str], **values: Words) -> None:
    column = shorten(table.header[place])
    if others:
        left = shorten(", ".join(f"“{clean(name)}”" for name in others), 120)
        notes.say(f"{note}_of", file=table.file, column=column, others=left, **values)
    else:
        notes.say(note, file=table.file, column=column, **values)


def _said(table: Table, name: str) -> dict[str, int]:
    """The column of inputs that a person named, under the key of the modality that it is called after, or the first."""
    if not name:
        return {}
    place = _place(table, [_plain(n) for n in table.header], name, True)
    kinds = [kind for kind in MODALITIES.values() if _plain(name) in (kind.key, *map(_plain, kind.columns))]
    cells = table.cells(place or 0)
    files = [k for k in MODALITIES.values() if cells and PurePath(cells[0]).suffix.lower() in k.suffixes]
    return {(*files, *kinds, *MODALITIES.values())[0].key: place or 0}


def _said_label(table: Table, names: Sequence[str], said: Columns, labelled: bool | None) -> dict[str, int]:
    """The column of labels that a person named, or those that are called after an objective."""
    if not said.label:
        return _exact(table, names, OBJECTIVES.values())
    place = _place(table, names, said.label, bool(labelled))
    key = said.key or next((o.key for o in OBJECTIVES.values() if o.key == _plain(said.label)), LABEL)
    return {} if place is None else {key: place}


def _exact(table: Table, names: Sequence[str], kinds: Iterable[Any]) -> dict[str, int]:
    """The columns that are called after the keys of `kinds`."""
    found = {kind.key: _place(table, names, kind.key, False) for kind in kinds}
    return {key: place for key, place in found.items() if place is not None}


def _place(table: Table, names: Sequence[str], name: str, needed: bool) -> int | None:
    """Where the column called `name` is; refuses two of which not exactly one is spelt so, and none where it is `needed`."""
    places = [i for i, known in enumerate(names) if known == _plain(name)]
    if len(places) > 1:
        places = [i for i in places if clean(table.header[i]) == clean(name)]
        if len(places) != 1:
            raise UserError("column_twice", file=table.file, column=name)
    if not places and needed:
        raise _no_column(name, table)
    return places[0] if places else None


class _Guess:
    """What names and cells suggest of a table whose columns are not called as here."""

    def __init__(self, table: Table, names: Sequence[str], is_file: Callable[[Modality[Any], str], bool]) -> None:
        self.table, self.names, self.is_file = table, names, is_file

    @staticmethod
    def candidates(table: Table, known: Sequence[str]) -> list[int]:
        """Columns with one of the names `known`, in their order."""
        names = [_plain(name) for name in table.header]
        return [names.index(_plain(name)) for name in known if _plain(name) in names]

    def inputs(self, taken: set[int]) -> dict[str, int]:
        """The column of inputs by its name: of files first, where its cells name some."""
        for kind in sorted(MODALITIES.values(), key=lambda kind: not kind.suffixes):
            for place in self.candidates(self.table, kind.columns):
                cells = self.table.cells(place)[:20]
                fits = not kind.suffixes or any(self.is_file(kind, cell) for cell in cells)
                if place not in taken and cells and fits:
                    return {kind.key: place}
        return {}

    def label(self, taken: set[int], named: bool) -> int | None:
        """The column of labels by its name, or unless it must be `named`, the only other one whose cells are as few as classes."""
        for place in self.candidates(self.table, LABELS):
            if place not in taken and len({*self.table.cells(place)}) > 1:
                return place
        few = [] if named else [i for i in range(len(self.names)) if i not in taken and self._few(i)]
        return few[0] if taken and len(few) == 1 else None

    def text_beside(self, label: int) -> dict[str, int]:
        """The only other column of sentences."""
        wordy = [i for i in range(len(self.names)) if i != label and self._wordy(i)]
        return {self._first(): wordy[0]} if len(wordy) == 1 else {}

    def both(self) -> tuple[dict[str, int], int | None]:
        """Which of two columns holds sentences and which classes, where there is no other way to see them."""
        if len(self.names) != 2:
            return {}, None
        ways = [(text, 1 - text) for text in (0, 1) if self._wordy(text) and self._few(1 - text)]
        return ({self._first(): ways[0][0]}, ways[0][1]) if len(ways) == 1 else ({}, None)

    def _first(self) -> str:
        return next(kind.key for kind in MODALITIES.values() if kind.in_lines)

    def _few(self, place: int) -> bool:
        cells = self.table.cells(place)
        return 2 <= len({*cells}) <= min(MOST_CLASSES, len(cells) / 2) and max(map(len, cells)) <= 2 * LONG

    def _wordy(self, place: int) -> bool:
        cells = self.table.cells(place)
        letters = sum(any(c.isalpha() for c in cell) for cell in cells)
        mean = sum(map(len, cells)) / max(1, len(cells))
        return len({*cells}) > 0.8 * len(cells) and letters > 0.8 * len(cells) and mean >= 8


def _check_header(table: Table) -> None:
    """Refuse a table whose first row is an example: a sentence, or a cell that stands in its column again."""
    known = {_plain(name) for kind in MODALITIES.values() for name in (kind.key, *kind.columns)} | {
        *map(_plain, LABELS)
    }
    named = any(_plain(name) in known for name in table.header)
    for place, name in enumerate(table.header):
        said = clean(str(name))
        sentence = not named and (len(said) > LONG or len(said.split()) > 4)
        if said and (sentence or said in table.cells(place)):
            shown = shorten(", ".join(clean(str(name)) for name in table.header), 100)
            raise UserError("no_header", file=table.file, row=table.first, said=shown)


def _no_column(column: str, table: Table) -> UserError:
    first, *others = (kind.key for kind in MODALITIES.values())
    label, *labels = (objective.key for objective in OBJECTIVES.values())
    found = shorten(", ".join(clean(str(name)) for name in table.header), 200)
    row = table.rows[0][0] if table.rows else table.first
    near = nearest(column, table.header)
    values = {"file": table.file, "row": row, "column": column, "found": found}
    if near:
        return UserError("no_column_near", near=near, **values)
    names = {"first": first, "others": "”, “".join(others), "label": label, "labels": "”, “".join(labels)}
    return UserError("no_column", **names, **values)


def nearest(name: str, known: Sequence[str], near: float = 0.6) -> str:
    """The one of `known` that `name` was probably meant as; "" where none is as `near`."""
    spelt = {_plain(str(other)): clean(str(other)) for other in known}
    found = difflib.get_close_matches(_plain(name), [other for other in spelt if other], 1, near)
    return spelt[found[0]] if found else ""


def _plain(name: Any) -> str:
    """A column's name whatever its capitals, width, hyphens and spaces."""
    said = unicodedata.normalize("NFKC", clean("" if name is None else str(name))).casefold()
    return " ".join(said.replace("_", " ").replace("-", " ").split())
