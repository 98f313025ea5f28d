"""What the Meta-train tab offers to draw tasks from, and a visitor's own examples among it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meta_demo.core.errors import UserError
from meta_demo.core.files import Limits
from meta_demo.data.reading.columns import Columns, Seen
from meta_demo.data.reading.readers import read_source
from meta_demo.data.source import Source, make_source
from meta_demo.data.sources import built_in, kind_of
from meta_demo.modalities.base import Content
from meta_demo.ui.form import forms
from meta_demo.ui.side import discover

UPLOADED = ":uploaded"  # the choice that stands for the visitor's table; no pack is called so
UNLABELLED = ":unlabelled"  # and for the visitor's sentences without labels
FEWEST_CLASSES = 4  # two to train on and two to validate on
ROWS = 50_000


@dataclass(frozen=True)
class Uploaded:
    """The visitor's own examples: a table's or zip's, and the sentences without labels of a text file."""

    source: Source | None = None
    text_file: str = ""
    sentences: Sequence[Content] = ()


def offered() -> list[str]:
    """The built-in sources of every side's modality: a sheet has models of its own, which this tab does not train."""
    return [name for side in discover() for name in built_in(side.name)]


def own_source(path: Path, said: Columns, seen: list[Seen]) -> Source:
    """A visitor's labelled examples; raises UserError where they are too few to train and to validate on."""
    source = make_source(path.name, *read_source(path, Limits(rows=ROWS), columns=said, seen=seen))
    if not source.objective.pooled and len(source.classes) < FEWEST_CLASSES:
        raise UserError("train_classes", file=path.name, count=len(source.classes), least=FEWEST_CLASSES)
    return source


def kind_among(name: str, mine: Uploaded) -> str:
    """What labels are in a source that is chosen; sentences without labels are made into classes."""
    if name == UPLOADED and mine.source:
        return mine.source.objective.name
    return forms()[0].name if name in (UPLOADED, UNLABELLED) else kind_of(name)
