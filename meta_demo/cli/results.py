"""The results of `evaluate`: how contestants differ on the same tasks, and the table of both that is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from meta_demo.core.objective import Objective
from meta_demo.words import text


def pairs(results: Sequence[dict[str, Any]], objective: type[Objective]) -> list[dict[str, Any]]:
    """Differences between contestants on the same episodes: each after its last inner step, and where both went on, step by step."""
    from meta_demo.learning.evaluate import paired

    last = {_contestant(row): row["step"] for row in results}  # of equals the last one stays
    found = []
    for a, b in combinations(results, 2):
        at_end = all(row["step"] == last[_contestant(row)] for row in (a, b))
        if (
            _contestant(a)[:2] != _contestant(b)[:2]
            and _size_of(a) == _size_of(b)
            and (a["step"] == b["step"] or at_end)
        ):
            scores = zip(a[objective.per_task], b[objective.per_task], strict=True)
            both = [pair for pair in scores if None not in pair]  # a task that diverged has no score
            difference, ci95 = paired(*zip(*both, strict=True)) if both else (None, None)
            sides = {side: {key: row[key] for key in SIDE} for side, row in (("first", a), ("second", b))}
            size = {key: a[key] for key in ("n_way", "k_shot")}
            found.append({**sides, **size, "difference": difference, "ci95": ci95})
    return found


def _contestant(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["algorithm"], row["checkpoint"], *_size_of(row))


def _size_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("n_way", "k_shot", "episodes"))


def print_results(
    rows: Sequence[dict[str, Any]], where: dict[str, Any], count: int, objective: type[Objective]
) -> None:
    """Print a table of the contestants over `count` tasks, and their differences; `where` says what sizes the tasks have."""
    title = "title" if all(where.values()) else "pooled" if where["k_shot"] and where["n_query"] else "file"
    columns = [name for name in CELLS if any(row.get(name) is not None for row in rows)]
    if not any(row.get("diverged") for row in rows):
        columns = [name for name in columns if name != "diverged"]
    cells = [[text(f"cli.evaluate.column.{name}") for name in columns]]
    cells += [["" if row[name] is None else CELLS[name](row) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(text(f"cli.evaluate.{title}", **where, count=count))
    for line in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for pair in pairs(rows, objective):
        if pair["difference"] is not None:
            first, second = (_named(pair[side]) for side in ("first", "second"))
            print(text("cli.evaluate.pair", first=first, second=second, difference=objective.differs(pair)))


def _named(side: dict[str, Any]) -> str:
    step = "" if side["step"] is None else text("cli.evaluate.step", step=side["step"])
    return f"{side['algorithm']} ({_start_of(side)}{step})"


def _start_of(row: dict[str, Any]) -> str:
    """The checkpoint's folder, as one would type it from here."""
    path = Path(row["checkpoint"])
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else row["checkpoint"]


SIDE = ("algorithm", "checkpoint", "step")
CELLS: dict[str, Callable[[dict[str, Any]], str]] = {  # figure -> how it is printed
    "algorithm": lambda row: row["algorithm"],
    "checkpoint": _start_of,
    "step": lambda row: f"{row['step']:>4}",
    "accuracy": lambda row: f"{row['accuracy']:.1%} ± {row['ci95']:.1%}",
    "error": lambda row: f"{row['error']:.1%}",
    "mse": lambda row: f"{row['mse']:.4g} ± {row['ci95']:.2g}",
    "r2": lambda row: f"{row['r2']:.3f} ± {row['r2_ci95']:.3f}",
    "coverage": lambda row: f"{row['coverage']:.1%} ± {row['coverage_ci95']:.1%}",
    "diverged": lambda row: f"{row['diverged']}",
    "calibration_error": lambda row: f"{row['calibration_error']:.3f}",
    "seconds_per_episode": lambda row: f"{row['seconds_per_episode']:.3f}",
}
