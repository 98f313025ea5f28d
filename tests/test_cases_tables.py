"""Separators, headers, sheets and archives of the tables that people really bring, and the cases themselves where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cases import CASES, PLAIN, ROWS, book, counts, file, notes, refused, table, texts, zipped

from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.data.reading.columns import Columns
from meta_demo.data.reading.readers import read_episode, read_rows, read_source
from meta_demo.data.reading.tasks import beside
from meta_demo.data.source import make_source
from meta_demo.data.sources import load_source

# --- separators and headers


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


@pytest.mark.slow
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
