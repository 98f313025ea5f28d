"""Class folders and zips of them: what the classes are, and that whatever is unclear or unsafe is refused, unwritten."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from meta_demo.core.errors import UserError
from meta_demo.core.files import UPLOAD, Limits
from meta_demo.data.episode import Example
from meta_demo.data.reading.readers import read_episode, read_rows
from meta_demo.modalities.picture.content import Picture


def png(seed: int, size: int = 8) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


PETS = {"cats/1.png": png(1), "cats/2.PNG": png(2), "dogs/1.png": png(3)}


def folder_of(tmp_path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = tmp_path / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(data)
    return tmp_path / "given"


def zip_of(tmp_path: Path, files: dict[Any, bytes], name: str = "given.zip") -> Path:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return path


@pytest.fixture(params=[folder_of, zip_of])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


def labels(rows: list[Example]) -> dict[str | None, int]:
    return dict(Counter(row.label for row in rows))


def refused(path: Path, name: str, *parts: str, limits: Limits = UPLOAD) -> None:
    with pytest.raises(UserError) as caught:
        read_rows(path, limits)
    assert caught.value.name == name
    assert all(part in caught.value.message(lang) for part in parts for lang in ("en", "zh"))


def test_a_pictures_label_is_its_folder(make: Any, tmp_path: Path) -> None:
    clutter = {"readme.txt": b"x", "cats/.DS_Store": b"x", "__MACOSX/cats/._1.png": b"x", ".git/a/b": b""}
    path = make(tmp_path, PETS | clutter)
    rows = read_rows(path)
    assert labels(rows) == {"cats": 2, "dogs": 1}
    assert [str(row.content) for row in rows] == ["cats/1.png", "cats/2.PNG", "dogs/1.png"]
    episode = read_episode(path)
    assert episode.labels == ("cats", "dogs") and episode.modality == "picture" and not episode.query


def test_folders_within_folders_are_groups(make: Any, tmp_path: Path) -> None:
    drawn = {f"{a}/character0{c}/{i}.png": png(10 * c + i) for a in ("Greek", "Latin") for c in (1, 2) for i in (1, 2)}
    found = labels(read_rows(make(tmp_path, drawn)))
    assert found == {f"{a}/character0{c}": 2 for a in ("Greek", "Latin") for c in (1, 2)}


def test_a_folder_around_everything_in_a_zip_is_no_part_of_a_label(tmp_path: Path) -> None:
    around = {f"my pets/today/{name}": data for name, data in PETS.items()}
    assert labels(read_rows(zip_of(tmp_path, around))) == {"cats": 2, "dogs": 1}
    windows = {name.replace("/", "\\"): data for name, data in PETS.items()}
    assert labels(read_rows(zip_of(tmp_path, windows))) == {"cats": 2, "dogs": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "gb2312"])
def test_names_of_a_zip_that_does_not_say_its_encoding(encoding: str, tmp_path: Path) -> None:
    """As macOS and a Chinese Windows write them."""
    names = {"猫狗": png(1), "鱼鸟": png(2)}
    ascii_names = {name: letter * len(name.encode(encoding)) for name, letter in zip(names, "XY", strict=True)}
    path = zip_of(tmp_path, {f"{ascii_names[name]}/1.png": data for name, data in names.items()})
    data = path.read_bytes()
    for name, letters in ascii_names.items():
        data = data.replace(letters.encode(), name.encode(encoding))
    path.write_bytes(data)
    assert labels(read_rows(path)) == {"猫狗": 1, "鱼鸟": 1}


def test_links_within_a_folder_are_followed(tmp_path: Path) -> None:
    path = folder_of(tmp_path, PETS)
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "1.png").write_bytes(png(9))
    (path / "birds").symlink_to(tmp_path / "birds")
    assert labels(read_rows(path)) == {"birds": 1, "cats": 2, "dogs": 1}
    (path / "cats" / "again").symlink_to(path)
    refused(path, "too_many_files", "100", limits=Limits(rows=100))


@pytest.mark.parametrize(
    ("files", "name", "parts"),
    [
        ({}, "no_pictures", ["given"]),
        ({"cats/readme.txt": b"x"}, "no_pictures", []),
        (PETS | {"loose.png": png(5)}, "picture_loose", ["loose.png"]),
        (PETS | {"dogs/brown/1.png": png(5)}, "uneven_folders", ["dogs/1.png", "dogs/brown/1.png"]),
        (PETS | {"birds/a/1.png": png(5)}, "uneven_folders", ["birds/a/1.png"]),
        (PETS | {"empty/": b""}, "class_no_pictures", ["empty"]),
        (PETS | {"notes/readme.txt": b"x"}, "class_no_pictures", ["notes"]),
        (PETS | {"cats/3.png": b"a text, renamed"}, "picture_kind", ["cats/3.png"]),
        (PETS | {"cats/3.jpg": png(1)[:-30]}, "picture_broken", ["cats/3.jpg"]),
    ],
)
def test_what_leaves_the_classes_unclear(
    files: dict[str, bytes], name: str, parts: list[str], make: Any, tmp_path: Path
) -> None:
    (tmp_path / "given").mkdir()
    refused(make(tmp_path, files), name, *parts)


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("files", "name", "parts"),
    [
        ({"../up.png": png(5)}, "zip_path", ["../up.png"]),
        ({"cats/../../up.png": png(5)}, "zip_path", []),
        ({"..\\up.png": png(5)}, "zip_path", []),
        ({"/etc/up.png": png(5)}, "zip_path", []),
        ({"C:/up.png": png(5)}, "zip_path", []),
        ({link("cats/link.png"): b"/etc/passwd"}, "zip_link", ["cats/link.png"]),
        ({"cats/more.zip": b"PK"}, "zip_nested", ["cats/more.zip"]),
    ],
)
def test_what_is_not_safe_to_unpack(files: dict[Any, bytes], name: str, parts: list[str], tmp_path: Path) -> None:
    refused(zip_of(tmp_path, PETS | files), name, *parts)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["given.zip"]


@pytest.mark.slow
def test_a_hundred_thousand_entries(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(100_000):
            archive.writestr(f"c/{i}", b"")
    refused(path, "too_many_files", "5000")


@pytest.mark.slow
def test_more_than_it_may_unpack_to(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(11):
            archive.writestr(f"c/{i}.png", bytes(19_000_000))
    refused(path, "zip_bomb", "209", "200")
    refused(zip_of(tmp_path, PETS | {"cats/big.png": bytes(21_000_000)}, "big.zip"), "file_too_big")
    refused(zip_of(tmp_path, PETS), "pictures_memory", limits=Limits(memory=100))


def test_a_password(tmp_path: Path) -> None:
    path = zip_of(tmp_path, PETS)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1  # what the directory says of the first entry
    path.write_bytes(data)
    refused(path, "zip_locked", "given.zip")


def test_no_zip_at_all(tmp_path: Path) -> None:
    path = tmp_path / "given.zip"
    path.write_bytes(b"a text, renamed")
    refused(path, "broken_zip", "given.zip")
    refused(tmp_path / "none.zip", "no_file")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is locked for root")
def test_a_locked_folder(tmp_path: Path) -> None:
    path = folder_of(tmp_path, PETS)
    (path / "cats").chmod(0)
    refused(path, "file_locked", "cats")
    (path / "cats").chmod(0o700)


@pytest.mark.many
@settings(max_examples=100)
@given(st.data())
def test_a_damaged_zip_raises_nothing_but_user_errors(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = zip_of(Path(folder), PETS)
        whole = path.read_bytes()
        at = data.draw(st.integers(0, len(whole) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=8))
        path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
        try:
            rows = read_rows(path)
        except UserError as error:
            assert error.message("zh")
        else:
            assert all(isinstance(row.content, Picture) for row in rows)
