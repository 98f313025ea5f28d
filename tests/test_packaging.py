"""What a stranger follows - the README, the pins, the Dockerfile - says what is true of this repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from tiny_models import make_task

import meta_demo
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
SOURCES = [*(ROOT / "meta_demo").rglob("*.py")]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
RULES = re.findall(r"^(\w+):", MAKEFILE, flags=re.MULTILINE)
REQUIREMENTS = sorted(path.name for path in ROOT.glob("requirements*.txt"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# One process for all that is asked of what is installed: each would import the same for seconds.
ASKED = """
import contextlib, io, json, runpy, sys
script = sys.argv[1]
sys.argv = [script, "adapt", "--help"]
from meta_demo.cli import main
from meta_demo.serving.service import Service
from meta_demo.ui import benchmark_tab, page

def said(*calls):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for call in calls:
            with contextlib.suppress(SystemExit):
                call()
    return out.getvalue()

listed = said(lambda: main(["models"]), lambda: main(["checkpoints"]))
shown = said(lambda: runpy.run_path(script, run_name="__main__"))
service = Service()
page.build_app(service)
css = len(page.launch_arguments(service)["css"])
tables = len(benchmark_tab.read_tables())
print(json.dumps({"listed": listed, "help": shown, "page": page.__file__, "tables": tables, "css": css}))
"""
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def requirements(name: str) -> dict[str, Requirement]:
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    parsed = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {requirement.name: requirement for requirement in parsed}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """The arguments of every `python -m meta_demo ...` in the README's shell blocks."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    start = "python -m meta_demo "
    return [shlex.split(line.removeprefix(start), comments=True) for line in lines if line.startswith(start)]


def test_front_matter_is_what_a_space_reads() -> None:
    _, head, _ = README.split("---\n", 2)
    card = yaml.safe_load(head)
    pins = requirements("requirements.txt")
    assert card["sdk"] == "gradio"
    assert str(pins["gradio"].specifier) == f"=={card['sdk_version']}"
    assert card["python_version"] == "3.12.12"
    assert (ROOT / card["app_file"]).is_file()
    assert card["license"] == "apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()
    assert {card["colorFrom"], card["colorTo"]} <= COLOURS
    assert len(card["short_description"]) <= 60
    assert card["title"] and card["emoji"] and card["tags"]


@pytest.mark.parametrize("name", [name for name in REQUIREMENTS if name != "requirements-track.txt"])
def test_what_is_required_is_what_is_installed(name: str) -> None:
    for requirement in requirements(name).values():
        assert requirement.specifier.contains(version(requirement.name)), requirement
        assert {s.operator for s in requirement.specifier} in ({"=="}, {">=", "<="}), f"{requirement} is not bounded"


def test_what_is_required_is_written_down_once() -> None:
    """pyproject reads the requirements files; each package stands in one of them."""
    dynamic = PROJECT["tool"]["setuptools"]["dynamic"]
    extras = {name: entry["file"] for name, entry in dynamic["optional-dependencies"].items()}
    assert dynamic["dependencies"]["file"] == ["requirements.txt"]
    assert extras.keys() == {"fonts", "track", "multilingual", "dev"} and {
        f for files in extras.values() for f in files
    } < {*REQUIREMENTS}
    assert not {"dependencies", "optional-dependencies"} & PROJECT["project"].keys()
    names = [name for file in REQUIREMENTS for name in requirements(file)]
    assert len(names) == len(set(names))
    assert {f for f in REQUIREMENTS if f in MAKEFILE} == {*REQUIREMENTS} - {"requirements-track.txt"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a virtual environment with our wheel in it, built from what git would check out; what it needs is lent."""
    folder = tmp_path_factory.mktemp("wheel")
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, files.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--no-cache-dir", "--disable-pip-version-check"]
    build = [
        *pip,
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        folder / "source",
    ]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False)
    inside = [*pip, "--python", folder / "venv" / "bin" / "python", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*inside, *folder.glob("*.whl")], check=True, capture_output=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv"


@pytest.fixture
def called(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs an installed script, or a program, in an empty folder -> what it prints."""

    def call(script: str, *arguments: str | Path) -> str:
        command = [installed / "bin" / script, *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def test_only_one_module_looks_beside_the_package() -> None:
    """Whatever else lies outside of it would be missed where it is installed: `places.place` finds it in the wheel."""
    looks = {path: [int(up) for up in re.findall(r"parents\[(\d+)\]", path.read_text("utf-8"))] for path in SOURCES}
    outside = [
        path
        for path, ups in looks.items()
        if any(not path.parents[up].is_relative_to(ROOT / "meta_demo") for up in ups)
    ]
    assert any(looks.values()) and outside == []


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_what_is_shipped(installed: Path) -> None:
    (package,) = installed.glob("lib/python*/site-packages/meta_demo")
    tracked = subprocess.run(
        ["git", "ls-files", "meta_demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    ours = [path for path in tracked.splitlines() if (ROOT / path).is_file()]
    assert len(ours) > 100 and [path for path in ours if not (package.parent / path).is_file()] == []
    for folder, kinds in {"checkpoints": {".json", ".safetensors"}, "benchmarks/results": {".json"}}.items():
        shipped = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
        assert shipped and [path for path in shipped if not (package / "shipped" / path).is_file()] == []


@pytest.mark.slow
def test_installed_it_works_from_any_folder(called: Callable[..., str], installed: Path, tmp_path: Path) -> None:
    asked = json.loads(called("python", "-c", ASKED, installed / "bin" / "meta-demo").splitlines()[-1])
    assert "glyph-vit" in asked["listed"] and str(installed) in asked["listed"]
    assert "meta-demo adapt" in asked["help"]
    assert Path(asked["page"]).is_relative_to(installed), "the page has its looks and its measured tables"
    assert asked["tables"] == len([*(ROOT / "benchmarks" / "results").glob("*.json")]) and asked["css"] > 10_000
    task = ROOT / "meta_demo" / "data" / "samples" / "bank-requests.json"
    called("meta-demo", "adapt", task, "--algorithms", "protonet,maml", "--json", "out.json")
    report = json.loads((tmp_path / "out.json").read_text())
    assert {result["checkpoint"].startswith(str(installed)) for result in report["results"]} == {True}


def test_ci_tries_both_ends_of_what_we_promise() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    tried = workflow["jobs"]["test"]["strategy"]["matrix"]["include"]
    torch = requirements("requirements.txt")["torch"].specifier
    ends = {f"{bound.version}.0" if bound.version.count(".") == 1 else bound.version for bound in torch}
    assert {entry["torch"] for entry in tried} == ends
    pythons = sorted({entry["python"] for entry in tried})
    assert pythons[0] == PROJECT["project"]["requires-python"].removeprefix(">=") and pythons[-1] == "3.13"
    for job in workflow["jobs"].values():
        made = [step["run"].split()[1] for step in job["steps"] if step.get("run", "").startswith("make ")]
        assert set(made) <= set(RULES)


def test_commits_are_held_to_the_checks_of_make() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    (ours,) = (repository["hooks"] for repository in hooks if repository["repo"] == "local")
    entries = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in ours}
    check = MAKEFILE.split("\ncheck:")[1].split("\n\n")[0]
    assert entries == set(re.findall(r"\$\(BIN\)/([\w-]+)", check))
    assert meta_demo.__version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_links_and_pictures_lead_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)\s]+)\)", README) if not t.startswith(("http://", "https://", "#"))]
    assert "docs/screenshot.png" in targets
    assert [target for target in targets if not (ROOT / target.split("#")[0]).exists()] == []


def test_files_and_targets_that_it_speaks_of_exist() -> None:
    paths = re.findall(r"`((?:meta_demo|tests|benchmarks|docs)/[\w./-]+)`", README)
    assert paths and [path for path in paths if not (ROOT / path).exists()] == []
    targets = re.findall(r"^(?:\$ )?make (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE)
    targets += re.findall(r"^make (\w+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), flags=re.MULTILINE)
    assert targets and set(targets) <= set(RULES)


@pytest.mark.slow
def test_commands_run_as_they_stand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What adapts or lists is run as it is; what would take long for one step, and what needs files of one's own by its flags."""
    (tmp_path / "meta_demo").symlink_to(ROOT / "meta_demo")
    (tmp_path / "tickets.csv").write_text(blocks("csv")[0])
    monkeypatch.chdir(tmp_path)
    assert {arguments[0] for arguments in commands()} >= {"adapt", "algorithms", "models", "train", "evaluate"}
    for arguments in commands():
        if arguments[0] != "evaluate":
            short = ["--steps", "1", "--valid-episodes", "2", "--meta-batch", "1"] if arguments[0] == "train" else []
            assert main([*arguments, *short]) == 0, capsys.readouterr().err
            continue
        with pytest.raises(SystemExit) as stopped:
            main([arguments[0], "--help"])
        assert not stopped.value.code
        shown = capsys.readouterr().out
        assert [flag for flag in arguments if flag.startswith("--") and flag.split("=")[0] not in shown] == []
    assert (tmp_path / "out.json").is_file()


def test_the_example_algorithm_works(tiny: Backbone) -> None:
    (example,) = (block for block in blocks("python") if "@register" in block)
    before, scope = dict(REGISTRY), {}
    try:
        exec(example, scope)
        algorithm = scope["Parzen"](tiny, scope["Parzen"].Config())
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)
    task = make_task(tiny, algorithm.boundary)
    (state,) = algorithm.adapt(task.support)
    assert (algorithm.predict(state, task.support.x).argmax(1) == task.support.y.argmax(1)).all()
    assert algorithm.predict(state, task.query.x).shape == task.query.y.shape
    algorithm.meta_loss(task).backward()
    assert all(w.grad is not None for w in algorithm.parameters())
    assert "(`title`, `about`)" in README


def test_the_example_client_works(page_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = (block for block in blocks("python") if "gradio_client" in block)
    scope: dict[str, Any] = {}
    exec(example.replace("http://127.0.0.1:7860", page_url), scope)
    assert scope["report"]["results"][0]["predictions"][0]["label"] == "card"
    assert "card" in capsys.readouterr().out


def test_waiting_threads_leave_the_cores_to_others() -> None:
    """What the package sets, GNU OpenMP must find when torch is imported; who has said how threads wait is left alone."""
    ask = "import os, sys, meta_demo; print('torch' in sys.modules, os.environ.get('GOMP_SPINCOUNT'))"

    def said(**more: str) -> str:
        known = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
        return subprocess.run(
            [sys.executable, "-c", ask], env=known | more, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert said() == "False 1000"
    assert said(OMP_WAIT_POLICY="ACTIVE") == "False None"
    assert said(GOMP_SPINCOUNT="7") == "False 7"


def test_importing_the_page_writes_no_stub_files() -> None:
    """Gradio opens one beside each of its components, unless it is imported by the page."""
    program = (
        "import sys; opened = []\n"
        "sys.addaudithook(lambda event, a: opened.append(str(a[0])) if event == 'open' else None)\n"
        "import meta_demo.ui, gradio, inspect\n"
        "assert inspect.getfile(gradio.Textbox).endswith('textbox.py')\n"
        "print([path for path in opened if path.endswith('.pyi')])"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
