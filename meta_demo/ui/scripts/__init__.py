"""The page's own JavaScript: small files that are joined into what a `gr.HTML` runs when it is shown."""

from __future__ import annotations

from pathlib import Path


def script(*names: str) -> str:
    """`names` without .js, in order; later ones use what earlier ones define."""
    return "\n".join((Path(__file__).parent / f"{name}.js").read_text("utf-8") for name in names)
