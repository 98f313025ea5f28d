"""Folders, archives and kinds of pictures that people really bring, once read wrong in silence, and what is right for each."""

from __future__ import annotations

import io
import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import counts, csv_of, file, notes, refused, zipped
from PIL import Image, ImageDraw

from meta_demo.cli import main
from meta_demo.data.reading.encodings import guess
from meta_demo.data.reading.readers import read_episode, read_source
from meta_demo.data.reading.tasks import beside
from meta_demo.modalities.base import is_blank
from meta_demo.modalities.picture.reading import read_picture

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


@pytest.mark.slow
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
