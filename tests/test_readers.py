"""Files of examples: what each kind reads to, and that every bad file is refused with the sentence meant for it."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meta_demo.core import files
from meta_demo.core.errors import UserError
from meta_demo.core.strings import clean, clean_name
from meta_demo.data.episode import Episode, Example
from meta_demo.data.reading import readers
from meta_demo.data.reading.cells import Fault, faulty
from meta_demo.data.reading.readers import read_episode, read_rows

QUICK = settings(max_examples=60)
HEADER = ["text", "label"]
ROWS = [Example("one, two", "a"), Example('said "hi"', "b"), Example("三", "b")]
EPISODE = Episode(tuple(ROWS))


def csv_bytes(grid: list[list[str]], delimiter: str = ",") -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(grid)
    return file.getvalue().encode()


def jsonl_bytes(grid: list[list[str]]) -> bytes:
    return b"".join(json.dumps(dict(zip(grid[0], row, strict=True))).encode() + b"\n" for row in grid[1:])


def xlsx_bytes(grid: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for number, row in enumerate(grid, 1):
        for column, value in enumerate(row, 1):
            cell = book.active.cell(number, column, value)
            if isinstance(value, str):
                cell.data_type = "s"  # or "=x" becomes a formula
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def zip_bytes(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


WRITERS: dict[str, Callable[[list[list[str]]], bytes]] = {
    ".csv": csv_bytes,
    ".tsv": lambda grid: csv_bytes(grid, "\t"),
    ".jsonl": jsonl_bytes,
    ".xlsx": xlsx_bytes,
}


def read(reader: Callable[[Path], Any], data: bytes, suffix: str) -> Any:
    """What `reader` makes of a file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(data)
        return reader(path)


def test_every_table_has_a_writer_here() -> None:
    assert set(WRITERS) == set(readers.TABLES)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_table_is_rows_and_a_support_set(suffix: str) -> None:
    data = WRITERS[suffix]([HEADER, *([row.content, row.label or ""] for row in ROWS)])
    assert read(read_rows, data, suffix) == ROWS
    assert read(read_episode, data, suffix.upper()) == EPISODE


@pytest.mark.parametrize("suffix", WRITERS)
def test_columns_may_be_many_in_any_order_and_any_case(suffix: str) -> None:
    data = WRITERS[suffix]([["id", " LABEL", "Text ", "note"], ["1", "a ", " x\ty", ""], ["2", "b", "z", "n"]])
    assert read(read_rows, data, suffix) == [Example("x y", "a"), Example("z", "b")]


def test_of_two_columns_that_differ_in_capitals_the_one_that_is_spelt_as_here_counts() -> None:
    assert read(read_rows, b"text,label,Text\nx,a,other\n", ".csv") == [Example("x", "a")]


@pytest.mark.parametrize("suffix", WRITERS)
def test_blank_rows_are_dropped_but_a_class_is_not_lost_in_silence(suffix: str) -> None:
    data = WRITERS[suffix]([HEADER, ["x", "a"], [" ", ""], ["y", "b"], ["", "c"]])
    assert read(read_rows, data, suffix) == [Example("x", "a"), Example("y", "b")]
    with pytest.raises(UserError, match="“c” has no example"):
        read(read_episode, data, suffix)


@QUICK
@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4), st.sampled_from(sorted(WRITERS)))
@example([("=1+1", "+1"), ("_x0041_", "-"), ("#N/A", "'"), ("\u2028 a", "😀"), ("1e5", "007")], ".xlsx")
def test_any_clean_text_survives_the_way_through_a_file(pairs: list[tuple[str, str]], suffix: str) -> None:
    rows = [Example(clean(text), clean_name(label)) for text, label in pairs]
    plain = suffix in (".csv", ".tsv")  # there a spreadsheet's error is a text, and refused
    rows = [r for r in rows if not (plain and any(isinstance(faulty(str(c)), Fault) for c in (r.content, r.label)))]
    rows = [row for row in rows if row.content and row.label] or [Example("x", "a")]
    data = WRITERS[suffix]([HEADER, *([row.content, row.label or ""] for row in rows)])
    assert read(read_rows, data, suffix) == rows


def test_numbers_are_text() -> None:
    expected = [Example("1", "2.5"), Example("True", "0")]
    assert read(read_rows, xlsx_bytes([HEADER, [1, 2.5], [True, 0]]), ".xlsx") == expected
    assert read(read_rows, b'{"text": 1, "label": 2.5}\n{"text": true, "label": 0}', ".jsonl") == expected


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_byte_order_mark_newlines_and_blank_lines(mark: bytes, newline: bytes) -> None:
    data = mark + newline.join([b"", b"text,label,,", b"x,a,,,,", b"", b'"y', b'z",b,,', b",,,", b""])
    assert read(read_rows, data, ".csv") == [Example("x", "a"), Example("y z", "b")]


def test_line_separators_inside_json_strings_split_nothing() -> None:
    data = '{"text": "x\u2028y", "label": "a"}\r\n\n{"text": "z", "label": "b"}'.encode()
    assert read(read_rows, data, ".jsonl") == [Example("x y", "a"), Example("z", "b")]


def test_a_task_file() -> None:
    task = {
        "support": [{"text": row.content, "label": row.label} for row in ROWS],
        "query": [{"text": "q", "label": "b"}],
    }
    expected = Episode(tuple(ROWS), (Example("q", "b"),))
    assert read(read_episode, b"\xef\xbb\xbf" + json.dumps(task).encode(), ".json") == expected


GOOD = b"text,label\nx,a\ny,b\n"
PK = b"PK\x03\x04" + bytes(30)
DEEP = b"[" * 100_000
LONG = b"1" * 5000
ENCODED = "text,label\nI lost my card,card\n卡丢了,card\n"

REFUSED: list[tuple[str, bytes, str, list[str]]] = [
    (".txt", GOOD, "unknown_suffix", ["file.txt", ".csv .tsv .jsonl .xlsx"]),
    ("", GOOD, "unknown_suffix", [".csv"]),
    (".xls", GOOD, "unknown_suffix", [".xlsx"]),
    (".PNG", b"", "lone_picture", ["file.PNG", "zip"]),
    *((suffix, b"", "empty_file", ["file" + suffix]) for suffix in (*WRITERS, ".json")),
    *((suffix, b"\xef\xbb\xbf \n\t", "empty_file", []) for suffix in (".csv", ".tsv", ".jsonl", ".json")),
    (".csv", b"\x89PNG\r\n\x1a\n" + bytes(20), "wrong_suffix", ["PNG"]),
    (".tsv", b"%PDF-1.7\n" + bytes(20), "wrong_suffix", ["PDF"]),
    (".jsonl", PK, "wrong_suffix", ["ZIP / Excel"]),
    (".json", b"\xff\xd8\xff\xe0" + bytes(20), "wrong_suffix", ["JPEG"]),
    (".csv", b"text,label\nx\x00y,a\n", "binary_file", ["UTF-8"]),
    (".csv", bytes(100), "binary_file", []),
    *(
        (".csv", ENCODED.encode(name), "wide_text", ["UTF-8"])
        for name in ("utf-16", "utf-32", "utf-16-le", "utf-16-be")
    ),
    *((".jsonl", ENCODED.encode(name), "wide_text", ["UTF-8"]) for name in ("utf-32-le", "utf-32-be")),
    (".csv", "text,label\ncafé,a\n".encode("latin-1"), "not_utf8", ["2"]),
    (".csv", ENCODED.encode("gbk"), "not_utf8", ["3", "GBK"]),
    (".csv", b"label,text,label\nx,y,z\n", "column_twice", ["“label”"]),
    (".csv", b"sentence,class\nx,a\n", "no_column", ["“text”", "sentence, class"]),
    (".tsv", b"text\tclass\nx\ta\n", "no_column", ["“label”", "text, class"]),
    (".xlsx", xlsx_bytes([["text", None, "class"], ["x", "", "a"]]), "no_column", ["“label”", "class"]),
    (".jsonl", b'{"text": "x", "label": "a"}\n{"text": "y"}', "no_column", ["2", "“label”"]),
    (".jsonl", b'{"image": "x.png", "label": "a"}', "row_picture", ["file.jsonl", "x.png", "zip"]),
    (".csv", b"image,label,text\nx.png,a,x\n", "row_both", ["2", "image"]),
    (".csv", b"image,label\nx.png,\n", "row_no_label", ["2", "x.png"]),
    (".csv", b"image,label\ndata:image/png;base64,AAAA,a\n", "ragged_row", ["2"]),
    (".csv", b'image,label\n"data:image/png;base64,AAAA",a\n', "picture_kind", ["file.csv, 2"]),
    (".jsonl", b'\n["x", "a"]\n', "line_not_object", ["2"]),
    (".jsonl", b'{"text": "x", "label": "a"}\n{"text": "y" "b"}', "broken_json", ["2", "14"]),
    (".jsonl", b'{"text": {"a": 1}, "label": "a"}', "cell_not_text", ["1"]),
    (".jsonl", b'\n{"text": ' + DEEP, "odd_json", ["2"]),
    (".json", b'{"support": [\n{"text": "x" "y"}]}', "broken_json", ["2", "14"]),
    (
        ".json",
        b'{"support": [\n{"text": "x",}]}',
        "broken_json",
        ["2", "1"],
    ),  # from 3.13 on Python names the comma, not what follows
    (".json", DEEP, "odd_json", []),
    (".json", LONG, "odd_json", []),
    (".json", b'{"support": [{"text": "x"}]}', "task_missing", ["support[0].label"]),
    (".csv", b"text,label\nx,a\ny, \n", "row_no_label", ["3", "y"]),
    (".jsonl", b'{"text": "x", "label": null}', "row_no_label", ["1", "x"]),
    (".xlsx", xlsx_bytes([HEADER, ["x", "a"], ["y"]]), "row_no_label", ["3", "y"]),
    (".csv", b"text,label\nx,a\none, two,b\n", "ragged_row", ["3", "2"]),
    (".csv", b"text,label\nx\n", "ragged_row", ["2", "1"]),
    (".csv", b'text,label\nx,a\n"open,b\ny,c\n', "broken_csv", ["4"]),
    (".xlsx", GOOD, "broken_xlsx", []),
    (".xlsx", PK, "broken_xlsx", []),
    (".xlsx", xlsx_bytes([HEADER, ["x", "a"]])[:-200], "broken_xlsx", []),
    (".xlsx", zip_bytes({"a.txt": b"no workbook"}), "broken_xlsx", []),
    (".xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "locked_xlsx", [".xlsx"]),
    *((suffix, write([HEADER]), "no_rows", []) for suffix, write in WRITERS.items() if suffix != ".jsonl"),
    (".csv", b"text,label\n,\n,a\n", "no_rows", []),
    (".csv", b"text,label\n" + b"x,a\n" * 5001, "too_many_rows", ["5000"]),
    (".jsonl", b'{"text": "x", "label": "a"}\n' * 5001, "too_many_rows", ["5000"]),
]


@pytest.mark.parametrize(("suffix", "data", "name", "parts"), REFUSED, ids=[f"{case[2]}{case[0]}" for case in REFUSED])
def test_refusals(suffix: str, data: bytes, name: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read(read_episode if suffix in (".json", ".PNG") else read_rows, data, suffix)
    assert caught.value.name == name
    assert all(part in caught.value.message(lang) for part in parts for lang in ("en", "zh"))


@pytest.mark.slow
def test_a_workbook_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        read(read_rows, zip_bytes({f"{i}": bytes(21_000_000) for i in range(10)}), ".xlsx")
    assert caught.value.name == "zip_bomb"
    assert all(part in caught.value.message(lang) for part in ("210", "200") for lang in ("en", "zh"))


def test_the_row_limit_itself_is_allowed() -> None:
    assert len(read(read_rows, b"text,label\n" + b"x,a\n" * 5000, ".csv")) == 5000


@pytest.mark.parametrize("reader", [read_rows, read_episode])
def test_paths_that_are_no_file(reader: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD)
    (tmp_path / "folder.csv").mkdir()
    cases = {"b.csv": "no_file", "a.csv/b.csv": "no_file", "folder.csv": "no_pictures", ".": "no_pictures"}
    for name, error in (cases | {"x" * 300 + ".csv": "file_locked"}).items():
        with pytest.raises(UserError) as caught:
            reader(tmp_path / name)
        assert caught.value.name == error


@pytest.mark.parametrize("suffix", [*WRITERS, ".json"])
def test_a_big_file_is_refused_by_its_size(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"big{suffix}"
    with path.open("wb") as file:
        file.truncate(files.MAX_FILE + 1)
    with pytest.raises(UserError) as caught:
        read_episode(path)
    assert caught.value.name == "file_too_big"
    assert "20.1 MB" in str(caught.value)
    assert "20 MB" in str(caught.value)


@pytest.mark.slow
def test_a_row_numbered_in_the_billions_does_not_hang() -> None:
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes([HEADER, ["x", "a"], ["y", "b"]]))) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    far = entries[sheet].replace(b'r="3"', b'r="3000000000"').replace(b'"A1:B3"', b'"A1:XFD3000000000"')
    assert far != entries[sheet]
    assert read(read_rows, zip_bytes(entries | {sheet: far}), ".xlsx") == [Example("x", "a")]


@QUICK
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    st.sampled_from([*WRITERS, ".json", ".txt"]),
    st.booleans(),
)
def test_bytes_raise_nothing_but_user_errors(data: bytes, suffix: str, headed: bool) -> None:
    prefix = b"text\tlabel\n" if suffix == ".tsv" else b"text,label\n"
    for reader in (read_rows, read_episode):
        try:
            read(reader, prefix * headed + data, suffix)
        except UserError as error:
            assert error.message("zh")


WORKBOOK = xlsx_bytes([HEADER, ["x", "a"], ["y", "b"]])


def test_a_workbook_of_charts_alone_has_no_rows() -> None:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.create_chartsheet("chart")
    del book["Sheet"]
    book.save(out)
    with pytest.raises(UserError):
        read(read_rows, out.getvalue(), ".xlsx")


@QUICK
@given(st.integers(0, len(WORKBOOK) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_workbook_raises_nothing_but_user_errors(at: int, noise: bytes) -> None:
    try:
        read(read_rows, WORKBOOK[:at] + noise + WORKBOOK[at + len(noise) :], ".xlsx")
    except UserError as error:
        assert error.message("zh")
