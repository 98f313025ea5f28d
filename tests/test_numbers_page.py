"""Numbers on the page: the list of examples with a number each, what is wrong in it, who can learn it, and how answers are shown."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from test_sides import ENGLISH, page, said

from meta_demo.algorithms.registry import REGISTRY, able_to
from meta_demo.core.errors import UserError
from meta_demo.core.objective import Score
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.modalities.picture.content import Picture
from meta_demo.serving.service import Service
from meta_demo.ui.cards import cards_from, dealt, episode_of, relabelled, spelled
from meta_demo.ui.form import form_for, form_of, forms
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import Handlers, picker, still_able
from meta_demo.ui.parts import Page
from meta_demo.ui.side import discover
from meta_demo.ui.teaching import Teaching
from meta_demo.words import text

__all__ = ["page"]  # the fixture
SIDES = {cls.name: cls() for cls in discover()}
NUMBERS, CLASSES = form_for("numbers"), form_for("classes")
ROWS = [
    ("freezing outside", 1.125),
    ("a mild day", 2.375),
    ("very hot", 3.625),
]  # all with three places, as thousands are written


def through_the_page(episode: Episode) -> Episode:
    """What the page makes of an episode that it showed."""
    side = SIDES[episode.modality]
    return episode_of(spelled(cards_from(episode, side), side), side)


def typed(*rows: tuple[str, str]) -> Any:
    return {"rows": [{"item": item, "value": value, "held_out": False} for item, value in rows]}


@pytest.mark.parametrize("name", [*sample_names("text"), "arrows"])
def test_what_the_page_shows_of_a_sample_spells_it_again(name: str) -> None:
    sample = load_sample(name)
    back = through_the_page(sample)
    labelled = [row for row in sample.query if row.label is not None]
    if sample.labels:  # cards gather the examples of a class
        assert (Counter(back.support), Counter(back.query)) == (Counter(sample.support), Counter(labelled))
    else:
        assert (list(back.support), list(back.query)) == (list(sample.support), labelled)


@pytest.mark.parametrize(
    "values", [[1.125, 2.375, 3.625], [-12.5, 1e12, 0.001], [1200.0, 3.0, 1e-7], [0.1 + 0.2, -0.0, 1e99]]
)
def test_every_value_comes_back_as_it_was(values: list[float]) -> None:
    rows = [Example(f"the text {place}", value) for place, value in enumerate(values)]
    assert [row.label for row in through_the_page(make_episode(rows)).support] == values


def test_pictures_have_numbers_as_sentences_have() -> None:
    drawings = [Picture(4, 4, "L", np.full(16, shade, np.uint8).tobytes()[:15] + b"\0") for shade in (10, 90, 200)]
    episode = make_episode([Example(d, v) for d, v in zip(drawings, (0.5, 2.0, 3.0), strict=True)])
    assert through_the_page(episode).support == episode.support


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("hot", "row_value"),
        ("inf", "row_value"),
        ("nan", "row_value"),
        ("5 stars", "row_value"),
        ("", "row_value_missing"),
        ("3,5", "row_value_ambiguous"),
        ("1.200", "row_value_ambiguous"),
        ("1.250.000", "row_value_ambiguous"),
    ],
)
def test_what_is_no_number_is_said_of_its_row(value: str, key: str) -> None:
    side = SIDES["text"]
    with pytest.raises(UserError) as refused:
        episode_of(spelled(typed(("a cold day", "1"), ("a warm day", value)), side), side)
    assert refused.value.name == key and (refused.value.values["row"], refused.value.values["text"]) == (
        2,
        "a warm day",
    )
    for lang in ("en", "zh"):
        sentence = refused.value.message(lang)
        assert value in sentence and "a warm day" in sentence and "{" not in sentence


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([], "no_values"),
        ([("a", "1")], "one_value"),
        ([("a", "2"), ("b", "2.0")], "values_equal"),
        ([("a", "1e101"), ("b", "2")], "value_size"),
        ([("a", "1"), (" ", "2"), ("b", "3")], "value_blank"),
    ],
)
def test_what_makes_no_task_of_numbers_is_said(rows: list[tuple[str, str]], key: str) -> None:
    with pytest.raises(UserError) as refused:
        episode_of(spelled(typed(*rows), SIDES["text"]), SIDES["text"])
    assert refused.value.name == key


def test_a_point_is_read_as_the_other_rows_show_it() -> None:
    side = SIDES["text"]
    found = episode_of(spelled(typed(("a", "1.125"), ("b", "0.5"), ("", "")), side), side)
    assert [row.label for row in found.support] == [1.125, 0.5], "a row where nothing stands is no row"


def opened(page: Page, values: Values, name: str) -> tuple[Values, Updates]:
    """What the page holds once a sample was opened, and what was changed for that."""
    teaching = Teaching(page, Handlers(Service(torch.device("cpu")), page))
    updates = teaching.open_sample({**values, page.teach.sample: name}, ENGLISH)
    now = {**values, page.teach.sample: name}
    side = page.sides["text"]
    now[side.cards] = updates[side.cards]["value"]
    for part in (page.switch, page.adapt.algorithms):
        now[part] = updates.get(part, now[part])
    return now, updates


def test_a_sample_of_numbers_gives_way_to_classes_and_back(page: Page) -> None:
    """The list, the heading, the boxes and the algorithms follow what the labels are; what can do both stays chosen."""
    adapt, teach = page.adapt, page.teach
    values = {**said(page, "text"), adapt.algorithms: list(CLASSES.objective.algorithms)}
    values, updates = opened(page, values, "stars")
    assert values[adapt.algorithms] == list(NUMBERS.objective.algorithms) and values[page.switch].objective == "numbers"
    assert text("page.teach.about.values", "en") in updates[teach.heading]
    assert not updates[teach.shots]["visible"] and not updates[adapt.names]["visible"]
    assert "Prototypical networks" in updates[adapt.picker]["said"]
    assert form_of(values[page.sides["text"].cards]) is NUMBERS
    values, updates = opened(page, {**values, adapt.algorithms: ["kernel", "reptile"]}, "news")
    assert values[adapt.algorithms] == ["kernel", "reptile"], "they were chosen, and can do both"
    assert text("page.teach.about.text", "en") in updates[teach.heading] and "names" not in updates[adapt.picker]
    assert updates[teach.shots]["visible"] and updates[adapt.names]["visible"]
    values, updates = opened(page, {**values, adapt.algorithms: ["protonet", "maml"]}, "stars")
    assert values[adapt.algorithms] == ["maml"]
    values, updates = opened(page, {**values, adapt.algorithms: ["maml"]}, "urgency")
    assert adapt.algorithms not in updates, "of one kind to another of the same"


def test_only_who_is_able_is_chosen_and_asked(page: Page) -> None:
    values, _ = opened(page, said(page, "text"), "stars")
    handlers = Handlers(Service(torch.device("cpu")), page)
    ticked = {**values, page.adapt.algorithms: ["protonet", "maml", "soft_kmeans"]}
    assert handlers._spelling(ticked).algorithms == ("maml",)
    assert still_able(["protonet"], CLASSES, NUMBERS) == list(NUMBERS.objective.algorithms), "none is left"
    grey = picker(NUMBERS, "zh")
    assert {*grey["names"]} == {*REGISTRY} - {*able_to("numbers")} and "数值" in grey["why"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(
        "text,value\n" + "".join(f"{item},{value}\n" for item, value in ROWS) + "the first of may,\n2.5 o'clock,2.5\n"
    )
    return path


def test_a_table_with_values_fills_the_list(page: Page, table: Path) -> None:
    teaching, values = Teaching(page, Handlers(Service(torch.device("cpu")), page)), said(page, "text")
    updates = teaching.open_file({**values, page.teach.upload: str(table), page.teach.columns: None}, ENGLISH)
    side = page.sides["text"]
    rows = updates[side.cards]["value"]["rows"]
    assert [row["item"] for row in rows] == [item for item, _ in ROWS] + ["2.5 o'clock"]
    assert updates[side.tried]["value"] == "the first of may", "a row without a value is asked about"
    assert updates[page.adapt.algorithms] == list(NUMBERS.objective.algorithms), (
        "only what cannot learn numbers was chosen"
    )
    back = episode_of(spelled({"rows": rows}, side), side)
    assert [row.label for row in back.support] == [1.125, 2.375, 3.625, 2.5]


def test_labels_and_values_in_one_file_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text('{"text": "a", "value": 1}\n{"text": "b", "label": "warm"}\n{"text": "c", "value": 2}\n')
    with pytest.raises(UserError) as refused:
        read_episode(path)
    assert refused.value.name == "labels_mixed" and "warm" in refused.value.message("en")


def shown(value: float, low: float, high: float, labels: tuple[float, ...] = (1.0, 3.0, 5.0)) -> tuple[str, str]:
    """The top and the markup of an answer, where the examples have these labels."""
    episode: Any = SimpleNamespace(support=[Example("x", label) for label in labels])
    answer = NUMBERS.answer(np.array([value, low, high], np.float32), episode, {}, "en")
    return answer.top, answer.shown


def place(markup: str, cls: str) -> tuple[float, ...]:
    """Where something of the class `cls` is on the axis, in percent."""
    style = re.search(rf'class="{cls}[^"]*" style="([^"]*)"', markup)
    assert style, (cls, markup)
    return tuple(float(number) for number in re.findall(r"([\d.]+)%", style[1]))


def test_an_answer_stands_on_the_axis_of_the_examples() -> None:
    """The axis goes a quarter of the examples' range beyond them: from 0 to 6 where they go from 1 to 5."""
    top, markup = shown(4.5, 3.0, 6.5)
    assert float(top) == 4.5 and ">4.50 <" in markup and "3.00 to 6.50" in markup
    assert place(markup, "dot") == (75.0,)
    left, width = place(markup, "band")
    assert (left, width) == (50.0, 50.0) and "open-right" in markup and "open-left" not in markup
    assert place(shown(-3, -4, -2)[1], "dot")[0] == pytest.approx(100 * 0.24 / 9.24, abs=0.1), (
        "an answer is never off the axis"
    )


def test_an_answer_has_as_many_digits_as_it_is_worth() -> None:
    assert ">164 <" in shown(163.7, -2.4, 331, (30.0, 275.0))[1]
    assert "−2 to 331" in shown(163.7, -2.4, 331, (30.0, 275.0))[1]
    assert ">0.0123 <" in shown(0.0123, 0.0, 0.1, (0.01, 0.06))[1]
    assert ">0.0 <" in shown(-0.01, -1, 1, (0.0, 10.0))[1], "no minus before nothing"
    markup = shown(541172006912.0, math.nan, math.nan, (1.0, 1e12))[1]
    assert "541 172 006 912 <" in markup.replace("\N{THIN SPACE}", " ")


def test_an_answer_without_an_interval_has_none() -> None:
    markup = shown(2.0, math.nan, math.nan)[1]
    assert "interval" not in markup and "band" not in markup and "nan" not in markup


def test_a_score_of_numbers_is_said_with_its_interval_and_count() -> None:
    score = Score(1.25, 0.5, 2.0, 8)
    last: Any = SimpleNamespace(steps=3, step=3)
    said = NUMBERS.outcome(score, Score(2.5, 2.0, 3.0, 8), last, "MAML", "en")
    assert all(part in said for part in ("8 held-out", "1.25", "0.5 to 2", "step 3", "2.5 at step 0"))
    assert "RMSE" in NUMBERS.figure(score) and "8" in NUMBERS.interval(score, "zh")


def test_forms_own_their_values_and_nobody_elses() -> None:
    values = {"classes": [{"name": "a"}], "numbers": typed(("a", "1"))}
    assert [form.name for form in forms()] == list(values)
    for name, value in values.items():
        assert [form.name for form in forms() if form.owns(value)] == [name] and form_of(value).name == name
    assert dealt(values["numbers"], 1, SIDES["text"]) == values["numbers"], "nobody deals numbers by classes"


# --- from one kind of label to another ---


def to(form: Any, value: Any, name: str = "text") -> Any:
    return relabelled(value, form, SIDES[name])


@pytest.mark.parametrize("name", ["travel-planning", "news", "arrows"])
def test_classes_come_back_from_numbers_as_they_were(name: str) -> None:
    sample = load_sample(name)
    side, kind = SIDES[sample.modality], sample.modality
    cards = dealt(cards_from(sample, side), 2, side)
    rows = to(NUMBERS, cards, kind)
    assert [row["item"] for row in rows["rows"]] == [
        item for card in cards for part in ("examples", "held_out") for item in side.items(card[part])
    ]
    assert not any(row["value"] for row in rows["rows"]), "a name is no number"
    back = to(CLASSES, rows, kind)
    assert [{key: card[key] for key in cards[0]} for card in back] == cards
    assert form_of(rows) is NUMBERS and form_of(back) is CLASSES and to(NUMBERS, rows, kind) is rows


def test_numbers_come_back_from_classes_as_they_were() -> None:
    side = SIDES["text"]
    rows = cards_from(load_sample("stars"), side)
    cards = to(CLASSES, rows)
    assert {card["name"] for card in cards} == {row["value"] for row in rows["rows"]}
    back = to(NUMBERS, cards)
    order = sorted(back["rows"], key=lambda row: row["item"])
    wanted = sorted(rows["rows"], key=lambda row: row["item"])
    assert [{key: row[key] for key in ("item", "value", "held_out")} for row in order] == wanted
    assert Counter(episode_of(spelled(back, side), side).support) == Counter(load_sample("stars").support)


def test_what_is_typed_on_either_side_is_there_on_the_way_back() -> None:
    cards = [
        {"name": "warm", "examples": "a mild day\nvery hot", "held_out": "noon", "colour": 0},
        {"name": "3.5", "examples": "fridge", "held_out": "", "colour": 1},
        {"name": "planned", "examples": "", "held_out": "", "colour": 2},
    ]
    rows = to(NUMBERS, cards)
    assert [(row["item"], row["value"], row["held_out"]) for row in rows["rows"]] == [
        ("a mild day", "", False),
        ("very hot", "", False),
        ("noon", "", True),
        ("fridge", "3.5", False),
    ]
    rows["rows"][0]["value"] = "18"
    rows["rows"][3]["value"] = "4"  # whose class was its number all along
    rows["rows"].append({"item": "snow", "value": "-1", "held_out": False})
    rows["rows"].append({"item": "", "value": "", "held_out": False})
    back = to(CLASSES, rows)
    assert [(card["name"], card["examples"], card["held_out"]) for card in back] == [
        ("warm", "a mild day\nvery hot", "noon"),
        ("4", "fridge", ""),
        ("-1", "snow", ""),
        ("planned", "", ""),
    ]
    again = to(NUMBERS, [card | {"name": card["name"].upper()} for card in back])
    assert [(row["item"], row["value"]) for row in again["rows"]] == [
        ("a mild day", "18"),
        ("very hot", ""),
        ("noon", ""),
        ("fridge", "4"),
        ("snow", "-1"),
    ]
    assert [card["name"] for card in to(CLASSES, again)] == ["WARM", "4", "-1", "PLANNED"]


@pytest.mark.parametrize("name", ["text", "picture"])
def test_blank_cards_become_a_blank_list_and_back(name: str) -> None:
    side = SIDES[name]
    blank = [{"name": "", "examples": side.held([]), "held_out": side.held([]), "colour": 0}] * 2
    rows = to(NUMBERS, blank, name)
    assert rows["rows"] == [] and form_of(rows) is NUMBERS
    assert [(card["name"], side.items(card["examples"])) for card in to(CLASSES, rows, name)] == [("", [])] * 2


def test_the_choice_follows_what_is_there_and_what_is_there_the_choice(page: Page) -> None:
    teach, adapt, cards = page.teach, page.adapt, page.sides["text"].cards
    assert teach.kind.value == "classes" and [name for _, name in teach.kind.choices] == ["classes", "numbers"]
    values = {**said(page, "text"), adapt.algorithms: list(CLASSES.objective.algorithms)}
    teaching = Teaching(page, Handlers(Service(torch.device("cpu")), page))
    updates = teaching.relabel({**values, teach.kind: "numbers"}, ENGLISH)
    assert form_of(updates[cards]["value"]) is NUMBERS and updates[teach.kind] == "numbers"
    assert updates[adapt.algorithms] == list(NUMBERS.objective.algorithms) and not updates[teach.shots]["visible"]
    values = {**values, cards: updates[cards]["value"], page.switch: updates[page.switch]}
    updates = teaching.relabel({**values, teach.kind: "classes"}, ENGLISH)
    assert form_of(updates[cards]["value"]) is CLASSES and updates[teach.kind] == "classes"
    assert updates[teach.shots] == {**updates[teach.shots], "visible": True, "value": None}
    _, opening = opened(page, said(page, "text"), "stars")
    assert opening[teach.kind] == "numbers", "a sample says it too"
