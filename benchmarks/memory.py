"""Peak memory of MAML's exact meta-gradient against the number of inner steps: walking back, and through a stored graph.

Each figure is the largest resident set of a process that computes one meta-gradient, with what the model at rest takes of it beside
it: every case runs in a process of its own, as a peak never falls. A 5-way 1-shot task with 5 queries a class.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.core.algorithm import Algorithm, get_algorithm
from meta_demo.core.cache import Cache
from meta_demo.core.loading import BUNDLED, load_backbone
from meta_demo.data.sampler import Fixed, Sampler
from meta_demo.data.sources import load_source
from meta_demo.data.tensors import to_task

STEPS = (1, 5, 10, 20)
SCOPES = ("lora", "last_n")
WAYS = ("walk back", "stored graph")


@dataclass
class Arguments:
    """Peak memory against inner steps."""

    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help="write the figures to this file")] = None
    case: Annotated[str, tyro.conf.arg(help="one case alone, as scope,steps,way (what the child processes run)")] = ""


def peak() -> float:
    """The largest resident set this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(scope: str, steps: int, way: str) -> tuple[float, float]:
    """MB of the process at rest, and at its peak."""
    backbone = load_backbone(BUNDLED, torch.device("cpu"), Cache(1 << 28))
    cls = get_algorithm("maml")
    algorithm = cls(backbone, cls.Config.from_dict({"scope": scope, "inner_steps": steps}))
    task = to_task(algorithm, Sampler([load_source("builtin")], Fixed(5, 1, 5)).draw(0))
    rest = peak()
    loss = algorithm.meta_loss(task) if way == WAYS[0] else Algorithm.meta_loss(algorithm, task)
    loss.backward()  # type: ignore[no-untyped-call]
    return rest, peak()


def main(arguments: Arguments) -> None:
    if arguments.case:
        scope, steps, way = arguments.case.split(",")
        print(*measure(scope, int(steps), way))
        return
    rows = []
    for scope in SCOPES:
        for way in WAYS:
            figures = {steps: _child(scope, steps, way) for steps in STEPS}
            rest = min(at_rest for at_rest, _ in figures.values())
            growth = figures[STEPS[-1]][1] / figures[STEPS[0]][1]
            peaks = {steps: round(top) for steps, (_, top) in figures.items()}
            rows.append(
                {"scope": scope, "way": way, "rest_mb": round(rest), "peak_mb": peaks, "growth": round(growth, 2)}
            )
            cells = "  ".join(f"{steps:>2} steps {mb:5d} MB" for steps, mb in peaks.items())
            print(f"{scope:<7} {way:<13} at rest {rest:4.0f} MB  {cells}   20 over 1: {growth:.2f}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def _child(scope: str, steps: int, way: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.memory", "--case", f"{scope},{steps},{way}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    at_rest, top = map(float, done.stdout.split()[-2:])
    return at_rest, top


if __name__ == "__main__":
    main(tyro.cli(Arguments))
