"""Where jobs are made of requests: the models that are loaded, the starts that were made, what may be spent, and other ways of doing
the same where a GPU cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import check_able, get_algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.cache import Cache, Shelf
from meta_demo.core.config import MAX_SEED
from meta_demo.core.errors import Note, UserError
from meta_demo.learning import checkpoint
from meta_demo.learning.cost import Budget, Work, afford, work_of_episode
from meta_demo.serving.admission import Admission
from meta_demo.serving.jobs import Job, learned_from
from meta_demo.serving.models import Models
from meta_demo.serving.requests import AT_RANDOM, NOT_TRAINED, Learner, Request


class Workshop:
    """Makes jobs, on `device`; thread-safe. What it makes is kept in `cache`, and `budget` bounds one request."""

    def __init__(self, device: torch.device, cache: Cache, admission: Admission, budget: Budget) -> None:
        self.device, self.cache, self.budget = device, cache, budget
        self.models = Models(device, cache, admission)
        self.on_cpu = Models(torch.device("cpu"), cache, admission)  # for what a GPU has no room for

    def loaded(self) -> set[str]:
        """The names of the models that are loaded, wherever they compute."""
        return self.models.loaded() | self.on_cpu.loaded()

    def jobs(self, request: Request) -> list[Job]:
        """A job for each learner, in their order. Raises UserError where something in the request is wrong or it is too dear."""
        if not 0 <= request.seed <= MAX_SEED:
            raise UserError("seed", value=request.seed, limit=MAX_SEED)
        if not request.algorithms:
            raise UserError("algorithm_none")
        classes = [get_algorithm(name) for name in dict.fromkeys(request.algorithms)]
        check_able(classes, type(request.episode.objective))
        support = learned_from(request.episode)
        models = [self.models.get(request.model, request.scratch_of(learner)) for learner in request.learners]
        jobs = [self._job(request, who, *model, support) for who, model in zip(request.learners, models, strict=True)]
        self.afford(jobs, [self.work(job) for job in jobs])
        return jobs

    def job_of(self, request: Request, who: Learner | str) -> Job:
        """The one job of a learner, or of the first of an algorithm."""
        return next(job for job in self.jobs(request) if who in (job.learner, job.algorithm.name))

    def work(self, job: Job) -> Work:
        """What a job computes."""
        return work_of_episode(job.algorithm, job.episode, kept=self.cache.limit)

    def afford(self, jobs: Sequence[Job], works: Sequence[Work]) -> None:
        """Raises UserError where the `works` of `jobs` together are more than the budget allows."""
        afford(works, jobs[0].algorithm.backbone, self.budget)

    def ways(self, request: Request, job: Job) -> Iterator[tuple[Job, Note]]:
        """The same job in other ways, for when the one before has failed, each with what is to be said of it."""
        if job.errand:
            yield replace(job, errand=None), Note("gpu_memory")
        elif self.device.type != "cpu":
            while job.algorithm.backbone.take_less():
                yield job, Note("gpu_pieces")
            model = self.on_cpu.get(request.model, request.scratch_of(job.learner))
            yield self._job(request, job.learner, *model, learned_from(request.episode)), Note("gpu_memory")

    def _job(self, request: Request, learner: Learner, backbone: Backbone, shelf: Shelf, support: bytes) -> Job:
        """A job, its algorithm made or loaded before where somebody asked for the same start, knobs and seed."""
        name, spec, knobs = learner.algorithm, learner.start, request.knobs_of(learner)
        kind = request.episode.objective.name
        scratch, folder = request.scratch_of(learner) is not None, checkpoint.resolve(spec, request.model, name, kind)
        drawn = None if folder else request.seed  # of what was trained nothing is left to chance
        start = (learner, kind, json.dumps(knobs, sort_keys=True), drawn, _stamp(spec))
        known: tuple[Algorithm, str] | None = shelf.get(start)
        if known is None:
            made = checkpoint.start(backbone, name, folder, knobs, request.seed, kind, scratch=scratch)
            known = made.requires_grad_(False).eval(), AT_RANDOM if scratch else str(folder or NOT_TRAINED)
            shelf.put(start, known)
        intervals, each = request.intervals, request.each_step
        return Job(shelf, start, (*start, support), *known, request.episode, intervals=intervals, each_step=each)


def _stamp(spec: str) -> tuple[int, ...] | None:
    """What changes when another checkpoint is written into the folder `spec`; None where `spec` is no folder of a checkpoint."""
    with suppress(OSError, ValueError):
        card = (Path(spec) / checkpoint.CARD).stat()
        return card.st_ino, card.st_mtime_ns, card.st_size
    return None
