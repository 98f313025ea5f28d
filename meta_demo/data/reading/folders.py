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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from meta_demo.core.errors import Note, Notes, UserError
from meta_demo.core.files import MAX_FILE, MB, Limits, read_bytes
from meta_demo.core.strings import clean, clean_name, shorten
from meta_demo.data.episode import Example
from meta_demo.data.reading.beside import Beside, spellings
from meta_demo.data.reading.encodings import guess
from meta_demo.data.reading.splits import ROOT, Gathered, class_base, gathered, is_part
from meta_demo.data.reading.tasks import bounded
from meta_demo.modalities.base import MODALITIES, Content, Modality

ZIP = ".zip"
SYSTEM = ("__macosx", "thumbs.db", "desktop.ini")
GROWTH = 10  # times its own size is what an archive may unpack to


@dataclass(frozen=True)
class Tree:
    """What lies below a folder, or in a zip, by paths from its root; what systems hide is left out."""

    name: str
    zipped: bool
    files: list[PurePosixPath]
    folders: list[PurePosixPath]
    read: Callable[[PurePosixPath], bytes]
    notes: Sequence[Note] = ()


def read_class_folders(tree: Tree, limits: Limits, notes: Notes) -> Gathered:
    """Every file of `tree` that holds an input, labelled with its folder's path: `cats`, `Greek/character01`.

    Folders around all classes of a zip are no part of the labels, nor are `train`, `val` and `test`. Notes name what lies in a
    class folder and was left out. Raises UserError for whatever leaves it unclear what the classes are, or is not safe to read.
    """
    kinds = {file: kind for file in tree.files if (kind := modality_in(file))}
    _check_classes(tree, kinds)
    base, parts = class_base(list(kinds), tree.zipped, tree.name)
    read, unread = _decoded(tree, kinds, limits)
    if unread:
        notes.say("files_unread", file=tree.name, count=len(unread), files=_named(unread))
    folders = {file.parent for file in kinds}
    for folder in folders - {file.parent for file in read}:
        raise UserError("class_no_pictures", file=tree.name, label=shorten(str(folder)), nouns=kinds[unread[0]].nouns)
    if others := [file for file in tree.files if file.parent in folders and file not in kinds]:
        notes.say("files_other", file=tree.name, count=len(others), files=_named(others))
    rows: dict[str, list[Example]] = {}
    for file, content in read.items():
        where = file.parent.relative_to(base)
        part = where.parts[0] if parts else ""
        rows.setdefault(part, []).append(Example(content, clean_name(str(_within_part(where) if parts else where))))
    return gathered(rows) if parts else Gathered(rows[""])


def _within_part(where: PurePosixPath) -> PurePosixPath:
    """The class below the folder of a part, which some archives hold twice: `training_set/training_set/cats`."""
    inner = list(where.parts[1:])
    while len(inner) > 1 and is_part(inner[0]):
        inner.pop(0)
    return PurePosixPath(*inner)


def _decoded(
    tree: Tree, kinds: Mapping[PurePosixPath, Modality[Any]], limits: Limits
) -> tuple[dict[PurePosixPath, Content], list[PurePosixPath]]:
    """The inputs in files, and the files whose inputs could not be read although they are none that may be refused for it."""
    read: list[PurePosixPath] = []
    unread: list[PurePosixPath] = []

    def each() -> Iterator[Content]:
        pixels = 0
        for file, kind in kinds.items():
            try:
                data = tree.read(file)
                pixels += kind.foreseen(data)[1]
                if pixels > limits.pixels:
                    break
                content = kind.decode(data, str(file))
            except UserError:
                if file.suffix.lower() not in kind.doubtful:
                    raise
                unread.append(file)
            else:
                read.append(file)
                yield content
        else:
            return
        raise UserError("pictures_pixels", nouns=kind.nouns, limit=limits.pixels // 10**6)

    contents = list(bounded(each(), limits))
    return dict(zip(read, contents, strict=True)), unread


def _named(files: Sequence[PurePosixPath]) -> str:
    return shorten(", ".join(map(str, files)), 200)


def modality_in(file: PurePath) -> Modality[Any] | None:
    """The modality that `file` holds one input of, as its suffix says."""
    return next((kind for kind in MODALITIES.values() if file.suffix.lower() in kind.suffixes), None)


class Within(Beside):
    """Files of `tree` by the paths that a table in it writes: from the table, from a folder of its name, or from the root.

    A name without a path is found wherever it is the only one. `used` are the files that were read.
    """

    def __init__(self, tree: Tree, table: PurePosixPath) -> None:
        self.tree, self.used = tree, set[PurePosixPath]()
        self._places = (table.parent, table.parent / table.stem, ROOT)
        self._paths: dict[str, list[PurePosixPath]] = {}
        self._names: dict[str, list[PurePosixPath]] = {}
        for file in tree.files:
            for fold in (clean, _folded):
                self._paths.setdefault(fold(str(file)), []).append(file)
                self._names.setdefault(fold(file.name), []).append(file)

    def __call__(self, modality: Modality[Any], said: str) -> Content:
        path = self._find(said, modality.suffixes)
        if path is None:
            raise UserError("no_file", file=shorten(said))
        self.used.add(path)
        content: Content = modality.decode(self.tree.read(path), str(path))
        return content

    def has(self, said: str, suffixes: Sequence[str]) -> bool:
        found = self._find(said, suffixes)
        return found is not None and found.suffix.lower() in suffixes

    def _find(self, said: str, suffixes: Sequence[str]) -> PurePosixPath | None:
        for fold in (clean, _folded):  # Windows takes capitals and small letters for the same
            for name in spellings(said, suffixes):
                for place in self._places:
                    found = self._paths.get(fold(os.path.normpath(place / clean(name).replace("\\", "/"))), [])
                    if len({*found}) == 1:
                        return found[0]
                if len({*self._names.get(fold(name), [])}) == 1:
                    return self._names[fold(name)][0]
        return None


def _folded(name: str) -> str:
    return clean(name).casefold()


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
    names, notes = _names(archive.infolist(), name)
    entries = {_checked(entry, said, name): entry for entry, said in zip(archive.infolist(), names, strict=True)}
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

    files = sorted(path for path in shown if not entries[path].is_dir())
    return Tree(name, True, files, sorted(folders - {ROOT}), read, notes)


def _checked(entry: zipfile.ZipInfo, said: str, archive: str) -> PurePosixPath:
    """Where the entry called `said` lies; refuses what leads out of the archive, links, what is locked, and archives within."""
    name = said.replace("\\", "/")
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


def _names(entries: Sequence[zipfile.ZipInfo], archive: str) -> tuple[list[str], Notes]:
    """The names of all entries. Those that are not marked as UTF-8 share one encoding, which a note tells where it was guessed."""
    raw = {e.filename: e.filename.encode("cp437", "ignore") for e in entries if not e.flag_bits & 0x800}
    unclear = [name for name in raw.values() if not name.isascii()]
    encoding, title = guess(unclear) if unclear else ("cp437", None)
    notes = Notes()
    if title:
        folders = dict.fromkeys(PurePosixPath(name.decode(encoding)).parts[0] for name in unclear)
        notes.say("zip_encoding", file=archive, encoding=title, names=shorten(", ".join(folders), 80))
    return [raw[e.filename].decode(encoding) if e.filename in raw else e.filename for e in entries], notes


def _hidden(path: PurePosixPath) -> bool:
    """Whether a system keeps it for itself: `.DS_Store`, `__MACOSX`, `Thumbs.db`."""
    return any(part.startswith(".") or part.lower() in SYSTEM for part in path.parts)


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
