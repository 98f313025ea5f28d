"""The outer loop, once, for every algorithm: meta-batches of tasks, AdamW on the meta-parameters, the best start kept.

A run's folder holds the checkpoint of the best validated start (`weights.safetensors`, `card.json`) and `training.safetensors`,
from which `--resume` goes on to the same bits. Task i depends on the seed and i alone, so nothing else needs to be kept.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from meta_demo.algorithms.base import Algorithm
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode
from meta_demo.data.sampler import Sampler
from meta_demo.learning import checkpoint
from meta_demo.learning.checkpoint import write_tensors
from meta_demo.learning.evaluate import evaluate, mean_interval
from meta_demo.learning.optimizers import Optimizer
from meta_demo.learning.processes import Processes
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.picture.distortions import distorted

STATE = "training.safetensors"
FREE = ("minutes", "save_every", "keep")  # what may differ between a run and its continuation


@dataclass(frozen=True)
class Plan:
    """Knobs of the outer loop."""

    steps: int = 500
    minutes: float | None = None
    seed: int = 0
    meta_batch: int = 4
    lr: float = 3e-4
    weight_decay: float = 0.01
    warmup: float = 0.05  # part of the steps
    clip: float = 1.0  # norm of the meta-gradient
    ema: float = 0.0  # decay of the weights' running mean, which is validated and kept; 0: the weights themselves
    muon: bool = False  # on the matrices inside the layers, AdamW on the rest
    distort: float = 0.0  # strength of the distortions of training pictures
    bf16: bool = False  # matrix products of the meta-gradient in bfloat16
    save_every: int = 50
    valid_every: int = 50
    valid_episodes: int = 100
    keep: Literal["best", "last"] = "best"  # last: where validation tasks are unlike those that count

    def rate(self, step: int) -> float:
        """Learning rate of a step: a linear warm-up, then a half cosine down to a hundredth."""
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return self.lr * (step + 1) / warm
        done = (step - warm) / max(1, self.steps - warm)
        return self.lr * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


@dataclass(frozen=True)
class Progress:
    """The run after `step` outer steps. `valid` is (accuracy, ci95) where this step was validated."""

    step: int
    steps: int
    loss: float | None
    seconds: float
    best: float
    best_step: int
    valid: tuple[float, float] | None = None

    @property
    def remaining(self) -> float:
        """Seconds that the steps ahead will take at the rate so far."""
        return self.seconds / max(1, self.step) * (self.steps - self.step)


@dataclass
class _Run:
    """What changes while training, apart from the algorithm's own parameters."""

    optimizer: Optimizer
    step: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_step: int = 0
    mean: dict[str, Tensor] = field(default_factory=dict)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    valid: list[tuple[int, float, float]] = field(default_factory=list)

    def kept(self, plan: Plan) -> tuple[dict[str, Tensor], int]:
        """What the checkpoint holds, and the step it is of."""
        return (self.mean, self.step) if plan.keep == "last" else (self.best_weights, self.best_step)


def train(
    algorithm: Algorithm,
    tasks: Sampler,
    valid: Sequence[Episode],
    plan: Plan,
    output: Path,
    *,
    resume: bool = False,
    record: dict[str, Any] | None = None,
    about: dict[str, Any] | None = None,
    processes: Processes | None = None,
) -> Iterator[Progress]:
    """Meta-train `algorithm` in place and keep the best start in `output`. Yields after every step; closing it stops the run.

    Raises UserError when `output` is taken or cannot be written, does not fit the run it should continue, or when the loss stops
    being finite: the best start so far is then still there. The card tells `record`, which a continuation must share, and
    `about`, which it need not.
    """
    group = processes or Processes()
    run = _Run(Optimizer(algorithm.named_parameters(), weight_decay=plan.weight_decay, muon=plan.muon))
    identity = _identity(algorithm, plan, record or {})
    if resume:
        _restore(algorithm, run, output, identity)
    elif output.exists() and any(output.iterdir()):
        raise UserError("output_exists", folder=output)
    started = time.monotonic() - run.seconds
    if run.best_weights:
        # The checkpoint may have been cut off between its two files.
        _save(algorithm, run, plan, output, identity, about or {}, group)
        yield Progress(run.step, plan.steps, None, run.seconds, run.best, run.best_step)
    else:
        run.mean = _copy(algorithm)
        yield _validated(algorithm, run, valid, plan, group)
        _save(algorithm, run, plan, output, identity, about or {}, group)
    while run.step < plan.steps and not group.agree(_time_is_up(plan, started)):
        loss = _outer_step(algorithm, tasks, run, plan, group)
        run.step += 1
        run.seconds = time.monotonic() - started
        run.losses.append(loss)
        last = run.step == plan.steps
        if last or run.step % plan.valid_every == 0:
            yield replace(_validated(algorithm, run, valid, plan, group), loss=loss)
        else:
            yield Progress(run.step, plan.steps, loss, run.seconds, run.best, run.best_step)
        if last or run.step % plan.save_every == 0:
            _save(algorithm, run, plan, output, identity, about or {}, group)
    if run.valid[-1][0] != run.step:  # time was up between two validations
        yield _validated(algorithm, run, valid, plan, group)
    _save(algorithm, run, plan, output, identity, about or {}, group)
    algorithm.load_state_dict(run.kept(plan)[0])


def _outer_step(algorithm: Algorithm, tasks: Sampler, run: _Run, plan: Plan, group: Processes) -> float:
    """One step of the optimizer on the mean meta-gradient of a meta-batch, dealt out over the processes -> its mean loss."""
    parameters = list(algorithm.parameters())
    run.optimizer.zero_grad()
    total = torch.zeros((), dtype=parameters[0].dtype, device=parameters[0].device)
    first = run.step * plan.meta_batch
    indices = group.mine(range(first, first + plan.meta_batch))
    batch = [to_task(algorithm, tasks.draw(index), tasks.corpus) for index in indices]
    if plan.distort and batch:
        batch = distorted(batch, plan.distort, [_rng(plan.seed, index) for index in indices])
    losses = algorithm.meta_losses(batch) if batch else iter(())
    while True:
        with torch.autocast(total.device.type, torch.bfloat16, enabled=plan.bf16):
            loss = next(losses, None)
        if loss is None:
            break
        loss = loss / plan.meta_batch
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    for p in parameters:
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
    gradients = [p.grad for p in parameters if p.grad is not None]
    group.sum([total, *gradients])
    norm = torch.nn.utils.clip_grad_norm_(parameters, plan.clip)
    if not bool(torch.isfinite(total) & torch.isfinite(norm)):
        raise UserError("outer_diverged", algorithm=algorithm.name, step=run.step + 1, best=run.best_step)
    run.optimizer.step(plan.rate(run.step))
    for name, w in algorithm.state_dict().items():
        run.mean[name].lerp_(w, 1 - plan.ema)
    return float(total)


def _rng(seed: int, index: int) -> torch.Generator:
    """Of the distortions of one task."""
    return torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)


def _validated(algorithm: Algorithm, run: _Run, valid: Sequence[Episode], plan: Plan, group: Processes) -> Progress:
    """Accuracy of the running mean on the validation tasks; the best start so far, the earlier one of equals, is kept."""
    with _holding(algorithm, run.mean):
        scores = group.gather([score.accuracy for score in evaluate(algorithm, valid, processes=group)])
    accuracy, ci95 = mean_interval(scores)
    run.valid.append((run.step, accuracy, ci95))
    if accuracy > run.best:
        run.best, run.best_step = accuracy, run.step
        run.best_weights = {name: w.clone() for name, w in run.mean.items()}
    return Progress(run.step, plan.steps, None, run.seconds, run.best, run.best_step, (accuracy, ci95))


def _copy(algorithm: Algorithm) -> dict[str, Tensor]:
    return {name: w.detach().clone() for name, w in algorithm.state_dict().items()}


@contextmanager
def _holding(algorithm: Algorithm, weights: dict[str, Tensor]) -> Iterator[None]:
    """`algorithm` with other weights for a while."""
    own = _copy(algorithm)
    algorithm.load_state_dict(weights)
    try:
        yield
    finally:
        algorithm.load_state_dict(own)


def _time_is_up(plan: Plan, started: float) -> bool:
    return plan.minutes is not None and time.monotonic() - started > plan.minutes * 60


def _identity(algorithm: Algorithm, plan: Plan, record: dict[str, Any]) -> dict[str, Any]:
    """What a run is: two runs of equal identity reach equal weights."""
    knobs = {name: value for name, value in asdict(plan).items() if name not in FREE}
    made_of = {"algorithm": algorithm.name, "config": vars(algorithm.config), "backbone_hash": algorithm.backbone.hash}
    whole: dict[str, Any] = json.loads(json.dumps({**made_of, "plan": knobs, **record}))
    return whole


def _save(
    algorithm: Algorithm,
    run: _Run,
    plan: Plan,
    output: Path,
    identity: dict[str, Any],
    about: dict[str, Any],
    group: Processes,
) -> None:
    """First the state of the run with everything in it, then the checkpoint: whatever is cut off, one of them is whole."""
    if not group.is_main:
        return
    tensors = {f"now.{name}": w.detach() for name, w in algorithm.state_dict().items()}
    tensors |= {f"mean.{name}": w for name, w in run.mean.items()}
    tensors |= {f"best.{name}": w for name, w in run.best_weights.items()}
    tensors |= {f"optimizer.{name}": slot for name, slot in run.optimizer.tensors().items()}
    facts: dict[str, Any] = {"losses": run.losses, "valid": run.valid}
    facts |= {"step": run.step, "seconds": run.seconds, "best": run.best, "best_step": run.best_step}
    write_tensors(output / STATE, tensors, {"identity": json.dumps(identity), "facts": json.dumps(facts)})
    weights, step = run.kept(plan)
    known = {"steps": step, "keep": plan.keep, "trained_steps": run.step, "minutes": round(run.seconds / 60, 1)}
    rows = [{"step": step, "accuracy": accuracy, "ci95": ci95} for step, accuracy, ci95 in run.valid]
    record = {name: value for name, value in identity.items() if name not in ("algorithm", "config", "backbone_hash")}
    with _holding(algorithm, weights):
        checkpoint.save(algorithm, output, **record, **known, **about, validation=rows)


def _restore(algorithm: Algorithm, run: _Run, output: Path, identity: dict[str, Any]) -> None:
    """Continue the run in `output`; raises UserError when there is none or it is another one."""
    try:
        with safe_open(output / STATE, framework="pt") as file:
            about = file.metadata()
            tensors = {name: file.get_tensor(name).to(algorithm.backbone.device) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError("resume_missing", folder=output) from error
    before = json.loads(about["identity"])
    for name in identity.keys() | before.keys():
        if identity.get(name) != before.get(name):
            raise UserError("resume_differs", folder=output, name=name)
    parts: dict[str, dict[str, Tensor]] = {"now": {}, "mean": {}, "best": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    algorithm.load_state_dict(parts["now"])
    run.mean, run.best_weights = parts["mean"], parts["best"]
    run.optimizer.load(parts["optimizer"])
    facts = json.loads(about["facts"])
    run.step, run.seconds, run.losses = facts["step"], facts["seconds"], facts["losses"]
    run.best, run.best_step = facts["best"], facts["best_step"]
    run.valid = [tuple(row) for row in facts["valid"]]
