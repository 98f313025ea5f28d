"""The adaptation service: a task goes in, Snapshots come out, one per inner step and algorithm.

Page, command line and HTTP all call this and nothing below it. No gradio and no plots in here; what is computed is kept in
one byte-bounded cache and computed again, to the same bits, when it has been dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import islice
from threading import Event
from typing import Any, TypeVar

import torch

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.notes import reading_notes
from meta_demo.core.cache import SERVING, Cache
from meta_demo.core.corpus import Corpus
from meta_demo.core.device import choose_device, empty_cache, out_of_memory
from meta_demo.core.errors import Note, UserError
from meta_demo.core.memory import give_back
from meta_demo.learning.cost import Budget, Work
from meta_demo.learning.outer import Progress, Run
from meta_demo.modalities.base import Content
from meta_demo.serving import meter
from meta_demo.serving.admission import Admission
from meta_demo.serving.compare import Plan, Row, compared
from meta_demo.serving.crossing import Refused
from meta_demo.serving.decisive import Decisive
from meta_demo.serving.jobs import Job
from meta_demo.serving.lending import Errand, Lender
from meta_demo.serving.lent_training import lend
from meta_demo.serving.pace import Pace
from meta_demo.serving.plane import Located, Travel, located, travelled
from meta_demo.serving.remarks import about_heads, about_random, about_unlabelled, where_computed
from meta_demo.serving.requests import Array, Learner, Prediction, Request, Snapshot, report
from meta_demo.serving.sketch import sketched
from meta_demo.serving.turns import Turn, Turns, sliced
from meta_demo.serving.unsure import MOST, Unsure, chosen, doubts
from meta_demo.serving.workshop import Workshop

LENT = Note("gpu_lent")
HEAVY, LIGHT = 64, 128  # pieces of work that there is room for
AT_ONCE, A_MINUTE = 200, 100  # runs from one address, behind which a whole class may sit
BEGUN = 6  # pieces of heavy work that hold memory at once; they take turns on one seat, as each keeps all cores busy
T = TypeVar("T")


class Service:
    """Adapts, predicts and explains; thread-safe, and on a CPU equal to the bit for equal requests."""

    def __init__(
        self,
        device: torch.device | None = None,
        cache_bytes: int | None = None,
        admission: Admission | None = None,
        lender: Lender | None = None,
        budget: Budget | None = None,
    ) -> None:
        device = device or choose_device()
        self.cache = Cache.as_set(SERVING) if cache_bytes is None else Cache(cache_bytes)
        budget = budget or Budget.of_command(device)
        self.workshop = Workshop(device, self.cache, admission or Admission(), budget)
        self._lender = lender
        self._closing = Event()
        self.heavy = Turns(1, BEGUN, HEAVY)  # adaptations
        self.light = Turns(2, LIGHT, LIGHT)  # what is asked of those that are known
        self.pace = Pace(AT_ONCE, A_MINUTE)  # of those who ask for heavy work
        self.heavy.noted = meter.WAIT.labels("heavy").observe
        self.light.noted = meter.WAIT.labels("light").observe

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.workshop.device

    def backbone(self, name: str) -> Backbone:
        """The model called `name`, loaded on first use; the two used last are kept."""
        return self.workshop.models.get(name)[0]

    def close(self) -> None:
        """The process ends: what is under way ends after its step."""
        self._closing.set()

    def is_loaded(self, name: str) -> bool:
        return self.workshop.models.is_loaded(name)

    @property
    def lends(self) -> bool:
        """Whether somebody lends it GPUs."""
        return self._lender is not None

    def loaded(self) -> set[str]:
        """The names of the models that are loaded, wherever they compute."""
        return self.workshop.loaded()

    def notes(self, request: Request) -> list[Note]:
        """What a visitor should know before the figures: how the input was read, what of it was cut, cannot be read or is unlike what
        the model knows, and how answers are made."""
        backbone, episode = self.backbone(request.model), request.episode
        # To make jobs refuses what is wrong or too dear before anything is read.
        jobs = self.workshop.jobs(request) if request.algorithms else []
        contents = [*(e.content for e in (*episode.support, *episode.query)), *episode.unlabelled]
        read = reading_notes(backbone, contents)
        return [
            *episode.notes,
            *read,
            *about_random(request),
            *about_unlabelled(request),
            *about_heads([job.algorithm for job in jobs]),
            *episode.objective.notes(len(episode.support)),
        ]

    @torch.no_grad()
    def adapt_stream(self, request: Request, turn: Turn | None = None, *, keeps: bool = True) -> Iterator[Snapshot]:
        """Snapshots of every learner, step by step and side by side; what is computed is kept for others where it `keeps`. Closing the
        generator stops between steps.

        Computed in slices of `turn`, which is over then; raises Gone when its visitor has left. Raises UserError before the first
        snapshot when something in the request is wrong. An adaptation that diverges ends with a snapshot that carries the error and
        the last good state's figures.
        """
        turn, errand = turn or self.heavy.enter(), None
        try:
            jobs, errand = self._lent([replace(job, keeps=keeps) for job in self.workshop.jobs(request)])
            together = self._side_by_side([self._snapshots(request, job) for job in jobs])
            with meter.timed("adapt", turn):  # what another machine computes keeps nobody waiting here
                yield from together if errand else sliced(turn, together)
        finally:
            turn.leave()
            if errand:
                errand.close()
            give_back()

    def _side_by_side(self, running: list[Iterator[Snapshot]]) -> Iterator[Snapshot]:
        """What several adaptations give, a step of each after the other; the first that has steps is one ahead, so that there is a curve
        to look at before all others have begun."""
        ahead = False
        while running and not self._closing.is_set():
            for stream in list(running):
                snapshot = next(stream, None)
                if snapshot is None:
                    running.remove(stream)
                    continue
                yield snapshot
                if not ahead and not snapshot.last:
                    ahead = True
                    yield from islice(stream, 1)

    def _answered(self, request: Request, visitor: object, jobs: list[Job], ask: Callable[[Job], T]) -> list[T]:
        """What each job answers, as light work where the adaptations are known, else as heavy work."""
        jobs, errand = self._lent(jobs)
        with ExitStack() as stack:
            if errand:
                stack.callback(errand.close)
            else:
                known = all(job.is_known for job in jobs)
                turn = (self.light if known else self.heavy).enter(visitor)
                stack.callback(turn.leave)
                stack.enter_context(turn)
                jobs = [replace(job, rest=turn.rest) for job in jobs]
            answers = []
            for job in jobs:
                answers.append(self._asked(request, job, ask))
                job.rest()
            return answers

    def _lent(self, jobs: list[Job]) -> tuple[list[Job], Errand | None]:
        """`jobs`, what is heavy of them on a borrowed GPU where somebody lends one."""
        return self._lender.lend(jobs) if self._lender else (jobs, None)

    def _snapshots(self, request: Request, job: Job) -> Iterator[Snapshot]:
        """The snapshots of one job. Where a GPU is not to be had or has too little memory, it goes on in another way from the same step."""
        seen, ways = 0, self.workshop.ways(request, job)
        notes = (LENT,) if job.errand else ()
        while True:
            try:
                for snapshot in islice(job.snapshots(), seen, None):
                    seen += 1
                    yield replace(snapshot, notes=notes)
                return
            except (Refused, RuntimeError) as error:
                job, note = _another(ways, error)
            notes = (note,)
            empty_cache()

    def _asked(self, request: Request, job: Job, ask: Callable[[Job], T]) -> T:
        """What a job answers; where the GPU cannot, in another way."""
        ways = self.workshop.ways(request, job)
        while True:
            try:
                return ask(job)
            except (Refused, RuntimeError) as error:
                job, _ = _another(ways, error)
            empty_cache()

    def train(self, run: Run) -> Iterator[Progress]:
        """The progress of a training, on borrowed GPUs where somebody lends them and it is heavy. Raises UserError."""
        yield from lend(run, self._lender.loan) if self._lender else run.train()

    def history(self, request: Request, turn: Turn | None = None) -> dict[str, list[Snapshot]]:
        """All snapshots of a whole adaptation, by algorithm, each from its one start; raises Gone."""
        found: dict[str, list[Snapshot]] = {name: [] for name in request.algorithms}
        for snapshot in self.adapt_stream(replace(request, also={}), turn):
            found[snapshot.algorithm].append(snapshot)
        return found

    def report(
        self, request: Request, history: dict[str, list[Snapshot]] | None = None, turn: Turn | None = None
    ) -> tuple[dict[str, Any], list[UserError]]:
        """The `adapt --json` object of a whole adaptation, and the errors of the algorithms that diverged."""
        history = self.history(request, turn) if history is None else history
        errors = [steps[-1].error for steps in history.values() if steps[-1].error]
        notes = [*self.notes(request), *where_computed(history)]
        return report(request.model, str(self.device), request.episode.objective, notes, history), errors

    @torch.no_grad()
    @meter.timed("predict")
    def predict(
        self,
        request: Request,
        contents: Sequence[Content],
        step: int | None = None,
        *,
        similar: bool = True,
        visitor: object = None,
    ) -> list[Prediction]:
        """Each learner's answers to `contents` after `step` inner steps (default: all of them), and how `similar` they are to the
        examples."""
        jobs = self.workshop.jobs(request)
        return self._answered(request, visitor, jobs, lambda job: job.predict(contents, step, similar=similar))

    @torch.no_grad()
    @meter.timed("curves")
    def sketch(
        self, requests: Sequence[Request], contents: Sequence[Content], step: int, among: Corpus[Content] | None = None
    ) -> list[list[Prediction]]:
        """What `predict` gives for each request, but for rounding: made abreast where the model is small, and not kept. What is asked
        again of `contents` lies in the batches of `among`."""
        asked = [(request, replace(job, keeps=False)) for request in requests for job in self.workshop.jobs(request)]
        jobs, errand = self._lent([job for _, job in asked])

        def alone(number: int) -> Prediction:
            return self._asked(
                asked[number][0], jobs[number], lambda job: job.predict(contents, step, similar=False, among=among)
            )

        turn = self.light.enter()
        try:
            with turn:
                found = iter(sketched(jobs, contents, step, alone))
            return [[next(found) for _ in request.learners] for request in requests]
        finally:
            turn.leave()
            if errand:
                errand.close()

    @torch.no_grad()
    def compare(self, request: Request, plan: Plan, turn: Turn | None = None) -> Iterator[Row]:
        """The rows of a comparison as they fill, all computed on this machine in slices of `turn`, which is over then. Raises UserError
        where it is too dear, and Gone when its visitor has left."""
        turn = turn or self.heavy.enter()
        try:
            jobs = self.workshop.jobs(request)
            self.workshop.afford(jobs, [self._repeated(job, plan) for job in jobs])
            with meter.timed("compare", turn):
                for row in sliced(turn, compared(jobs, plan, partial(self._snapshots, request))):
                    yield row
                    if self._closing.is_set():
                        return
        finally:
            turn.leave()
            give_back()

    def _repeated(self, job: Job, plan: Plan) -> Work:
        """The work of a job and of learning anew without some of its examples: those that leave the body alone read each once."""
        cls = type(job.algorithm)
        times = 1 + len(plan.rounds(cls)) if cls.adapts_body else 1
        return replace(self.workshop.work(job), times=times)

    @torch.no_grad()
    @meter.timed("attention")
    def attention(
        self,
        request: Request,
        who: Learner | str,
        content: Content,
        step: int | None = None,
        *,
        visitor: object = None,
    ) -> tuple[Array, Array]:
        """Attention maps [layers, heads, L, L] of `content` at the start and after `step` inner steps, in a learner, or in the first of
        an algorithm."""
        jobs = [self.workshop.job_of(request, who)]
        return self._answered(request, visitor, jobs, lambda job: job.attention(content, step))[0]

    @torch.no_grad()
    @meter.timed("plane")
    def travel(self, request: Request, who: Learner, *, visitor: object = None) -> Travel:
        """Where the examples of a task with classes stand in a learner's space at each step."""
        return self._answered(request, visitor, [self.workshop.job_of(request, who)], travelled)[0]

    @torch.no_grad()
    @meter.timed("plane")
    def locate(
        self, request: Request, who: Learner, content: Content, step: int | None = None, *, visitor: object = None
    ) -> Located:
        """Where `content` stands among them after `step` inner steps."""
        jobs = [self.workshop.job_of(request, who)]
        return self._answered(request, visitor, jobs, lambda job: located(job, content, step))[0]

    @torch.no_grad()
    @meter.timed("decisive")
    def decisive(
        self, request: Request, who: Learner, content: Content, step: int | None = None, *, visitor: object = None
    ) -> Decisive:
        """Which words of `content` decided a learner's answer after `step` inner steps; raises UserError where its model reads none."""
        jobs = [self.workshop.job_of(request, who)]
        return self._answered(request, visitor, jobs, lambda job: job.decisive(content, step))[0]

    @torch.no_grad()
    @meter.timed("unsure")
    def unsure(self, request: Request, step: int | None = None, *, visitor: object = None) -> list[Unsure]:
        """Which of the task's inputs without labels its learners would have labelled, most wanted first; none where there are none."""
        lines = request.episode.unlabelled[:MOST]
        if not lines:
            return []
        jobs = self.workshop.jobs(request)
        found = self._answered(request, visitor, jobs, lambda job: job.predict(lines, step, similar=False).outputs)
        (z,) = self._answered(request, visitor, jobs[:1], lambda job: job.embedded(lines))
        doubt, tops = doubts(found), [(job.learner, out.argmax(1)) for job, out in zip(jobs, found, strict=True)]
        return [
            Unsure(lines[i], float(doubt[i]), tuple((who, int(top[i])) for who, top in tops)) for i in chosen(doubt, z)
        ]


def _another(ways: Iterator[tuple[Job, Note]], error: Exception) -> tuple[Job, Note]:
    """The next of `ways` after one that failed by `error`, which is raised where it is no matter of a GPU or there is no other."""
    if not isinstance(error, Refused) and not out_of_memory(error):
        raise error
    found = next(ways, None)
    if found is None:
        raise error
    return found[0], error.note if isinstance(error, Refused) else found[1]
