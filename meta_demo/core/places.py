"""Where the checkpoints and measured tables lie that come with the project."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def place(path: str) -> Path:
    """The place of `path`, which is relative to the repository: within the package where it was installed, else beside it."""
    inside = _PACKAGE / "shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent) / path
