"""How long a drag takes on the side of curves: seconds until every curve from both starts is there again, without the browser.

    python -m benchmarks.redraw [--points 10] [--rounds N] [--threads N]

Each round moves all points, so that nothing is known before, and asks the page's own handler for what is drawn while a point is held:
all algorithms at one step of the slider, and then, as the page does once the hand rests, the interval of one of them. Medians of the
rounds, and of the processor's seconds, which what else the machine does changes less.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
import tyro

from meta_demo.modalities.curve.page import CurvesSheet, able, trained
from meta_demo.serving.service import Service

STEPS = (0, 1, 2, 5, 10)  # places of the slider
BAND = ["maml", "trained"]  # whose interval is shown
Took = tuple[float, float]  # seconds, and those of the processor


def redraws(sheet: CurvesSheet, points: int, steps: int, rounds: int) -> tuple[Took, Took]:
    """Medians of the rounds but for the first, which warms up: of all curves, and of the interval that follows them."""
    (fit, *_), rng, took = sheet._functions(), np.random.default_rng(steps), []
    for _ in range(rounds + 1):
        places, values = rng.uniform(-5, 5, points).tolist(), rng.normal(size=points).tolist()
        dragged = {"points": [list(p) for p in zip(places, values, strict=True)], "lang": "en"}
        asked = {**dragged, "steps": steps, "only": True}
        found, curves = timed(lambda: fit({**asked, "algorithms": able()}))  # noqa: B023 (called at once)
        _, band = timed(lambda: fit({**asked, "algorithms": BAND[:1], "band": BAND}))  # noqa: B023
        took.append((curves, band))
        if len(found.get("curves", [])) != drawn():
            raise ValueError(found.get("problem", "curves are missing"))
    first, second = [tuple(map(median, zip(*each, strict=True))) for each in zip(*took[1:], strict=True)]
    return first, second


def timed(ask: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], Took]:
    """What is answered, and how long it took."""
    started, busy = time.perf_counter(), time.process_time()
    found = ask()
    return found, (time.perf_counter() - started, time.process_time() - busy)


def drawn() -> int:
    """How many curves there are: every algorithm's plain one, and one of each start that was meta-trained."""
    return len(able()) + sum(map(trained, able()))


def main(points: int = 10, rounds: int = 15, threads: int = 2) -> None:
    """Print the seconds.

    Args:
        points: how many are set
        rounds: drags at each place of the slider
        threads: what torch may use
    """
    torch.set_num_threads(threads)
    sheet = CurvesSheet()
    sheet.service = Service(torch.device("cpu"))
    for steps in STEPS:
        for what, (seconds, processor) in zip(
            (f"{drawn()} curves", "the interval"), redraws(sheet, points, steps, rounds), strict=True
        ):
            place = f"through {points} points after {steps:2d} steps"
            print(f"{what:12} {place}: {seconds:.3f} s, {processor:.3f} s of the processor")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.redraw")
