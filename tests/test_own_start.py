"""Starts that visitors take home and bring back, and what a new one is worth beside the one it would replace."""

from __future__ import annotations

import gc
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from test_training import recipe

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode
from meta_demo.learning import checkpoint, own_start
from meta_demo.learning.checkpoint import CARD, WEIGHTS
from meta_demo.learning.evaluate import evaluate, paired
from meta_demo.learning.outer import Progress, Run
from meta_demo.learning.own_start import pack, unpack
from meta_demo.learning.recipe import Beside, Training
from meta_demo.ui import training_blocks


@pytest.fixture
def archive(tiny: Backbone, tmp_path: Path) -> Path:
    """A start as it is downloaded: prototypes whose weights are not the model's own."""
    algorithm = REGISTRY["protonet"](tiny, REGISTRY["protonet"].Config.from_dict({"last_n": 1}))
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(0.01)
    checkpoint.save(algorithm, tmp_path / "start")
    return pack(tmp_path / "start", tmp_path / "it.zip", "protonet")


def test_what_was_downloaded_comes_back(tiny: Backbone, archive: Path, tmp_path: Path) -> None:
    asked = []
    start = unpack(archive, lambda name: asked.append(name) or tiny)  # type: ignore[func-returns-value]
    assert asked == [tiny.name] == [start.model]
    assert (start.algorithm, start.objective, start.modality) == ("protonet", "classes", "text")
    for part in (WEIGHTS, CARD):
        assert (start.folder / part).read_bytes() == (tmp_path / "start" / part).read_bytes()
    folder = start.folder
    del start
    gc.collect()
    assert not folder.exists(), "it is gone with the last visitor who holds it"


def changed(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other contents."""
    with zipfile.ZipFile(archive) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    change(parts)
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return archive


def card(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        name = next(n for n in parts if n.endswith(CARD))
        parts[name] = json.dumps(json.loads(parts[name]) | changes).encode()

    return change


def without(part: str) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: [parts.pop(n) for n in list(parts) if n.endswith(part)] and None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without(CARD), "no zip file with"),
        (without(WEIGHTS), "no zip file with"),
        (card(algorithm="nothing"), "nothing"),
        (card(objective="colours"), "it.zip"),
        (card(format=99), "99"),
        (card(config={"lora_rank": 10**6}), "lora_rank"),
        (card(backbone_hash="0"), "it.zip"),
        (card(weights_sha256="0"), "it.zip"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_the_file(
    tiny: Backbone, archive: Path, change: Callable[[dict[str, bytes]], None], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        unpack(changed(archive, change), lambda _: tiny)
    assert said in str(caught.value) and "/tmp" not in str(caught.value)


def test_a_file_that_is_no_archive_or_too_large(
    monkeypatch: pytest.MonkeyPatch, tiny: Backbone, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.zip").write_bytes(b"PK no, it is not")
    with pytest.raises(UserError, match=r"“other\.zip” is no zip file"):
        unpack(tmp_path / "other.zip", lambda _: tiny)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"“cut\.zip” is no zip file"):
        unpack(cut, lambda _: tiny)
    monkeypatch.setattr(own_start, "MB", 1)
    with pytest.raises(UserError, match=r"weights\.safetensors in “it\.zip” is larger than 128 MB"):
        unpack(archive, lambda _: tiny)
    monkeypatch.setattr(own_start, "MB", 1000)  # too little for a card with so long a note, and enough for the weights
    with pytest.raises(UserError, match=r"card\.json in “it\.zip” is larger than 8 MB"):
        unpack(changed(archive, card(notes="x" * 9000)), lambda _: tiny)


@pytest.mark.slow
@pytest.mark.usefixtures("archive")
def test_a_new_start_is_measured_beside_the_shipped_one(
    monkeypatch: pytest.MonkeyPatch, tiny: Backbone, tmp_path: Path
) -> None:
    shipped, valid = tmp_path / "start", list[Episode]()

    def trained(step: int) -> Training:
        """A training of which the start after so many steps was the best."""

        def train(run: Run) -> Iterator[Progress]:
            yield from run.train()
            run.best = run.validations[step]
            valid[:] = run.valid

        training = Training(recipe(), tiny.name)
        assert training.beside_shipped(tiny, 3) is None, "nothing was trained"
        list(training.run(lambda: tiny, train))
        return training

    assert trained(3).beside_shipped(tiny, 3) is None, "nothing is shipped"
    monkeypatch.setattr(checkpoint, "shipped", lambda *_: shipped)
    assert trained(0).beside_shipped(tiny, 3) is None, "the plain start was kept: there is nothing new"
    rests: list[int] = []
    training = trained(3)
    found = training.beside_shipped(tiny, 3, lambda: rests.append(1))
    ours, theirs = (
        [m.score for m in evaluate(checkpoint.load(folder, tiny), valid[:3])] for folder in (training.folder, shipped)
    )
    assert found == Beside(3, sum(theirs) / 3, *paired(ours, theirs)) and len(rests) == 6
    folder, start = training.folder, training.start()
    del training
    gc.collect()
    assert start.folder == folder and folder.exists(), "the start keeps its folder, and not what it took to train it"


@pytest.mark.parametrize(
    ("difference", "ci95", "said"), [(0.1, 0.05, "more"), (-0.1, 0.05, "less"), (0.1, 0.2, "no difference")]
)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_difference_is_said_only_where_the_interval_tells_it(
    difference: float, ci95: float, said: str, lang: str
) -> None:
    shown = str(training_blocks.beside(Beside(40, 0.812, difference, ci95), recipe(), lang))
    assert "81.2%" in shown and (lang == "zh" or said in shown)
