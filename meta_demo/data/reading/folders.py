"""Folders of class folders, on disk or in a zip: the label of a picture, or of another file of one input, is its folder.

Here: what lies where, and what must not. A zip is read in memory; nothing of it is ever written.
Not here: reading one file (its modality does), Omniglot's runs (`omniglot.py`).
"""

from __future__ import annotations

import io
import math
import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.files import MAX_FILE, MB, Limits, read_bytes
from meta_demo.core.strings import clean, shorten
from meta_demo.data.episode import Example
from meta_demo.data.reading.tasks import Beside, bounded
from meta_demo.modalities.base import MODALITIES, Content, Modality

ZIP = ".zip"
ROOT = PurePosixPath()
GROWTH = 10  # times its own size is what an archive may unpack to


@dataclass(frozen=True)
class Tree:
    """What lies below a folder, or in a zip, by paths from its root; what systems hide is left out."""

    name: str
    zipped: bool
    files: list[PurePosixPath]
    folders: list[PurePosixPath]
    read: Callable[[PurePosixPath], bytes]


def read_class_folders(tree: Tree, limits: Limits) -> list[Example]:
    """Every file of `tree` that holds an input, labelled with its folder's path: `cats`, `Greek/character01`.

    Folders around all classes of a zip are no part of the labels. Raises UserError for whatever leaves it unclear what the
    classes are, or is not safe to read.
    """
    kinds = {file: kind for file in tree.files if (kind := modality_in(file))}
    _check_classes(tree, kinds)
    top = os.path.commonpath([file.parent.parent for file in kinds]) if tree.zipped else ROOT
    labels = [clean(str(file.parent.relative_to(top))) for file in kinds]
    contents = bounded((kind.decode(tree.read(file), str(file)) for file, kind in kinds.items()), limits)
    return [Example(content, label) for content, label in zip(contents, labels, strict=True)]


def modality_in(file: PurePath) -> Modality[Any] | None:
    """The modality that `file` holds one input of, as its suffix says."""
    return next((kind for kind in MODALITIES.values() if file.suffix.lower() in kind.suffixes), None)


def within(tree: Tree, folder: PurePosixPath) -> Beside:
    """Reads files by paths within `tree` relative to `folder`."""
    known = set(tree.files)

    def read(modality: Modality[Any], said: str) -> Content:
        path = PurePosixPath(os.path.normpath(folder / clean(said).replace("\\", "/")))
        if path not in known:
            raise UserError("no_file", file=shorten(said))
        content: Content = modality.decode(tree.read(path), str(path))
        return content

    return read


def open_tree(path: Path, limits: Limits) -> Tree:
    """The folder or zip at `path`; raises UserError for more than `limits.rows` files, and for what is not safe to read."""
    if path.is_dir():
        return _folder(path, limits)
    data = read_bytes(path, (ZIP,), limits.bytes)
    try:
        return _zip(data, path.name, limits)
    except UserError:
        raise
    except Exception as error:  # a damaged archive breaks zipfile in as many ways as a workbook
        raise UserError("broken_zip", file=path.name) from error


def _folder(path: Path, limits: Limits) -> Tree:
    def refuse(error: OSError) -> None:
        raise UserError("file_locked", file=error.filename, reason=error.strerror)

    files: list[PurePosixPath] = []
    folders: list[PurePosixPath] = []
    for here, inner, names in os.walk(path, onerror=refuse, followlinks=True):
        inner[:] = [name for name in inner if not _hidden(PurePosixPath(name))]  # walk no further into those
        folder = PurePosixPath(Path(here).relative_to(path).as_posix())
        folders.append(folder)
        files += [folder / name for name in names if not _hidden(PurePosixPath(name))]
        if len(files) + len(folders) > limits.rows:
            raise UserError("too_many_files", file=path, limit=limits.rows)

    def read(file: PurePosixPath) -> bytes:
        return read_bytes(path / file, (file.suffix.lower(),))

    return Tree(str(path), False, sorted(files), sorted(set(folders) - {ROOT}), read)


def _zip(data: bytes, name: str, limits: Limits) -> Tree:
    archive = zipfile.ZipFile(io.BytesIO(data))
    if len(archive.infolist()) > limits.rows:
        raise UserError("too_many_files", file=name, limit=limits.rows)
    size = sum(entry.file_size for entry in archive.infolist())
    if size > GROWTH * limits.bytes:
        raise UserError("zip_bomb", file=name, size=math.ceil(size / MB), limit=GROWTH * limits.bytes // MB)
    entries = {_checked(entry, name): entry for entry in archive.infolist()}
    shown = [path for path in entries if not _hidden(path)]
    folders = {parent for path in shown for parent in path.parents} | {p for p in shown if entries[p].is_dir()}

    def read(file: PurePosixPath) -> bytes:
        if entries[file].file_size > MAX_FILE:
            size, limit = entries[file].file_size // MB, MAX_FILE // MB
            raise UserError("file_too_big", file=shorten(str(file)), size=size, limit=limit)
        try:
            return archive.read(entries[file])
        except Exception as error:
            raise UserError("broken_zip", file=name) from error

    return Tree(name, True, sorted(p for p in shown if not entries[p].is_dir()), sorted(folders - {ROOT}), read)


def _checked(entry: zipfile.ZipInfo, archive: str) -> PurePosixPath:
    """Where an entry lies; refuses what leads out of the archive, links, what is locked, and archives within."""
    name = _name(entry).replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in name.partition("/")[0]:
        raise UserError("zip_path", file=archive, entry=shorten(name))
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UserError("zip_link", file=archive, entry=shorten(name))
    if entry.flag_bits & 1:
        raise UserError("zip_locked", file=archive)
    if path.suffix.lower() == ZIP:
        raise UserError("zip_nested", file=archive, entry=shorten(name))
    return path


def _name(entry: zipfile.ZipInfo) -> str:
    """An entry's name. Without the mark of UTF-8 it may be that all the same, or a Chinese Windows' GB 2312, before code page 437."""
    if entry.flag_bits & 0x800:
        return entry.filename
    for encoding in ("utf-8", "gb2312"):
        try:
            return entry.filename.encode("cp437").decode(encoding)
        except UnicodeError:
            continue
    return entry.filename


def _hidden(path: PurePosixPath) -> bool:
    """Whether a system keeps it for itself: `.DS_Store`, `__MACOSX`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _check_classes(tree: Tree, kinds: Mapping[PurePosixPath, Modality[Any]]) -> None:
    """Refuse inputs outside class folders or at different depths, and folders without any."""
    if not kinds:
        raise UserError("no_pictures", file=tree.name)
    for file, kind in kinds.items():
        if file.parent == ROOT:
            raise UserError("picture_loose", file=tree.name, noun=kind.noun, path=shorten(str(file)))
    nouns = next(iter(kinds.values())).nouns
    for first, other in pairwise(kinds):
        if len(first.parts) != len(other.parts):
            paths = {"first": shorten(str(first)), "other": shorten(str(other))}
            raise UserError("uneven_folders", file=tree.name, nouns=nouns, **paths)
    holding = {parent for file in kinds for parent in file.parents}
    for folder in tree.folders:
        if folder not in holding:
            raise UserError("class_no_pictures", file=tree.name, label=shorten(str(folder)), nouns=nouns)
