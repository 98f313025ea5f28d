"""The settings: what the environment says, what holds where it says nothing, and what is said of a value that cannot be."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from meta_demo import start
from meta_demo.cli import main
from meta_demo.core.settings import Settings, give, settings, told
from meta_demo.words import LANGUAGES, text

ROOT = Path(__file__).parents[1]
NAMES = [name for setting in told() for name in setting.names]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def said(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return settings()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {"port": 7860, "host": "127.0.0.1", "public": False, "any_model": True, "training": True}),
        ({"SPACE_ID": "me/demo"}, {"host": "0.0.0.0", "public": True, "any_model": False, "training": False}),
        ({"META_DEMO_PUBLIC": "1"}, {"host": "127.0.0.1", "public": True, "any_model": False, "training": False}),
        ({"SPACE_ID": "me/demo", "META_DEMO_PUBLIC": "0"}, {"public": False, "any_model": True, "training": True}),
        ({"SPACE_ID": "me/demo", "META_DEMO_ALLOW_TRAINING": "1"}, {"training": True, "any_model": False}),
        ({"META_DEMO_PUBLIC": "1", "META_DEMO_ALLOW_ANY_MODEL": "1"}, {"any_model": True, "training": False}),
        ({"META_DEMO_ALLOW_TRAINING": "0"}, {"training": False, "any_model": True}),
        ({}, {"status": True}),
        ({"META_DEMO_PUBLIC": "1"}, {"status": False}),
        ({"META_DEMO_PUBLIC": "1", "META_DEMO_STATUS": "1"}, {"status": True}),
        ({"GRADIO_SERVER_PORT": "8001"}, {"port": 8001}),
        ({"PORT": " 8002 ", "GRADIO_SERVER_PORT": "8001"}, {"port": 8002}),
        ({"PORT": "", "GRADIO_SERVER_PORT": "8001"}, {"port": 8001}),
        ({"META_DEMO_CACHE_DIR": "/var/x"}, {"cache_folder": Path("/var/x")}),
        ({"XDG_CACHE_HOME": "/var/y"}, {"cache_folder": Path("/var/y/meta-demo")}),
    ],
)
def test_what_the_environment_says_holds(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: dict[str, Any]
) -> None:
    found = said(monkeypatch, **environment)
    assert {name: getattr(found, name) for name in expected} == expected


WRONG = [
    ("PORT", "abc", "1 to 65535"),
    ("PORT", "0", "1 to 65535"),
    ("GRADIO_SERVER_PORT", "65536", "1 to 65535"),
    ("META_DEMO_PUBLIC", "yes", "0 to 1"),
    ("META_DEMO_ALLOW_ANY_MODEL", "2", "0 to 1"),
    ("META_DEMO_ALLOW_TRAINING", "-1", "0 to 1"),
    ("META_DEMO_STATUS", "2", "0 to 1"),
    ("META_DEMO_CACHE_MB", "1.5", "0 to 1000000"),
    ("META_DEMO_MAX_MEMORY_MB", "0", "1 to 100000000"),
    ("META_DEMO_MAX_SECONDS", "an hour", "1 to 1000000000"),
    ("META_DEMO_MAX_PARAMETERS", "many", "1 to 1000000000000"),
    ("WORLD_SIZE", "0", "1 to 100000"),
]


@pytest.mark.parametrize(("name", "value", "bounds"), WRONG)
def test_what_is_no_number_of_its_range_is_named_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, bounds: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["algorithms"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert name in said.err and f"“{value}”" in said.err and bounds in said.err


def test_every_number_has_a_range_that_is_tried() -> None:
    assert {name for setting in told() if setting.range for name in setting.names} == {name for name, _, _ in WRONG}


def test_the_page_does_not_start_with_a_setting_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(SystemExit) as stopped:
        start.main()
    assert stopped.value.code == 2
    expected = "error: PORT is “http”: set it to a whole number from 1 to 65535, or leave it out.\n"
    assert capsys.readouterr().err == expected


def test_each_is_printed_with_its_value_source_and_meaning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said(monkeypatch, SPACE_ID="me/demo", PORT="8123")
    assert main(["settings", "--json", "-"]) == 0
    rows = {row["names"][0]: row for row in json.loads(capsys.readouterr().out)["settings"]}
    expected = {
        "PORT": (8123, "PORT", [1, 65535]),
        "GRADIO_SERVER_NAME": ("0.0.0.0", "SPACE_ID", None),
        "META_DEMO_PUBLIC": (1, "SPACE_ID", [0, 1]),
        "META_DEMO_ALLOW_TRAINING": (0, "SPACE_ID", [0, 1]),
        "META_DEMO_DEVICE": ("unset", None, None),
    }
    assert {name: (rows[name]["value"], rows[name]["source"], rows[name]["range"]) for name in expected} == expected
    assert main(["settings"]) == 0
    printed = capsys.readouterr().out
    assert "PORT, GRADIO_SERVER_PORT = 8123  (PORT)" in printed
    for row in rows.values():
        assert row["meaning"] in printed
    for setting in told():
        assert len({text(f"cli.settings.{setting.key}", lang) for lang in LANGUAGES}) == len(LANGUAGES)


def test_nothing_else_reads_the_environment() -> None:
    """`meta_demo/__init__.py` is the exception: what it gives to torch must be there before anything is imported."""
    reads = re.compile(r"\b(environ|getenv)\b")
    sources = (ROOT / "meta_demo").rglob("*.py")
    found = {path.relative_to(ROOT).as_posix() for path in sources if reads.search(path.read_text("utf-8"))}
    assert found == {"meta_demo/core/settings.py", "meta_demo/__init__.py"}


def test_the_readme_explains_every_setting() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"`{name}`" not in readme] == []
    assert set(re.findall(r"`(META_DEMO_\w+)`", readme)) <= {*NAMES}


def test_a_variable_is_given_to_a_library_unless_somebody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_DEMO_TEST_GIVEN", "mine")
    give("META_DEMO_TEST_GIVEN", "yours")
    assert os.environ["META_DEMO_TEST_GIVEN"] == "mine"
