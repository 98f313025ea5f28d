"""The Meta-train tab with tasks of numbers: what may be chosen with them, what is said of them, and where their start is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from test_sides import ENGLISH, said

from meta_demo.algorithms.registry import REGISTRY, able_to
from meta_demo.core.errors import UserError
from meta_demo.data.scales import NUMBERS
from meta_demo.data.sources import load_source, pack_names
from meta_demo.data.waves import FAMILIES
from meta_demo.learning.outer import Progress
from meta_demo.learning.own_start import OwnStart
from meta_demo.learning.plan import TaskPlan
from meta_demo.learning.recipe import Recipe, prepare, split
from meta_demo.serving.service import Service
from meta_demo.ui import plots, training_blocks, training_tab
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.training_knobs import KNOBS, PagePlan
from meta_demo.ui.training_sources import UNLABELLED, Uploaded
from meta_demo.ui.training_tab import TrainingHandlers


@pytest.fixture(scope="module")
def handlers() -> TrainingHandlers:
    service = Service(torch.device("cpu"))
    with gr.Blocks():
        page = lay_out()
        tab = training_tab.lay_out()
    assert tab
    return TrainingHandlers(service, page, tab, Teaching(page, Handlers(service, page)))


def chosen(
    handlers: TrainingHandlers, sources: list[str], kind: str, algorithm: str = "protonet", shots: int = 1
) -> Any:
    """What the tab holds, and what it makes of it."""
    tab = handlers.tab
    values: dict[Any, Any] = {tab.sources: sources, tab.kind: kind, tab.algorithm: algorithm, tab.uploaded: Uploaded()}
    return tab, handlers.fit({**values, tab.knobs["k_shot"]: shots}, ENGLISH)


def recipe(algorithm: str = "kernel", **more: Any) -> Recipe:
    kept, held_out = split([load_source(NUMBERS)], (), 0)
    return Recipe(kept, held_out, PagePlan(valid_episodes=40), algorithm, task=TaskPlan(k_shot=5), **more)


def test_numbers_are_offered_and_are_not_chosen_at_first(handlers: TrainingHandlers) -> None:
    tab = handlers.tab
    assert NUMBERS in [name for _, name in tab.sources.choices] and tab.sources.value == pack_names()
    assert tab.kind.value == "classes"


def test_the_kind_that_was_chosen_last_is_kept_and_only_who_can_learn_it(handlers: TrainingHandlers) -> None:
    tab, updates = chosen(handlers, [*pack_names(), NUMBERS], "classes")
    assert updates[tab.sources] == [NUMBERS] and updates[tab.kind] == "numbers"
    offered = [name for _, name in updates[tab.algorithm].choices]
    assert set(offered) == {name for name in able_to("numbers") if REGISTRY[name].learns} and "protonet" not in offered
    assert updates[tab.algorithm].value == "kernel", "protonet cannot"
    assert updates[tab.knobs["k_shot"]] == 5 and not updates[tab.knobs["n_way"]]["visible"]
    tab, updates = chosen(handlers, [NUMBERS], "numbers", "maml", 3)
    assert updates == {}
    tab, updates = chosen(handlers, ["school", NUMBERS], "numbers", "maml", 3)
    assert updates[tab.sources] == ["school"] and updates[tab.algorithm].value == "maml"
    assert "protonet" in [name for _, name in updates[tab.algorithm].choices]
    assert updates[tab.knobs["n_way"]]["visible"] and updates[tab.knobs["k_shot"]] == gr.skip()


def test_what_is_said_of_a_training_on_numbers_is_a_squared_error() -> None:
    said = recipe()
    history = [
        Progress(0, 100, None, 0.0, 9.125, 0, (9.125, 1.5)),
        Progress(1, 100, 0.75, 2.0, 8.25, 1, (8.25, 1.25)),
    ]
    for lang in ("en", "zh"):
        shown = str(training_blocks.progress(history, said, lang)) + str(training_blocks.outcome(history, said, lang))
        shown += str(training_blocks.waiting(said, lang)) + str(plots.training(history, said, lang))
        assert "8.25" in shown and "9.12" in shown and "%</b>" not in shown
        assert {"en": "mean squared error", "zh": "均方误差"}[lang] in shown.lower()
        assert not any(word in shown for word in ("ccuracy", "准确率", "classes", "类的", "nats", "奈特"))
    assert "interval 7 to 9.5" in str(training_blocks.progress(history, said, "en"))
    assert plots.training(history, said, "en").layout.yaxis2.range is None


def test_what_a_training_will_cost_is_said_after_two_steps() -> None:
    def after(*seconds: float, steps: int = 100) -> str:
        history = [Progress(i, steps, 0.5, s, 0.8, 0) for i, s in enumerate((0.0, *seconds))]
        return str(training_blocks.forecast(history, "en"))

    assert after() == after(3.0) == ""
    said = after(3.0, 5.0)
    assert "first 2 steps: 2.5 s a step, so all 100 take about 4 min" in said and "Stop" in said
    assert after(3.0, 5.0, 5.5, 6.0) == said, "what later steps take changes nothing of it"
    assert "about 25 s" in after(3.0, 5.0, steps=10)
    assert after(3.0, 5.0, steps=2) == "", "there is nothing left to be said of"


def test_the_axis_of_accuracies_is_as_it_was() -> None:
    kept, held_out = split([load_source("builtin:school")], (), 0)
    said = Recipe(kept, held_out, PagePlan(valid_episodes=40), "protonet")
    history = [Progress(0, 100, None, 0.0, 0.83, 0, (0.83, 0.02))]
    assert plots.training(history, said, "en").layout.yaxis2.range == (0.7, 1.02)
    assert "83.0%" in str(training_blocks.progress(history, said, "en"))


def test_numbers_and_examples_without_labels_do_not_mix(handlers: TrainingHandlers, tmp_path: Path) -> None:
    _, updates = chosen(handlers, [NUMBERS, UNLABELLED], "numbers")
    assert updates[handlers.tab.sources] == [UNLABELLED]
    backbone = handlers.service.backbone("minilm")
    with pytest.raises(UserError) as refused:
        prepare(replace(recipe(), unlabelled=["a", "b"]), lambda: backbone, tmp_path)
    assert refused.value.name == "clusters_are_classes" and "numbers" in str(refused.value)


@pytest.mark.parametrize(("here", "there", "model"), [("picture", "text", "minilm"), ("text", "picture", "glyph-vit")])
def test_a_start_opens_the_side_that_it_is_for_and_what_stands_there_stays(
    handlers: TrainingHandlers, here: str, there: str, model: str
) -> None:
    page, adapt = handlers.page, handlers.page.adapt
    typed = [{"name": "a", "examples": "one"}, {"name": "b", "examples": "two"}]
    values = said(page, here) | {page.left: {}, page.shown: here, page.own: (), page.sides[there].cards: typed}
    start = OwnStart(Path("anywhere"), model, "anil", "classes", there)
    used = handlers._using(start, values, ENGLISH)
    assert (used[page.modality], used[page.shown], used[page.own]) == (there, there, (start,))
    assert used[adapt.model].value == model and model in [name for _, name in used[adapt.model].choices]
    assert "anil" in used[adapt.algorithms] and "anil" in used[adapt.starts].value
    assert "value" not in used[page.sides[there].cards], "nothing typed is lost"
    assert here in used[page.left], "nor what was learned on the other side"
    again = handlers._using(start, values | {page.modality: there, page.shown: there}, ENGLISH)
    assert again[adapt.model] == model and page.sides[there].cards not in again


# --- curves, which a sheet has


WAVES = [f"builtin:{family}" for family in FAMILIES]


def test_curves_are_trained_with_what_suits_them_and_texts_as_before(handlers: TrainingHandlers) -> None:
    tab = handlers.tab
    assert [name for _, name in tab.sources.choices][-len(WAVES) :] == WAVES
    tab, updates = chosen(handlers, [NUMBERS, "builtin:sines"], "numbers", "kernel", 5)
    assert updates[tab.sources] == ["builtin:sines"] and updates[tab.kind] == "curve", "no model reads both"
    assert updates[tab.algorithm].value == "maml" and not updates[tab.knobs["n_way"]]["visible"]
    assert {name: updates[tab.knobs[name]] for name in ("k_shot", "meta_batch", "lr", "steps")} == {
        "k_shot": 10, "meta_batch": 16, "lr": 2e-3, "steps": 200
    }  # fmt: skip
    assert chosen(handlers, WAVES, "curve", "anil")[1] == {}
    tab, updates = chosen(handlers, ["school", "builtin:lines"], "curve", "maml", 10)
    assert updates[tab.sources] == ["school"] and updates[tab.kind] == "classes"
    assert updates[tab.knobs["lr"]] == KNOBS["lr"].default and updates[tab.knobs["k_shot"]] == KNOBS["k_shot"].default
    shown = {handlers.page.modality: "curve", tab.sources: pack_names(), tab.left: {}}
    assert handlers.follow(shown, ENGLISH)[tab.sources] == ["builtin:sines"]


@pytest.mark.slow
def test_a_start_for_curves_is_trained_and_drawn_from(handlers: TrainingHandlers) -> None:
    tab, page = handlers.tab, handlers.page
    spelled: dict[Any, Any] = {control: KNOBS[name].default for name, control in tab.knobs.items()}
    spelled |= {
        tab.knobs[name]: value for name, value in {"k_shot": 5, "lr": 0.01, "meta_batch": 4, "steps": 2}.items()
    }
    values = {tab.sources: ["builtin:sines"], tab.algorithm: "anil", tab.uploaded: Uploaded(), tab.training: None}
    first, *_, last = handlers.train({**spelled, **values, page.adapt.model: "minilm"}, ENGLISH)
    assert last[tab.result].visible and Path(last[tab.download].value["path"]).exists()
    training = first[tab.training]
    assert training.model == "curves"

    sheet, _ = page.sheets["curve"]
    sheet.service = handlers.service
    used = handlers.use({tab.training: training, page.own: ()}, ENGLISH)
    assert used[page.modality] == "curve" and [start.folder for start in used[page.own]] == [training.folder]
    fit, _, attend = sheet._functions()  # type: ignore[attr-defined]
    asked = {"points": [[-1.0, 1.0], [2.0, 0.5]], "algorithms": ["anil"], "lang": "en", "steps": 1, "only": True}
    shipped, _ = fit(asked)["curves"]
    own = used[sheet.parts[0]]["own"]
    trained, plain = fit({**asked, "own": own})["curves"]
    assert (trained["start"], plain["start"]) == ("trained", "plain") and trained["values"] != shipped["values"]
    whole = fit({**asked, "own": own, "only": False})["curves"][0]
    np.testing.assert_allclose(whole["values"][-1], trained["values"][0], atol=2e-3)
    seen = {**asked, "algorithm": "anil", "start": "trained", "x": 0.5, "step": 1, "own": own}
    assert "after" in attend(seen)
    assert "train it again" in fit({**asked, "own": {"anil": "guessed"}})["problem"]
