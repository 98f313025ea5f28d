"""Checkpoints: what is saved comes back, and everything damaged or misplaced is refused by name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save
from tiny_models import SUPPORT, make_task, tiny_backbone
from torch import Tensor

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import Knob
from meta_demo.core.errors import UserError
from meta_demo.learning import checkpoint
from meta_demo.learning.checkpoint import CARD, FORMAT, WEIGHTS

MAML = REGISTRY["maml"]
Tensors = dict[str, Tensor]


@pytest.fixture
def folder(tiny: Backbone, tmp_path: Path) -> Path:
    """A good checkpoint of MAML whose start is not the pretrained one."""
    algorithm = MAML(tiny, MAML.Config(last_n=1, inner_steps=2))
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(0.01)
    checkpoint.save(algorithm, tmp_path / "new" / "maml", seed=3, sources=["built-in"])
    return tmp_path / "new" / "maml"


def refused(folder: Path, backbone: Backbone) -> UserError:
    with pytest.raises(UserError) as caught:
        checkpoint.load(folder, backbone)
    assert str(folder) in str(caught.value)
    return caught.value


def edit_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | changes))


def vouched(folder: Path, content: bytes) -> None:
    """Put `content` in the weights' place, with the card vouching for it."""
    (folder / WEIGHTS).write_bytes(content)
    edit_card(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def test_what_is_saved_comes_back(tiny: Backbone, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]
    card = checkpoint.read_card(folder)
    assert (card.format, card.algorithm, card.backbone, card.backbone_hash) == (FORMAT, "maml", tiny.name, tiny.hash)
    assert card.model_extra == {"seed": 3, "sources": ["built-in"]}
    loaded = checkpoint.load(folder, tiny)
    assert type(loaded) is MAML
    assert loaded.config == MAML.Config(last_n=1, inner_steps=2)
    start, pretrained = loaded.state_dict(), MAML(tiny, loaded.config).state_dict()
    assert start.keys() == pretrained.keys()
    for name in start:
        assert torch.equal(start[name], pretrained[name] + 0.01)


def test_knobs_can_be_changed_on_the_way_in(tiny: Backbone, folder: Path) -> None:
    loaded = checkpoint.load(folder, tiny, {"inner_steps": 4})
    task = make_task(tiny, loaded.boundary)
    assert len(list(loaded.adapt(task.support))) == 5
    with pytest.raises(UserError, match="speed"):
        checkpoint.load(folder, tiny, {"speed": 1})


def test_saving_again_replaces(tiny: Backbone, folder: Path) -> None:
    checkpoint.save(REGISTRY["protonet"](tiny, REGISTRY["protonet"].Config()), folder)
    assert checkpoint.load(folder, tiny).name == "protonet"
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]


def test_another_backbone_is_refused_even_under_the_same_name(tiny: Backbone, folder: Path) -> None:
    other = tiny_backbone(seed=1)
    assert other.name == tiny.name
    assert refused(folder, other).name == "checkpoint_backbone"


def _missing(w: Tensors) -> str:
    del w["shared"]
    return "shared"


def _unexpected(w: Tensors) -> str:
    w["extra"] = torch.zeros(2)
    return "extra"


def _misshapen(w: Tensors) -> str:
    w["shared"] = torch.zeros(3, dtype=w["shared"].dtype)
    return "shared"


def _not_finite(w: Tensors) -> str:
    w["shared"][1] = float("nan")
    return "NaN"


def _infinite(w: Tensors) -> str:
    w["shared"][1] = float("inf")
    return "NaN"


@pytest.mark.parametrize("spoil", [_missing, _unexpected, _misshapen, _not_finite, _infinite])
def test_tensors_that_do_not_fit(tiny: Backbone, folder: Path, spoil: Callable[[Tensors], str]) -> None:
    weights = load_file(folder / WEIGHTS)
    named = spoil(weights)
    vouched(folder, save(weights))
    error = refused(folder, tiny)
    assert error.name == "checkpoint_tensors" and named in str(error)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_weights_cut_short(tiny: Backbone, folder: Path, kept: int) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:kept])
    assert refused(folder, tiny).name == "checkpoint_damaged"


def test_weights_that_are_gone(tiny: Backbone, folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert refused(folder, tiny).name == "checkpoint_damaged"


def test_one_flipped_bit_in_the_weights_is_noticed(tiny: Backbone, folder: Path) -> None:
    path = folder / WEIGHTS
    good = path.read_bytes()
    for at in (0, 8, 50, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert refused(folder, tiny).name == "checkpoint_damaged"
    path.write_bytes(good)
    assert checkpoint.load(folder, tiny).name == "maml"


def test_a_header_that_is_wrong_from_the_start_raises_nothing_but_user_errors(tiny: Backbone, folder: Path) -> None:
    good = (folder / WEIGHTS).read_bytes()
    end = 8 + int.from_bytes(good[:8], "little")
    names = set()
    for at in range(0, end, 7):
        vouched(folder, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        names.add(refused(folder, tiny).name)
    assert names == {"checkpoint_damaged", "checkpoint_tensors"}


@pytest.mark.many
def test_a_flipped_byte_in_the_card_raises_nothing_but_user_errors(tiny: Backbone, folder: Path) -> None:
    path = folder / CARD
    good = path.read_bytes()
    names = set()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x80]) + good[at + 1 :])
        names.add(refused(folder, tiny).name)
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        try:
            checkpoint.load(folder, tiny)
        except UserError as error:
            names.add(error.name)
    assert {"checkpoint_missing", "checkpoint_card", "checkpoint_backbone", "algorithm_unknown"} <= names


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 1}', "[" * 100])
def test_a_card_that_is_none(tiny: Backbone, folder: Path, content: str) -> None:
    (folder / CARD).write_text(content)
    assert refused(folder, tiny).name == "checkpoint_card"


def test_no_card(tiny: Backbone, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        assert refused(place, tiny).name == "checkpoint_missing"


def test_another_format(tiny: Backbone, folder: Path) -> None:
    edit_card(folder, format=FORMAT + 1)
    error = refused(folder, tiny)
    assert error.name == "checkpoint_format" and str(FORMAT + 1) in str(error)


def test_a_card_of_an_algorithm_or_a_knob_that_we_do_not_have(tiny: Backbone, folder: Path) -> None:
    edit_card(folder, config={"speed": 1})
    with pytest.raises(UserError, match="speed"):
        checkpoint.load(folder, tiny)
    edit_card(folder, algorithm="magic")
    with pytest.raises(UserError, match="magic"):
        checkpoint.load(folder, tiny)


@pytest.mark.parametrize("blocked", ["", WEIGHTS, CARD])
def test_a_place_that_cannot_be_written(tiny: Backbone, tmp_path: Path, blocked: str) -> None:
    """A file where the folder should be; a folder where a file should be."""
    place = tmp_path / "place"
    if blocked:
        (place / blocked / "inside").mkdir(parents=True)
    else:
        place.write_text("a file")
    with pytest.raises(UserError) as caught:
        checkpoint.save(MAML(tiny, MAML.Config()), place)
    assert caught.value.name == "checkpoint_write" and str(place) in str(caught.value)


def test_a_disk_that_is_full_leaves_the_old_checkpoint_whole(
    monkeypatch: pytest.MonkeyPatch, tiny: Backbone, folder: Path
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        checkpoint.save(MAML(tiny, MAML.Config(last_n=2)), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_shipped(monkeypatch: pytest.MonkeyPatch, tiny: Backbone, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path)
    place = tmp_path / tiny.name / "anil"
    place.mkdir(parents=True)
    assert checkpoint.shipped(tiny.name, "anil") is None
    checkpoint.save(REGISTRY["anil"](tiny, REGISTRY["anil"].Config()), place)
    assert checkpoint.shipped(tiny.name, "anil") == place
    assert checkpoint.shipped(tiny.name, "maml") is None
    assert checkpoint.shipped("another", "anil") is None


def test_a_checkpoint_works_for_any_number_of_classes(tiny: Backbone, folder: Path) -> None:
    loaded = checkpoint.load(folder, tiny)
    for n_way in (2, 3):
        rows = [row for row in SUPPORT if row[1] < n_way]
        task = make_task(tiny, loaded.boundary, rows, rows, tuple(range(n_way)))
        *_, state = loaded.adapt(task.support)
        assert loaded.predict(state, task.query.x).shape == (len(rows), n_way)


def others(k: Knob) -> list[object]:
    """Other values of a knob than its default."""
    if k.choices:
        return [choice for choice in k.choices if choice != k.default]
    return [not k.default] if k.kind is bool else [k.default + 1 if k.kind is int else k.default / 2]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_knob_that_says_which_weights_there_are_is_the_start_s_own(tiny: Backbone, tmp_path: Path, name: str) -> None:
    """Whichever they are: named with what the start was made with, and every other knob is free."""
    cls = REGISTRY[name]
    start = cls(tiny, cls.Config(**({"last_n": 1} if "last_n" in [k.name for k in cls.Config.knobs()] else {})))
    checkpoint.save(start, tmp_path)
    shapes = {n: w.shape for n, w in start.lasting.items()}
    for k in cls.Config.knobs():
        for value in others(k):
            try:
                changed = cls(tiny, cls.Config.from_dict({**checkpoint.read_card(tmp_path).config, k.name: value}))
            except UserError:
                continue  # no such method can be made of this model
            if {n: w.shape for n, w in changed.lasting.items()} == shapes:
                assert getattr(checkpoint.load(tmp_path, tiny, {k.name: value}).config, k.name) == value
                continue
            with pytest.raises(UserError) as caught:
                checkpoint.load(
                    tmp_path, tiny, {"scale": 3.0, k.name: value} if hasattr(start.config, "scale") else {k.name: value}
                )
            assert (caught.value.name, caught.value.values["name"]) == ("checkpoint_knob", k.name)
