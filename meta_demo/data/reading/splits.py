"""Parts of a data set: `train`, `val` and `test` as names of folders and tables are no classes.

Not here: what lies in them (`folders.py`, `tables.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import PurePath, PurePosixPath

from meta_demo.core.errors import Notes, UserError
from meta_demo.data.episode import Example

# What people call a part to learn from, and one to be asked about: by itself, with what it is of, or with a year.
AROUND = r"(?:seg[ _-])?{}(?:[ _-]?(?:set|data|dataset|images|imgs|split|folder|part|\d{{4}}))?"
LEARN = re.compile(AROUND.format("(?:train|training|trainings)") + "|训练|训练集|訓練|訓練集", re.IGNORECASE)
ASK = re.compile(
    AROUND.format("(?:val|valid|validation|validierung|dev|test|testing|tests|eval|evaluation|hold[ _-]?out)")
    + "|测试|测试集|验证|验证集|測試集|驗證集",
    re.IGNORECASE,
)
ROOT = PurePosixPath()


@dataclass
class Gathered:
    """Examples to learn from and to be asked about, and how many come from each part of a data set, where it has parts."""

    support: list[Example]
    query: list[Example] = field(default_factory=list)
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> list[Example]:
        return [*self.support, *self.query]

    def say_pooled(self, file: str, notes: Notes) -> None:
        """That all parts count alike."""
        if len(self.parts) > 1:
            notes.say("splits_pooled", file=file, parts=_listed(self.parts))

    def say_asked(self, file: str, notes: Notes) -> None:
        """Which parts were learned from, and which asked about."""
        learn = {name: count for name, count in self.parts.items() if LEARN.fullmatch(name)}
        if self.query and learn and len(self.parts) > len(learn):
            ask = {name: count for name, count in self.parts.items() if name not in learn}
            notes.say("splits_asked", file=file, learn=_listed(learn), ask=_listed(ask))
        else:
            self.say_pooled(file, notes)


def gathered(rows: Mapping[str, Sequence[Example]]) -> Gathered:
    """The examples of each part: those of `train` are learned from; where there are none, all are."""
    learn = [name for name in rows if LEARN.fullmatch(name)] or list(rows)
    support = [row for name in learn for row in rows[name]]
    query = [row for name in rows if name not in learn for row in rows[name]]
    return Gathered(support, query, {name: len(found) for name, found in rows.items()})


def part_of(file: PurePath) -> str:
    """The part that a table is of, by its own name or that of a folder around it; "" where none is told."""
    names = (file.stem, *reversed(file.parent.parts))
    return next(filter(is_part, names), "")


def is_part(name: str) -> bool:
    """Whether a folder or table is called as a part of a data set."""
    return bool(LEARN.fullmatch(name) or ASK.fullmatch(name))


def class_base(files: Sequence[PurePosixPath], zipped: bool, name: str) -> tuple[PurePosixPath, bool]:
    """The folder in which class folders begin, or folders of parts with class folders in each, which the second value says.

    Raises UserError for parts with pictures and no classes in them.
    """
    around = PurePosixPath(os.path.commonpath([file.parent.parent for file in files]))
    first = {file.relative_to(around).parts[0] for file in files}
    if all(map(is_part, first)):
        if any(len(file.relative_to(around).parts) == 2 for file in files):
            raise UserError("splits_only", file=name, folders=" / ".join(sorted(first)))
        return around, True
    _check_parts(files, around, name)
    one_part = around.parts and is_part(around.parts[-1])
    return (around if zipped or one_part else ROOT), False


def _check_parts(files: Sequence[PurePosixPath], around: PurePosixPath, name: str) -> None:
    """Refuse a folder beside `train` and the like that has the same class folders and is called otherwise."""
    classes: dict[str, set[str]] = {}
    for file in files:
        first, *inner, _ = file.relative_to(around).parts
        classes.setdefault(first, set()).add("/".join(inner))
    for (part, known), (other, found) in permutations(classes.items(), 2):
        if is_part(part) and not is_part(other) and known & found - {""}:
            raise UserError("splits_other", file=name, part=part, other=other)


def _listed(parts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in parts.items())
