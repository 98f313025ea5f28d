"""What tasks are drawn from: groups of examples, such as classes. Where a source comes from is `sources.py`'s business."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from meta_demo.core.errors import Note, Notes, UserError
from meta_demo.core.lazy import lazy
from meta_demo.core.objective import Objective, objective_among
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Example
from meta_demo.modalities.base import Content, identity, modality_among, modality_of
from meta_demo.objectives.classes import check_spelling

Draw = Callable[[np.random.Generator, int], Sequence[Example]]  # so many examples of one new task


@dataclass(frozen=True)
class Source:
    """Classes with their examples, none twice; `dropped` counts those left out because another is the same.

    Where examples have labels of their own, such as numbers, a class is a group of examples whose labels mean the same, and `values`
    has them in the order of the examples: the tasks of such a source are drawn from one group each.
    The part of a label before its last `/` is its group: a pack, an alphabet. `program` is what draws the pictures of a source
    that need not be kept; it says all there is to know of them. A source with `tasks` has no classes: each of its tasks is drawn whole,
    and no two are the same.
    """

    name: str
    classes: Mapping[str, Sequence[Content]]
    dropped: int = 0
    program: str = ""
    tasks: Draw | None = None
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()  # what a person should know of how it was read
    held_out: int = 0  # classes of it that validation has, so that they are not here

    @lazy
    def sha256(self) -> str:
        """Identity of the content, whatever the file is called."""
        if self.program:
            return hashlib.sha256(self.program.encode()).hexdigest()
        said: dict[str, list[Any]] = {}
        for label, contents in self.classes.items():
            said[label] = [modality_of(c).spelled(c) for c in contents]
            if self.values:
                said[label] = list(zip(said[label], self.values[label], strict=True))
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @lazy
    def _any(self) -> Example:
        """An example of one of its `tasks`."""
        assert self.tasks
        return self.tasks(np.random.default_rng(0), 1)[0]

    @property
    def objective(self) -> type[Objective]:
        """What a label of its tasks is."""
        if self.tasks:
            return objective_among([self._any.label])
        return objective_among([self.label(name, 0) for name in self.classes][:1])

    def label(self, name: str, place: int) -> Any:
        """The label of an example of the class `name`."""
        return self.values[name][place] if self.values else name

    @property
    def modality(self) -> str:
        """The name of the one modality that all examples are of."""
        if self.tasks:
            return modality_of(self._any.content).name
        return modality_among(next(iter(self.classes.values()), ())[:1]).name

    @property
    def size(self) -> int:
        """The number of its examples, 1 where they have no end."""
        return 1 if self.tasks else sum(map(len, self.classes.values()))

    @lazy
    def groups(self) -> dict[str, list[str]]:
        """The labels of each group."""
        found: dict[str, list[str]] = {}
        for label in self.classes:
            found.setdefault(label.rpartition("/")[0], []).append(label)
        return found

    def only(self, labels: Sequence[str], split: str) -> Source:
        """The classes listed in `split`; raises UserError when one of them is not here."""
        for label in labels:
            if label not in self.classes:
                raise UserError("split_label", split=split, label=shorten(label), source=self.name)
        values = {label: self.values[label] for label in labels if self.values}
        return replace(self, classes={label: self.classes[label] for label in labels}, values=values)

    def rows(self, places: Mapping[str, Sequence[int]]) -> Source:
        """The examples of each class that stand at some `places`."""
        classes = {name: [self.classes[name][i] for i in some] for name, some in places.items()}
        return replace(
            self,
            classes=classes,
            values={n: [self.values[n][i] for i in some] for n, some in places.items() if self.values},
        )


def make_source(name: str, rows: Iterable[Example], notes: Sequence[Note] = ()) -> Source:
    """A source of labelled rows. Repeats within a class are dropped, and so is a text that stands under two classes or values: notes
    count them.

    Rows whose labels make a group by themselves, such as numbers, are one, called like the source. Raises UserError where names of
    classes differ only in capitals, and where nothing would be left of a class.
    """
    groups: dict[str, dict[Hashable, Example]] = {}  # label -> identity -> example
    places: dict[Hashable, dict[Any, None]] = {}  # identity -> the labels under which it stands
    rows = list(rows)
    pooled = objective_among([row.label for row in rows]).pooled
    for row in rows:
        key = identity(row.content)
        groups.setdefault(name if pooled else row.label or "", {}).setdefault(key, row)
        places.setdefault(key, {})[row.label] = None
    if not pooled:
        check_spelling(list(groups))
    kept = {label: [row for key, row in some.items() if len(places[key]) == 1] for label, some in groups.items()}
    for label, left in kept.items():
        if not left:
            key, row = next(iter(groups[label].items()))
            other = next(other for other in places[key] if other != row.label or pooled)
            values = {"label": shorten(label), "text": shorten(row.content), "other": shorten(other)}
            raise UserError("class_vanishes", source=name, **values)
    classes = {label: tuple(row.content for row in some) for label, some in kept.items()}
    numbers = {label: tuple(row.label for row in some) for label, some in kept.items() if pooled}
    dropped = len(rows) - sum(map(len, classes.values()))
    return Source(name, classes, dropped, values=numbers, notes=(*notes, *_left_out(name, rows, places)))


def _left_out(name: str, rows: Sequence[Example], places: Mapping[Hashable, Mapping[Any, None]]) -> Notes:
    """How many rows repeat another one, and how many inputs stand under several of the labels in `places`."""
    notes = Notes()
    if repeats := len(rows) - sum(map(len, places.values())):
        notes.say("rows_repeated_of", source=name, count=repeats)
    if doubled := {key for key, labels in places.items() if len(labels) > 1}:
        text = next(shorten(row.content) for row in rows if identity(row.content) in doubled)
        notes.say("rows_two_classes", source=name, count=len(doubled), text=text)
    return notes
