"""A start of a visitor's own: trained a moment ago, or brought back as the archive that was downloaded after an earlier training."""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from meta_demo.algorithms.registry import check_able
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.cache import MB
from meta_demo.core.errors import UserError
from meta_demo.core.objective import OBJECTIVES
from meta_demo.learning import checkpoint

PARTS = {checkpoint.WEIGHTS: 128, checkpoint.CARD: 8}  # and how many MB each may be, unpacked


@dataclass(frozen=True, eq=False)
class OwnStart:
    """What the page must know of it. Its `folder` is there as long as the start is."""

    folder: Path
    model: str
    algorithm: str
    objective: str
    modality: str
    holder: Any = field(default=None, repr=False)  # whoever takes the folder away when nobody holds it any more


def pack(folder: Path, archive: Path, name: str) -> Path:
    """`archive`, now a zip file with the checkpoint of `folder` as a folder called `name`, which `--checkpoint` takes once unpacked."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for part in PARTS:
            out.write(folder / part, f"{name}/{part}")
    return archive


def unpack(archive: Path, model: Callable[[str], Backbone]) -> OwnStart:
    """The start in a zip file that `pack` has made, tried on its model, which `model` finds by name.

    Raises UserError, which speaks of the file and of no folder of ours, where it is no such file, too large, damaged, of another model,
    or of an algorithm that is not known here.
    """
    holder = Folder()
    for part, content in _parts(archive).items():
        (holder.path / part).write_bytes(content)
    with _speaking_of(archive):
        card = checkpoint.read_card(holder.path)
        if card.objective not in OBJECTIVES:
            raise UserError("checkpoint_card", folder=archive.name)
        backbone = model(card.backbone)
        algorithm = checkpoint.load(holder.path, backbone)
        check_able([type(algorithm)], OBJECTIVES[card.objective])
    modality = backbone.inputs.modality
    return OwnStart(holder.path, backbone.name, algorithm.name, card.objective, modality, holder)


class Folder:
    """A temporary folder at `path`, gone with the last that holds this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="meta-demo-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _parts(archive: Path) -> dict[str, bytes]:
    """The two files of a checkpoint out of an archive, wherever they lie in it; no more is unpacked than may be."""
    try:
        with zipfile.ZipFile(archive) as packed:
            names = {PurePosixPath(name).name: name for name in packed.namelist()}
            if not names.keys() >= set(PARTS):
                raise UserError("start_archive", file=archive.name)
            found = {}
            for part, limit in PARTS.items():
                with packed.open(names[part]) as inside:
                    found[part] = inside.read(limit * MB + 1)
                if len(found[part]) > limit * MB:
                    raise UserError("start_large", file=archive.name, part=part, limit=limit)
            return found
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError("start_archive", file=archive.name) from error


@contextmanager
def _speaking_of(archive: Path) -> Iterator[None]:
    """What is wrong with a folder of ours is said of the visitor's file."""
    try:
        yield
    except UserError as error:
        if "folder" not in error.values:
            raise
        raise UserError.again(error.name, {**error.values, "folder": archive.name}) from error
