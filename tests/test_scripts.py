"""The page's own JavaScript, linted as it runs: files joined into one program for each component of the page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import gradio as gr
import pytest

from meta_demo.serving.service import Service
from meta_demo.ui import page

ROOT = Path(__file__).parents[1]
OXLINT = Path(sys.executable).with_name("oxlint")


def complaints(programs: list[str], folder: Path) -> list[tuple[str, str, str]]:
    """The number of the program, the rule and the sentence of everything that makes a program wrong as a whole."""
    for number, program in enumerate(programs):
        (folder / f"{number}.js").write_text(f"(async () => {{\n{program}\n}})();\n", "utf-8")
    rules = ["-A", "all", "-D", "no-undef", "-D", "no-unused-vars", "-D", "no-redeclare"]
    command = [OXLINT, "--config", ROOT / ".oxlintrc.json", *rules, "--format", "json", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["diagnostics"]
    return [(Path(one["filename"]).stem, one.get("code", "syntax"), one["message"]) for one in found]


@pytest.fixture(scope="module")
def programs() -> list[str]:
    """What the browser runs for the page's components."""
    blocks = page.build_app(Service()).blocks.values()
    return sorted({str(block.js_on_load) for block in blocks if isinstance(block, gr.HTML) and block.js_on_load})


def test_no_program_uses_what_it_does_not_define(programs: list[str], tmp_path: Path) -> None:
    assert sum("function make(" in program for program in programs) >= 5
    assert [one for one in complaints(programs, tmp_path) if "no-unused-vars" not in one[1]] == []


def test_everything_that_a_script_defines_is_used_by_some_program(programs: list[str], tmp_path: Path) -> None:
    unused = defaultdict(set)
    for number, rule, message in complaints(programs, tmp_path):
        if "no-unused-vars" in rule and (name := re.search(r"'(\w+)'", message)):
            unused[name[1]].add(int(number))
    defined = {n: {i for i, p in enumerate(programs) if re.search(rf"(function|const|let) {n}\b", p)} for n in unused}
    assert [name for name, where in unused.items() if where == defined[name]] == []


@pytest.mark.parametrize(
    ("program", "rule"), [("nothing();", "no-undef"), ("const x = 1;", "no-unused-vars"), ("let = = 1", "syntax")]
)
def test_what_is_wrong_is_found(program: str, rule: str, tmp_path: Path) -> None:
    assert [rule in found for _, found, _ in complaints([program, "watch(props.value, trigger);"], tmp_path)] == [True]
