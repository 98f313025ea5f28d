"""An algorithm that somebody adds is one file: everything finds it, and a broken one beside it disturbs nobody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # every test starts a process
ROOT = Path(__file__).parents[1]

TOY = '''
"""A method with a knob, a start, a loss and a rate of its own."""

from dataclasses import dataclass

import torch
from torch import nn

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.registry import register
from meta_demo.core.config import knob


@dataclass(frozen=True)
class ToyConfig(GradientConfig):
    shake: float = knob(0.01, lo=0.0, hi=1.0)


@register("toy", paper="Nobody 2026")
class Toy(GradientAlgorithm):
    """MAML that begins a little beside its start, and pulls the head back to where it began."""

    Config = ToyConfig
    config: ToyConfig
    second_order = True

    def __init__(self, backbone, config, seed=0):
        super().__init__(backbone, config, seed)
        self.pull = nn.Parameter(self.like.new_tensor(0.1))

    def start(self, support, z):
        return {name: w * (1 + self.config.shake) for name, w in super().start(support, z).items()}

    def inner_loss(self, step, fast, out, support):
        away = fast["head.weight"] - step.start["head.weight"]
        return super().inner_loss(step, fast, out, support) + self.pull * away.square().sum()
'''
BROKEN = {
    "cannot_be_imported": "import a_module_that_nobody_has\n",
    "same_name": TOY.replace('"toy"', '"maml"'),
    "strange_knob": TOY.replace('"toy"', '"strange"').replace("knob(0.01, lo=0.0, hi=1.0)", "knob([1, 2])"),
}
ROWS = [
    f'{{"text": "{word} number {i}", "label": "{word}"}}' for word in ("red", "green", "blue", "grey") for i in range(4)
]

SIZE = ("--n-way", "2", "--k-shot", "1", "--n-query", "1")
FEW = ("--steps", "2", "--meta-batch", "1", "--valid-episodes", "2", "--seed", "1")
KNOBS = ("--toy.inner-steps", "2", "--toy.shake", "0.2", "--toy.last-n", "1", "--toy.lora-rank", "1")
COMMANDS = {
    "algorithms": ("algorithms", "--json", "out.json"),
    **{f"{name} --help": (name, "--help") for name in ("adapt", "evaluate", "train")},
    "train": ("train", "--source", "rows.jsonl", "--algorithm", "toy", *SIZE, *FEW, *KNOBS, "--output", "start"),
    "adapt": ("adapt", "rows.jsonl", "--algorithms", "toy", "--checkpoint", "start", "--json", "a.json"),
    "evaluate": (
        *("evaluate", "rows.jsonl", *SIZE, "--episodes", "2", "--algorithms", "toy,protonet", "--json", "e.json"),
    ),
}
# One process for all commands, and the page: each would import the same for seconds.
PROGRAM = """
import contextlib, io, json, sys
from meta_demo.cli import main
from meta_demo.serving.service import Service
from meta_demo.ui.knobs import described
from meta_demo.ui.page import build_app
from meta_demo.ui.starts import Switch

said = {}
for name, command in json.loads(sys.argv[1]).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(command)
        except SystemExit as stop:
            code = stop.code or 0
    said[name] = [code, out.getvalue(), err.getvalue()]
page = json.dumps(build_app(Service()).get_config_file(), default=str)
page += str(described(["toy"], Switch().fitted("minilm", ["toy"], ()).bases, "en"))
print(json.dumps(said | {"page": [0, page, ""]}))
"""

Said = dict[str, tuple[int, str, str]]  # exit code, stdout and stderr of each command


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more file, and broken ones beside it."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "meta_demo", folder / "meta_demo", ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("checkpoints", "benchmarks"):
        (folder / beside).symlink_to(ROOT / beside)
    (folder / "meta_demo" / "algorithms" / "gradient" / "toy.py").write_text(TOY)
    for name, code in BROKEN.items():
        (folder / "meta_demo" / "algorithms" / "metric" / f"{name}.py").write_text(code)
    (folder / "rows.jsonl").write_text("\n".join(ROWS) + "\n")
    return folder


def process(house: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-W", "ignore", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(words, cwd=house, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def said(house: Path) -> Said:
    done = process(house, "-c", PROGRAM, json.dumps(COMMANDS))
    assert done.returncode == 0, done.stderr
    answers: Said = json.loads(done.stdout.splitlines()[-1])
    assert [(name, err) for name, (code, _, err) in answers.items() if code] == []
    return answers


def test_it_is_listed_and_the_broken_ones_are_named(said: Said, house: Path) -> None:
    _, out, err = said["algorithms"]
    assert "toy" in out and "maml" in out
    listed = json.loads((house / "out.json").read_text())
    (toy,) = (row for row in listed["algorithms"] if row["name"] == "toy")
    assert toy["title"] == "toy" and toy["knobs"]["shake"]["default"] == 0.01
    for name in BROKEN:
        assert name in err
        assert any(module.endswith(f".{name}") for module in listed["broken"])
    assert "both called maml" in err and "a_module_that_nobody_has" in err
    assert "strange" not in out


def test_its_knob_is_a_flag_of_every_command(said: Said) -> None:
    for command in ("adapt", "evaluate", "train"):
        assert "--toy.shake" in said[f"{command} --help"][1]


@pytest.mark.usefixtures("said")
def test_it_is_trained_saved_adapted_and_measured(house: Path) -> None:
    card = json.loads((house / "start" / "card.json").read_text())
    assert card["algorithm"] == "toy" and card["config"]["shake"] == 0.2
    (result,) = json.loads((house / "a.json").read_text())["results"]
    assert (result["algorithm"], len(result["steps"])) == ("toy", 3)
    assert [row["algorithm"] for row in json.loads((house / "e.json").read_text())["results"]] == ["toy", "protonet"]


def test_the_page_has_it(said: Said) -> None:
    assert '"toy"' in said["page"][1] and "shake" in said["page"][1]


def test_it_obeys_the_laws(house: Path) -> None:
    laws = [ROOT / "tests" / "test_algorithms.py", ROOT / "tests" / "test_meta_gradient.py"]
    others = "all or model or bias or last_n or shared"
    done = process(house, "-m", "pytest", "-p", "no:cacheprovider", *laws, "-k", f"toy and not ({others})")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "failed" not in done.stdout
