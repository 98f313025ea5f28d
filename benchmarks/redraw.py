"""How long a drag takes on the side of curves: seconds until every curve from both starts is there again, without the browser.

    python -m benchmarks.redraw [--points 10] [--rounds N] [--threads N]

Each round moves all points, so that nothing is known before, and asks the page's own handler for what is drawn while a point is held:
all algorithms at one step of the slider, one of them with its interval. Medians of the rounds, and of the processor's seconds, which
what else the machine does changes less.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import torch
import tyro

from meta_demo.modalities.curve.page import CurvesSheet, able
from meta_demo.serving.service import Service

STEPS = (1, 5, 10)


def redraws(sheet: CurvesSheet, points: int, steps: int, rounds: int) -> tuple[float, float]:
    """Median seconds, and those of the processor, of the rounds but for the first, which warms up."""
    (fit, *_), rng, took = sheet._functions(), np.random.default_rng(steps), []
    for _ in range(rounds + 1):
        places, values = rng.uniform(-5, 5, points).tolist(), rng.normal(size=points).tolist()
        asked = {"points": [list(p) for p in zip(places, values, strict=True)], "algorithms": able(), "lang": "en"}
        started, busy = time.perf_counter(), time.process_time()
        found = fit({**asked, "steps": steps, "only": True, "band": ["maml", "trained"]})
        took.append((time.perf_counter() - started, time.process_time() - busy))
        if len(found.get("curves", [])) != 2 * len(able()):
            raise ValueError(found.get("problem", "curves are missing"))
    seconds, processor = zip(*took[1:], strict=True)
    return median(seconds), median(processor)


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
        seconds, processor = redraws(sheet, points, steps, rounds)
        what = f"{2 * len(able())} curves through {points} points after {steps:2d} steps"
        print(f"{what}: {seconds:.3f} s, {processor:.3f} s of the processor")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.redraw")
