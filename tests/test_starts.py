"""The switch of meta-trained starts: which boxes there are, what a request says, and the knobs that go with a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import UserError
from meta_demo.learning import checkpoint
from meta_demo.learning.own_start import OwnStart
from meta_demo.ui import guard
from meta_demo.ui.knobs import changed, described
from meta_demo.ui.starts import Switch, is_own

CHOSEN = ("finetune", "maml", "protonet")


@pytest.fixture
def shipped(tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Starts of MAML and fine-tuning are shipped for the model "tiny"; MAML's was made with other knobs."""
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path)
    for name, knobs in (("maml", {"inner_steps": 7, "inner_lr": 0.01, "last_n": 2}), ("finetune", {})):
        cls = REGISTRY[name]
        checkpoint.save(cls(tiny, cls.Config.from_dict(knobs)), tmp_path / "tiny" / name)
    return tmp_path


def own(folder: Path, algorithm: str = "protonet", model: str = "tiny") -> OwnStart:
    return OwnStart(folder, model, algorithm, "classes", "text")


def test_every_start_is_on_except_the_baselines(shipped: Path) -> None:
    switch = Switch().fitted("tiny", CHOSEN, ())
    assert switch.shown == ("finetune", "maml")
    assert switch.ticked == ["maml"]
    assert switch.checkpoints("tiny", CHOSEN, ()) == {"finetune": "none", "maml": str(shipped / "tiny" / "maml")}
    assert Switch().fitted("another", CHOSEN, ()).shown == ()


@pytest.mark.usefixtures("shipped")
def test_a_box_remembers_what_it_said_while_its_algorithm_was_left_out() -> None:
    off = Switch().fitted("tiny", CHOSEN, ()).heard(["finetune"])
    assert off.ticked == ["finetune"]
    gone = off.fitted("tiny", ("protonet",), ()).heard([])
    assert gone.shown == ()
    assert gone.fitted("tiny", CHOSEN, ()).ticked == ["finetune"]


def test_the_visitors_own_start_comes_first(shipped: Path, tmp_path: Path) -> None:
    runs = (own(tmp_path / "a"), own(tmp_path / "b"), own(tmp_path / "c", model="another"))
    switch = Switch().fitted("tiny", CHOSEN, runs)
    assert switch.shown == CHOSEN
    assert switch.checkpoints("tiny", CHOSEN, runs)["protonet"] == str(tmp_path / "b")
    assert not is_own(str(shipped / "tiny" / "maml"))
    assert is_own("/tmp/elsewhere/maml")


@pytest.mark.usefixtures("shipped")
def test_untouched_knobs_follow_the_start_and_touched_ones_stay() -> None:
    touched = {"maml": {"inner_lr": 0.5}}
    before = Switch(plain=frozenset(CHOSEN)).fitted("tiny", CHOSEN, ())
    after = before.heard(["maml"]).fitted("tiny", CHOSEN, ())
    bases = {"inner_steps": (8, 7), "last_n": (3, 2), "lora_rank": (16, 16)}
    for switch, place in ((before, 0), (after, 1)):
        (drawn,) = described(["maml"], switch.bases, "en")
        shown = {knob["name"]: knob["base"] for knob in drawn["knobs"]}
        assert {name: shown[name] for name in bases} == {name: values[place] for name, values in bases.items()}
        assert changed(touched, CHOSEN, switch.bases) == touched
    assert changed({"maml": {"inner_lr": 0.01}}, CHOSEN, after.bases) == {}, "as the start has it"


def test_a_damaged_card_leaves_the_defaults(shipped: Path) -> None:
    (shipped / "tiny" / "maml" / checkpoint.CARD).write_text("{")
    switch = Switch().fitted("tiny", CHOSEN, ())
    assert switch.shown == ("finetune", "maml")
    assert switch.bases["maml"]["inner_steps"] == 8


@pytest.mark.parametrize(("lang", "said"), [("en", "“Layers from the top” at 2"), ("zh", "“自顶部起的层数”为 2")])
def test_a_knob_that_the_start_cannot_do_without_is_named_as_on_the_page(
    shipped: Path, tiny: Backbone, lang: str, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        checkpoint.load(shipped / "tiny" / "maml", tiny, {"last_n": 3})
    sentence = guard.sentence(caught.value, lang)
    assert said in sentence and "MAML" in sentence and str(shipped) not in sentence
