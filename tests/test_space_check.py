"""`space-check`: what it finds right in this repository, and wrong in one that no Space would run; and who lends a GPU on a Space."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch

from meta_demo.backbones.loading import SUGGESTED
from meta_demo.cli import main
from meta_demo.cli.space_check import OLDEST, apart, card_of, fits, front_matter, pins, preloaded, requirements, sizes
from meta_demo.core.device import choose_device
from meta_demo.core.errors import Note
from meta_demo.serving.crossing import Refused
from meta_demo.ui import zerogpu
from meta_demo.ui.space_emulation import Loans, plain

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("README.md", "app.py", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def changed(file: Path, before: str, after: str) -> None:
    said = file.read_text("utf-8")
    assert before in said
    file.write_text(said.replace(before, after, 1), "utf-8")


def failed(checks: Iterator[Any]) -> dict[str, str]:
    return {check.name: check.detail for check in checks if check.ok is False}


def test_this_repository_is_as_a_space_wants_it() -> None:
    assert failed(front_matter(ROOT)) == failed(pins(ROOT)) == failed(sizes(ROOT)) == {}
    names = {entry.split()[0] for entry in card_of(ROOT)["preload_from_hub"]}
    assert names and names <= {model.name for model in SUGGESTED if not model.bundled}


@pytest.mark.parametrize(
    ("before", "after", "name", "detail"),
    [
        ("colorFrom: blue", "colorFrom: violet", "values of the front matter", "colorFrom: violet"),
        ("sdk: gradio", "sdk: streamlit", "values of the front matter", "sdk: streamlit"),
        ("app_file: app.py", "app_file: main.py", "values of the front matter", "app_file: main.py"),
        ("suggested_hardware: zero-a10g", "suggested_hardware: h900", "values of the front matter", "h900"),
        ("license:", "startup_duration_timeout: soon\nlicense:", "values of the front matter", "soon"),
        ("emoji: 🎓", "emojis: 🎓", "keys of the front matter", "emojis"),
        ("emoji: 🎓", "emojis: 🎓", "what a Space must say", "emoji"),
        ("BAAI/bge-small-en-v1.5 ", "nobody/knows ", "preload_from_hub", "nobody/knows"),
    ],
)
def test_what_a_card_has_wrong_is_named(repository: Path, before: str, after: str, name: str, detail: str) -> None:
    changed(repository / "README.md", before, after)
    assert detail in failed(front_matter(repository))[name]


@pytest.mark.parametrize(
    ("file", "before", "after", "name"),
    [
        ("README.md", 'python_version: "3.12.12"', 'python_version: "3.14"', "python_version"),
        ("README.md", 'python_version: "3.12.12"', 'python_version: "3.10.13"', "python_version"),
        ("README.md", "sdk_version: 6.31.0", "sdk_version: 6.30.0", "gradio is sdk_version"),
        ("requirements.txt", "torch>=2.8,<=2.13.0", "torch==2.7.1", "torch"),
        ("requirements.txt", "spaces==0.51.3\n", "", "spaces is required"),
    ],
)
def test_what_a_pin_has_wrong_is_named(repository: Path, file: str, before: str, after: str, name: str) -> None:
    changed(repository / file, before, after)
    assert list(failed(pins(repository))) == [name]


def test_what_is_preloaded_may_not_be_much() -> None:
    assert failed(preloaded([model.name for model in SUGGESTED if not model.bundled])).keys() == {"preload_from_hub"}
    assert failed(preloaded(["BAAI/bge-small-en-v1.5 a.json,b.json notacommit"])).keys() == {"preload_from_hub"}


def test_a_file_that_the_hub_would_refuse_is_named(repository: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
    (repository / "large.bin").write_bytes(bytes(10_000_001))
    subprocess.run(["git", "add", "."], cwd=repository, check=True)
    assert failed(sizes(repository)) == {"sizes of files": "large.bin"}


@pytest.mark.parametrize(
    ("version", "asked", "expected"),
    [
        ("2.8.0", ">=2.8,<=2.13.0", True),
        ("2.14.0", ">=2.8,<=2.13.0", False),
        ("2.8.0", "==2.8", True),
        ("2.10.0", ">2.9,<3", True),
        ("2.8.0", "~=2.8", False),
        ("2.8.0", "", True),
    ],
)
def test_whether_a_version_fits(version: str, asked: str, expected: bool) -> None:
    assert fits(version, asked) is expected


def test_requirements_are_read_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(
        "# a\nTorch>=2.8, <=2.13.0  # b\ngradio[mcp]==6.31.0\nx==1; sys_platform == 'linux'\n"
    )
    assert requirements(tmp_path / "r.txt") == {"torch": ">=2.8,<=2.13.0", "gradio": "==6.31.0", "x": "==1"}


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["space-check", "--folder", str(tmp_path)]) == 2
    assert "holds no README.md" in capsys.readouterr().err


@pytest.mark.skipif(apart() is None, reason="this machine gives no namespaces to a process")
def test_it_runs_as_a_space_runs_it(tmp_path: Path) -> None:
    """Everything, in a process of its own: the page with a read-only home, and work across a fork."""
    command = [sys.executable, "-m", "meta_demo", "space-check", "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    checks = {check["name"]: check for check in json.loads((tmp_path / "out.json").read_text())["checks"]}
    assert {name: check["detail"] for name, check in checks.items() if check["ok"] is not True} == {}, done.stdout
    assert done.returncode == 0
    expected = {"port", "adapt over HTTP, on the GPU that is lent", "adapt across the fork", "predict from the arrays"}
    assert (
        expected | {"attention from the arrays", "train across the fork", "no weight was changed in place"}
        <= checks.keys()
    )


# --- who lends a GPU


def test_spaces_is_there_before_torch_asks_for_cuda() -> None:
    program = "import app, meta_demo.ui.serve, sys, torch; print('spaces' in sys.modules, torch.cuda.is_initialized())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_a_gpu_is_asked_for_only_where_one_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert zerogpu.lender() is None
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # which is what torch then says
    assert zerogpu.lender() is not None and choose_device() == torch.device("cpu")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("ZeroGPU quota exceeded", "gpu_quota"),
        ("ZeroGPU client error", "gpu_refused"),
        ("ZeroGPU queue timeout", "gpu_refused"),
        ("ZeroGPU illegal duration", "gpu_refused"),
    ],
)
def test_what_zerogpu_refuses_is_refused_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, title: str, expected: str
) -> None:
    def on_gpu(_: Any) -> Iterator[Any]:
        raise gr.Error("no", title=title, print_exception=False)
        yield

    monkeypatch.setattr(zerogpu, "on_gpu", on_gpu)
    with pytest.raises(Refused) as refused:
        list(zerogpu.borrow({}))
    assert refused.value.note == Note(expected)


def test_what_fails_on_the_gpu_is_printed_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """`spaces` prints the traceback of what fails in its process, words and all."""

    written = "zanzi" + "bar"

    def worked(_: Any) -> Iterator[Any]:
        raise ValueError(f"no {written}")
        yield

    monkeypatch.setattr(zerogpu.DESK, "worked", worked)
    with pytest.raises(RuntimeError) as failed:
        list(zerogpu.on_gpu({}))
    printed = "".join(traceback.format_exception(failed.value))
    assert written not in printed and "ValueError" in printed and "test_space_check.py" in printed


def test_the_oldest_python_is_the_packages_own() -> None:
    assert f'requires-python = ">={OLDEST}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_only_plain_values_and_arrays_cross() -> None:
    plain({"a": [1, 2.5, None, "x", True, np.ones(2)], 3: ("y",)})
    for value in (torch.ones(1), {"a": {torch.ones(1)}}, object(), b"bytes"):
        with pytest.raises(TypeError, match="may not cross"):
            plain(value)


def test_the_pretended_fork_keeps_its_process_and_tells_its_failures() -> None:
    import os

    def task(work: dict[str, Any]) -> Iterator[Any]:
        yield {"pid": os.getpid(), "sum": float(work["x"].sum())}
        if work["fail"]:
            raise ValueError("no")

    loans = Loans(task, lambda work: 10 + len(work["x"]))
    seen = {piece["pid"] for n in (1, 1) for piece in loans({"x": np.ones(n), "fail": False})}
    first, *_ = list(loans({"x": np.ones(3), "fail": False}))
    assert first["pid"] != os.getpid() and first["sum"] == 3
    assert loans.asked[-1] == 13 and seen == {first["pid"]}
    with pytest.raises(RuntimeError, match="ValueError: no"):
        list(loans({"x": np.ones(1), "fail": True}))
