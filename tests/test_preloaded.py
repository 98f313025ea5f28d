"""`preload_from_hub`: the files that a Space fetches while it is built are all that loading a model asks for.

Whether the Hub has files of these names cannot be seen without it: models of the same make stand in for those that are named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meta_demo.cli.space_check import card_of
from meta_demo.modalities.text.modality import bundled_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
COMMIT = "0" * 40
ENTRIES = [entry.split() for entry in card_of(ROOT)["preload_from_hub"]]
PROGRAM = """
import sys, torch
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
backbone = load_backbone(sys.argv[1], torch.device("cpu"), Cache(1 << 26))
print("loaded", backbone.n_layers)
"""


def loaded(name: str, files: list[str], given: Path, house: Path) -> subprocess.CompletedProcess[str]:
    """A process that loads a model without a network, where of its files only `files` were fetched."""
    place = house / "hub" / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    for file in files:
        (target := place / "snapshots" / COMMIT / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(given / file, target)
    environment = os.environ | {"HF_HOME": str(house), "HF_HUB_OFFLINE": "1", "META_DEMO_CACHE_DIR": str(house / "c")}
    command = [sys.executable, "-c", PROGRAM, name]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("name", "files"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_what_is_preloaded_is_enough(name: str, files: str, vision_folder: Path, tmp_path: Path) -> None:
    given = vision_folder if "dino" in name else bundled_folder()
    whole = loaded(name, files.split(","), given, tmp_path / "whole")
    assert whole.stdout.startswith("loaded"), whole.stderr[-800:]
    needed = {"model.safetensors", "config.json", "preprocessor_config.json" if "dino" in name else "tokenizer.json"}
    for missing in needed:
        less = [
            file for file in files.split(",") if file != missing and (missing, file) != ("tokenizer.json", "vocab.txt")
        ]
        assert "loaded" not in loaded(name, less, given, tmp_path / missing).stdout, f"{missing} is asked for"
