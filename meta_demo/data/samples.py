"""The built-in sample tasks: every task file in `samples/` beside this module, by its name without `.json`."""

from __future__ import annotations

from pathlib import Path

from meta_demo.core.messages import UserError
from meta_demo.data.episode import Episode
from meta_demo.data.readers import read_episode

FOLDER = Path(__file__).parent / "samples"


def sample_names() -> list[str]:
    """The names of all samples, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_sample(name: str) -> Episode:
    """The sample task called `name`; an unknown name is a UserError that lists the known ones."""
    if name not in sample_names():
        raise UserError("unknown_sample", sample=name, known=", ".join(sample_names()))
    return read_episode(FOLDER / f"{name}.json")
