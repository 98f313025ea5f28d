"""A visitor's training: one at a time, stopped between steps, with a folder that is there as long as it is."""

from __future__ import annotations

import gc
import json
import re
import zipfile
from pathlib import Path

import pytest

from meta_demo.backbones.backbone import Backbone
from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.core.settings import settings
from meta_demo.data.episode import Example
from meta_demo.data.source import Source, make_source
from meta_demo.data.sources import BUILTIN, pack_names
from meta_demo.learning import checkpoint
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.recipe import Recipe, Training, load_packs, split
from meta_demo.serving.service import Service
from meta_demo.ui import training_knobs
from meta_demo.ui.page import build_app

pytestmark = pytest.mark.many


def source(name: str, classes: int, texts: int = 8) -> Source:
    return make_source(
        name, (Example(f"{name} {i} of {c}", f"class {c}") for c in range(classes) for i in range(texts))
    )


def recipe(steps: int = 3, n_way: int = 3) -> Recipe:
    train_on, validate_on = split([source("words", 8)], (), 0)
    plan = Plan(steps=steps, meta_batch=1, save_every=1, valid_every=1, valid_episodes=4)
    return Recipe(train_on, validate_on, plan, "protonet", task=TaskPlan(n_way=n_way))


def test_the_best_start_is_kept_and_packed(tiny: Backbone, tmp_path: Path) -> None:
    training = Training(recipe(), "tiny")
    progress = list(training.run(lambda: tiny))
    assert [p.step for p in progress] == [0, 1, 2, 3]
    card = checkpoint.read_card(training.folder)
    assert card.steps == progress[-1].best_step and card.trained_steps == 3  # type: ignore[attr-defined]
    checkpoint.load(training.folder, tiny)
    with zipfile.ZipFile(training.archive()) as archive:
        archive.extractall(tmp_path)
    checkpoint.load(tmp_path / "protonet", tiny)


def test_stopping_measures_and_keeps_what_was_reached(tiny: Backbone) -> None:
    training = Training(recipe(steps=100), "tiny")
    run = training.run(lambda: tiny)
    seen = [next(run).step, next(run).step]
    training.stop()
    seen += [p.step for p in run]
    assert seen == [0, 1]
    card = json.loads((training.folder / checkpoint.CARD).read_text())
    assert card["trained_steps"] == 1
    assert [row["step"] for row in card["validation"]] == [0, 1]


def test_one_training_at_a_time(tiny: Backbone) -> None:
    first = Training(recipe(), "tiny").run(lambda: tiny)
    next(first)
    with pytest.raises(UserError, match="Another training"):
        next(Training(recipe(), "tiny").run(lambda: tiny))
    first.close()
    assert len(list(Training(recipe(), "tiny").run(lambda: tiny))) == 4


def test_a_training_that_cannot_start_leaves_the_seat_free(tiny: Backbone) -> None:
    with pytest.raises(UserError, match="fewer than 9 ways"):
        next(Training(recipe(n_way=9), "tiny").run(lambda: tiny))
    next(Training(recipe(), "tiny").run(lambda: tiny))


def test_the_folder_goes_with_the_training(tiny: Backbone) -> None:
    training = Training(recipe(), "tiny")
    list(training.run(lambda: tiny))
    folder = training.folder.parent
    assert folder.is_dir()
    del training
    gc.collect()
    assert not folder.exists()


def test_packs_are_one_source() -> None:
    assert load_packs(pack_names()).name == BUILTIN
    two = load_packs(pack_names()[:2])
    assert len(two.classes) == 20
    assert {label.split("/")[0] for label in two.classes} == set(pack_names()[:2])


@pytest.mark.parametrize(
    ("setting", "space", "expected"),
    [(None, None, True), (None, "me/demo", False), ("1", "me/demo", True), ("0", None, False)],
)
def test_who_may_train(monkeypatch: pytest.MonkeyPatch, setting: str | None, space: str | None, expected: bool) -> None:
    for name, value in (("META_DEMO_ALLOW_TRAINING", setting), ("SPACE_ID", space)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert settings().training is expected


@pytest.mark.parametrize("setting", ["0", "1"])
def test_the_tab_has_controls_or_a_sentence(monkeypatch: pytest.MonkeyPatch, service: Service, setting: str) -> None:
    monkeypatch.setenv("META_DEMO_ALLOW_TRAINING", setting)
    ids = {getattr(block, "elem_id", None) for block in build_app(service).blocks.values()}
    assert ("train-start" in ids) == (setting == "1")
    assert ("train-off" in ids) == (setting == "0")


def test_flags_and_controls_are_made_from_the_knobs(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    blocks = {getattr(block, "elem_id", None): block for block in build_app(service).blocks.values()}
    for k in (*TaskPlan.knobs(), *Plan.knobs()):
        assert f"--{k.name.replace('_', '-')}" in said and f"{k.explained('en')} (default: {k.default})" in said
        assert (f"train-{k.name}" in blocks) == (k.name not in training_knobs.LEFT_OUT)
    for name, k in training_knobs.KNOBS.items():
        control = blocks[f"train-{name}"]
        assert control.value == k.default and control.label.key == f"page.train.knob.{name}"
        for end in ("minimum", "maximum"):
            assert getattr(control, end, None) in (None, {"minimum": k.lo, "maximum": k.hi}[end])
    words = training_knobs.composed()
    assert words["page.train.knob.lr"] == {"en": "Outer learning rate", "zh": "外循环学习率"}
    assert len(words) == 2 * len(training_knobs.KNOBS)


def test_what_the_controls_spell() -> None:
    values = {name: k.default for name, k in training_knobs.KNOBS.items()}
    task, plan = training_knobs.spelt(values | {"steps": 95, "n_way": 3, "muon": True, "minutes": 2}, "en")
    assert (plan.steps, plan.save_every, plan.valid_every, plan.valid_episodes) == (95, 10, 10, 40)
    assert (plan.lr, plan.muon, plan.minutes, plan.keep) == (Plan().lr, True, 2.0, "best")
    assert (task.n_way, task.k_shot, task.sampler) == (3, 1, "fixed")
    for name, value, words in (
        ("lr", 7, "The knob “Outer learning rate” is 7: give a number from 1e-06 to 1.0."),
        ("n_way", 21, "The knob “Ways” is 21: give a whole number from 2 to 20."),
        ("steps", None, "The knob “Outer steps” is None"),
        ("weight_decay", -1, "Weight decay is -1: give a number of at least 0.0."),
    ):
        with pytest.raises(UserError, match=re.escape(words)):
            training_knobs.spelt(values | {name: value}, "en")
    with pytest.raises(UserError) as caught:
        training_knobs.spelt(values | {"lr": None}, "zh")
    assert "外循环学习率" in caught.value.message("zh")
