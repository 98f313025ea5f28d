"""Tables with a column `image`: pictures as data URLs, or as paths beside the table and within a zip, wherever tables are read."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_readers import WRITERS

from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.data.reading.readers import read_episode, read_rows
from meta_demo.data.reading.tasks import beside
from meta_demo.data.sources import load_source
from meta_demo.modalities.picture.content import Picture

NAMES = [f"{label}{number}" for label in "ab" for number in (1, 2, 3)]


def noise(number: int, side: int = 24) -> bytes:
    """A PNG of random pixels: of 300 a side it is longer than what a CSV cell may hold by default."""
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with six pictures in one folder, and no table yet."""
    (tmp_path / "set" / "files").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (tmp_path / "set" / "files" / f"{name}.png").write_bytes(noise(number))
    return tmp_path / "set"


def table(folder: Path, suffix: str = ".csv", prefix: str = "files/") -> Path:
    """A table in `folder` that names its pictures."""
    path = folder / f"rows{suffix}"
    path.write_bytes(WRITERS[suffix]([["image", "label"], *([f"{prefix}{name}.png", name[0]] for name in NAMES)]))
    return path


@pytest.mark.parametrize("suffix", WRITERS)
def test_data_urls_in_a_table_are_read_anywhere(suffix: str, tmp_path: Path) -> None:
    side = 24 if suffix == ".xlsx" else 300  # a cell of Excel holds 32,767 characters
    grid = [["label", "Image"], *([name[0], url(noise(number, side))] for number, name in enumerate(NAMES))]
    (tmp_path / f"rows{suffix}").write_bytes(WRITERS[suffix](grid))
    episode = read_episode(tmp_path / f"rows{suffix}")
    assert episode.labels == ("a", "b") and len(episode.support) == 6
    first = episode.support[0].content
    assert isinstance(first, Picture) and (first.width, first.mode) == (side, "RGB")


@pytest.mark.parametrize("suffix", WRITERS)
def test_paths_beside_the_table_in_a_folder_and_in_a_zip_of_it_are_the_same_pictures(suffix: str, folder: Path) -> None:
    alone = read_episode(table(folder, suffix), beside(folder))
    packed = shutil.make_archive(str(folder.parent / "packed"), "zip", folder.parent, "set")
    assert alone == read_episode(folder) == read_episode(Path(packed))
    assert load_source(str(folder / f"rows{suffix}")).sha256 == load_source(packed).sha256
    assert len(set(alone.support)) == 6


def test_a_path_in_a_zip_leads_nowhere_else(folder: Path) -> None:
    (folder.parent / "outside.png").write_bytes(noise(9))
    for place in ("../outside.png", str(folder.parent / "outside.png"), "files\\none.png"):
        (folder / "rows.csv").write_text(f"image,label\n{place},a\nfiles/b1.png,b\n")
        packed = Path(shutil.make_archive(str(folder.parent / "packed"), "zip", folder))
        with pytest.raises(UserError) as caught:
            read_rows(packed)
        assert caught.value.name == "no_file"


def test_a_table_alone_cannot_name_files_of_this_machine(folder: Path) -> None:
    with pytest.raises(UserError, match=r"Row 2 .* one zip"):
        read_episode(table(folder))


def test_class_folders_with_a_table_of_something_else_stay_class_folders(folder: Path) -> None:
    for name in NAMES:
        (folder / name[0]).mkdir(exist_ok=True)
        shutil.move(folder / "files" / f"{name}.png", folder / name[0] / f"{name}.png")
    (folder / "files").rmdir()
    (folder / "notes.csv").write_text("who,when\nme,today\n")
    assert read_episode(folder).labels == ("a", "b")


def test_a_row_of_words_among_pictures(folder: Path) -> None:
    path = folder / "rows.jsonl"
    rows = [{"image": "files/a1.png", "label": "a"}, {"text": "hello", "label": "b"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError) as caught:
        read_episode(path, beside(folder))
    assert caught.value.name == "task_mixed"


@pytest.mark.slow
def test_on_the_command_line(folder: Path, vision_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("--model", str(vision_folder), "--algorithms", "protonet", "--json", str(folder.parent / "out.json"))
    path = str(table(folder))
    assert main(["adapt", path, *model]) == 0
    assert json.loads((folder.parent / "out.json").read_text())["labels"] == ["a", "b"]
    drawn = ("--n-way", "2", "--k-shot", "1", "--n-query", "1", "--episodes", "3")
    assert main(["evaluate", path, *model, *drawn]) == 0
    (folder / "files" / "b3.png").unlink()
    capsys.readouterr()
    assert main(["adapt", path, *model]) == 2
    assert "files/b3.png”: check the path." in capsys.readouterr().err
