"""The panel of knobs as data: what is drawn comes from what the library declares, and only what was changed comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from tiny_models import QUERY, SUPPORT, make_task

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import Config, knob
from meta_demo.core.examples import Examples
from meta_demo.ui.knobs import changed, described, felt
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.starts import Switch
from meta_demo.words import words

BASES = Switch().fitted("no such model", algorithm_names(), ()).bases


@dataclass(frozen=True)
class Declared(Config):
    """A knob of every kind, one of them without words."""

    steps: int = knob(5, words("Steps", "步数"), words("how many", "多少"), lo=0, hi=50)
    rank: int = knob(2000, lo=1, hi=5000)
    rate: float = knob(0.5, words("Rate", "速率"), lo=0.1)
    kind: str = knob("a", choices=("a", "b"))
    exact: bool = knob(True)


def test_every_knob_of_every_algorithm_is_drawn_as_it_is_declared() -> None:
    for drawn in described(algorithm_names(), BASES, "en"):
        cls = REGISTRY[drawn["name"]]
        assert [k["name"] for k in drawn["knobs"]] == [k.name for k in felt(cls)]
        assert [k["base"] for k in drawn["knobs"]] == [k.default for k in felt(cls)]


@pytest.mark.parametrize("name", algorithm_names())
def test_a_knob_that_does_nothing_to_a_task_is_not_shown(name: str, tiny: Backbone) -> None:
    """Plain weights, whatever of them a method calls its own, are the same weights: where no task moves them the answers are the same."""
    cls = REGISTRY[name]
    hidden = {k.name for k in cls.Config.knobs()} - {k.name for k in felt(cls)}
    assert hidden == (set() if cls.adapts_body or not hidden else {"scope", "last_n", "lora_rank", "tokens"})
    found = []
    for changes in [{"scope": "lora"}, {"scope": "bias", "last_n": 1}] if hidden else []:
        algorithm = cls(tiny, cls.Config.from_dict(changes)).requires_grad_(False).eval()
        task = make_task(tiny, algorithm.boundary)
        support, query = (algorithm.features([text for text, _ in rows]) for rows in (SUPPORT, QUERY))
        *_, last = algorithm.adapt(Examples(support, task.support.y, task.support.objective))
        found.append(algorithm.predict(last, query))
    if found:
        torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)


def test_no_slider_goes_beyond_the_layers_that_the_model_has() -> None:
    def most(layers: int | None, base: int = 3) -> int:
        (drawn,) = described(["maml"], {"maml": {**BASES["maml"], "last_n": base}}, "en", layers)
        return int(next(k["hi"] for k in drawn["knobs"] if k["name"] == "last_n"))

    assert (most(6), most(None), most(2), most(100)) == (6, 48, 3, 48)


@pytest.mark.parametrize(("lang", "title", "about"), [("en", "Steps", "how many"), ("zh", "步数", "多少")])
def test_a_knobs_kind_range_and_words_follow_from_its_declaration(
    monkeypatch: pytest.MonkeyPatch, lang: str, title: str, about: str
) -> None:
    cls = type("Foreign", (REGISTRY["maml"],), {"name": "foreign", "Config": Declared, "title": {}})
    monkeypatch.setitem(REGISTRY, "foreign", cls)
    bases = {"foreign": {k.name: k.default for k in Declared.knobs()}}
    (drawn,) = described(["foreign"], bases, lang)
    assert drawn["title"] == "foreign"
    steps, rank, rate, kind, exact = drawn["knobs"]
    assert (steps["kind"], steps["lo"], steps["hi"], steps["step"]) == ("slider", 0, 50, 1)
    assert (steps["title"], steps["help"]) == (title, about)
    assert (rank["kind"], rank["hi"], rank["step"], rank["title"]) == ("number", 5000, 1, "rank")
    assert (rate["kind"], rate["lo"], rate["hi"], rate["step"]) == ("number", 0.1, None, "any")
    assert (kind["kind"], kind["choices"]) == ("choice", ["a", "b"])
    assert exact["kind"] == "switch"


@pytest.mark.parametrize(
    "sent", [None, "", [], {"maml": None}, {"maml": {"no_such": 1}}, {"another": {"scope": "all"}}]
)
def test_whatever_the_browser_sends_only_declared_knobs_of_chosen_algorithms_count(sent: Any) -> None:
    assert changed(sent, ("maml",), BASES) == {}


def test_what_was_emptied_or_is_out_of_range_is_passed_on_for_the_library_to_refuse() -> None:
    sent = {"maml": {"inner_steps": None, "inner_lr": 1e9, "scope": BASES["maml"]["scope"]}}
    assert changed(sent, ("maml", "protonet"), BASES) == {"maml": {"inner_steps": None, "inner_lr": 1e9}}
