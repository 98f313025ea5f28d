"""Where the files lie that come with the project, and where it keeps what it would otherwise make again."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def place(path: str) -> Path:
    """The place of `path`, which is relative to the repository: within the package where it was installed, else beside it."""
    inside = _PACKAGE / "shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent) / path


def write_whole(file: Path, content: bytes) -> None:
    """Write `content` beside its place and rename it: whoever looks sees all of it or nothing. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
