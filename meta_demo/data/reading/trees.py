"""Folders and zips with a table in them: a table alone, or one that names the pictures beside it, also one for each part of a data set.

Not here: class folders (`folders.py`), where no table says more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from meta_demo.core.errors import Notes, UserError
from meta_demo.core.files import read_text
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Example
from meta_demo.data.reading.columns import Columns, Table, choose
from meta_demo.data.reading.folders import Tree, Within, modality_in, open_tree, read_class_folders
from meta_demo.data.reading.opening import JSON, TABLES, open_tables
from meta_demo.data.reading.splits import Gathered, gathered, part_of
from meta_demo.data.reading.tables import Reading, read_table
from meta_demo.modalities.base import MODALITIES, Modality

TASK, RECORDS = re.compile(r'\s*\{\s*"(?:support|query|unlabelled)"\s*:'), re.compile(r"\s*\[\s*\{")
PLACEHOLDER = "submission"  # in the name of a table whose labels are none: Kaggle's form for answers
UNFIT = (
    "no_column",
    "no_column_near",
    "no_header",
    "no_rows",
    "column_twice",
)  # of a table that is about something else

Opened = list[tuple[Table, Notes]]


def read_tree(path: Path, how: Reading) -> Gathered:
    """What a folder or zip holds: the examples of its tables, or of its class folders where none of them names pictures."""
    tree = open_tree(path, how.limits)
    how.notes.extend(tree.notes)
    files = [f for f in tree.files if _is_table(tree, f) and PLACEHOLDER not in f.stem.lower()]
    pictures = [file for file in tree.files if modality_in(file)]
    tables = {file: open_tables(tree.read(file), file.name, how.limits, how.columns) for file in files}
    if pictures or not tree.zipped:  # a folder with a table and no pictures is named by mistake
        tables = {file: opened for file, opened in tables.items() if _names_files(tree, file, opened, how.columns)}
    if not tables:
        found = read_class_folders(tree, how.limits, how.notes)
        if how.columns:
            raise UserError("columns_no_table", file=tree.name)
        if files:
            how.notes.say("tables_other", file=tree.name, tables=_listed(files))
        return found
    return _read_tables(tree, tables, pictures, how)


def _is_table(tree: Tree, file: PurePosixPath) -> bool:
    """Whether a file holds examples in rows: a list of records in JSON too; refuses a task that is packed."""
    if file.suffix.lower() in TABLES:
        return True
    if file.suffix.lower() != JSON or not tree.zipped:
        return False
    try:
        text = read_text(tree.read(file), file.name)
    except UserError:
        return False
    if TASK.match(text):
        raise UserError("zip_task", file=tree.name, entry=shorten(str(file)))
    return RECORDS.match(text) is not None


def _read_tables(
    tree: Tree, tables: dict[PurePosixPath, Opened], pictures: Sequence[PurePosixPath], how: Reading
) -> Gathered:
    """The examples of tables of one data set: of all its parts, or of the only table."""
    parts = {file: part_of(file) for file in tables}
    if len(tables) > 1 and (not all(parts.values()) or len({*parts.values()}) < len(tables)):
        raise UserError("several_tables", file=tree.name, tables=_listed(list(tables)))
    rows: dict[str, list[Example]] = {}
    used: set[PurePosixPath] = set()
    columns = how.columns
    for file in sorted(tables, key=lambda file: not _is_first(parts[file])):
        files = Within(tree, file)
        labelled = True if not rows else None  # the table to learn from says what the labels are called
        rows[parts[file]] = read_table(tables[file], replace(how, files=files, columns=columns), labelled)
        used |= files.used
    if left := [file for file in pictures if file not in used]:
        how.notes.say("files_unnamed", file=tree.name, count=len(left), files=_listed(left))
    return gathered(rows) if len(rows) > 1 else Gathered(next(iter(rows.values())))


def _is_first(part: str) -> bool:
    return part.lower().startswith("train")


def _names_files(tree: Tree, file: PurePosixPath, opened: Opened, columns: Columns) -> bool:
    """Whether a table has a column of a modality whose inputs come in files, and names some that are there or should be."""
    within = Within(tree, file)

    def is_file(kind: Modality[Any], cell: str) -> bool:
        return PurePath(cell).suffix.lower() in kind.suffixes or within.has(cell, kind.suffixes)

    try:
        chosen = choose(opened[0][0], columns, Notes(), is_file, None)
    except UserError as error:
        if error.name in UNFIT:
            return False
        raise
    kinds = [kind for kind in MODALITIES.values() if kind.key in chosen.inputs and kind.suffixes]
    return any(kind.names_file(cell) for kind in kinds for cell in opened[0][0].cells(chosen.inputs[kind.key])[:20])


def _listed(files: Sequence[PurePosixPath]) -> str:
    return shorten(", ".join(map(str, files)), 200)
