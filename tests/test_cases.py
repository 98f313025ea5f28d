"""What people really bring: each kind of file, picture and command line that was once read wrong in silence, and what is right for it."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from PIL import Image, ImageDraw

from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean_name
from meta_demo.data.episode import Episode
from meta_demo.data.reading.cells import date_text
from meta_demo.data.reading.columns import Columns
from meta_demo.data.reading.encodings import guess
from meta_demo.data.reading.readers import read_episode, read_rows, read_source
from meta_demo.data.reading.tasks import beside, parse_episode
from meta_demo.data.source import make_source
from meta_demo.data.sources import load_source
from meta_demo.modalities.base import is_blank
from meta_demo.modalities.picture.reading import read_picture

ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "cases"
ROWS = [
    ("I lost my card", "card"),
    ("my card was stolen", "card"),
    ("send money to my sister", "transfer"),
    ("wire 50 to Tom", "transfer"),
]


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def book(folder: Path, *sheets: Sequence[Sequence[Any]], change: Callable[[Any], None] = lambda _: None) -> Path:
    """A workbook of sheets called A, B ..., after `change` has seen it."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in zip("ABC", sheets, strict=False):
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    change(made)
    made.save(folder / "book.xlsx")
    return folder / "book.xlsx"


def counts(episode: Episode) -> dict[Any, int]:
    return dict(Counter(row.label for row in episode.support))


def texts(episode: Episode) -> list[str]:
    return [str(row.content) for row in episode.support]


def notes(episode: Episode) -> str:
    return "\n".join(note.message() for note in episode.notes)


def refused(path: Path, name: str, *parts: str, reader: Callable[..., Any] = read_episode) -> None:
    with pytest.raises(UserError) as caught:
        reader(path)
    assert caught.value.name == name, str(caught.value)
    assert all(part in caught.value.message(lang) for part in parts for lang in ("en", "zh")), str(caught.value)


PLAIN = {"card": 2, "transfer": 2}

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


# --- separators and headers


def table(separator: str, header: str = "text,label") -> str:
    return "".join(f"{line}\n" for line in (header, *map(",".join, ROWS))).replace(",", separator)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "\ufeff", "sep=", "\ufeffsep="])
def test_separators(separator: str, suffix: str, first: str, tmp_path: Path) -> None:
    first = f"{first}{separator}\r\n" if first.endswith("=") else first
    assert counts(read_episode(file(tmp_path, f"a{suffix}", first + table(separator)))) == PLAIN


def test_decimal_commas_between_semicolons_stay_in_their_cell(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text;label;price\n1,5 kg of flour;order;3,50\nwhere is it;question;0,00\n")
    assert texts(read_episode(path)) == ["1,5 kg of flour", "where is it"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_table_without_a_header_is_refused_as_that(separator: str, tmp_path: Path) -> None:
    rows = "".join(f"{text}{separator}{label}\n" for text, label in ROWS)
    refused(file(tmp_path, "a.csv", rows), "no_header", "I lost my card")


@pytest.mark.parametrize(
    "header",
    [
        "Subject,Category",
        "utterance,intent",
        "review,stars",
        "Nachricht,Kategorie",
        "Satz,Klasse",
        "文本,标签",
        "评论,类别",
        "commentaire,catégorie",
        "Tweet Text,Airline Sentiment",
        "Treść,Etykieta",
    ],
)
def test_columns_by_the_names_that_people_give_them(header: str, tmp_path: Path) -> None:
    for order in (header, ",".join(reversed(header.split(",")))):
        swap = order != header
        rows = [",".join(reversed(row) if swap else row) for row in ROWS]
        episode = read_episode(file(tmp_path, "a.csv", "\n".join([order, *rows])))
        assert counts(episode) == PLAIN and texts(episode) == [text for text, _ in ROWS]
        text, label = header.split(",")
        assert f"“{text}” was taken for the sentences" in notes(
            episode
        ) and f"“{label}” was taken for the label" in notes(episode)


def test_other_columns_that_may_be_meant_are_named(tmp_path: Path) -> None:
    rows = ["Subject,Body,Category,Id", *(f"about {i},{text},{label},{i}" for i, (text, label) in enumerate(ROWS))]
    path = file(tmp_path, "a.csv", "\n".join(rows))
    episode = read_episode(path)
    assert texts(episode) == [text for text, _ in ROWS] and "“Subject” left out" in notes(episode)
    named = read_episode(path, columns=Columns("subject", "category"))
    assert texts(named)[0] == "about 0" and named.notes == ()
    with pytest.raises(UserError, match="only Subject, Body, Category, Id"):
        read_episode(path, columns=Columns("title", ""))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "label,text,label\nsupport,I lost my card,card\nsales,send money,transfer\n")
    refused(path, "column_twice", "“label”")


def test_flags_name_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i},{text},{label}" for i, (text, label) in enumerate(ROWS)]
    path, out = file(tmp_path, "a.csv", "\n".join(["a,b,c", *rows])), tmp_path / "out.json"
    flags = ("--text-column", "b", "--label-column", "C", "--algorithms", "protonet", "--json", str(out))
    assert main(["adapt", str(path), *flags]) == 0
    assert json.loads(out.read_text())["labels"] == ["card", "transfer"]
    assert main(["evaluate", str(path), *flags, "--n-way", "2", "--n-query", "1", "--episodes", "2"]) == 0
    assert main(["evaluate", "builtin:sport", *flags]) == 2
    assert "has no columns to choose from" in capsys.readouterr().err


# --- files by another name, sheets, titles


def test_json_lines_and_lists_of_records(tmp_path: Path) -> None:
    records = [{"text": text, "label": label} for text, label in ROWS]
    lines = "\n".join(map(json.dumps, records))
    for name, content in (
        ("a.json", lines),
        ("b.json", json.dumps(records, indent=1)),
        ("c.jsonl", json.dumps(records)),
    ):
        path = file(tmp_path, name, content)
        assert counts(read_episode(path)) == PLAIN and len(read_rows(path)) == 4
    refused(file(tmp_path, "d.json", f"{lines}\n{{"), "broken_json", "5")
    refused(file(tmp_path, "e.json", json.dumps({"support": records})), "source_task", reader=read_rows)


def zipped(folder: Path, files: dict[str, bytes], name: str = "a.zip") -> Path:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return folder / name


def test_a_zip_with_one_table(tmp_path: Path) -> None:
    data = table(",").encode()
    assert counts(read_episode(zipped(tmp_path, {"data/spam.csv": data, "readme.md": b"x"}))) == PLAIN
    refused(zipped(tmp_path, {"a.csv": data, "b.csv": data}), "several_tables", "a.csv, b.csv")
    parts = zipped(
        tmp_path, {"train.csv": data, "test.csv": b"text,label\nsend it,transfer\n", "sample_submission.csv": data}
    )
    episode = read_episode(parts)
    assert (
        counts(episode) == PLAIN
        and episode.query[0].label == "transfer"
        and "train (4) is learned from" in notes(episode)
    )
    rows, said = read_source(parts)
    assert len(rows) == 5 and "count as one" in said[0].message()


def test_the_sheet_that_has_the_columns_is_read(tmp_path: Path) -> None:
    data = [("text", "label"), *ROWS]
    episode = read_episode(book(tmp_path, [("How to use this file",)], data))
    assert counts(episode) == PLAIN and "the sheet “B” was read" in notes(episode)
    episode = read_episode(book(tmp_path, data, [("text", "label"), ("x", "y")]))
    assert counts(episode) == PLAIN and "“A” was read, and “B” left out" in notes(episode)

    def hide(made: Any) -> None:
        made["A"].sheet_state = "hidden"

    assert counts(read_episode(book(tmp_path, [("text", "label"), ("x", "y"), ("z", "w")], data, change=hide))) == PLAIN


def test_merged_cells_hold_for_all_their_rows(tmp_path: Path) -> None:
    def merge(made: Any) -> None:
        made["A"].merge_cells("B2:B3")
        made["A"].merge_cells("B4:B5")

    rows = [("text", "label"), *ROWS]
    episode = read_episode(book(tmp_path, rows, change=merge))
    assert counts(episode) == PLAIN and not episode.query and "(2 cells were filled in)" in notes(episode)


def test_a_title_above_the_header(tmp_path: Path) -> None:
    episode = read_episode(book(tmp_path, [("Our mails of May",), (None,), ("Text", "Label"), *ROWS]))
    assert counts(episode) == PLAIN and "“Our mails of May”, was left out" in notes(episode)
    assert counts(read_episode(file(tmp_path, "a.csv", "Our mails of May\n\n" + table(",")))) == PLAIN


def test_rows_without_a_label_are_asked_about_and_left_out_of_sources(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", table(",") + "who took my card,\n")
    episode = read_episode(path)
    assert counts(episode) == PLAIN and [row.content for row in episode.query] == ["who took my card"]
    rows, said = read_source(path)
    assert len(rows) == 4 and "have no label were left out: 1" in said[0].message()


def test_a_header_that_stands_there_again_is_no_example(tmp_path: Path) -> None:
    episode = read_episode(file(tmp_path, "a.csv", table(",") + "text,label\nsend it,transfer\n"))
    assert counts(episode) == {"card": 2, "transfer": 3} and "stands 1 times more" in notes(episode)


# --- pictures


def drawn(kind: str, number: int, ink: Any = 0, paper: Any = 255, mode: str = "L") -> Image.Image:
    """A ring or a cross, a little otherwise for each number."""
    image = Image.new(mode, (48, 48), paper)
    pen, box = ImageDraw.Draw(image), (6 + number, 7, 40 - number, 42 - number)
    if kind == "ring":
        pen.ellipse(box, outline=ink, width=4)
    else:
        pen.line(box, fill=ink, width=4)
        pen.line((box[0], box[3], box[2], box[1]), fill=ink, width=4)
    return image


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


SHAPES = {f"{kind}/{i}.png": saved(drawn(kind, i)) for kind in ("ring", "cross") for i in range(3)}


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        file(path, name, data)
    return path


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".jfif", "JPEG"), (".HEIC", "HEIF"), (".heif", "HEIF"), (".jxl", "JXL"), (".JPE", "JPEG"), (".avif", "AVIF")],
)
def test_what_phones_and_browsers_save(suffix: str, kind: str, tmp_path: Path) -> None:
    image = drawn("ring", 9).convert("RGB")
    path = folder(tmp_path / "a", SHAPES | {f"ring/IMG_9{suffix}": saved(image, kind)})
    assert counts(read_episode(path)) == {"ring": 4, "cross": 3}
    pixels = read_picture(saved(image, kind)).array().astype(int).mean(-1)
    assert np.abs(pixels - np.asarray(image.convert("L"))).mean() < 8


def test_what_is_left_out_of_a_class_folder_is_named(tmp_path: Path) -> None:
    more = {"ring/IMG_5.HEIC": b"\0\0\0\x18ftypheic" + bytes(70), "cross/readme.txt": b"x", "cross/Thumbs.db": b"x"}
    episode = read_episode(folder(tmp_path / "a", SHAPES | more))
    said = notes(episode)
    assert counts(episode) == {"ring": 3, "cross": 3}
    assert "ring/IMG_5.HEIC" in said and "cross/readme.txt" in said and "Thumbs.db" not in said
    only = {name: data for name, data in (SHAPES | more).items() if not name.startswith("ring/") or "HEIC" in name}
    refused(folder(tmp_path / "b", only), "class_no_pictures", "ring")


@pytest.mark.parametrize("packed", [False, True])
def test_parts_of_a_data_set_are_no_classes(packed: bool, tmp_path: Path) -> None:
    files = {f"{part}/{name}": data for part in ("train", "val") for name, data in SHAPES.items()}
    files |= {f"val/{kind}/9.png": saved(drawn(kind, 9)) for kind in ("ring", "cross")}
    path = zipped(tmp_path, files) if packed else folder(tmp_path / "animals", files)
    episode = read_episode(path)
    assert counts(episode) == {"ring": 3, "cross": 3} and Counter(r.label for r in episode.query) == {
        "ring": 4,
        "cross": 4,
    }
    assert "train (6) is learned from, and val (8) asked about" in notes(episode)
    rows, said = read_source(path)
    assert Counter(row.label for row in rows) == {"ring": 7, "cross": 7} and "train (6), val (8)" in said[0].message()
    loose = {f"{part}/{i}.png": saved(drawn("ring", i)) for part in ("train", "test") for i in range(2)}
    refused(zipped(tmp_path, loose, "b.zip"), "splits_only", "test / train")
    one = {name: data for name, data in files.items() if name.startswith("train/")}
    assert counts(read_episode(folder(tmp_path / "one", one))) == {"ring": 3, "cross": 3}


def test_parts_in_evaluate_and_train(tmp_path: Path, vision_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("train", "val")
    kinds = {"ring": "ring", "cross": "cross", "dot": "ring", "bar": "cross"}
    files = {
        f"{part}/{label}/{i}.png": saved(drawn(kind, i + 3 * (part == "val"), ink=60 * (label in ("dot", "bar"))))
        for part in names
        for label, kind in kinds.items()
        for i in range(3)
    }
    path, out = folder(tmp_path / "animals", files), tmp_path / "out.json"
    common = ("--model", str(vision_folder), "--json", str(out), "--n-way", "2", "--n-query", "2")
    assert main(["evaluate", str(path), "--algorithms", "protonet", "--episodes", "2", *common]) == 0
    assert any("count as one: train (12), val (12)" in note for note in json.loads(out.read_text())["notes"])
    run = ("--algorithm", "protonet", "--steps", "1", "--meta-batch", "1", "--valid-episodes", "2")
    assert main(["train", "--source", str(path), *run, "--output", str(tmp_path / "made"), *common]) == 0
    assert any("count as one" in note for note in json.loads(out.read_text())["notes"])
    assert capsys.readouterr().err.count("note: ") == 2
    card = json.loads((tmp_path / "made" / "card.json").read_text())
    assert {*card["sources"][0]["classes"], *card["validated_on"][0]["classes"]} == {*kinds}


def csv_of(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


FLAT = {name.replace("/", ""): data for name, data in SHAPES.items()}
NAMED = [[name, name[:-5]] for name in FLAT]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("place", "header"), [("train/metadata.csv", "file_name"), ("metadata.csv", "image"), ("labels.csv", "filename")]
)
def test_a_table_beside_pictures(place: str, header: str, packed: bool, tmp_path: Path) -> None:
    around = str(Path(place).parent)
    files = {f"{around}/{name}": data for name, data in FLAT.items()} | {place: csv_of([[header, "label"], *NAMED])}
    path = zipped(tmp_path, files) if packed else folder(tmp_path / "ds", files)
    assert counts(read_episode(path)) == {"ring": 3, "cross": 3}


def test_tables_for_the_parts_of_a_competition(tmp_path: Path) -> None:
    """As Kaggle packs them: names without an ending, and pictures to predict."""
    rest = {f"test/{i}x.png": saved(drawn("ring", i + 4)) for i in range(3)}
    files = {f"train/{name}": data for name, data in FLAT.items()} | rest
    tables = {"train.csv": csv_of([["id", "label"], *([name[:-4], label] for name, label in NAMED)])}
    tables |= {"test.csv": csv_of([["id"], ["0x"], ["1x"]])}
    episode = read_episode(
        zipped(tmp_path, files | tables | {"sample_submission.csv": csv_of([["id", "label"], ["0x", "ring"]])})
    )
    assert counts(episode) == {"ring": 3, "cross": 3}
    assert [(str(row.content), row.label) for row in episode.query] == [("test/0x.png", None), ("test/1x.png", None)]
    assert "train (6) is learned from, and test (2) asked about" in notes(episode) and "(1): test/2x.png" in notes(
        episode
    )


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("at 9.41 AM.png", "at 9.41\u202fAM.png"),
        ("at 9.41\u202fAM.png", "at 9.41\u202fAM.png"),
        ("café.png", unicodedata.normalize("NFD", "café.png")),
        (unicodedata.normalize("NFD", "café.png"), "café.png"),
        ("scan  page.png", "scan page.png"),
        ("sub\\a.png", "sub/a.png"),
    ],
)
def test_names_as_systems_write_them(written: str, there: str, tmp_path: Path) -> None:
    files = {there: saved(drawn("ring", 0)), "b.png": saved(drawn("cross", 0))}
    rows = csv_of([["image", "label"], [written, "ring"], ["b.png", "cross"]])
    path = folder(tmp_path / "shots", files | {"shots.csv": rows})
    assert counts(read_episode(path)) == {"ring": 1, "cross": 1}
    assert counts(read_episode(path / "shots.csv", beside(path))) == {"ring": 1, "cross": 1}
    assert counts(read_episode(zipped(tmp_path, files | {"shots.csv": rows}))) == {"ring": 1, "cross": 1}


def test_white_on_transparent_is_not_blank() -> None:
    for mode, white, nothing in (("RGBA", (255, 255, 255, 255), (255, 255, 255, 0)), ("LA", (255, 255), (0, 0))):
        icon = read_picture(saved(drawn("ring", 0, white, nothing, mode)))
        dark = read_picture(saved(drawn("ring", 0, (0, 255) if mode == "LA" else (0, 0, 0, 255), nothing, mode)))
        assert not is_blank(icon) and (icon.array() == 255 - dark.array()).all()
    assert is_blank(read_picture(saved(Image.new("RGBA", (9, 9), (255, 255, 255, 128)))))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_few_bits_in_sixteen_are_stretched(bits: int) -> None:
    eight = np.asarray(drawn("ring", 0, 10, 250)).astype(float)
    deep = Image.fromarray((eight / 255 * (2**bits - 1)).round().astype(np.uint16))
    pixels = read_picture(saved(deep)).array()[..., 0].astype(float)
    assert np.abs(pixels - eight).max() <= 1


WINDOWS = {
    "cp949": ["고양이", "강아지"],
    "gb2312": ["猫", "狗"],
    "cp866": ["кошки", "собаки"],
    "cp932": ["猫", "犬"],
    "big5": ["貓", "狗"],
    "utf-8": ["猫", "高"],
}


@pytest.mark.parametrize("encoding", WINDOWS)
def test_zips_of_other_windows_share_one_guess_that_is_said(encoding: str, tmp_path: Path) -> None:
    names = WINDOWS[encoding]
    stand_ins = {name: letter * len(name.encode(encoding)) for name, letter in zip(names, "XY", strict=True)}
    path = zipped(tmp_path, {f"{stand_ins[name]}/{i}.png": saved(drawn("ring", i)) for i, name in enumerate(names)})
    data = path.read_bytes()
    for name, letters in stand_ins.items():
        data = data.replace(letters.encode(), name.encode(encoding))
    path.write_bytes(data)
    episode = read_episode(path)
    assert {*counts(episode)} == {*names}
    assert ("does not say how the names in it are written" in notes(episode)) == (encoding != "utf-8")


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp437", ["Küche", "Bäder"]),
        ("cp1252", ["Küche", "Bäder"]),
        ("cp1251", ["кошка", "собака"]),
        ("cp932", ["ねこ", "いぬ"]),
    ],
)
def test_code_pages(encoding: str, names: list[str]) -> None:
    raw = [f"{name}/0.png".encode(encoding) for name in names]
    assert [name.decode(guess(raw)[0]) for name in raw] == [f"{name}/0.png" for name in names]


# --- commands

TASK = {"support": [{"text": t, "label": n} for t, n in ROWS], "query": [{"text": "where is my card", "label": "card"}]}
QUICK = ("--algorithms", "protonet")


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return file(tmp_path, "task.json", json.dumps(TASK))


def test_each_flag_that_does_not_apply_is_named(tmp_path: Path, task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    episodes = file(tmp_path, "episodes.jsonl", json.dumps(TASK) + "\n" + json.dumps(TASK))
    sizes = ("--n-way", "2", "--k-shot", "1", "--episodes", "2", "--classes", "split.json:test", "--within")
    assert main(["evaluate", str(episodes), *QUICK, *sizes]) == 2
    said = capsys.readouterr().err
    assert all(flag in said for flag in ("--n-way", "--k-shot", "--episodes", "--classes", "--within"))
    assert main(["evaluate", str(episodes), *QUICK]) == 0
    for command, flag in (
        (["adapt", str(task), *QUICK, "--maml.inner-lr", "0.1"], "--maml.inner-lr"),
        (["evaluate", "builtin:sport", *QUICK, "--maml.inner-steps", "2"], "--maml.inner-steps"),
        (["evaluate", "builtin:sport", *QUICK, "--steps", "0,1"], "--steps"),
        (
            ["train", "--source", "builtin:sport", "--output", str(tmp_path / "o"), "--temperature", "3"],
            "--temperature",
        ),
    ):
        capsys.readouterr()
        assert main(command) == 2
        assert flag in capsys.readouterr().err


def test_options_are_checked_before_the_first_second_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(*_: Any) -> None:
        raise AssertionError("work began")

    monkeypatch.setattr("meta_demo.backbones.loading.load_backbone", work)
    monkeypatch.setattr("meta_demo.data.sources.load_sources", work)
    train = ["train", "--source", "builtin:sport", "--algorithm", "protonet", "--output", str(tmp_path / "out")]
    taken = file(tmp_path, "taken/x.txt", "x").parent
    for command, said in (
        (["evaluate", "builtin:sport", "--json", "/no/such/out.json"], "/no/such/out.json could not be written"),
        (["evaluate", "builtin:sport", "--checkpoint", "/no/such"], "card.json"),
        ([*train, "--json", str(tmp_path)], "Is a directory"),
        ([*train, "--protonet.scope", "lora", "--export", str(tmp_path / "m")], "scope is lora"),
        ([*train, "--start", "/no/such"], "card.json"),
        ([*train, "--resume"], "no run to go on with"),
        ([*train[:-1], str(taken)], "not empty"),
        ([*train[:-1], str(taken / "x.txt")], "is a file"),
    ):
        assert main(command) == 2
        assert said in capsys.readouterr().err


def test_numbers_in_messages_are_possible_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rows(count: dict[str, int]) -> str:
        return "text,label\n" + "".join(f"{name} number {i},{name}\n" for name, n in count.items() for i in range(n))

    uneven = file(tmp_path, "uneven.csv", rows(dict.fromkeys("abcde", 9) | {"f": 3}))
    six = file(tmp_path, "six.csv", rows(dict.fromkeys("abcdef", 9)))
    for more, said in (
        ((), "--n-query 2"),
        (("--k-shot", "5"), "--k-shot 1 --n-query 2"),
        (("--k-shot", "7", "--n-query", "1"), "--k-shot 2"),
    ):
        assert main(["evaluate", str(uneven), *QUICK, *more]) == 2
        found = capsys.readouterr().err
        assert said in found and not re.search(r"at most 0|at most -", found)
    assert main(["evaluate", str(uneven), *QUICK, "--n-query", "2", "--episodes", "2"]) == 0
    one = file(tmp_path, "one.csv", rows({"a": 9, "b": 1}))
    assert main(["evaluate", str(one), *QUICK, "--n-way", "2"]) == 2
    train = ["train", "--source", str(six), "--algorithm", "protonet", "--output", str(tmp_path / "out")]
    assert main(train) == 2
    assert "2 of its 6 are held out" in capsys.readouterr().err


def test_resuming_names_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = "text,label\n" + "".join(f"{name} number {i},{name}\n" for name in "abcdef" for i in range(6))
    source = file(tmp_path, "here/six.csv", texts)
    sizes = ("--n-way", "2", "--n-query", "2", "--meta-batch", "1", "--valid-episodes", "2", "--algorithm", "protonet")

    def run(*more: str, file: Path = source) -> tuple[int, str]:
        code = main(["train", "--source", str(file), "--output", str(tmp_path / "out"), *sizes, *more])
        return code, capsys.readouterr().err

    assert run("--steps", "2", "--minutes", "0")[0] == 0
    for more, said in (
        (("--steps", "2", "--lr", "0.01"), "--lr 0.0003, not 0.01"),
        (("--steps", "2", "--n-query", "3"), "--n-query 2, not 3"),
        (("--steps", "2", "--protonet.scope", "bias"), "--protonet.scope"),
        (("--steps", "9"), "go on from its start with --start"),
    ):
        code, found = run(*more, "--resume")
        assert code == 2 and said in found
    other = file(tmp_path, "there/other.csv", texts.replace("number 1", "number one"))
    code, found = run("--steps", "2", "--resume", file=other)
    assert code == 2 and "--source" in found and "here/six.csv" in found and "there/other.csv" in found
    moved = file(tmp_path, "there/moved.csv", texts)
    assert run("--steps", "2", "--resume", file=moved)[0] == 0


def test_json_on_the_standard_output_stands_there_alone(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapt", str(task), *QUICK, "--json", "-"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["labels"] == ["card", "transfer"] and "protonet" in said.err
    assert main(["algorithms", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["algorithms"]


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "ascii"])
def test_output_survives_any_console(encoding: str, tmp_path: Path) -> None:
    rows = [{"text": "今天下雨", "label": "天气"}, {"text": "喝一杯咖啡", "label": "食物"}]
    path = file(tmp_path, "task.json", json.dumps({"support": rows, "query": [{"text": "吃米饭 🍚"}]}))
    command = [sys.executable, "-m", "meta_demo", "adapt", str(path), *QUICK]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0 and b"protonet" in done.stdout, done.stderr


def test_texts_beyond_the_limit_are_noted_wherever_figures_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "word " * 400
    rows = "text,label\n" + "".join(f"{name} {i} {long},{name}\n" for name in "abcd" for i in range(4))
    path, out = file(tmp_path, "mails.csv", rows), tmp_path / "out.json"
    sizes = ("--n-way", "2", "--n-query", "1", "--json", str(out))
    small = ("--steps", "1", "--meta-batch", "1", "--valid-episodes", "2", "--algorithm", "protonet", "--output")
    for command in (
        ["adapt", str(path), *QUICK, "--json", str(out)],
        ["evaluate", str(path), *QUICK, "--episodes", "2", *sizes],
        ["train", "--source", str(path), *small, str(tmp_path / "made"), *sizes],
    ):
        assert main(command) == 0
        (note,) = json.loads(out.read_text())["notes"]
        assert "inputs are longer than the model reads" in note and "256" in note and note in capsys.readouterr().err


def test_sources_keep_the_order_and_the_hash_of_their_content(tmp_path: Path) -> None:
    """Notes are no part of what a source is."""
    clean = load_source(str(file(tmp_path, "a.csv", table(","))))
    noted = load_source(str(file(tmp_path, "b.csv", table(";", "Message,Category") + ";card\n")))
    assert clean.sha256 == noted.sha256 and noted.notes and not clean.notes
    assert make_source("x", read_rows(tmp_path / "a.csv")).sha256 == clean.sha256


# --- the inputs that these kinds were found in, where they are at hand

HELD: dict[str, Any] = {
    "d01/reviews.tsv": {"cancel": 2, "complaint": 3, "delivery": 2},
    "d01/reviews.csv": "stray_quote",
    "d02/train.json": PLAIN,
    "d03/records.json": PLAIN,
    "d04/crlf.xlsx": PLAIN,
    "d05/vlookup.xlsx": "cell_error",
    "d06/labels.csv": {"card": 3, "transfer": 3},
    "d07/queries.json": "task_key_near",
    "d08/mixed.csv": "label_spelling",
    "d09/archive.zip": {"delivery": 2, "billing": 2},
    "d10/tabs.csv": {"delivery": 2, "billing": 2},
    "d10/pipes.csv": {"delivery": 2, "billing": 2},
    "d10/semicolon_bom.csv": {"delivery": 2, "billing": 2},
    "d10/noheader.csv": "no_header",
    "d11/nan.jsonl": {"card": 1, "transfer": 2},
    "d11/floats.jsonl": {"1": 2, "0": 2},
    "d12/exploded.csv": "two_labels",
    "d13/blanks.csv": PLAIN,
    "d14/second_sheet.xlsx": PLAIN,
    "d14/kinds.xlsx": {"1": 3, "2.5": 1, "2024-02-01": 1, "True": 1},
    "d15/two_label_columns.csv": "column_twice",
    "i01/photos": {"cross": 3, "ring": 5},
    "i02/comp.zip": {"ring": 4, "cross": 4},
    "i03/animals": dict.fromkeys(("arrow", "bar", "cross", "ring"), 6),
    "i04/ds": {"ring": 3, "cross": 3},
    "i05/screenshots.zip": {"ring": 2, "cross": 2},
    "i05/shots/screenshots.csv": {"ring": 2, "cross": 2},
    "i06/icons": {"cross": 3, "ring": 3},
    "i06/mixed": {"cross": 5, "ring": 5},
    "i07/xray": dict.fromkeys(("arrow", "bar", "cross", "ring"), 4),
    "i09/chinese.zip": {"猫": 2, "狗": 2},
    "i09/korean.zip": {"고양이": 2, "강아지": 2},
    "i09/russian.zip": {"кошки": 2, "собаки": 2},
}


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not at hand")
@pytest.mark.parametrize("name", HELD)
def test_the_cases_themselves(name: str) -> None:
    path, right = CASES / name, HELD[name]
    if isinstance(right, str):
        refused(path, right)
    else:
        assert counts(read_episode(path, beside(path.parent))) == right
