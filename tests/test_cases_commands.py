"""Command lines that people really type: what does not apply, what cannot be, and where the output goes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cases import ROOT, ROWS, file

from meta_demo.cli import main

pytestmark = pytest.mark.many

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


@pytest.mark.many
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
def test_output_survives_any_console(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process where the console knows least, and otherwise with streams as Python then makes them."""
    rows = [{"text": "今天下雨", "label": "天气"}, {"text": "喝一杯咖啡", "label": "食物"}]
    path = file(tmp_path, "task.json", json.dumps({"support": rows, "query": [{"text": "吃米饭 🍚"}]}))
    if encoding != "ascii":
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding))
        assert main(["adapt", str(path), *QUICK]) == 0
        sys.stdout.flush()
        assert b"protonet" in sys.stdout.buffer.getvalue()  # type: ignore[attr-defined]
        return
    command = [sys.executable, "-m", "meta_demo", "adapt", str(path), *QUICK]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0 and b"protonet" in done.stdout, done.stderr


@pytest.mark.many
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
