"""Resident memory of a process that serves: idle, after adaptations as a visitor makes them, after many tasks, after a meta-training.

    python -m benchmarks.residence [--tasks N] [--model NAME]

Every case runs in a process of its own, by default and with META_DEMO_CACHE_MB=200. Figures are what lies in memory once all is
done, as the system counts it: with the models loaded and nothing asked yet, and after. The law: at most what is idle, the bound,
and 300 MB. Writes `benchmarks/results/residence.json`.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

from benchmarks import report, resident
from meta_demo.backbones.loading import BUNDLED, DEFAULT
from meta_demo.core.cache import MB, SERVING
from meta_demo.data.episode import Episode
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.data.sources import hold_out, load_source
from meta_demo.learning.plan import Plan
from meta_demo.learning.recipe import Recipe, prepare
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service

SETTING = "META_DEMO_CACHE_MB"
ALLOWED = 300  # MB above what is idle and the bound
BOUNDS = (SERVING, 200)  # MB, the default first
VISITS = 20
SHAPES = (Fixed(5, 1, 3), Fixed(5, 5, 3), Fixed(3, 3, 3))
PICTURES = 4  # every so many-th task is one of pictures
COLUMNS = {"case": "情形", "bound": "上限", "idle": "空闲", "after": "之后", "cache": "缓存", "allowed": "允许"}
TITLE = {
    "en": "Resident memory of a process that serves, in MB",
    "zh": "提供服务的进程的常驻内存（MB）",
}
NOTES = {
    "en": f"Allowed: idle, the bound of META_DEMO_CACHE_MB, and {ALLOWED} MB. Three algorithms with their shipped starts; "
    "every fourth task is one of pictures.",
    "zh": f"允许值：空闲内存、META_DEMO_CACHE_MB 的上限，再加 {ALLOWED} MB。三种算法，均从随附的起点开始；每四个任务中有一个是图片任务。",
}


@dataclass
class Arguments:
    """Resident memory of a process that serves."""

    case: Annotated[str, tyro.conf.arg(help="one case alone (what the child processes run)")] = ""
    tasks: Annotated[int, tyro.conf.arg(help="how many different tasks")] = 200
    steps: Annotated[int, tyro.conf.arg(help="of the meta-training")] = 20
    model: Annotated[str, tyro.conf.arg(help="another model than the bundled ones, for texts alone")] = ""


def visits(service: Service, arguments: Arguments) -> None:
    """The page's samples, adapted; after each something new is tried, letter by letter, and attention looked at."""
    names = sample_names("text" if arguments.model else None)
    for i in range(VISITS):
        _ask(service, _request(load_sample(names[i % len(names)]), arguments))


def tasks(service: Service, arguments: Arguments) -> None:
    """Different tasks, as they come over the API."""
    texts, drawings = load_source("builtin"), load_source("builtin:glyphs:7")
    for i in range(arguments.tasks):
        pictures = not arguments.model and i % PICTURES == 0
        drawn = Sampler([drawings if pictures else texts], SHAPES[i % len(SHAPES)], 0, TEST).draw(i)
        service.report(_request(drawn, arguments))


def training(service: Service, arguments: Arguments) -> None:
    """A meta-training on the built-in packs, as the page's tab runs it."""
    kept, held_out = hold_out([load_source("builtin")], 0)
    plan = Plan(steps=arguments.steps, valid_every=10, valid_episodes=10)
    recipe = Recipe(kept, held_out, plan, "maml")
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(recipe, lambda: service.backbone(arguments.model or BUNDLED), Path(folder) / "start")
        for _ in run.train():
            pass


CASES: dict[str, Callable[[Service, Arguments], None]] = {
    "20 adaptations on the page": visits,
    "different tasks": tasks,
    "a meta-training": training,
}


def _request(episode: Episode, arguments: Arguments) -> Request:
    return Request(episode, arguments.model or DEFAULT[episode.modality], episode.objective.algorithms)


def _ask(service: Service, request: Request) -> None:
    service.report(request)
    for example in request.episode.query[:2]:
        said = example.content
        for tried in _typed(said) if isinstance(said, str) else [said]:
            service.predict(request, [tried])
        service.attention(request, request.algorithms[0], said)


def _typed(text: str) -> Iterator[str]:
    return (text[:end] for end in range(4, len(text), 4))


def measure(arguments: Arguments) -> tuple[float, float, float]:
    """MB of the process idle, after its case, and those that its cache says it holds then."""
    service = Service(torch.device("cpu"))
    for model in [arguments.model] if arguments.model else DEFAULT.values():
        service.backbone(model)
    gc.collect()
    idle = resident.now()
    CASES[arguments.case](service, arguments)
    gc.collect()
    return idle, resident.now(), service.cache.size / MB


def main(arguments: Arguments) -> None:
    if arguments.case:
        print(*measure(arguments))
        return
    rows = []
    for case in CASES:
        for bound in BOUNDS:
            idle, after, held = child(arguments, case, bound)
            name = f"{arguments.tasks} {case}" if case == "different tasks" else case
            rows.append([name, bound, round(idle), round(after), round(held), round(idle + bound + ALLOWED)])
            print(" | ".join(map(str, rows[-1])), flush=True)
    report.write(
        "residence", "python -m benchmarks.residence", COLUMNS, rows, title=TITLE, notes=NOTES, order=report.MEMORY
    )


def child(arguments: Arguments, case: str, bound: int) -> tuple[float, float, float]:
    """The figures of a case under a bound of so many MB; the default is left to the service."""
    environment = {name: value for name, value in os.environ.items() if name != SETTING}
    if bound != SERVING:
        environment[SETTING] = str(bound)
    sizes = ["--tasks", str(arguments.tasks), "--steps", str(arguments.steps)]
    flags = ["--case", case, *sizes, "--model", arguments.model]
    command = [sys.executable, "-m", "benchmarks.residence", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    idle, after, held = map(float, done.stdout.split()[-3:])
    return idle, after, held


if __name__ == "__main__":
    main(tyro.cli(Arguments))
