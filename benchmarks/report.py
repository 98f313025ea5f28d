"""Measured tables: written as JSON for the Benchmark tab, and between two marks of a README."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
MEMORY = 1  # the order of tables of memory: behind those of what is learned
CHECKPOINTS_README = Path(__file__).parents[1] / "checkpoints" / "README.md"


def percent(mean: float, half: float) -> str:
    """An accuracy with its interval, both fractions."""
    return f"{mean * 100:.1f} ± {half * 100:.1f} %"


def points(mean: float, half: float) -> str:
    """A difference of accuracies with its interval, in percentage points."""
    return f"{mean * 100:+.1f} ± {half * 100:.1f}"


def write(name: str, command: str, columns: dict[str, str], rows: Sequence[Sequence[Any]], **more: Any) -> None:
    """`results/<name>.json`: English columns with their Chinese, and whatever else (`title`, `notes`, ...) goes into it."""
    threads = torch.get_num_threads()
    machine = f"{platform.processor() or platform.machine()}, {threads} thread{'s' * (threads > 1)}, torch {torch.__version__}"
    content = {
        "command": command,
        "machine": machine,
        "date": datetime.now(UTC).date().isoformat(),
        "columns": [{"en": en, "zh": zh} for en, zh in columns.items()],
        "rows": rows,
        **more,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def known(name: str, part: str) -> list[Any]:
    """What `results/<name>.json` has under `part`; nothing where it was never measured."""
    path = RESULTS / f"{name}.json"
    found: list[Any] = json.loads(path.read_text(encoding="utf-8")).get(part, []) if path.is_file() else []
    return found


def known_rows(name: str, anew: Sequence[str]) -> list[list[Any]]:
    """The rows of `results/<name>.json`, but for those that begin with one of `anew`."""
    return [row for row in known(name, "rows") if row[0] not in anew]


def into_readme(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], readme: Path = CHECKPOINTS_README
) -> None:
    """The table between `<!-- name -->` and `<!-- /name -->`, written anew."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    lines = [f"| {' | '.join(map(str, row))} |" for row in (columns, ["---"] * len(columns), *rows)]
    text = readme.read_text(encoding="utf-8")
    head, tail = text.split(begin)[0], text.split(end)[1]
    readme.write_text(f"{head}{begin}\n" + "\n".join(lines) + f"\n{end}{tail}", encoding="utf-8")
