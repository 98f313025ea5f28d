"""docs/hosting.md says what is true: its links, commands, settings and the sentences that it quotes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from meta_demo.cli import main
from meta_demo.core.files import MB
from meta_demo.core.settings import told
from meta_demo.serving import crossing, lending
from meta_demo.serving.service import A_MINUTE, AT_ONCE, HEAVY, LIGHT
from meta_demo.ui import entrance
from meta_demo.ui.sessions import SESSIONS
from meta_demo.words import text

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "hosting.md").read_text("utf-8")
BLOCKS = "\n".join(re.findall(r"^```(?:sh|text)\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL))


def test_links_lead_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)\s]+)\)", GUIDE) if not t.startswith("https://")]
    assert targets and [t for t in targets if not (ROOT / "docs" / t).exists()] == []
    assert "docs/hosting.md" in (ROOT / "README.md").read_text("utf-8")


def test_commands_are_there_with_their_flags(capsys: pytest.CaptureFixture[str]) -> None:
    lines = BLOCKS.replace("\\\n", " ").splitlines()
    ours = [shlex.split(line.split("-m meta_demo ")[1]) for line in lines if "-m meta_demo " in line]
    assert {words[0] for words in ours} == {"settings", "space-check", "train"}
    for words in ours:
        with pytest.raises(SystemExit):
            main([words[0], "--help"])
        shown = capsys.readouterr().out
        assert [flag for flag in words if flag.startswith("--") and flag not in shown] == []


def test_settings_that_it_names_are_settings() -> None:
    known = {name for setting in told() for name in setting.names}
    named = set(re.findall(r"\b((?:META_DEMO|GRADIO)_[A-Z_]+)\b", GUIDE))
    assert named and named <= known
    assert "TORCH_INDEX" in (ROOT / "Dockerfile").read_text() and "TORCH_INDEX" in GUIDE


QUOTED = {
    "error.setting": {"name": "PORT", "value": "abc", "lo": 1, "hi": 65535},
    "error.port_used": {"port": 7860},
    "error.temporary_place": {"reason": ""},
    "error.model_kept": {"model": "...", "reason": ""},
    "error.model_public": {"known": ""},
    "note.gpu_refused": {},
    "note.gpu_quota": {},
    "note.gpu_memory": {},
    "note.gpu_pieces": {},
}


@pytest.mark.parametrize("key", QUOTED)
def test_sentences_that_it_quotes_are_said(key: str) -> None:
    said = text(key, "en", **QUOTED[key])
    quoted = re.findall(r"^\| [`*](?:error: )?([^`*]+)[`*] \|", GUIDE.partition("something is wrong")[2], re.MULTILINE)
    assert any(said.startswith(quote) for quote in quoted), said


def test_numbers_that_it_gives_are_ours() -> None:
    assert f"at most {crossing.LONGEST} s" in GUIDE and lending.WORTH == 3.0 and "more than three seconds" in GUIDE
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert compose["services"]["proxy"]["ports"] == ["8080:8080"] and "http://127.0.0.1:8080/demo/" in GUIDE
    assert "client_max_body_size 100m" in (ROOT / "deploy" / "nginx.conf").read_text()


def test_the_page_on_security_names_what_is_there() -> None:
    said = (ROOT / "docs" / "security.md").read_text("utf-8")
    assert re.findall(r"^\| (A\d\d) ", said, flags=re.MULTILINE) == [f"A{number:02}" for number in range(1, 11)]
    tests = re.findall(r"`(tests/[^`]+)`", said)
    assert tests and [name for name in tests if not (ROOT / name).is_file()] == []
    assert f"{HEAVY} places and light work {LIGHT}" in said and f"at most {HEAVY} places" in said
    runs, requests = ((f"{a:,}", f"{b:,}") for a, b in ((AT_ONCE, A_MINUTE), (entrance.AT_ONCE, entrance.A_MINUTE)))
    assert f"{runs[0]} runs at once and {runs[1]} a minute" in said
    assert f"{requests[0]} requests at once and {requests[1]} a minute" in said
    assert f"{entrance.ROOM // MB:,} MB, or are {entrance.FILES:,}" in said and f"{SESSIONS:,} sessions" in said
