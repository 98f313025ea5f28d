"""Files of examples: tables (.csv .tsv .jsonl .xlsx, columns text or another modality's key, and label), the .json task file, JSON
records, folders and zips.

Here: from a path to rows or an `Episode`, with notes of what was guessed and left out, or a `UserError` of one sentence that says how
to mend the file. Not here: what makes a good episode (`episode.py`), sampling tasks from many rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from meta_demo.core.errors import Note, Notes, UserError
from meta_demo.core.files import UPLOAD, Limits, read_bytes, read_json, read_text
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.reading.beside import Beside
from meta_demo.data.reading.columns import Columns, Seen
from meta_demo.data.reading.folders import ZIP, modality_in
from meta_demo.data.reading.leftovers import blank_rows, left_out
from meta_demo.data.reading.opening import JSON, TABLES, open_tables, record_table
from meta_demo.data.reading.splits import Gathered
from meta_demo.data.reading.tables import Reading, read_table
from meta_demo.data.reading.tasks import beside, parse_episode
from meta_demo.data.reading.trees import read_tree
from meta_demo.modalities.base import BLANK, MODALITIES, Content, is_blank
from meta_demo.objectives.numbers import Numbers

LINES = ".txt"
UNLABELLED = (LINES, *TABLES)  # what `read_unlabelled` reads
EPISODE_FILES = (JSON, *TABLES, ZIP)  # what `read_episode` reads, folders aside


def read_rows(
    path: Path, limits: Limits = UPLOAD, files: Beside | None = None, columns: Columns | None = None
) -> list[Example]:
    """The labelled rows that are not blank of a table, or of what `path` holds as a folder or zip: class folders, or tables.

    `files` reads what a table names that comes alone; without it a table may name none. `columns` are what a person calls them.
    """
    return read_source(path, limits, files, columns)[0]


def read_source(
    path: Path,
    limits: Limits = UPLOAD,
    files: Beside | None = None,
    columns: Columns | None = None,
    seen: list[Seen] | None = None,
) -> tuple[list[Example], Sequence[Note]]:
    """What `read_rows` reads, and what a person should know of how it was read. `seen` is told of columns; see `Reading`."""
    how = _how(limits, files, columns, seen)
    if path.suffix.lower() == JSON and not _is_tree(path):
        found = _records(path, read_text(read_bytes(path, (JSON,), limits.bytes), path.name), how)
        if found is None:
            raise UserError("source_task", file=path.name)
    else:
        found = _gathered(path, how)
    found.say_pooled(path.name, how.notes)
    labelled = [row for row in found.rows if row.label is not None]
    kept = [row for row in labelled if row.content != BLANK]
    if len(labelled) < len(found.rows):
        how.notes.say("rows_unlabelled", file=path.name, count=len(found.rows) - len(labelled))
    return kept, (*how.notes, *blank_rows(len(labelled) - len(kept)))


def read_unlabelled(
    path: Path, limits: Limits = UPLOAD, files: Beside | None = None, columns: Columns | None = None
) -> tuple[list[Content], Sequence[Note]]:
    """What stands in a table's column text, or image and the like, or in the lines of a text file, and what a person should know of how
    it was read; nobody looks at labels."""
    data, how = read_bytes(path, UNLABELLED, limits.bytes), _how(limits, files, columns)
    if path.suffix.lower() == LINES:
        lines = enumerate(read_text(data, path.name).split("\n"), 1)
        key = next(kind.key for kind in MODALITIES.values() if kind.in_lines)
        text = "\n".join(json.dumps({key: line}) for _, line in lines)
        tables = [(record_table(text, path.name, limits), Notes())]
    else:
        tables = open_tables(data, path.name, limits, how.columns)
    return [row.content for row in read_table(tables, how, labelled=False)], how.notes


def read_episode(
    path: Path, files: Beside | None = None, columns: Columns | None = None, seen: list[Seen] | None = None
) -> Episode:
    """The episode in a task file (.json); or one that learns from what a table, folder or zip has labels for, and asks about the rest:
    rows without a label, and the pictures in folders called `val` and `test`.

    `files` reads what a task file or table names; see `parse_episode`. `seen` is told of columns; see `Reading`.
    """
    if lone := modality_in(path):
        raise UserError("lone_picture", file=path.name, noun=lone.noun, nouns=lone.nouns)
    how = replace(_how(UPLOAD, files, columns, seen), asking=True)
    if path.suffix.lower() in TABLES or _is_tree(path):
        found: Gathered | None = _gathered(path, how)
    else:
        text = read_text(read_bytes(path, EPISODE_FILES), path.name)
        found = _records(path, text, how)
    if found is None:
        if how.columns:
            raise UserError("columns_no_table", file=path.name)
        return parse_episode(read_json(text, path.name), files)
    return _episode(path, found, how)


def parse_lines(path: Path, limits: Limits) -> Iterator[tuple[int, Episode]]:
    """Line number and episode of each line of a .jsonl file of task objects."""
    data, files = read_bytes(path, (".jsonl",), limits.bytes), beside(path.parent)
    for number, line in enumerate(read_text(data, path.name).split("\n"), 1):
        if line.strip():
            try:
                yield number, parse_episode(read_json(line, path.name, number), files)
            except UserError as error:
                raise UserError("episode_line", file=path.name, line=number, problem=error) from error


def _how(limits: Limits, files: Beside | None, columns: Columns | None, seen: list[Seen] | None = None) -> Reading:
    return Reading(limits, columns or Columns(), files, seen=[] if seen is None else seen)


def _episode(path: Path, found: Gathered, how: Reading) -> Episode:
    """What has labels to learn from, and the rest to be asked about, without what is blank."""
    notes = how.notes
    support = [row for row in found.support if row.label is not None]
    bare = [row for row in found.support if row.label is None]
    asked = [row for row in (*bare, *found.query) if not is_blank(row.content)]
    if not support and how.keys == {Numbers.key}:
        raise UserError("no_values")
    if bare and support:
        notes.say("rows_asked", file=path.name, count=len(bare))
    found.say_asked(path.name, notes)
    notes.extend(left_out(support, blanks=len(bare) + len(found.query) - len(asked)))
    return make_episode(support, asked, notes=notes)


def _gathered(path: Path, how: Reading) -> Gathered:
    """Every row of a table, folder or zip that is not wholly blank. A text may be blank where there is a label."""
    if _is_tree(path):
        return read_tree(path, how)
    data = read_bytes(path, (*TABLES, JSON, ZIP), how.limits.bytes)
    return Gathered(read_table(open_tables(data, path.name, how.limits, how.columns), how))


def _records(path: Path, text: str, how: Reading) -> Gathered | None:
    """The rows of a .json file that holds records, in a list or one a line; None where it holds something else."""
    try:
        whole: Any = read_json(text, path.name)
    except UserError as error:
        if error.name != "broken_json" or not _begins_lines(text):
            raise
    else:
        if not (isinstance(whole, list) and whole and all(isinstance(value, dict) for value in whole)):
            return None
    return Gathered(read_table([(record_table(text, path.name, how.limits), Notes())], how))


def _begins_lines(text: str) -> bool:
    """Whether the first line is an object, and no task, by itself."""
    try:
        first = json.loads(next(line for line in text.split("\n") if line.strip()))
    except (ValueError, StopIteration, RecursionError):
        return False
    return isinstance(first, dict) and "support" not in first


def _is_tree(path: Path) -> bool:
    return path.suffix.lower() == ZIP or os.path.isdir(path)  # noqa: PTH112  (the other one raises for long names)
