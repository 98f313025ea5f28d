"""Rows that an episode does without: counted, so that nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meta_demo.core.errors import Note, Notes
from meta_demo.core.objective import objective_of
from meta_demo.data.episode import Example
from meta_demo.modalities.base import modality_of


def left_out(support: Sequence[Example], blanks: int = 0) -> Notes:
    """What `make_episode` leaves out of a support set: rows without an input, beside `blanks` others, and repeats within a class."""
    cleaned = [(modality_of(row.content), row) for row in support]
    said = [(_label(row), kind.clean(row.content), kind) for kind, row in cleaned]
    there = [(label, content) for label, content, kind in said if not kind.is_blank(content)]
    notes = Notes(blank_rows(blanks + len(said) - len(there)))
    if len(there) > len({*there}):
        notes.say("rows_repeated", count=len(there) - len({*there}))
    return notes


def _label(row: Example) -> Any:
    return None if row.label is None else objective_of(row.label).clean(row.label)


def blank_rows(count: int) -> list[Note]:
    """That so many rows say nothing; no note where there are none."""
    return [Note("rows_blank", (("count", count),))] if count else []
