"""The sides of the page: found by the name of their modality, none of them known to another, and cheap to compare."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from test_modalities import PACKAGE, POINTS, saved
from test_plots import snapshot

from meta_demo.data.samples import load_sample
from meta_demo.modalities.picture import reading
from meta_demo.modalities.picture.content import Picture
from meta_demo.serving.requests import Learner
from meta_demo.serving.service import Service
from meta_demo.ui.cards import cards_from, dealt
from meta_demo.ui.guard import Values
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.page import build_app
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Left, Run
from meta_demo.ui.side import discover
from meta_demo.ui.starts import TRAINED
from meta_demo.ui.teaching import Teaching

ENGLISH: Any = SimpleNamespace(headers={})


@pytest.fixture
def page() -> Page:
    import gradio as gr

    with gr.Blocks():
        return lay_out()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every data URL that is decoded, wherever it is asked for."""
    urls: list[str] = []
    read = reading.read_picture

    def counted(source: Any, name: str = "") -> Picture:
        urls.append(name)
        return read(source, name)

    monkeypatch.setattr(reading, "read_picture", counted)
    return urls


def said(page: Page, modality: str) -> Values:
    """What the browser says the page holds, with the first sample of a modality on its cards."""
    side = page.sides[modality]
    adapt = page.adapt
    values: Values = {part.cards: [] for part in page.sides.values()}
    values[side.cards] = dealt(cards_from(load_sample(side.first_sample), side), 3, side)
    values |= {page.modality: modality, page.shown: modality, page.left: {}, page.run: None, page.own: ()}
    values |= {page.switch: page.switch.value, adapt.model: side.model, adapt.algorithms: ["protonet"]}
    return values | {adapt.origin: side.origin, adapt.names: False, adapt.seed: 0, adapt.knobs: {}, page.teach.shots: 3}


def adapted(page: Page, values: Values) -> Run:
    handlers = Handlers(Service(torch.device("cpu")), page)
    spelling = handlers._spelling(values)
    return Run(
        handlers._request(spelling, handlers._typed(spelling)),
        spelling.digest(),
        {},
        {Learner("protonet"): [snapshot("protonet", 0, 0)]},
    )


def test_a_side_is_found_by_its_folder(page: Page) -> None:
    assert [cls.name for cls in discover()] == list(page.sides) == ["text", "picture"]
    assert all(cls.__module__ == f"meta_demo.modalities.{cls.name}.page" for cls in discover())
    assert page.modality.value == "picture"
    parts = [part for side in page.sides.values() for part in side.parts]
    assert len(set(parts)) == len(parts)


THIRD = """
import json
from types import SimpleNamespace
import gradio as gr, torch
from meta_demo.serving.service import Service
from meta_demo.ui.asking import Asking
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.page import build_app, launch_arguments
from meta_demo.ui.teaching import Teaching

service = Service()
config = json.dumps(build_app(service).get_config_file(), default=str)
words = launch_arguments(service)["i18n"].translations
assert '"points-cards"' in config and words["zh-CN"]["page.modality.points"] == "点"
with gr.Blocks():
    page = lay_out()
assert list(page.sides) == ["text", "picture", "points"], list(page.sides)
english, service, side, adapt = SimpleNamespace(headers={}), Service(torch.device("cpu")), page.sides["points"], page.adapt
handlers, asking, look = Handlers(service, page), Asking(service, page), page.look
values = {part.cards: [] for part in page.sides.values()} | {part.tried: None for part in page.sides.values()}
values |= {page.modality: "points", page.shown: "text", page.left: {}, page.run: None, page.own: (), page.row: None}
values |= {page.switch: page.switch.value, adapt.model: "minilm", adapt.algorithms: ["maml"], adapt.names: True}
values |= {adapt.seed: 0, adapt.knobs: {"maml": {"inner_steps": 2}}, page.trial.step: 2, look.algorithm: 0}
values |= {look.layer: 1, look.head: 0, look.moment: "after"}
shown = Teaching(page, handlers).show_side(values, english)
values |= {side.cards: shown[side.cards]["value"], side.tried: 0.25, adapt.model: shown[adapt.model].value}
assert values[adapt.model] == "tiny-points", values[adapt.model]
values[page.run] = [*handlers.adapt(values, english)][-1][page.run]
(predictions,) = [value for part, value in asking.predict(values, english).items() if part is page.trial.predictions]
assert 'data-top="right"' in predictions or 'data-top="left"' in predictions
assert "<b title=" in predictions
drawn = asking.attend(values, english)
assert len(drawn[side.heatmap]["data"][0]["z"]) == 4 and "Looking: all tokens" in drawn[look.caption]
"""


def test_a_third_side_is_its_folder(tmp_path: Path) -> None:
    """Put beside the others in a copy of the package: the page has it, adapts on it, answers and draws attention."""
    shutil.copytree(PACKAGE, tmp_path / "meta_demo", ignore=shutil.ignore_patterns("__pycache__"))
    mine = tmp_path / "meta_demo" / "modalities" / "points"
    shutil.copytree(POINTS, mine, ignore=shutil.ignore_patterns("__pycache__"))
    weights = (saved(mine / "model") / "model.safetensors").read_bytes()
    (mine / "sha256.txt").write_text(hashlib.sha256(weights).hexdigest())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THIRD], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_edit_of_a_card_decodes_no_picture(page: Page, decoded: list[str]) -> None:
    values = said(page, "picture")
    handlers = Handlers(Service(torch.device("cpu")), page)
    teaching = Teaching(page, handlers)
    values[page.run] = adapted(page, values)
    pictures_shown = len(decoded)
    assert pictures_shown >= 15, "adapting reads every picture once"
    notice = page.adapt.notice
    assert teaching.edit(values, ENGLISH)[notice] == "", "nothing has changed"
    first, *others = values[page.sides["picture"].cards]
    fewer = {**values, page.sides["picture"].cards: [first | {"examples": first["examples"][1:]}, *others]}
    assert "Something changed" in teaching.edit(fewer, ENGLISH)[notice]
    assert "Something changed" in teaching.deal({**values, page.teach.shots: 1}, ENGLISH)[notice]
    assert "Something changed" in handlers.mark_changes({**values, page.adapt.seed: 1}, ENGLISH)[notice]
    assert len(decoded) == pictures_shown


def test_sentences_are_compared_without_what_is_blank(page: Page) -> None:
    values, cards = said(page, "text"), page.sides["text"].cards
    values[page.run] = adapted(page, values)
    handlers = Handlers(Service(torch.device("cpu")), page)
    first, *others = values[cards]
    blank = {**values, cards: [first | {"examples": f"  {first['examples']}\n\n \n"}, *others]}
    assert handlers.mark_changes(blank, ENGLISH)[page.adapt.notice] == ""
    stopped = {**values, page.run: values[page.run].stopped()}
    assert "Something changed" in handlers.mark_changes(stopped, ENGLISH)[page.adapt.notice]


def test_every_side_is_left_and_found_as_it_was(page: Page) -> None:
    teaching = Teaching(page, Handlers(Service(torch.device("cpu")), page))
    values = said(page, "text")
    run = adapted(page, values)
    shown = teaching.show_side({**values, page.run: run, page.adapt.model: "mine", page.modality: "picture"}, ENGLISH)
    assert shown[page.left]["text"] == Left("mine", TRAINED, run)
    assert shown[page.run] is None and shown[page.shown] == "picture"
    text, picture = page.sides.values()
    assert {shown[part]["visible"] for part in text.parts} == {"hidden"}
    assert {shown[part]["visible"] for part in picture.parts} == {True}
    assert shown[picture.cards]["value"], "nothing was there yet: a sample"
    there = {**values, page.modality: "text", page.shown: "picture", page.left: shown[page.left], page.run: None}
    back = teaching.show_side(there, ENGLISH)
    assert back[page.run] is run and back[page.adapt.model].value == "mine"
    assert "value" not in back[text.cards], "the cards are where they were"


def test_what_is_tried_is_read_by_its_side(page: Page) -> None:
    text, picture = page.sides.values()
    assert (
        text.content_of("  so \x00 what ") == "so what"
        and text.content_of(" ") is None
        and picture.content_of("") is None
    )
    drawing = Picture(4, 4, "L", np.arange(16, dtype=np.uint8).tobytes())
    assert picture.content_of(picture.written(drawing)) == drawing
    assert "<img" in picture.example(drawing, "a") and "<" not in text.example("<b>", "a")
    assert picture.undrawable(SimpleNamespace(grid=None)) and not picture.undrawable(SimpleNamespace(grid=(2, 2)))
    maps = np.random.default_rng(0).random((1, 2, 6, 6)).astype(np.float32)
    small = picture.small(maps, None, SimpleNamespace(grid=(2, 2), prefix=2))
    assert small.shape == (1, 2, 2, 2) and text.small(maps, None, None).shape == maps.shape


def test_who_speaks_chinese_meets_a_model_that_reads_it(page: Page, service: Service) -> None:
    """Where the multilingual extra is there; everybody else meets the side's first sample."""
    from meta_demo.modalities.text import multilingual

    playground = Handlers(service, page)
    teaching, side = Teaching(page, playground), page.sides["text"]
    values = said(page, "picture") | {page.modality: "text", side.cards: None}
    chinese: Any = SimpleNamespace(headers={"accept-language": "zh-CN,zh;q=0.9"})
    for language in (ENGLISH, chinese):
        met = teaching.show_side(values, language)
        read = language is chinese and multilingual.installed()
        model, sample = ("e5-small", "chinese-service") if read else ("minilm", "travel-planning")
        assert (met[page.adapt.model].value, met[page.teach.sample].value) == (model, sample)
        assert ("退款" in str(met[side.cards])) == read


@pytest.mark.parametrize("name", ["chinese-service", "chinese-reviews", "chinese-headlines"])
def test_chinese_samples_are_chinese(name: str) -> None:
    rows = load_sample(name).support
    assert len(rows) >= 24 and all(any("一" <= c <= "鿿" for c in str(row.content)) for row in rows)


def test_only_the_side_that_is_shown_is_sent(service: Service) -> None:
    """Every event that asks for what several sides have collected leaves in the browser what the hidden ones have; but for a start of
    the visitor's own, which may show another side, whose cards count from then on."""
    app = build_app(service)
    config: Any = app.get_config_file()
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    cards = {side.cards_id for side in discover()}
    sent = [event for event in config["dependencies"] if event["backend_fn"]]
    found = [event for event in sent if len(cards & {names[i] for i in event["inputs"]}) > 1]
    assert len(found) >= 10
    light = [event for event in found if "= null" in (event["js"] or "")]
    assert {event["api_name"] for event in found if event not in light} == {"use", "bring"}
    for event in light:
        places = {names[i]: place for place, i in enumerate(event["inputs"])}
        assert f"given[{places['modality']}]" in event["js"]
        for side in discover():
            assert f'[{places[side.cards_id]}, "{side.name}"]' in event["js"]


def test_a_sheet_lies_over_the_side_that_was_shown(page: Page) -> None:
    values = {**said(page, "text"), page.modality: "curve"}
    assert page.side(values) is page.sides["text"]
    assert Handlers(Service(torch.device("cpu")), page).form(values).name == "classes"


def test_lines_that_nobody_labelled_are_learned_from(page: Page) -> None:
    """With the first of them soft k-means joins; who unticks it is not contradicted; a file's come into their place."""
    handlers = Handlers(Service(torch.device("cpu")), page)
    teaching, adapt = Teaching(page, handlers), page.adapt
    lines = page.sides["text"].lines
    values = said(page, "text") | {
        page.lined: False,
        lines: "a night train to Rome\n\n a night train to  Rome\nis it windy",
    }
    joined = teaching.collect(values, ENGLISH)
    assert joined[adapt.algorithms] == ["protonet", "soft_kmeans"] and joined[page.lined] is True
    assert teaching.collect(values | {page.lined: True}, ENGLISH).get(adapt.algorithms) is None
    spelling = handlers._spelling(values | {adapt.algorithms: joined[adapt.algorithms]})
    request = handlers._request(spelling, handlers._typed(spelling))
    assert request.episode.unlabelled == ("a night train to Rome", "is it windy")
    assert handlers._spelling(values).digest() != handlers._spelling(values | {lines: ""}).digest()


def test_what_a_file_leaves_without_a_label_comes_into_their_place(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\na lost card,card\npay my rent,money\nwhere is it,\nsend it all,\n")
    teaching, teach = Teaching(page, Handlers(Service(torch.device("cpu")), page)), page.teach
    values = said(page, "text") | {teach.upload: str(path), teach.columns: None}
    filled = teaching.open_file(values, ENGLISH)
    assert filled[page.sides["text"].lines]["value"] == "where is it\nsend it all"
    sample = teaching.open_sample(values | {teach.sample: "news", teach.shots: 1}, ENGLISH)
    assert sample[page.sides["text"].lines]["value"] == ""
