"""What stands in the cells and the keys of the tables that people really bring, once read wrong in silence, and what is right for it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from cases import PLAIN, ROWS, book, counts, file, notes, refused, texts

from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean_name
from meta_demo.data.reading.cells import date_text
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.data.sources import load_source

# --- quotation marks

UNEVEN = """text	label
please cancel my order	cancel
"this is the third time I write	complaint
I want to cancel it now	cancel
he told me wait a week"	complaint
"""


def test_a_tab_separated_file_has_no_quotes(tmp_path: Path) -> None:
    episode = read_episode(file(tmp_path, "a.tsv", UNEVEN))
    assert counts(episode) == {"cancel": 2, "complaint": 2}
    assert texts(episode)[1] == '"this is the third time I write'
    assert counts(read_episode(file(tmp_path, "a.csv", UNEVEN))) == {"cancel": 2, "complaint": 2}


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('"said ""hi"" twice"', 'said "hi" twice'),
        ('"Dear all, hello"', "Dear all, hello"),
        ('"hi" she said', '"hi" she said'),
    ],
)
def test_cells_that_a_spreadsheet_had_to_quote_are_told_from_those_that_begin_with_a_mark(
    cell: str, said: str, tmp_path: Path
) -> None:
    assert texts(read_episode(file(tmp_path, "a.tsv", f"text\tlabel\n{cell}\ta\nother\tb\n")))[0] == said


@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_a_stray_quote_that_swallows_rows_is_refused_by_its_line(separator: str, tmp_path: Path) -> None:
    refused(file(tmp_path, "a.csv", UNEVEN.replace("\t", separator)), "stray_quote", "3", "this is the third time")


def test_a_swallowed_class_is_found_even_where_it_stands_nowhere_else(tmp_path: Path) -> None:
    rows = 'id,text,label\n1,a one,a\n2,"b one,b\n3,c one,c\n4,b two",b\n5,a two,a\n'
    refused(file(tmp_path, "a.csv", rows), "stray_quote", "3")


def test_letters_of_several_lines_are_no_rows(tmp_path: Path) -> None:
    letter = '"Dear team,\nplease cancel my order, it is 1,000 years old.\n\nYours, Tom",cancel\n'
    episode = read_episode(file(tmp_path, "a.csv", f"text,label\n{letter}where is it,delivery\n"))
    assert texts(episode)[0].startswith("Dear team, please cancel") and counts(episode) == {"cancel": 1, "delivery": 1}


# --- cells that are no text


def test_a_workbooks_line_ends_are_no_letters(tmp_path: Path) -> None:
    rows = [
        ("text", "label"),
        ("one_x000D_\nline", "card"),
        ("two", "card_x000D_"),
        ("three _x0041_", "b_x005F_x000D_"),
    ]
    episode = read_episode(book(tmp_path, rows))
    assert texts(episode) == ["one line", "two", "three _x0041_"]
    assert counts(episode) == {"card": 2, "b_x000D_": 1}
    assert counts(read_episode(file(tmp_path, "a.csv", "text,label\nx,card\ny,card_x000D_\nz,b\n"))) == {
        "card": 2,
        "b": 1,
    }


@pytest.mark.parametrize("place", [0, 1])
def test_a_spreadsheets_errors_are_refused_by_row(place: int, tmp_path: Path) -> None:
    def fail(made: Any) -> None:
        cell = made["A"].cell(3, place + 1)
        cell.value, cell.data_type = "#N/A", "e"

    refused(book(tmp_path, [("text", "label"), *ROWS], change=fail), "cell_error", "3", "#N/A")
    row = ["a text", "a"]
    row[place] = "#REF!"
    refused(file(tmp_path, "a.csv", f"text,label\nx,a\n{','.join(row)}\nz,b\n"), "cell_error", "3", "#REF!")
    spoken = book(tmp_path, [("text", "label"), *ROWS, ("what does #N/A mean", "excel")])
    assert texts(read_episode(spoken))[-1] == "what does #N/A mean"


def test_a_formula_that_nobody_calculated_is_refused(tmp_path: Path) -> None:
    rows = [("text", "label"), *ROWS[:3], ("wire 50 to Tom", '=IF(1>0,"transfer","card")')]
    refused(book(tmp_path, rows), "cell_uncalculated", "5")


def test_a_number_without_value_is_no_label_and_a_whole_one_has_no_point(tmp_path: Path) -> None:
    lines = [{"text": text, "label": label} for text, label in [*ROWS, ("pay rent", float("nan")), ("hello", None)]]
    episode = read_episode(file(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines))))
    assert counts(episode) == PLAIN and [row.content for row in episode.query] == ["pay rent", "hello"]
    assert "have no label are asked about: 2" in notes(episode)
    lines = [{"text": str(i), "label": label} for i, label in enumerate([1, 1.0, 0, 0.0, 2.5])]
    assert counts(read_episode(file(tmp_path, "b.jsonl", "\n".join(map(json.dumps, lines))))) == {
        "1": 2,
        "0": 2,
        "2.5": 1,
    }
    episode = read_episode(file(tmp_path, "c.csv", "text,label\na,1\nb,1.0\nc,2.0\nd,1.10\ne,1.1\n"))
    assert counts(episode) == {"1": 2, "2.0": 1, "1.10": 1, "1.1": 1} and "one class, “1”" in notes(episode)


def test_words_that_libraries_take_for_missing_are_words(tmp_path: Path) -> None:
    episode = read_episode(file(tmp_path, "a.csv", "text,label\nNA,None\nNone,NA\nnull,NA\n"))
    assert texts(episode) == ["NA", "None", "null"] and counts(episode) == {"None": 1, "NA": 2}


def test_a_workbook_means_what_it_shows(tmp_path: Path) -> None:
    def show(made: Any) -> None:
        made["A"]["B2"].number_format = "d mmm yyyy"
        made["A"]["B3"].number_format = "yyyy-mm-dd"

    day = datetime.datetime(2024, 2, 1)
    rows = [("text", "label"), ("one", day), ("two", day), ("three", True), (12345, 1.0), ("six", 1)]
    episode = read_episode(book(tmp_path, rows, change=show))
    assert counts(episode) == {"1 Feb 2024": 1, "2024-02-01": 1, "True": 1, "1": 2} and texts(episode)[3] == "12345"


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("yyyy-mm-dd", "2024-02-01"),
        ("dd/mm/yyyy", "01/02/2024"),
        ("d.m.yy", "1.2.24"),
        ("mmmm d, yyyy", "February 1, 2024"),
        ("[$-409]d-mmm-yy;@", "1-Feb-24"),
        ("yyyy-mm-dd hh:mm:ss", "2024-02-01 15:04:09"),
        ("h:mm AM/PM", "3:04 PM"),
        ('yyyy"年"m"月"d"日"', "2024年2月1日"),
        ("General", "2024-02-01 15:04:09"),
    ],
)
def test_dates(pattern: str, shown: str) -> None:
    assert date_text(datetime.datetime(2024, 2, 1, 15, 4, 9), pattern) == shown


# --- names of classes


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("card\u200b", "card"),
        ("\u200ecard", "card"),
        ("ca\u00adrd", "card"),
        ("\u2066card\u2069", "card"),
        ("card\u200d", "card"),
        ("ca\u2060rd\u034f", "card"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u200b", ""),
    ],
)
def test_what_nobody_sees_makes_no_class(said: str, name: str, tmp_path: Path) -> None:
    assert clean_name(said) == name
    if name:
        rows = f"text,label\nx,{name}\ny,{said}\nz,b\n"
        assert counts(read_episode(file(tmp_path, "a.csv", rows))) == {name: 2, "b": 1}


@pytest.mark.slow
def test_capitals_are_refused_everywhere_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(tmp_path, "a.csv", "text,label\n" + "".join(f"text {i},{'Ff'[i % 2]}ees\n" for i in range(20)))
    refused(path, "label_spelling", "Fees", "fees")
    refused(path, "label_spelling", "Fees", "fees", reader=lambda p: load_source(str(p)))
    assert main(["evaluate", str(path), "--algorithms", "protonet", "--n-way", "2"]) == 2
    assert main(["train", "--source", str(path), "--algorithm", "protonet", "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("differ only in capital letters") == 2


# --- keys


@pytest.mark.parametrize(
    ("task", "meant"),
    [
        ({"queries": []}, "query"),
        ({"suport": []}, "support"),
        ({"support": [{"text": "x", "lable": "a"}]}, "label"),
        ({"support": [{"txt": "x", "text": "x", "label": "a"}]}, "text"),
        ({"support": [{"text": "x", "label": "a"}], "query": [{"text": "x", "labels": "a"}]}, "label"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(task: dict[str, Any], meant: str) -> None:
    with pytest.raises(UserError, match=f"did you mean “{meant}”") as caught:
        parse_episode({"support": [], **task})
    assert caught.value.name == "task_key_near"


# --- rows that are left out


def test_rows_that_are_left_out_are_counted(tmp_path: Path) -> None:
    rows = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)
    path = file(tmp_path, "a.csv", rows + ",card\n  ,transfer\nwire 50 to Tom,transfer\nI lost my card,card\n")
    said = notes(read_episode(path))
    assert "blank were left out: 2" in said and "repeat another one of their class were left out: 2" in said
    source = load_source(str(path))
    said = "\n".join(note.message() for note in source.notes)
    assert "blank were left out: 2" in said and "a.csv: 2" in said and source.size == 4
    rows = [{"text": text, "label": label} for text, label in [*ROWS, *ROWS[:1], (" ", "card")]]
    said = notes(parse_episode({"support": rows}))
    assert "left out: 1" in said and said.count("\n") == 1


def test_a_class_that_would_vanish_refuses_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(f"{label} {i}", label) for label in ("billing", "delivery", "account") for i in range(7)]
    urgent = [(text, "urgent") for text, _ in rows[::2]]
    path = file(tmp_path, "a.csv", "text,label\n" + "".join(f"{t},{n}\n" for t, n in (*rows, *urgent)))
    assert main(["evaluate", str(path), "--n-way", "3", "--algorithms", "protonet"]) == 2
    assert "“urgent”" in capsys.readouterr().err
    more = file(tmp_path, "b.csv", path.read_text() + "right now,urgent\n")
    (note,) = load_source(str(more)).notes
    assert dict(note.values)["count"] == 11 and "two classes" in note.message()


def test_hidden_rows_are_left_out_and_said(tmp_path: Path) -> None:
    def hide(made: Any) -> None:
        made["A"].row_dimensions[3].hidden = True

    episode = read_episode(book(tmp_path, [("text", "label"), *ROWS], change=hide))
    assert counts(episode) == {"card": 1, "transfer": 2} and "hidden in “book.xlsx” were left out: 1" in notes(episode)
