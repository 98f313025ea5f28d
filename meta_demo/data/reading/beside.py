"""Files that a task or a table names: found by the names that people and systems write, which differ in what nobody sees.

A Mac decomposes accents and puts narrow spaces into the names of screenshots; a table may write them otherwise, or leave out `.png`.
Not here: what lies in a zip or a folder of folders (`folders.py`).
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from meta_demo.core.files import read_bytes
from meta_demo.core.strings import clean
from meta_demo.modalities.base import Content, Modality


class Beside(ABC):
    """Reads files by the paths that something names."""

    @abstractmethod
    def __call__(self, modality: Modality[Any], said: str) -> Content:
        """The input of `modality` in the file that is called `said`; raises UserError."""

    @abstractmethod
    def has(self, said: str, suffixes: Sequence[str]) -> bool:
        """Whether there is such a file, with one of `suffixes`."""


class OnDisk(Beside):
    """Files by paths relative to a folder; one that many tasks name is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read = cache(self._decoded)
        self._names = cache(_by_look)

    def __call__(self, modality: Modality[Any], said: str) -> Content:
        return self._read(modality, said)

    def has(self, said: str, suffixes: Sequence[str]) -> bool:
        found = self._find(said, suffixes)
        return found is not None and found.suffix.lower() in suffixes

    def _decoded(self, modality: Modality[Any], said: str) -> Content:
        path = self._find(said, modality.suffixes) or self.folder / clean(said)
        content: Content = modality.decode(read_bytes(path, modality.suffixes), clean(said) or path.name)
        return content

    def _find(self, said: str, suffixes: Sequence[str]) -> Path | None:
        """The file called `said`, or so with one of `suffixes` after it."""
        for name in spellings(said, suffixes):
            for path in (self.folder / name, self._alike(name)):
                if path is not None and os.path.isfile(path):  # noqa: PTH113  (the other one raises for long names)
                    return path
        return None

    def _alike(self, said: str) -> Path | None:
        """The path whose every part looks like that of `said`."""
        path = self.folder
        for part in Path(clean(said)).parts:
            found = (
                [part] if part in ("..", os.sep) or (path / part).is_dir() else self._names(path).get(clean(part), [])
            )
            if len(found) != 1:
                return None
            path /= found[0]
        return path


def spellings(said: str, suffixes: Sequence[str]) -> Iterator[str]:
    """`said` with either kind of slash, and with the endings that it may have left out."""
    for name in dict.fromkeys((said, said.replace("\\", "/"))):
        if "\0" not in name:
            yield name
            if not name.lower().endswith(tuple(suffixes)) and name:
                yield from (name + suffix for suffix in suffixes)


def _by_look(folder: Path) -> dict[str, list[str]]:
    """The names in a folder by what they look like."""
    found: dict[str, list[str]] = {}
    try:
        for name in os.listdir(folder):  # noqa: PTH208
            found.setdefault(clean(name), []).append(name)
    except OSError:
        return {}
    return found
