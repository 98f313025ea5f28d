"""Rows that an episode does without: counted, so that nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Sequence

from meta_demo.core.errors import Note, Notes
from meta_demo.core.strings import clean_name
from meta_demo.data.episode import Example
from meta_demo.modalities.base import modality_of


def left_out(support: Sequence[Example], blanks: int = 0) -> Notes:
    """What `make_episode` leaves out of a support set: rows without an input, beside `blanks` others, and repeats within a class."""
    cleaned = [(modality_of(row.content), row) for row in support]
    said = [(clean_name(row.label or ""), kind.clean(row.content), kind) for kind, row in cleaned]
    there = [(label, content) for label, content, kind in said if not kind.is_blank(content)]
    notes = Notes(blank_rows(blanks + len(said) - len(there)))
    if len(there) > len({*there}):
        notes.say("rows_repeated", count=len(there) - len({*there}))
    return notes


def blank_rows(count: int) -> list[Note]:
    """That so many rows say nothing; no note where there are none."""
    return [Note("rows_blank", (("count", count),))] if count else []
