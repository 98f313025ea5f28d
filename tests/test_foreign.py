"""An algorithm that somebody adds is one file: everything finds it, and a broken one beside it disturbs nobody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
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

Run = Callable[..., subprocess.CompletedProcess[str]]


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


@pytest.fixture
def run(house: Path) -> Run:
    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-W", "ignore", *map(str, arguments)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
        return subprocess.run(words, cwd=house, capture_output=True, text=True, check=False, env=environment)

    return command


def test_it_is_listed_and_the_broken_ones_are_named(run: Run, house: Path) -> None:
    done = run("-m", "meta_demo", "algorithms", "--json", "out.json")
    assert done.returncode == 0 and "toy" in done.stdout and "maml" in done.stdout
    listed = json.loads((house / "out.json").read_text())
    (toy,) = (row for row in listed["algorithms"] if row["name"] == "toy")
    assert toy["title"] == "toy" and toy["knobs"]["shake"]["default"] == 0.01
    for name in BROKEN:
        assert name in done.stderr
        assert any(module.endswith(f".{name}") for module in listed["broken"])
    assert "both called maml" in done.stderr and "a_module_that_nobody_has" in done.stderr
    assert "strange" not in done.stdout


def test_its_knob_is_a_flag_of_every_command(run: Run) -> None:
    for command in ("adapt", "evaluate", "train"):
        assert "--toy.shake" in run("-m", "meta_demo", command, "--help").stdout


def test_it_is_trained_saved_adapted_and_measured(run: Run, house: Path) -> None:
    size = ("--n-way", "2", "--k-shot", "1", "--n-query", "1")
    few = ("--steps", "2", "--meta-batch", "1", "--valid-episodes", "2", "--seed", "1")
    knobs = ("--toy.inner-steps", "2", "--toy.shake", "0.2", "--toy.last-n", "1", "--toy.lora-rank", "1")
    trained = run(
        "-m",
        "meta_demo",
        "train",
        "--source",
        "rows.jsonl",
        "--algorithm",
        "toy",
        *size,
        *few,
        *knobs,
        "--output",
        "start",
    )
    assert trained.returncode == 0, trained.stderr
    card = json.loads((house / "start" / "card.json").read_text())
    assert card["algorithm"] == "toy" and card["config"]["shake"] == 0.2
    adapted = run(
        "-m", "meta_demo", "adapt", "rows.jsonl", "--algorithms", "toy", "--checkpoint", "start", "--json", "a.json"
    )
    assert adapted.returncode == 0, adapted.stderr
    (result,) = json.loads((house / "a.json").read_text())["results"]
    assert (result["algorithm"], len(result["steps"])) == ("toy", 3)
    measure = ("evaluate", "rows.jsonl", *size, "--episodes", "2", "--algorithms", "toy,protonet", "--json", "e.json")
    assert run("-m", "meta_demo", *measure).returncode == 0
    assert [row["algorithm"] for row in json.loads((house / "e.json").read_text())["results"]] == ["toy", "protonet"]


def test_the_page_has_it(run: Run) -> None:
    code = (
        "import json; from meta_demo.serving.service import Service; from meta_demo.ui.page import build_app\n"
        "from meta_demo.ui.knobs import described; from meta_demo.ui.starts import Switch\n"
        "print(json.dumps(build_app(Service()).get_config_file(), default=str))\n"
        "print(described(['toy'], Switch().fitted('minilm', ['toy'], ()).bases, 'en'))"
    )
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    assert '"toy"' in done.stdout and "shake" in done.stdout


def test_it_obeys_the_laws(run: Run) -> None:
    laws = [ROOT / "tests" / "test_algorithms.py", ROOT / "tests" / "test_meta_gradient.py"]
    others = "all or model or bias or last_n or shared"
    done = run("-m", "pytest", "-p", "no:cacheprovider", *laws, "-k", f"toy and not ({others})")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "failed" not in done.stdout
