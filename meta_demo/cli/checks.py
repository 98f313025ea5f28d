"""What commands look at before the first second of work: files that can be written, and options that apply."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from meta_demo.algorithms.registry import REGISTRY, get_algorithm
from meta_demo.backbones.scopes import SCOPES
from meta_demo.cli.flags import STANDARD_OUTPUT, changed_knobs
from meta_demo.core.errors import Note, UserError
from meta_demo.data.reading.columns import Columns
from meta_demo.learning import checkpoint
from meta_demo.words import text

TextColumn = Annotated[str, arg(metavar="NAME", help=text("cli.text_column"))]
LabelColumn = Annotated[str, arg(metavar="NAME", help=text("cli.label_column"))]
STARTS = ("auto", "none", "random")  # what --checkpoint may be beside a folder


def check_json(file: Path | None) -> None:
    """Raises UserError where results cannot be written to `file`; nothing is written yet."""
    if file is None or str(file) == STANDARD_OUTPUT:
        return
    if file.is_dir():
        reason = errno.EISDIR
    elif not file.parent.is_dir():
        reason = errno.ENOENT
    else:
        reason = 0 if os.access(file if file.exists() else file.parent, os.W_OK) else errno.EACCES
    if reason:
        raise UserError("json_write", file=file, reason=os.strerror(reason))


def check_algorithms(command: Any, names: Sequence[str]) -> None:
    """Raises UserError for an algorithm that there is not, a knob out of its range, and a knob of an algorithm that is not asked for."""
    for name in names:
        get_algorithm(name).Config.from_dict(changed_knobs(command, name))
    for name in sorted(REGISTRY.keys() - {*names}):
        for knob in changed_knobs(command, name):
            raise UserError("flags_other", flag=f"--{name}.{knob.replace('_', '-')}")


def check_starts(specs: Iterable[str]) -> None:
    """Raises UserError for a folder that holds no checkpoint."""
    for spec in specs:
        if spec not in STARTS:
            checkpoint.read_card(Path(spec))


def check_export(algorithm: str, knobs: dict[str, Any]) -> None:
    """Raises UserError where the start of `algorithm` could not be written as a model."""
    scope = getattr(get_algorithm(algorithm).Config.from_dict(knobs), "scope", "head")
    if not SCOPES[scope].whole:
        raise UserError("export_scope", scope=scope)


def columns_of(command: Any) -> Columns | None:
    """The columns that a command's flags name, where they do."""
    return Columns(command.text_column, command.label_column) or None


def tell(notes: Iterable[Note]) -> list[str]:
    """Say notes on stderr, each once -> their sentences, for the JSON."""
    said = list(dict.fromkeys(note.message() for note in notes))
    for message in said:
        print(text("cli.note", message=message), file=sys.stderr)
    return said
