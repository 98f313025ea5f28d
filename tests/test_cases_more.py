"""More inputs of the kinds that people bring: read right, or refused in a sentence that names the value and the remedy."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from meta_demo.core.errors import UserError
from meta_demo.data.reading.readers import read_episode


def read(folder: Path, name: str, content: str) -> Any:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return read_episode(path)


def refused(folder: Path, name: str, content: str) -> str:
    with pytest.raises(UserError) as caught:
        read(folder, name, content)
    return caught.value.message()


def rows(*lines: str) -> str:
    return "\n".join(["text,label", *lines])


@pytest.mark.parametrize(
    "said", ["#NV", "#BEZUG!", "#WERT!", "#NOM?", "#¿NOMBRE?", "#ССЫЛКА!", "#ERROR!", "Err:502", "#DEĞER!", " #N/D "]
)
def test_errors_of_spreadsheets_in_every_language_are_no_text(tmp_path: Path, said: str) -> None:
    message = refused(tmp_path, "a.csv", rows("one,a", f"{said},b", "two,b"))
    assert f"Row 3 of the file “a.csv” holds {said.strip()}" in message


@pytest.mark.parametrize("said", ["=SUM(A1:A3)", "=A1&B1", '"=VLOOKUP(A2,B:C,2)"', "=-$B$2", "=WENN(A1;1;2)"])
def test_a_formula_in_a_text_file_was_never_calculated(tmp_path: Path, said: str) -> None:
    assert "Row 2 of the file “a.csv” holds a formula" in refused(tmp_path, "a.csv", rows(f"one,{said}", "two,b"))


def test_what_only_looks_like_an_error_or_a_formula_is_text(tmp_path: Path) -> None:
    texts = ["#refund", "Error: nothing works", "=) thanks", "=== sale ===", "#1 in the world"]
    episode = read(tmp_path, "a.csv", rows(*(f"{text},{'ab'[i % 2]}" for i, text in enumerate(texts))))
    assert [row.content for row in episode.support] == texts
    kept = read(tmp_path, "b.csv", rows('one,="007"', 'two,="12"', 'three,="007"'))
    assert kept.labels == ("007", "12")


def test_one_number_is_one_class_however_many_noughts_it_has(tmp_path: Path) -> None:
    lines = ["a,1.5", "b,1.50", "c,3.0", "d,3.00", "e,10", "f,01", "g,100", "h,3.000"]
    episode = read(tmp_path, "a.csv", rows(*lines))
    assert episode.labels == ("1.5", "1.50", "3.0", "10", "01", "100"), "1.50 may be a version after 1.9"
    said = [note.message() for note in episode.notes]
    assert len(said) == 2 and "“3.0” and “3.00” are one class" in said[0]
    comma = read(tmp_path, "b.csv", "text;label\na;1\nb;1,0\nc;1,000\nd;2\n")
    assert comma.labels == ("1", "1,000", "2"), "which may be a thousand"


@pytest.mark.parametrize(
    ("first", "other"), [("it’s", "it's"), ("e–mail", "e-mail"), ("Ａ组", "A组"), ("„a“", '"""a"""')]
)
def test_class_names_that_look_alike_are_refused(tmp_path: Path, first: str, other: str) -> None:
    message = refused(tmp_path, "a.csv", rows(f"one,{first}", f"two,{other}", "three,c"))
    assert "look alike" in message and first.strip('"') in message


def test_of_columns_that_differ_in_capitals_alone_one_must_be_spelt_as_here(tmp_path: Path) -> None:
    assert "two columns called “text”" in refused(tmp_path, "a.csv", "Text,TEXT,label\none,x,a\ntwo,y,b\n")
    exact = read(tmp_path, "b.csv", "Text,text,label\none,x,a\ntwo,y,b\n")
    assert [row.content for row in exact.support] == ["x", "y"]


@pytest.mark.parametrize(("key", "meant"), [("lable", "label"), ("Labels", "label"), ("lab el", "label")])
def test_a_record_with_a_misspelt_key_is_no_question(tmp_path: Path, key: str, meant: str) -> None:
    lines = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}, {"text": "c", key: "y"}]
    for name, content in (("a.jsonl", "\n".join(map(json.dumps, lines))), ("a.json", json.dumps(lines))):
        message = refused(tmp_path, name, content)
        assert f"Row 3 of the file “{name}” has no “{meant}” but a key “{key}”" in message


def test_a_record_with_other_keys_is_a_question(tmp_path: Path) -> None:
    lines = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}, {"text": "c", "source": "mail"}]
    episode = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert [row.content for row in episode.query] == ["c"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"txt": "a", "label": "x"}, "support[0].txt that is not known: did you mean “text”?"),
        ({"text": "a", "class": "x"}, "support[0].class that is not known: did you mean “label”?"),
        ({"sentence": "a", "label": "x"}, "support[0].sentence that is not known: did you mean “text”?"),
    ],
)
def test_a_key_of_a_task_is_named_with_the_one_that_was_meant(tmp_path: Path, row: Any, said: str) -> None:
    task = {"support": [row, {"text": "b", "label": "y"}]}
    assert said in refused(tmp_path, "task.json", json.dumps(task))


def packed(folder: Path, name: str, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(folder / name, "w") as archive:
        for entry, content in files.items():
            archive.writestr(entry, content)
    return folder / name


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, "png")
    return buffer.getvalue()


def in_folders(*folders: str) -> dict[str, str | bytes]:
    """Two pictures of each of two classes in every one of `folders`."""
    places = [f"{folder}/{name}/{i}.png" for folder in folders for name in ("cat", "dog") for i in range(2)]
    return {place: picture(3 * i) for i, place in enumerate(places)}


@pytest.mark.parametrize(
    ("learn", "ask"),
    [
        *(("Training", "Testing"), ("train_set", "Dev"), ("seg_train", "seg_test"), ("train2017", "val2017")),
        *(
            ("训练集", "测试集"),
            ("train-images", "validation_images"),
            ("TRAIN", "HOLD_OUT"),
            ("training data", "valid"),
        ),
        ("training_set/training_set", "test_set/test_set"),
    ],
)
def test_parts_of_a_data_set_are_no_classes_whatever_they_are_called(tmp_path: Path, learn: str, ask: str) -> None:
    episode = read_episode(packed(tmp_path, "a.zip", in_folders(learn, ask)))
    assert episode.labels == ("cat", "dog") and len(episode.support) == len(episode.query) == 4
    assert {row.content.name.partition("/")[0] for row in episode.query} == {ask.partition("/")[0]}
    assert "is learned from" in episode.notes[0].message()


def test_a_folder_beside_train_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_episode(packed(tmp_path, "a.zip", in_folders("train", "unseen")))
    assert "the folder “unseen” lies beside “train” and has the same classes" in caught.value.message()
    alone = read_episode(packed(tmp_path, "b.zip", in_folders("red", "blue")))
    assert alone.labels == ("blue/cat", "blue/dog", "red/cat", "red/dog")
    trained: dict[str, str | bytes] = {f"{name}/1.png": picture(len(name)) for name in ("test", "train", "subway")}
    assert read_episode(packed(tmp_path, "c.zip", trained)).labels == ("subway", "test", "train")


def test_records_in_a_zip_are_read_and_a_task_in_one_is_named(tmp_path: Path) -> None:
    records = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    episode = read_episode(packed(tmp_path, "a.zip", {"data/rows.json": json.dumps(records)}))
    assert [(row.content, row.label) for row in episode.support] == [("a", "x"), ("b", "y")]
    with pytest.raises(UserError) as caught:
        read_episode(packed(tmp_path, "b.zip", {"task.json": json.dumps({"support": records})}))
    assert "“b.zip” holds the task file “task.json”" in caught.value.message()
    beside = in_folders("x") | {"annotations.json": "[1, 2]", "more.json": b"\xff\xfe"}
    assert read_episode(packed(tmp_path, "c.zip", beside)).labels == ("cat", "dog")


def test_windows_takes_capitals_in_the_names_of_files_for_the_same(tmp_path: Path) -> None:
    table = "image,label\nimg_1.jpg,cat\nIMG_2.png,dog\nDCIM\\img_3.PNG,dog\n"
    files = {"IMG_1.JPG": picture(1), "img_2.PNG": picture(2), "dcim/IMG_3.png": picture(3), "labels.csv": table}
    episode = read_episode(packed(tmp_path, "a.zip", files))
    assert [row.content.name for row in episode.support] == ["IMG_1.JPG", "img_2.PNG", "dcim/IMG_3.png"]
    twins = {"a.png": picture(1), "A.png": picture(2), "b.png": picture(3), "t.csv": "image,label\nA.png,x\nB.PNG,y\n"}
    exact = read_episode(packed(tmp_path, "b.zip", twins))
    assert [row.content.name for row in exact.support] == ["A.png", "b.png"]


def test_quries_is_query(tmp_path: Path) -> None:
    task = {"support": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}], "quries": [{"text": "c"}]}
    assert "did you mean “query”?" in refused(tmp_path, "task.json", json.dumps(task))


def test_a_key_that_stands_twice_loses_nothing(tmp_path: Path) -> None:
    """Python's own reader keeps the last of them, without a word."""
    support = json.dumps([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}])
    message = refused(tmp_path, "task.json", f'{{"support": {support}, "support": {support}}}')
    assert "“task.json” the key “support” stands twice" in message
    assert "“label” stands twice" in refused(tmp_path, "a.jsonl", '{"text": "a", "label": "x", "label": "y"}\n')
