"""What tasks are drawn from: classes with their examples. Where a source comes from is `sources.py`'s business."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from meta_demo.core.errors import UserError
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Example
from meta_demo.modalities.base import Content, identity, modality_among, modality_of

Draw = Callable[[np.random.Generator, int], Sequence[Example]]  # so many examples of one new task


@dataclass(frozen=True)
class Source:
    """Classes with their examples, none twice; `dropped` counts those left out because another is the same.

    The part of a label before its last `/` is its group: a pack, an alphabet. `program` is what draws the pictures of a source
    that need not be kept; it says all there is to know of them. A source with `tasks` has no classes: each of its tasks is drawn whole,
    and no two are the same.
    """

    name: str
    classes: Mapping[str, Sequence[Content]]
    dropped: int = 0
    program: str = ""
    tasks: Draw | None = None

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
        if self.tasks:
            return modality_of(self.tasks(np.random.default_rng(0), 1)[0].content).name
        return modality_among(next(iter(self.classes.values()), ())[:1]).name

    @property
    def size(self) -> int:
        """The number of its examples, 1 where they have no end."""
        return 1 if self.tasks else sum(map(len, self.classes.values()))

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


def make_source(name: str, rows: Iterable[Example]) -> Source:
    """A source of labelled rows. Repeats within a class are dropped, and so is a text that stands under two classes."""
    classes: dict[str, dict[Hashable, Content]] = {}  # label -> identity -> content
    count = 0
    for row in rows:
        count += 1
        classes.setdefault(row.label or "", {}).setdefault(identity(row.content), row.content)
    places: dict[Hashable, int] = {}
    for texts in classes.values():
        for key in texts:
            places[key] = places.get(key, 0) + 1
    clear = {label: tuple(t for key, t in texts.items() if places[key] == 1) for label, texts in classes.items()}
    kept = {label: texts for label, texts in clear.items() if texts}
    return Source(name, kept, count - sum(map(len, kept.values())))
