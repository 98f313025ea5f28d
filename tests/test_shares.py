"""How `make test` shares out what there is to do among processes."""

from __future__ import annotations

import os
import subprocess
from itertools import groupby
from pathlib import Path

import pytest
from cases import ROOT
from conftest import HANDFUL, share


class Item:
    """What `share` sees of a test."""

    def __init__(self, file: str, name: str, *marks: str) -> None:
        self.path, self.name, self.marks, self.group = Path(file), name, marks, ""

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        (self.group,) = mark.args


@pytest.fixture
def items() -> list[Item]:
    found = [Item("test_few.py", f"few{i}") for i in range(3)]
    found += [Item("test_mixed.py", f"mixed{i}", *["slow"] * (i % 5 == 0)) for i in range(HANDFUL * 3)]
    found += [Item("test_page.py", f"page{i}", "browser", "slow") for i in range(2)]
    found += [Item("test_pages.py", f"pages{i}", "browser") for i in range(4)]
    return found


def test_no_test_is_lost_and_each_has_one_share(items: list[Item]) -> None:
    before = {item.name for item in items}
    share(items)
    assert {item.name for item in items} == before and len(items) == len(before)
    assert all(item.group for item in items)
    shares = [group for group, _ in groupby(items, lambda item: item.group)]
    assert len(shares) == len({*shares})  # what one process takes stands together


def test_what_is_long_comes_first_and_file_by_file(items: list[Item]) -> None:
    share(items)
    files = [file for file, _ in groupby(items, lambda item: item.path.stem)]
    assert files == ["test_pages", "test_page", "test_mixed", "test_few", "test_mixed"]
    assert len({item.group for item in items if "slow" in item.marks and item.path.stem == "test_mixed"}) == 1
    quick = [item for item in items if not item.marks]
    assert items[-len(quick) :] == quick
    sizes = [len([*found]) for _, found in groupby(quick, lambda item: item.group)]
    assert max(sizes) == HANDFUL and len(sizes) > 3


def test_whoever_deals_them_out_knows_the_shares(request: pytest.FixtureRequest) -> None:
    """By a test's name alone, which not every pytest lets xdist change; what a file has at hand is else made in every process."""
    if not request.config.getoption("loadgroup", False):
        pytest.skip("runs in the shares of `make test`")
    mark = request.node.get_closest_marker("xdist_group")
    assert mark and request.node.nodeid.endswith(f"@{mark.args[0]}")


def make(*arguments: str) -> str:
    given = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=given, capture_output=True, text=True, check=True).stdout


def test_every_test_is_run_once_in_those_shares() -> None:
    runs = [
        line for line in make("--just-print", "--assume-old", ".venv/dev", "test").splitlines() if " pytest " in line
    ]
    assert (
        len(runs) == 1
        and "--dist loadgroup --no-loadscope-reorder" in runs[0]
        and " -m " not in runs[0].split("pytest")[1]
    )


def test_what_a_process_compiled_the_next_one_finds() -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in make("--eval", "shown: ; @env", "shown")
