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
from meta_demo.ui.form import Form, form_for, forms
from meta_demo.ui.sheet import SHEETS, sheets
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
    """The built-in sources of every modality that the page shows, those of sheets last."""
    shown = [*(side.name for side in discover()), *(sheet.name for sheet in sheets())]
    return [name for modality in shown for name in built_in(modality)]


def own_source(path: Path, said: Columns, seen: list[Seen]) -> Source:
    """A visitor's labelled examples; raises UserError where they are too few to train and to validate on."""
    source = make_source(path.name, *read_source(path, Limits(rows=ROWS), columns=said, seen=seen))
    if not source.objective.pooled and len(source.classes) < FEWEST_CLASSES:
        raise UserError("train_classes", file=path.name, count=len(source.classes), least=FEWEST_CLASSES)
    return source


def kind_among(name: str, mine: Uploaded) -> str:
    """What labels are in a source that is chosen, or the name of the sheet that has a model of its own for it; sentences without labels
    are made into classes."""
    if name == UPLOADED and mine.source:
        return mine.source.modality if mine.source.modality in SHEETS else mine.source.objective.name
    if name in (UPLOADED, UNLABELLED):
        return forms()[0].name
    return next((sheet.name for sheet in sheets() if name in built_in(sheet.name)), None) or kind_of(name)


def form_of_kind(kind: str) -> Form:
    """The form of what `kind_among` says."""
    return form_for(SHEETS[kind].labels if kind in SHEETS else kind)
