"""The outer loop, once, for every algorithm: meta-batches of tasks, AdamW on the meta-parameters, the best start kept.

A run's folder holds the checkpoint of the best validated start (`weights.safetensors`, `card.json`) and the state from which
`--resume` goes on (`saved_run.py`). Not here: the knobs (`plan.py`), and how a run is put together (`recipe.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from meta_demo.algorithms.base import Algorithm
from meta_demo.backbones.notes import reading_notes
from meta_demo.core.corpus import Corpus
from meta_demo.core.device import out_of_memory
from meta_demo.core.errors import Note, UserError
from meta_demo.core.examples import Task
from meta_demo.core.intervals import mean_interval
from meta_demo.core.lazy import lazy
from meta_demo.data.episode import Episode
from meta_demo.data.source import Source
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import evaluate, make_do
from meta_demo.learning.optimizers import Optimizer
from meta_demo.learning.plan import Plan
from meta_demo.learning.processes import Processes
from meta_demo.learning.saved_run import SavedRun
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.base import Content

FREE = ("minutes", "save_every", "keep")  # what may differ between a run and its continuation


@dataclass(frozen=True)
class Validation:
    """The mean score of the start after `step` outer steps on the validation tasks, with half the width of its 95 % interval."""

    step: int
    score: float
    ci95: float


@dataclass(frozen=True)
class Progress:
    """The run after `step` outer steps. `valid` is (score, ci95) where this step was validated."""

    step: int
    steps: int
    loss: float | None
    seconds: float
    best: float
    best_step: int
    valid: tuple[float, float] | None = None
    notes: tuple[Note, ...] = ()  # on how it goes and where it was computed

    @property
    def remaining(self) -> float:
        """Seconds that the steps ahead will take at the rate so far."""
        return self.seconds / max(1, self.step) * (self.steps - self.step)


class Tasks(Protocol):
    """What a run draws its tasks from: a sampler, or tasks that were drawn before."""

    @property
    def sources(self) -> Sequence[Source]: ...

    @property
    def corpus(self) -> Corpus[Content] | None: ...

    def draw(self, index: int) -> Episode:
        """Task number `index`."""


@dataclass
class Run:
    """One training: what it is made of, and what changes while it goes on.

    The card tells `record`, which a continuation must share, and `about`, which it need not.
    """

    algorithm: Algorithm
    tasks: Tasks
    valid: Sequence[Episode]
    plan: Plan
    output: Path
    record: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    group: Processes = field(default_factory=Processes)

    def __post_init__(self) -> None:
        self.algorithm.prepare(self.tasks.sources)
        self.objective = type(self.valid[0].objective)
        self.algorithm.holds_body = self.plan.body == "hold"
        held = {id(w) for w in self.algorithm.body.values()} if self.algorithm.holds_body else set()
        named = [(name, p) for name, p in self.algorithm.named_parameters() if id(p) not in held]
        if not named:
            raise UserError("hold_all", algorithm=self.algorithm.name)
        self._learned = [p for _, p in named]
        self.optimizer = Optimizer(named, weight_decay=self.plan.weight_decay, muon=self.plan.muon)
        self.step, self.seconds = 0, 0.0
        self.losses: list[float] = []
        self.validations: list[Validation] = []
        self.best: Validation | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.mean = self._weights()

    def notes(self) -> list[Note]:
        """What a person should know of the sources for this method, and of the inputs to train and to validate on, but for those that a
        program draws."""
        kept = [texts for s in self.tasks.sources if not s.program for texts in s.classes.values()]
        asked = [row.content for episode in self.valid for row in (*episode.support, *episode.query)]
        given = [content for texts in kept for content in texts]
        told = self.algorithm.remarks(self.tasks.sources)
        return [*told, *reading_notes(self.algorithm.backbone, [*given, *asked])]

    def train(self, *, resume: bool = False) -> Iterator[Progress]:
        """Meta-trains the algorithm in place and keeps the best start in `output`. Yields after every step; closing it stops the run.

        Raises UserError when `output` is taken or cannot be written, does not fit the run it should continue, or when the loss
        stops being finite: the best start so far is then still there.
        """
        if resume:
            self.restore()
        elif self.output.exists() and any(self.output.iterdir()):
            raise UserError("output_exists", folder=self.output)
        started = time.monotonic() - self.seconds
        first = None if self.validations else self._validate()
        self.save()  # on resuming, too: the checkpoint may have been cut off between its two files
        yield self._progress(None, first)
        while self.step < self.plan.steps and not self.group.agree(self._time_is_up(started)):
            loss = self._outer_step()
            self.step += 1
            self.seconds = time.monotonic() - started
            self.losses.append(loss)
            last = self.step == self.plan.steps
            yield self._progress(loss, self._validate() if last or self.step % self.plan.valid_every == 0 else None)
            if last or self.step % self.plan.save_every == 0:
                self.save()
        self.seconds = time.monotonic() - started  # time that was up stays up for whoever goes on
        if self.validations[-1].step != self.step:  # time was up between two validations
            yield self._progress(None, self._validate())
        self.save()
        self.algorithm.load_state_dict(self._kept()[0])

    def _progress(self, loss: float | None, now: Validation | None) -> Progress:
        assert self.best, "a run is validated before its first step"
        valid = (now.score, now.ci95) if now else None
        notes = self.algorithm.training_notes()
        return Progress(self.step, self.plan.steps, loss, self.seconds, self.best.score, self.best.step, valid, notes)

    @torch.enable_grad()  # a process that was forked in the midst of an adaptation has gradients switched off
    def _backward(self) -> Tensor:
        """The gradients of a meta-batch -> its loss; in smaller pieces where a GPU has too little memory. Raises UserError."""
        while True:
            self.optimizer.zero_grad()
            try:
                return self.algorithm.backward(self._meta_batch(), 1 / self.plan.meta_batch, bf16=self.plan.bf16)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
            make_do(self.algorithm)

    def _outer_step(self) -> float:
        """One step of the optimizer on the mean meta-gradient of a meta-batch, dealt out over the processes -> its mean loss."""
        parameters = self._learned
        total = self._backward()
        for p in parameters:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        gradients = [p.grad for p in parameters if p.grad is not None]
        self.group.sum([total, *gradients])
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.plan.clip)
        if not bool(torch.isfinite(total) & torch.isfinite(norm)):
            best = self.best.step if self.best else 0
            raise UserError("outer_diverged", algorithm=self.algorithm.name, step=self.step + 1, best=best)
        self.optimizer.step(self.plan.rate(self.step))
        for name, w in self.algorithm.state_dict().items():
            self.mean[name].lerp_(w, 1 - self.plan.ema)
        return float(total)

    @lazy
    def _among(self) -> Corpus[Content] | None:
        """What decides on who is computed with whom: the corpus where the run asks for as many examples as that has, so that most of
        each chunk is needed some day; else None, each task by itself."""
        corpus = self.tasks.corpus
        if corpus is None:
            return None
        first = self.tasks.draw(0)
        asked = self.plan.steps * self.plan.meta_batch * (len(first.support) + len(first.query))
        return corpus if asked >= len(corpus) else None

    def _meta_batch(self) -> list[Task]:
        """This process's share of the tasks of the step that comes."""
        first = self.step * self.plan.meta_batch
        indices = self.group.mine(range(first, first + self.plan.meta_batch))
        batch = [to_task(self.algorithm, self.tasks.draw(index), self._among) for index in indices]
        if self.plan.distort and batch:
            rngs = [_rng(self.plan.seed, index) for index in indices]
            batch = self.algorithm.backbone.inputs.distorted(batch, self.plan.distort, rngs)
        return batch

    def _validate(self) -> Validation:
        """How good the running mean is on the validation tasks; it is the best start so far until another beats it."""
        with self._holding(self.mean):
            scores = self.group.gather([s.score for s in evaluate(self.algorithm, self.valid, processes=self.group)])
        now = Validation(self.step, *mean_interval(scores))
        self.validations.append(now)
        if self.objective.better(now.score, self.best.score if self.best else None):  # of equals the earlier one stays
            self.best, self.best_weights = now, {name: w.clone() for name, w in self.mean.items()}
        return now

    def _weights(self) -> dict[str, Tensor]:
        """A copy of the algorithm's weights as they are."""
        return {name: w.detach().clone() for name, w in self.algorithm.state_dict().items()}

    @contextmanager
    def _holding(self, weights: dict[str, Tensor]) -> Iterator[None]:
        """The algorithm with other weights for a while."""
        own = self._weights()
        self.algorithm.load_state_dict(weights)
        try:
            yield
        finally:
            self.algorithm.load_state_dict(own)

    def _time_is_up(self, started: float) -> bool:
        return self.plan.minutes is not None and time.monotonic() - started > self.plan.minutes * 60

    def _kept(self) -> tuple[dict[str, Tensor], int]:
        """What the checkpoint holds, and the step it is of."""
        if self.plan.keep == "last" or not self.best:
            return self.mean, self.step
        return self.best_weights, self.best.step

    @lazy
    def identity(self) -> dict[str, Any]:
        """What the run is: two runs of equal identity reach equal weights."""
        a, knobs = self.algorithm, {name: value for name, value in asdict(self.plan).items() if name not in FREE}
        made_of = {"algorithm": a.name, "config": vars(a.config), "backbone": a.backbone.name}
        made_of |= {"backbone_hash": a.backbone.hash}
        whole: dict[str, Any] = json.loads(json.dumps({**made_of, "plan": knobs, **self.record}))
        return whole

    def save(self) -> None:
        """First the state of the run with everything in it, then the checkpoint: whatever is cut off, one of them is whole."""
        if not self.group.is_main:
            return
        rows = [{"step": v.step, self.objective.figure: v.score, "ci95": v.ci95} for v in self.validations]
        facts = {"step": self.step, "seconds": self.seconds, "losses": self.losses, "validations": rows}
        facts["best_step"] = self.best.step if self.best else None
        now = {name: w.detach() for name, w in self.algorithm.state_dict().items()}
        SavedRun(now, self.mean, self.best_weights, self.optimizer.tensors(), facts).write(self.output, self.identity)
        weights, step = self._kept()
        minutes = round(self.seconds / 60, 1)
        known = {
            "objective": self.objective.name,
            "steps": step,
            "keep": self.plan.keep,
            "trained_steps": self.step,
            "minutes": minutes,
        }
        made_of = ("algorithm", "config", "backbone", "backbone_hash")  # the card says these by itself
        record = {name: value for name, value in self.identity.items() if name not in made_of}
        with self._holding(weights):
            checkpoint.save(self.algorithm, self.output, **record, **known, **self.about, validation=rows)

    def restore(self) -> None:
        """Go on from what `output` holds; raises UserError when there is no run or it is another one."""
        saved = SavedRun.read(self.output, self.identity, self.algorithm.backbone.device)
        self.algorithm.load_state_dict(saved.now)
        self.optimizer.load(saved.optimizer)
        self.mean, self.best_weights = saved.mean, saved.best
        self.step, self.seconds, self.losses = (saved.facts[name] for name in ("step", "seconds", "losses"))
        self.validations = [Validation(*row.values()) for row in saved.facts["validations"]]
        self.best = next((v for v in self.validations if v.step == saved.facts["best_step"]), None)


def _rng(seed: int, index: int) -> torch.Generator:
    """The generator of one task's distortions."""
    return torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
