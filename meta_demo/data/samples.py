"""The built-in sample tasks: every task file in `samples/` beside this module or in the folder of a modality, and the pictures
that `drawn.py` draws."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from pathlib import Path

from meta_demo import modalities
from meta_demo.core.errors import UserError
from meta_demo.data.drawing.drawn import drawn_names, drawn_task
from meta_demo.data.episode import Episode
from meta_demo.data.reading.readers import read_episode
from meta_demo.modalities.base import MODALITIES
from meta_demo.modalities.picture.modality import Pictures

FOLDER = Path(__file__).parent / "samples"


def sample_names(modality: str | None = None) -> list[str]:
    """The names of all samples, sorted, or of those whose examples are of one modality."""
    return sorted(name for name, kind in _kinds().items() if modality in (None, kind))


@cache
def _files() -> dict[str, Path]:
    """The task files of all samples, by name."""
    beside = Path(modalities.__file__).parent.glob("*/samples/*.json")
    return {path.stem: path for path in (*FOLDER.glob("*.json"), *beside)}


@cache
def _kinds() -> dict[str, str]:
    """The modality of each sample, by name: of a task file what its first example says."""
    first = {name: json.loads(path.read_text(encoding="utf-8"))["support"][0] for name, path in _files().items()}
    found = {name: kind.name for name, row in first.items() for kind in MODALITIES.values() if kind.key in row}
    return found | dict.fromkeys(drawn_names(), Pictures.name)


@lru_cache(maxsize=32)
def load_sample(name: str) -> Episode:
    """The sample task called `name`; an unknown name is a UserError that lists the known ones."""
    if name in drawn_names():
        return drawn_task(name)
    if name not in sample_names():
        raise UserError("unknown_sample", sample=name, known=", ".join(sample_names()))
    return read_episode(_files()[name])
