"""Peak memory of MAML's exact meta-gradient against the number of inner steps: walking back, and through a stored graph.

    python -m benchmarks.memory

Every case runs in a process of its own, as a peak never falls: figures are the largest resident set of a process that computes one
meta-gradient, above what it holds at rest, with the model and the task loaded. A 5-way 1-shot task with 5 queries a class.
Writes `benchmarks/results/memory.json`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated

import torch
import tyro

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from benchmarks.resident import peak
from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.loading import BUNDLED, load_backbone
from meta_demo.core.cache import Cache
from meta_demo.data.sampler import Fixed, Sampler
from meta_demo.data.sources import load_source
from meta_demo.learning.tensors import to_task

STEPS = (1, 5, 10, 20)
# Larger blocks go back as soon as they are freed: what the allocator keeps of them is no memory in use.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(128 << 10)}
SCOPES = ("lora", "last_n")
WAYS = ("walk back", "stored graph")


COLUMNS = {"weights": "权重", "way": "方法", "at rest": "静止"}
COLUMNS |= {f"{steps} step{'s' * (steps > 1)}": f"{steps} 步" for steps in STEPS} | {"20 over 1": "20 步与 1 步之比"}
WORDS = {"lora": "low-rank factors of 3 layers", "last_n": "all weights of 3 layers"}
TITLE = {
    "en": "Memory of MAML's exact meta-gradient, in MB above the process at rest",
    "zh": "MAML 精确元梯度的内存占用（超出静止进程的 MB 数）",
}
NOTES = {
    "en": "Largest resident set of a process that computes one meta-gradient, less the one at rest. 5-way 1-shot, 5 queries a class. "
    "The C library maps blocks above 128 KB on their own (MALLOC_MMAP_THRESHOLD_), so that freed ones count no longer.",
    "zh": "计算一次元梯度的进程的最大常驻内存，减去静止时的常驻内存。5 类 1 条示例，每类 5 条查询。"
    "C 库为大于 128 KB 的内存块单独建立映射（MALLOC_MMAP_THRESHOLD_），释放后不再计入。",
}


@dataclass
class Arguments:
    """Peak memory against inner steps."""

    case: Annotated[str, tyro.conf.arg(help="one case alone, as scope,steps,way (what the child processes run)")] = ""


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
            figures = [_child(scope, steps, way) for steps in STEPS]
            rest, above = figures[0][0], [top - rest for rest, top in figures]
            growth = f"{above[-1] / above[0]:.2f}"
            rows.append([WORDS[scope], way, round(rest), *map(round, above), growth])
            print(" | ".join(map(str, rows[-1])), flush=True)
    report.write("memory", "python -m benchmarks.memory", COLUMNS, rows, title=TITLE, notes=NOTES, order=report.MEMORY)


def _child(scope: str, steps: int, way: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.memory", "--case", f"{scope},{steps},{way}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ALLOCATOR)
    at_rest, top = map(float, done.stdout.split()[-2:])
    return at_rest, top


if __name__ == "__main__":
    main(tyro.cli(Arguments))
