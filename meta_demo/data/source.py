"""What tasks are drawn from: classes with their examples. Where a source comes from is `sources.py`'s business."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from meta_demo.core.errors import Note, Notes, UserError
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Example, check_spelling
from meta_demo.modalities.base import Content, identity, modality_among, modality_of


@dataclass(frozen=True)
class Source:
    """Classes with their examples, none twice; `dropped` counts those left out because another is the same.

    The part of a label before its last `/` is its group: a pack, an alphabet. `program` is what draws the pictures of a source
    that need not be kept; it says all there is to know of them.
    """

    name: str
    classes: Mapping[str, Sequence[Content]]
    dropped: int = 0
    program: str = ""
    notes: tuple[Note, ...] = ()  # what a person should know of how it was read
    held_out: int = 0  # classes of it that validation has, so that they are not here

    @cached_property
    def sha256(self) -> str:
        """Identity of the content, whatever the file is called."""
        if self.program:
            return hashlib.sha256(self.program.encode()).hexdigest()
        said = {label: [modality_of(c).spelled(c) for c in contents] for label, contents in self.classes.items()}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def modality(self) -> str:
        """The name of the one modality that all examples are of."""
        return modality_among(next(iter(self.classes.values()), ())[:1]).name

    @property
    def size(self) -> int:
        return sum(map(len, self.classes.values()))

    @cached_property
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
        return replace(self, classes={label: self.classes[label] for label in labels})


def make_source(name: str, rows: Iterable[Example], notes: Sequence[Note] = ()) -> Source:
    """A source of labelled rows. Repeats within a class are dropped, and so is a text that stands under two classes: notes count them.

    Raises UserError where names of classes differ only in capitals, and where nothing would be left of a class.
    """
    classes: dict[str, dict[Hashable, Content]] = {}  # label -> identity -> content
    count = 0
    for row in rows:
        count += 1
        classes.setdefault(row.label or "", {}).setdefault(identity(row.content), row.content)
    check_spelling(list(classes))
    places: dict[Hashable, list[str]] = {}
    for label, texts in classes.items():
        for key in texts:
            places.setdefault(key, []).append(label)
    kept = {label: tuple(t for key, t in texts.items() if len(places[key]) == 1) for label, texts in classes.items()}
    for label, left in kept.items():
        if not left:
            key, text = next(iter(classes[label].items()))
            other = next(other for other in places[key] if other != label)
            values = {"label": shorten(label), "text": shorten(text), "other": shorten(other)}
            raise UserError("class_vanishes", source=name, **values)
    different = sum(map(len, classes.values()))
    found = Notes(notes)
    if count > different:
        found.say("rows_repeated_of", source=name, count=count - different)
    if doubled := [key for key, labels in places.items() if len(labels) > 1]:
        text = next(texts[doubled[0]] for texts in classes.values() if doubled[0] in texts)
        found.say("rows_two_classes", source=name, count=len(doubled), text=shorten(text))
    return Source(name, kept, count - sum(map(len, kept.values())), notes=tuple(found))
