"""How far starts come on Finn's sines and on curves that none was trained on: squared errors of `evaluate` after several inner steps.

    python -m benchmarks.sines [--only "maml;anil"] [--episodes 600]

Writes `benchmarks/results/sines.json` and the tables of `checkpoints/curves/README.md`, those of `--only` anew and the others as they
were. Plain is measured with several rates of the Transformer's weights; the one that is best after one step is compared with MAML's start.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import tyro

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from meta_demo.algorithms.families import grouped
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.cli.main import main as command
from meta_demo.learning import checkpoint
from meta_demo.modalities.curve.modality import CURVES

README = report.CHECKPOINTS_README.parent / "curves" / "README.md"
STEPS, SHOTS = (0, 1, 2, 5, 10), (5, 10)
TRAINED = tuple(
    name for of in grouped([n for m, n in checkpoint.all_shipped() if m == CURVES.name]).values() for name in of
)
RATES = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06)
PLAIN = {f"maml, plain, rate {rate:g}": ["--maml.inner-lr", f"{rate:g}"] for rate in RATES}
OTHERS = ("kernel, plain", "finetune, plain", "anil, plain")
FAMILIES = {"sines": "Sines", "lines": "Lines", "triangles": "Triangle waves", "damped": "Damped waves"}
FEW = ("maml", "fomaml", "anil", "reptile", "finetune", "r2d2")  # starts that are tried on other families too
COMPARED = (*FEW, "maml, plain, rate 0.02", "kernel, plain")  # on families that nothing was trained on
COLUMNS = {"family": "曲线族", "start": "起点", "points": "点数", "tasks": "任务数"} | {
    f"after step {step}": f"第 {step} 步后" for step in STEPS
}
TITLE = {"en": "Curves: mean squared error on 20 new points", "zh": "曲线：20 个新点上的均方误差"}
NOTES = {
    "en": "Mean over tasks of the squared error, with its 95 % interval over tasks. Every start was trained on sines alone. Plain is the "
    "same model, fitted to all sines at once.",
    "zh": "各任务平方误差的平均，附任务间的 95% 区间。所有起点只在正弦曲线上训练过。普通起点是同一模型，一次拟合所有正弦。",
}


def flags(start: str) -> list[str]:
    """What `evaluate` is told of a start."""
    if start in TRAINED:
        return ["--algorithms", start]
    if start in OTHERS:
        return ["--algorithms", start.partition(",")[0], "--checkpoint", "none"]
    return ["--algorithms", "maml", "--checkpoint", "none", *PLAIN[start]]


def measured(family: str, start: str, episodes: int) -> list[list[Any]]:
    """A row for each number of points."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        shape = ["--k-shot", ",".join(map(str, SHOTS)), "--n-query", "20", "--episodes", str(episodes)]
        asked = ["--steps", ",".join(map(str, STEPS))] if REGISTRY[start.partition(",")[0]].steps_knob else []
        rest = ["--model", "curves", *flags(start), *shape, *asked, "--no-intervals", "--json", str(out)]
        if command(["evaluate", f"builtin:{family}", *rest]):
            raise RuntimeError(f"{family}, {start}")
        results = json.loads(out.read_text(encoding="utf-8"))["results"]
    rows = []
    for shots in SHOTS:
        after = {(r.get("step") or 0): f"{r['mse']:.3f} ± {r['ci95']:.2g}" for r in results if r["k_shot"] == shots}
        rows.append([family, start, shots, episodes, *(after.get(step, "") for step in STEPS)])
    return rows


def tables(rows: list[list[Any]]) -> None:
    """The tables of the README."""
    said = {(FAMILIES[family], start, shots): after for family, start, shots, _, *after in rows}
    for shots in SHOTS:
        columns = [f"{shots} points, after step", *map(str, STEPS)]
        some = [
            [titled(start), *after] for (family, start, s), after in said.items() if family == "Sines" and s == shots
        ]
        report.into_readme(f"sines-{shots}", columns, some, README)
    places = [STEPS.index(step) for step in (1, 5, 10)]
    known = [(family, start) for family in [*FAMILIES.values()][1:] for start in COMPARED]
    some = [[f, titled(s), *(cell for shots in SHOTS for cell in _at(said[f, s, shots], places))] for f, s in known]
    columns = ["family", "start", *(f"{shots} points: {step}" for shots in SHOTS for step in (1, 5, 10))]
    report.into_readme("families", columns, some, README)
    columns = ["points", "best rate after step 1", "after step 1", "times MAML's", "after step 10"]
    report.into_readme("plain", columns, [_plain(said, shots) for shots in SHOTS], README)


def _at(after: list[str], places: list[int]) -> list[str]:
    """What was measured at some steps; in the first place what learns at once came to."""
    return [after[at] for at in places] if after[1] else [after[0], *[""] * (len(places) - 1)]


def titled(start: str) -> str:
    """What a start is called in the README."""
    name, comma, rest = start.partition(",")
    return f"{REGISTRY[name].said('en')}{comma}{rest}"


def _plain(said: dict[tuple[str, str, int], list[str]], shots: int) -> list[Any]:
    """Plain at the rate that is best after one step, and how many times MAML's error its own is, rounded down."""

    def error(start: str, step: int) -> float:
        return float(said["Sines", start, shots][STEPS.index(step)].split()[0])

    best = min(PLAIN, key=lambda start: error(start, 1))
    times = math.floor(10 * error(best, 1) / error("maml", 1)) / 10
    after = said["Sines", best, shots]
    return [shots, best.rpartition(" ")[2], after[STEPS.index(1)], f"{times:.1f}", after[STEPS.index(10)]]


def main(only: str = "", episodes: int = 600) -> None:
    """Measure and write.

    Args:
        only: starts to measure anew, separated by semicolons; all where none is named
        episodes: tasks; tables are written of 600
    """
    every = [*TRAINED, *OTHERS, *PLAIN]
    asked = [start for start in every if start in only.split(";")] if only else every
    path = report.RESULTS / "sines.json"
    known = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    found = {(row[0], row[1], row[2]): row for row in known}
    for family in FAMILIES:
        for start in asked if family == "sines" else [start for start in asked if start in COMPARED]:
            for row in measured(family, start, episodes):
                found[family, start, row[2]] = row
                print(" | ".join(map(str, row)), flush=True)
    order = [(f, start, shots) for f in FAMILIES for start in every for shots in SHOTS]
    rows = [found[key] for key in order if key in found]
    if episodes == 600:
        report.write("sines", "python -m benchmarks.sines", COLUMNS, rows, title=TITLE, notes=NOTES, order=2)
        tables(rows)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.sines")
