"""BANKING77 and CLINC150 in the five class splits of ProtAugment (Dopierre et al. 2021): where the benchmarks' intents come from."""

from __future__ import annotations

from pathlib import Path

from meta_demo.data.source import Source
from meta_demo.data.sources import load_sources

DATASETS = {
    "BANKING77": "banking77",
    "CLINC150": "clinc150",
}  # name -> folder, with all.jsonl and fold1.json to fold5.json


def split_sources(data: Path, name: str, part: str, fold: int = 1) -> list[Source]:
    """The `part` of a fold's classes - train, valid or test - as the only source of a list."""
    folder = data / DATASETS[name]
    return load_sources([str(folder / "all.jsonl")], [f"{folder / f'fold{fold}.json'}:{part}"])
