"""A GPU that is lent for a while: what goes to the process that has it, what that process does, and what comes back.

States come back as arrays; whoever asks about them later computes on the CPU. Who lends, and how, is not known here. What crosses over is
`crossing.py`, trainings are `lent_training.py`.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from meta_demo.algorithms.base import State
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import MB, Cache
from meta_demo.core.errors import UserError
from meta_demo.core.objective import Objective
from meta_demo.data.episode import Episode, Example
from meta_demo.learning import checkpoint
from meta_demo.modalities.inputs import Inputs
from meta_demo.serving.crossing import Piece, Refused, Work, cpu_seconds, packed, read, unpacked, written
from meta_demo.serving.jobs import Job, array
from meta_demo.serving.lent_training import trained
from meta_demo.serving.requests import AT_RANDOM, NOT_TRAINED

WORTH = 3.0  # seconds on the CPU: for less nobody waits for a GPU
KEPT = MB << 9
BESIDE = ("outputs", "embeddings")  # what a state may hold of the support set


def work_of(model: str, parameters: int, tokens: int, jobs: Sequence[Job]) -> Work:
    """What is to be done for `jobs` of one request."""
    episode, steps = jobs[0].episode, sum(job.algorithm.steps for job in jobs)
    return {
        "model": model,
        "support": [[packed(row.content), row.label] for row in episode.support],
        "unlabelled": [packed(content) for content in episode.unlabelled],
        "jobs": [_spelt(job) for job in jobs],
        # A step is a pass through the model, and twice that for its gradient.
        "operations": 2 * parameters * tokens * (3 * steps + len(jobs)),
        "steps": steps + len(jobs),
    }


def _spelt(job: Job) -> dict[str, Any]:
    """What the algorithm of a job is made from."""
    learner, kind, knobs, seed, *_ = job.start
    folder = None if job.checkpoint == NOT_TRAINED else job.checkpoint
    made = {"knobs": json.loads(knobs), "seed": seed, "folder": folder}
    return {"algorithm": learner.algorithm, "objective": kind, **made}


# --- in the process that has the GPU


class Desk:
    """The models of the process that has the GPU: those placed there before it began, and those it loads itself."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._placed: dict[str, tuple[torch.nn.Module, Inputs, torch.Tensor]] = {}
        self._ready: dict[str, Backbone] = {}

    def place(self, backbone: Backbone) -> None:
        """Put a copy of the model on the GPU, before any process is there to have it."""
        model = copy.deepcopy(backbone.model).to(self.device)
        self._placed[backbone.name] = model, backbone.inputs, backbone.head

    def backbone(self, name: str) -> Backbone:
        """The model on the GPU, looked over once in each process."""
        if name not in self._ready:
            cache = Cache(KEPT)
            if name in self._placed:
                model, inputs, head = self._placed[name]
                made = Backbone(model, inputs, name, cache=cache, head=head)
            else:
                made = load_backbone(name, torch.device(self.device), cache)
            self._ready = {**dict(list(self._ready.items())[-1:]), name: made}
        return self._ready[name]

    def worked(self, work: Work) -> Iterator[Piece]:
        """What is asked for, piece by piece: the states of jobs, or the steps of a training."""
        try:
            backbone = self.backbone(work["model"])
            yield from trained(backbone, work) if "training" in work else self._adapted(backbone, work)
        except (UserError, torch.OutOfMemoryError) as error:
            yield written(error)

    @torch.no_grad()
    def _adapted(self, backbone: Backbone, work: Work) -> Iterator[Piece]:
        """The states of every job as they come, side by side."""
        running = dict(enumerate(self._streams(backbone, work)))
        while running:
            for index, stream in list(running.items()):
                state = next(stream, None)
                if state is None:
                    del running[index]
                    yield {"job": index}
                else:
                    yield {"job": index, **_written(state)}

    def _streams(self, backbone: Backbone, work: Work) -> Iterator[Iterator[State]]:
        support = tuple(Example(unpacked(content), label) for content, label in work["support"])
        episode = Episode(support, (), tuple(map(unpacked, work["unlabelled"])))
        for said in work["jobs"]:
            folder = Path(said["folder"]) if said["folder"] else None
            made = checkpoint.start(backbone, said["algorithm"], folder, said["knobs"], said["seed"], said["objective"])
            job = Job(Cache(0).shelf(), (), (), made.requires_grad_(False).eval(), "", episode)
            yield made.adapt(job.support(), unlabelled=job.unlabelled())


def _written(state: State) -> Piece:
    """A state in arrays."""
    return {
        "tensors": {name: array(t) for name, t in state.tensors.items()},
        **{name: None if (found := getattr(state, name)) is None else array(found) for name in BESIDE},
        "objective": state.objective is not None,
    }


# --- in the process that serves


class Errand:
    """One loan for several jobs: each takes its own states, in whatever order they are asked for."""

    def __init__(self, begin: Callable[[], Iterator[Piece]]) -> None:
        self._begin = begin
        self._stream: Iterator[Piece] | None = None
        self._waiting: dict[int, deque[Piece]] = {}
        self._failure: Exception | None = None
        self._lock = Lock()

    def states(self, index: int, objective: Objective) -> Iterator[State]:
        """The states of one job. Raises Refused where no GPU is lent, and what the other process ran into."""
        while True:
            with self._lock:
                piece = self._next(index)
            if piece is None or "tensors" not in piece:
                return
            tensors = {name: torch.from_numpy(found) for name, found in piece["tensors"].items()}
            beside = {name: torch.from_numpy(piece[name]) for name in BESIDE if piece[name] is not None}
            yield State(tensors, **beside, objective=objective if piece["objective"] else None)

    def _next(self, index: int) -> Piece | None:
        """The next piece for a job; None at the end. What went wrong is said to every job that has not ended."""
        own = self._waiting.setdefault(index, deque())
        while not own:
            if self._failure:
                raise self._failure
            piece = self._fetched()
            if piece is None:
                return None
            self._failure = read(piece)
            if not self._failure:
                self._waiting.setdefault(piece["job"], deque()).append(piece)
        return own.popleft()

    def _fetched(self) -> Piece | None:
        try:
            if self._stream is None:
                self._stream = self._begin()
            return next(self._stream, None)
        except Refused as error:
            self._failure = error
            raise

    def close(self) -> None:
        """Nobody asks any more."""
        if isinstance(self._stream, Generator):
            self._stream.close()


class Lender:
    """Sends work that is worth it to whoever lends a GPU. `run` does so, and raises Refused where none is to be had."""

    def __init__(self, run: Callable[[Work], Iterator[Piece]], worth: float = WORTH) -> None:
        self._run, self._worth = run, worth

    def lend(self, jobs: Sequence[Job]) -> tuple[list[Job], Errand | None]:
        """`jobs`, those with much to compute on a GPU that is borrowed when they begin, and the loan where there is one."""
        at_hand = [job for job in jobs if job.checkpoint != AT_RANDOM]  # random weights are nowhere but here
        heavy = [job for job in at_hand if job.algorithm.steps and not job.is_known]
        if not heavy:
            return list(jobs), None
        backbone = heavy[0].algorithm.backbone
        size = sum(p.numel() for p in backbone.parameters.values())
        tokens = sum(backbone.encode(row.content).length for row in heavy[0].episode.support)
        work = work_of(backbone.name, size, tokens, heavy)
        if cpu_seconds(work) < self._worth:
            return list(jobs), None
        errand = Errand(partial(self._run, work))
        places = {id(job): place for place, job in enumerate(heavy)}
        lent = [
            dataclasses.replace(job, errand=_errand(errand, places[id(job)], job.objective))
            if id(job) in places
            else job
            for job in jobs
        ]
        return lent, errand

    def loan(self, work: Work) -> Iterator[Piece] | None:
        """The pieces of `work`, done on a GPU that is borrowed once they are asked for; None where that is not worth it."""
        return self._run(work) if cpu_seconds(work) >= self._worth else None


def _errand(errand: Errand, place: int, objective: Objective) -> Callable[[], Iterator[State]]:
    return lambda: errand.states(place, objective)
