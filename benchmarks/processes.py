"""Attention as a neural process: how likely it finds new values of random smooth curves, beside the exact posterior.

    python -m benchmarks.processes [--episodes 600] [--steps 2000]

Tasks are points of functions of one Gaussian process, with noise (`builtin:gaussian`), so that the best that can be said of a new value
is known in closed form (Rasmussen & Williams 2006, eq. 2.25 and 2.26; scikit-learn computes it here). The `attention` learner is trained on
other such functions, by `train` with ten points a task, and answers with a mean and a spread in one forward pass, as a neural process does
(Garnelo et al. 2018). What is told is the mean over tasks of the log-likelihood a point, in nats, and of the squared error, on 20 new
points; the prior is what may be said of them without any points. Writes `benchmarks/results/processes.json`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import report
from meta_demo.algorithms.memory.attention import AttentionLearner
from meta_demo.backbones.loading import load_backbone
from meta_demo.cli.main import main as command
from meta_demo.core.cache import LEARNING, Cache
from meta_demo.core.intervals import mean_interval
from meta_demo.data.episode import Episode
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.sources import load_source
from meta_demo.data.waves import HEIGHT, NOISE, WIDTH, Array
from meta_demo.learning import checkpoint
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.curve.modality import CURVES

SOURCE = "builtin:gaussian"
SHOTS, QUERIES = (3, 5, 10, 20), 20
COLUMNS = {"points": "点数", "tasks": "任务数", "learner": "学习者"} | {
    "log-likelihood of a point": "每点对数似然",
    "squared error": "平方误差",
}
TITLE = {
    "en": "Attention as a neural process, on functions of a Gaussian process",
    "zh": "作为神经过程的注意力：高斯过程的函数",
}
NOTES = {
    "en": "Mean over tasks, in nats, and of the squared error, each with its 95 % interval, on 20 new points a task. The exact posterior "
    "knows the process; attention has learned of it from other functions, with ten points a task.",
    "zh": "各任务 20 个新点上的平均（单位 nat）及平方误差，各附 95% 区间。精确后验知道该过程；注意力从其他函数学到它，每个任务十个点。",
}
Told = tuple[Array, Array]  # mean and standard deviation of every new value


def exact(task: Episode) -> Told:
    """What the process itself says of the queries' values, noise included."""
    kernel = HEIGHT**2 * RBF(WIDTH)
    process = GaussianProcessRegressor(kernel, alpha=NOISE["gaussian"] ** 2, optimizer=None)
    x, y = _places(task.support), [row.label for row in task.support]
    mean, spread = process.fit(x, y).predict(_places(task.query), return_std=True)
    return mean, np.hypot(spread, NOISE["gaussian"])


def prior(task: Episode) -> Told:
    """What is to be said of the queries' values without any points."""
    count = len(task.query)
    return np.zeros(count), np.full(count, np.hypot(HEIGHT, NOISE["gaussian"]))


@torch.no_grad()
def learned(learner: AttentionLearner, task: Episode) -> Told:
    """What attention says of them, after it has read the points."""
    tensors = to_task(learner, task)
    *_, state = learner.adapt(tensors.support)
    mean, spread = learner.distribution(state, learner.embed({}, learner.backbone.pack(tensors.query.x)))
    assert spread is not None, "numbers have a spread"
    scale, middle = state.objective.scale, state.objective.mean  # type: ignore[union-attr]
    return (middle + scale * mean).flatten().double().numpy(), (scale * spread).flatten().double().numpy()


def scores(tell: Callable[[Episode], Told], tasks: list[Episode]) -> tuple[list[float], list[float]]:
    """Of every task the mean log-likelihood and the mean squared error of its queries."""
    likely, error = [], []
    for task in tasks:
        y = np.array([row.label for row in task.query])
        mean, spread = tell(task)
        likely.append(float(norm.logpdf(y, mean, spread).mean()))
        error.append(float(np.square(y - mean).mean()))
    return likely, error


def _places(rows: Any) -> Array:
    return np.array([[row.content.x] for row in rows])


def main(episodes: int = 600, steps: int = 2000) -> None:
    """Train, measure and write.

    Args:
        episodes: tasks for each number of points
        steps: outer steps of 25 tasks
    """
    backbone = load_backbone(CURVES.name, torch.device("cpu"), Cache.as_set(LEARNING))
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "attention"
        task = ["--source", SOURCE, "--k-shot", "10", "--n-query", "20", "--meta-batch", "25", "--steps", str(steps)]
        plan = [
            "--lr",
            "3e-3",
            "--weight-decay",
            "0",
            "--clip",
            "10",
            "--valid-every",
            "500",
            "--valid-episodes",
            "100",
        ]
        made = ["--model", CURVES.name, "--algorithm", "attention", "--attention.scope", "model", "--keep", "last"]
        if command(["train", *task, *plan, *made, "--output", str(start)]):
            raise RuntimeError("the training failed")
        learner = checkpoint.load(start, backbone).requires_grad_(False).eval()
    assert isinstance(learner, AttentionLearner)
    tellers = {"attention": lambda t: learned(learner, t), "exact posterior": exact, "prior": prior}
    rows = []
    for shots in SHOTS:
        sampler = Sampler([load_source(SOURCE)], Fixed(2, shots, QUERIES), 0, TEST)
        tasks = [sampler.draw(i) for i in range(episodes)]
        for name, tell in tellers.items():
            likely, error = (mean_interval(values) for values in scores(tell, tasks))
            rows.append([shots, episodes, name, "{:+.2f} ± {:.2f}".format(*likely), "{:.3f} ± {:.3f}".format(*error)])
            print(" | ".join(map(str, rows[-1])), flush=True)
    written = " ".join(["python -m benchmarks.processes", *sys.argv[1:]])
    report.write("processes", written, COLUMNS, rows, title=TITLE, notes=NOTES)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.processes")
