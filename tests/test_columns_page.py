"""What the page makes of a file: columns to choose where they were guessed, notes, and the side that a task is of."""

from __future__ import annotations

import json
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
import openpyxl
import pytest
import torch
from test_sides import ENGLISH, page, said

from meta_demo.core.errors import UserError
from meta_demo.data.reading.columns import Columns, Seen
from meta_demo.data.reading.readers import read_episode
from meta_demo.serving.service import Service
from meta_demo.ui import training_tab
from meta_demo.ui.guard import Updates
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.parts import Page
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.training_sources import Uploaded
from meta_demo.ui.training_tab import TrainingHandlers

__all__ = ["page"]  # the fixture
TICKETS = "id,Subject,Body,Category,stars\n" + "".join(
    f"{i},about a {what},the {what} number {i} is not what it should be,{label},{stars}\n"
    for i, (what, label, stars) in enumerate(
        [("parcel", "delivery", 1), ("bill", "billing", 2), ("letter", "delivery", 4), ("price", "billing", 2.5)]
    )
)
ODD = "aa,bb,cc\n1,a late parcel,d\n2,a wrong bill,b\n3,a lost parcel,d\n4,a double charge,b\n"


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.csv"
    path.write_text(TICKETS)
    return path


def opened(page: Page, path: Path, chosen: dict[str, Any] | None = None) -> Updates:
    """What the page holds once a copy of `path` was uploaded, which is gone then."""
    copy = path.parent / "sent" / path.name
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(path, copy)
    teaching = Teaching(page, Handlers(Service(torch.device("cpu")), page))
    values = {**said(page, "text"), page.teach.upload: str(copy), page.teach.columns: chosen}
    updates = teaching.open_file(values, ENGLISH)
    assert not copy.exists()
    return updates


def seen_in(path: Path, columns: Columns | None = None) -> Seen | None:
    seen: list[Seen] = []
    with suppress(UserError):
        read_episode(path, columns=columns, seen=seen)
    return seen[0] if seen else None


def names(updates: Updates, page: Page) -> list[str]:
    return [card["name"] for card in updates[page.sides["text"].cards]["value"]]


def test_columns_are_to_be_chosen_where_they_were_guessed(tickets: Path, tmp_path: Path) -> None:
    header = ("id", "Subject", "Body", "Category", "stars")
    assert seen_in(tickets) == Seen("tickets.csv", header, "Body", "Category")
    assert seen_in(tickets, Columns("Subject", "stars")) == Seen("tickets.csv", header, "Subject", "stars")
    odd, plain, task = tmp_path / "odd.csv", tmp_path / "plain.csv", tmp_path / "task.json"
    odd.write_text(ODD)
    assert seen_in(odd) == Seen("odd.csv", ("aa", "bb", "cc"), "", ""), "not even a guess"
    plain.write_text("label,more,text\na,x,one\nb,y,two\n")
    assert seen_in(plain) is None, "they are called as here"
    task.write_text(json.dumps({"support": [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]}))
    assert seen_in(task) is None


def packed(folder: Path, kind: str, tidy: bool) -> Path:
    """The odd table, or a tidy one whose columns are guessed, as a file of another kind."""
    rows = [line.split(",") for line in (TICKETS if tidy else ODD).splitlines()]
    records = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    path = folder / f"file.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a folder/table.csv", TICKETS if tidy else ODD)
    elif kind == "xlsx":
        book = openpyxl.Workbook()
        for row in (["who", "when"], ["me", "today"], ["you", "yesterday"]):
            book.active.append(row)
        second = book.create_sheet("complaints")
        for row in (["A report of this quarter"], [], *rows):
            second.append(row)
        book.save(path)
    else:
        path.write_text(json.dumps(records) if kind == "json" else "\n".join(map(json.dumps, records)))
    return path


@pytest.mark.parametrize("kind", ["zip", "json", "jsonl", "xlsx"])
def test_columns_are_chosen_wherever_a_table_is_read(page: Page, tmp_path: Path, kind: str) -> None:
    picker = page.teach.columns
    guessed = opened(page, packed(tmp_path, kind, tidy=True))
    assert names(guessed, page) == ["delivery", "billing"] and guessed[picker]["text"] == "Body"
    again = opened(page, tmp_path / f"file.{kind}", guessed[picker] | {"text": "Subject", "chosen": True})
    assert again[page.sides["text"].cards]["value"][0]["examples"].splitlines() == ["about a parcel", "about a letter"]
    odd = packed(tmp_path, kind, tidy=False)
    chosen = read_episode(odd, columns=Columns("bb", "cc"))
    assert [(row.content, row.label) for row in chosen.support][:2] == [("a late parcel", "d"), ("a wrong bill", "b")]
    offered = opened(page, odd)[picker]
    either = ["who", "when"] if kind == "xlsx" else []  # of its two sheets neither is known
    assert offered["names"] == [*either, "aa", "bb", "cc"] and offered["text"] == ""
    assert names(opened(page, odd, offered | {"text": "bb", "label": "cc", "chosen": True}), page) == ["d", "b"]


def test_a_column_of_numbers_is_read_as_numbers_on_request(tickets: Path) -> None:
    assert read_episode(tickets, columns=Columns("Body", "stars")).labels == ("1", "2", "4", "2.5")
    episode = read_episode(tickets, columns=Columns("Body", "stars", "value"))
    assert [row.label for row in episode.support] == [1.0, 2.0, 4.0, 2.5]
    with pytest.raises(UserError) as refused:
        read_episode(tickets, columns=Columns("Body", "Category", "value"))
    assert refused.value.name == "value_word" and "delivery" in refused.value.message("en")


def test_the_page_offers_the_columns_and_reads_the_file_again(page: Page, tickets: Path) -> None:
    picker = page.teach.columns
    first = opened(page, tickets)
    assert names(first, page) == ["delivery", "billing"]
    assert (first[picker]["text"], first[picker]["label"]) == ("Body", "Category") and len(first[picker]["names"]) == 5
    assert "“Body”" in first[page.adapt.notice] and "--text-column" not in first[page.adapt.notice]
    again = opened(page, tickets, first[picker] | {"text": "Subject", "chosen": True})
    assert again[page.sides["text"].cards]["value"][0]["examples"].splitlines()[0] == "about a parcel"
    assert again[picker]["text"] == "Subject"
    numbers = opened(page, tickets, first[picker] | {"label": "stars", "numbers": True, "chosen": True})
    assert [row["value"] for row in numbers[page.sides["text"].cards]["value"]["rows"]] == ["1", "2", "4", "2.5"]
    assert numbers[picker]["numbers"] is True
    stale = opened(page, tickets, first[picker] | {"text": "Subject"})
    assert stale[picker]["text"] == "Body", "what is shown of another file is no choice"


def test_where_no_column_is_known_nothing_is_lost_and_they_can_be_chosen(page: Page, tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text(ODD)
    updates = opened(page, odd)
    assert set(updates) == {page.message, page.teach.columns} and "“text”" in updates[page.message]
    chosen = opened(page, odd, updates[page.teach.columns] | {"text": "bb", "label": "cc", "chosen": True})
    assert names(chosen, page) == ["d", "b"] and chosen[page.message] == ""


def test_columns_of_training_examples_are_chosen(tmp_path: Path, service: Service) -> None:
    words = ("apple", "pear", "plum", "fig")
    rows = [f"{i},a text on {word} {i},{word},{i % 5}" for word in words for i in range(8)]
    table = "\n".join(["nr,aa,bb,cc", *rows])
    path = tmp_path / "mine.zip"
    with gr.Blocks():
        page = lay_out()
        tab = training_tab.lay_out()
    assert tab
    handlers = TrainingHandlers(service, page, tab, Teaching(page, Handlers(service, page)))

    def opened_with(columns: dict[str, Any] | None) -> Updates:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mine.csv", table)
        values = {tab.upload: str(path), tab.uploaded: Uploaded(), tab.sources: [], tab.columns: columns}
        return handlers.open_file(values, ENGLISH)

    unknown = opened_with(None)
    assert set(unknown) == {page.message, tab.columns} and "“text”" in unknown[page.message]
    offered = unknown[tab.columns]
    assert offered["names"] == ["nr", "aa", "bb", "cc"] and not path.exists()
    found = opened_with(offered | {"text": "aa", "label": "bb", "chosen": True})
    assert sorted(found[tab.uploaded].source.classes) == sorted(words) and found[page.message] == ""
    assert (found[tab.columns]["text"], found[tab.columns]["label"]) == ("aa", "bb")
    other = opened_with(offered | {"text": "aa", "label": "cc", "chosen": True})
    assert sorted(other[tab.uploaded].source.classes) == ["0", "1", "2", "3", "4"]


def test_a_sample_takes_the_columns_away(page: Page) -> None:
    teaching = Teaching(page, Handlers(Service(torch.device("cpu")), page))
    assert teaching.open_sample({**said(page, "text"), page.teach.sample: "news"}, ENGLISH)[page.teach.columns] is None


def test_points_from_a_file_go_to_their_own_side(page: Page, tmp_path: Path) -> None:
    table = tmp_path / "curve.csv"
    table.write_text("x,value\n-3,1.5\n-1,-0.5\n0,0.5\n2,\n4,-2\n")
    updates = opened(page, table)
    assert updates[page.modality] == "curve" and "away" in updates[page.bench]["elem_classes"]
    (paper,) = page.sheets["curve"][0].parts
    assert updates[paper]["points"] == [[-3.0, 1.5], [-1.0, -0.5], [0.0, 0.5], [4.0, -2.0]]
    assert page.sides["text"].cards not in updates, "what was there stays"
    many = tmp_path / "many.csv"
    many.write_text("x,value\n" + "".join(f"{i / 10},{i}\n" for i in range(101)))
    with pytest.raises(UserError) as refused:
        opened(page, many)
    assert refused.value.name == "curve_points"


def test_what_is_guessed_and_left_out_of_training_examples_is_said(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "mine.csv"
    rows = [(f"{word} {i}", word) for word in ("apple", "pear", "plum", "fig") for i in range(8)]
    path.write_text("utterance,intent\n" + "".join(f"a text on {text},{label}\n" for text, label in [*rows, rows[0]]))
    with gr.Blocks():
        page = lay_out()
        tab = training_tab.lay_out()
    assert tab
    handlers = TrainingHandlers(service, page, tab, Teaching(page, Handlers(service, page)))
    values: dict[Any, Any] = {tab.upload: str(path), tab.uploaded: Uploaded(), tab.sources: [], tab.columns: None}
    told = handlers.open_file(values, ENGLISH)[tab.told]
    assert "“utterance”" in told and "“intent”" in told and "--" not in told
    assert 'class="notice"' in told and "mine.csv" in told
    assert told.count("<p>") >= 3, "the row that stands there twice is said too"
    path.write_text("text,value\n" + "".join(f"a text {i},{i}\n" for i in range(30)))
    updates = handlers.open_file(values, ENGLISH)
    assert "mine.csv · 30 examples with numbers" in [said for said, _ in updates[tab.sources].choices]
    assert updates[tab.uploaded].source.objective.name == "numbers" and not path.exists()
