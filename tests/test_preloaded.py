"""`preload_from_hub`: the files that a Space fetches while it is built are all that loading a model asks for.

Whether the Hub has files of these names cannot be seen without it: models of the same make stand in for those that are named.
"""

from __future__ import annotations

import json
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
# One process for all cases, each of which finds other files in the Hub's cache.
PROGRAM = """
import json, sys, torch
from pathlib import Path
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError

hub, said = Path(sys.argv[1]) / "hub", []
for name, files in json.loads(sys.argv[2]):
    hub.unlink(missing_ok=True)
    hub.symlink_to(files)
    try:
        said.append(load_backbone(name, torch.device("cpu"), Cache(1 << 26)).n_layers)
    except UserError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def fetched(name: str, files: list[str], given: Path, place: Path) -> Path:
    """A cache of the Hub in which these files of a model are."""
    model = place / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    for file in files:
        (target := model / "snapshots" / COMMIT / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(given / file, target)
    return place


def test_what_is_preloaded_is_enough_and_each_file_is_asked_for(vision_folder: Path, tmp_path: Path) -> None:
    """Without a network, with all files that are named, and with each one missing."""
    cases: list[tuple[str, str, Path]] = []
    for name, listed in ENTRIES:
        files = listed.split(",")
        given = vision_folder if "dino" in name else bundled_folder()
        missing = (
            "",
            "model.safetensors",
            "config.json",
            "preprocessor_config.json" if "dino" in name else "tokenizer.json",
        )
        for lost in missing:
            left = [f for f in files if f != lost and (lost, f) != ("tokenizer.json", "vocab.txt")]
            cases.append((name, lost, fetched(name, left, given, tmp_path / f"{len(cases)}")))
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    (tmp_path / "home").mkdir()
    command = [sys.executable, "-c", PROGRAM, tmp_path / "home", json.dumps([(n, str(place)) for n, _, place in cases])]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"META_DEMO_CACHE_DIR": str(tmp_path / "c")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-800:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert len(said) == len(cases) and len({name for name, *_ in cases}) == len(ENTRIES) > 1
    for (name, lost, _), found in zip(cases, said, strict=True):
        assert isinstance(found, str if lost else int), (name, lost, found)
