"""The built-in sample tasks: every task file in `samples/` beside this module, and the pictures that `drawn.py` draws."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from meta_demo.core.errors import UserError
from meta_demo.data.drawing.drawn import drawn_names, drawn_task
from meta_demo.data.episode import Episode
from meta_demo.data.reading.readers import read_episode

FOLDER = Path(__file__).parent / "samples"


def sample_names(modality: str | None = None) -> list[str]:
    """The names of all samples, sorted, or of those of one modality: text or picture."""
    names = {"text": [path.stem for path in FOLDER.glob("*.json")], "picture": drawn_names()}
    return sorted(name for kind, those in names.items() if modality in (None, kind) for name in those)


@lru_cache(maxsize=32)
def load_sample(name: str) -> Episode:
    """The sample task called `name`; an unknown name is a UserError that lists the known ones."""
    if name in drawn_names():
        return drawn_task(name)
    if name not in sample_names():
        raise UserError("unknown_sample", sample=name, known=", ".join(sample_names()))
    return read_episode(FOLDER / f"{name}.json")
