"""Omniglot's one-shot test, on a small copy of its layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.core.files import UPLOAD
from meta_demo.data.reading.omniglot import read_runs

WAYS = 4


def draw(path: Path, seed: int, noise: int) -> None:
    """Drawing `seed` as Omniglot keeps it, one bit a pixel, by the hand `noise`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ink = np.random.default_rng(seed).random((21, 21)) < 0.3
    ink ^= np.random.default_rng(1000 + 10 * seed + noise).random((21, 21)) < 0.02
    Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert("1").save(path)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs of four characters each, their pairs in another order than their names."""
    folder = tmp_path / "all_runs"
    for run in (1, 2):
        lines = []
        for i in range(WAYS):
            answer, seed = (i * 3 + run) % WAYS, 10 * run + i
            draw(folder / f"run{run:02}/training/class{answer + 1:02}.png", seed, 0)
            draw(folder / f"run{run:02}/test/item{i + 1:02}.png", seed, 1)
            lines.append(f"run{run:02}/test/item{i + 1:02}.png run{run:02}/training/class{answer + 1:02}.png\n")
        (folder / f"run{run:02}/class_labels.txt").write_text("".join(lines))
    return folder


def test_a_run_is_an_episode(runs: Path) -> None:
    first, second = read_runs(runs, UPLOAD)
    assert first.labels == second.labels == ("class01", "class02", "class03", "class04")
    assert [row.label for row in first.query] == ["class02", "class01", "class04", "class03"]
    assert [str(row.content) for row in first.query][:2] == ["run01/test/item01.png", "run01/test/item02.png"]
    for episode in (first, second):  # drawings of the same character are nearly the same
        shown = {row.label: row.content.array().astype(int) for row in episode.support}
        for row in episode.query:
            gaps = {label: np.abs(row.content.array() - array).sum() for label, array in shown.items()}
            assert min(gaps, key=lambda label: gaps[label]) == row.label


def test_a_zip_of_runs_is_the_same(runs: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "all_runs"), "zip", tmp_path, "all_runs")
    assert read_runs(Path(packed), UPLOAD) == read_runs(runs, UPLOAD)


@pytest.mark.parametrize(
    "line", ["run01/test/item09.png run01/training/class01.png", "run01/test/item01.png", "nonsense"]
)
def test_a_key_that_names_no_drawing(runs: Path, line: str) -> None:
    key = runs / "run02" / "class_labels.txt"
    key.write_text(f"{key.read_text()}\n{line}\n")
    with pytest.raises(UserError, match=r"Line 6 of run02/class_labels.txt"):
        read_runs(runs, UPLOAD)


def test_no_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no runs"):
        read_runs(tmp_path, UPLOAD)


def test_evaluate_says_the_error_over_runs(runs: Path, vision_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = runs / "out.json"
    arguments = ["--format", "omniglot-runs", "--model", str(vision_folder), "--algorithms", "protonet"]
    assert main(["evaluate", str(runs), *arguments, "--json", str(out)]) == 0
    (result,) = json.loads(out.read_text())["results"]
    assert {k: result[k] for k in ("n_way", "k_shot", "n_query", "episodes")} == {
        "n_way": WAYS,
        "k_shot": 1,
        "n_query": 1,
        "episodes": 2,
    }
    assert result["error"] == pytest.approx(1 - result["accuracy"]) and result["accuracy"] > 0.5
    printed = capsys.readouterr().out
    assert "4-way 1-shot, 1 queries a class, 2 tasks" in printed and "error rate" in printed
