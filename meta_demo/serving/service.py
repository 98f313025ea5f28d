"""The adaptation service: a task goes in, Snapshots come out, one per inner step and algorithm.

Page, command line and HTTP all call this and nothing below it. No gradio and no plots in here; what is computed is kept in
one byte-bounded cache and computed again, to the same bits, when it has been dropped.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.algorithms.base import Algorithm, State
from meta_demo.algorithms.registry import REGISTRY, check_able, get_algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.notes import reading_notes
from meta_demo.core.cache import SERVING, Cache, Shelf
from meta_demo.core.config import MAX_SEED
from meta_demo.core.device import choose_device
from meta_demo.core.errors import Note, UserError
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.memory import give_back
from meta_demo.core.objective import Objective
from meta_demo.data.episode import Episode
from meta_demo.learning import checkpoint
from meta_demo.modalities.base import MODALITIES, Content, digest, identity
from meta_demo.serving.models import Models
from meta_demo.serving.requests import NOT_TRAINED, Array, Prediction, Request, Snapshot, report


@dataclass(frozen=True)
class _Job:
    """One algorithm on one support set, ready to run; `key` names what it computes, `start` the algorithm, and `shelf` keeps both.

    Made anew for each request, so that nothing is alive that is not counted.
    """

    shelf: Shelf
    start: tuple[Any, ...]
    key: tuple[Any, ...]
    algorithm: Algorithm
    checkpoint: str
    episode: Episode

    @property
    def objective(self) -> Objective:
        return self.episode.objective

    @cached_property
    def y(self) -> Tensor:
        """The targets of the support set [S, O]."""
        return self.objective.encode([row.label for row in self.episode.support], self.algorithm.like)

    def unlabelled(self) -> Features | None:
        """The inputs that nobody labelled, where there are any and the algorithm learns from them."""
        contents = self.episode.unlabelled if self.algorithm.reads_unlabelled else ()
        return self.algorithm.features(contents) if contents else None

    def support(self) -> Examples:
        """The support set as the algorithm takes it; what the algorithm has come to hold by then counts from now on."""
        x = self.algorithm.features([row.content for row in self.episode.support])
        self.shelf.put(self.start, (self.algorithm, self.checkpoint))
        return Examples(x, self.y, self.objective)

    def spread(self, start: State) -> Tensor | None:
        """What makes the intervals of all answers, given state 0."""
        return self.algorithm.spread(start, self.objective, self.y)


@dataclass(frozen=True)
class _Trajectory:
    """The states of a whole adaptation with the seconds until each; `error` says why it ended early."""

    states: tuple[State, ...]
    seconds: tuple[float, ...]
    feature_seconds: float
    error: UserError | None

    def at(self, step: int | None) -> tuple[int, State]:
        """The state after `step` inner steps, at most the last."""
        reached = len(self.states) - 1
        found = reached if step is None else min(step, reached)
        return found, self.states[found]


@dataclass(frozen=True)
class _Query:
    """Inputs to predict, and the targets of those that have a label."""

    contents: Sequence[Content]
    labelled: list[int]
    y: Tensor  # [len(labelled), O]


class Service:
    """Adapts, predicts and explains; thread-safe, and on a CPU equal to the bit for equal requests."""

    def __init__(self, device: torch.device | None = None, cache_bytes: int | None = None) -> None:
        self.device = device or choose_device()
        self.cache = Cache.as_set(SERVING) if cache_bytes is None else Cache(cache_bytes)
        self._models = Models(self.device, self.cache)

    def backbone(self, name: str) -> Backbone:
        """The model called `name`, loaded on first use; the two used last are kept."""
        return self._models.get(name)[0]

    def is_loaded(self, name: str) -> bool:
        return self._models.is_loaded(name)

    def notes(self, request: Request) -> list[Note]:
        """What a visitor should know before the figures: how the input was read, what of it was cut, cannot be read or is unlike what
        the model knows, and how answers are made."""
        backbone, episode = self.backbone(request.model), request.episode
        contents = [*(e.content for e in (*episode.support, *episode.query)), *episode.unlabelled]
        read = [*MODALITIES[episode.modality].notes(contents), *reading_notes(backbone, contents)]
        return [*episode.notes, *read, *_about_unlabelled(request), *episode.objective.notes(len(episode.support))]

    @torch.no_grad()
    def adapt_stream(self, request: Request) -> Iterator[Snapshot]:
        """Snapshots of every algorithm, step by step and side by side. Closing the generator stops between steps.

        Raises UserError before the first snapshot when something in the request is wrong. An adaptation that diverges ends with
        a snapshot that carries the error and the last good state's figures.
        """
        running = [self._snapshots(job, self._query(request, job)) for job in self._jobs(request)]
        try:
            while running:
                for stream in list(running):
                    snapshot = next(stream, None)
                    if snapshot is None:
                        running.remove(stream)
                    else:
                        yield snapshot
        finally:
            give_back()

    def history(self, request: Request) -> dict[str, list[Snapshot]]:
        """All snapshots of a whole adaptation, by algorithm."""
        found: dict[str, list[Snapshot]] = {name: [] for name in request.algorithms}
        for snapshot in self.adapt_stream(request):
            found[snapshot.algorithm].append(snapshot)
        return found

    def report(
        self, request: Request, history: dict[str, list[Snapshot]] | None = None
    ) -> tuple[dict[str, Any], list[UserError]]:
        """The `adapt --json` object of a whole adaptation, and the errors of the algorithms that diverged."""
        history = self.history(request) if history is None else history
        errors = [steps[-1].error for steps in history.values() if steps[-1].error]
        notes = self.notes(request)
        return report(request.model, str(self.device), request.episode.objective, notes, history), errors

    @torch.no_grad()
    def predict(self, request: Request, contents: Sequence[Content], step: int | None = None) -> list[Prediction]:
        """Each algorithm's answers to `contents` after `step` inner steps (default: all of them)."""
        predictions = []
        for job in self._jobs(request):
            known = self._trajectory(job)
            at, state = known.at(step)
            z = job.algorithm.embed(state.tensors, job.algorithm.features(contents))
            shown = job.objective.shown(job.algorithm.answer(state, z), job.spread(known.states[0]))
            similarity = z @ self._support_embeddings(job, at, state).T
            predictions.append(Prediction(job.algorithm.name, at, _array(shown), _array(similarity)))
        return predictions

    @torch.no_grad()
    def attention(
        self, request: Request, algorithm: str, content: Content, step: int | None = None
    ) -> tuple[Array, Array]:
        """Attention maps [layers, heads, L, L] of `content` at the start and after `step` inner steps."""
        job = next(job for job in self._jobs(request) if job.algorithm.name == algorithm)
        known = self._trajectory(job)
        states = (known.states[0], known.at(step)[1])
        before, after = (job.algorithm.backbone.attentions(content, job.algorithm.weights(s.tensors)) for s in states)
        return _array(before), _array(after)

    def _jobs(self, request: Request) -> list[_Job]:
        if not 0 <= request.seed <= MAX_SEED:
            raise UserError("seed", value=request.seed, limit=MAX_SEED)
        if not request.algorithms:
            raise UserError("algorithm_none")
        classes = [get_algorithm(name) for name in dict.fromkeys(request.algorithms)]
        check_able(classes, type(request.episode.objective))
        backbone, shelf = self._models.get(request.model)
        support = _digest(request.episode)
        return [self._job(request, cls, backbone, shelf, support) for cls in classes]

    def _job(self, request: Request, cls: type[Algorithm], backbone: Backbone, shelf: Shelf, support: bytes) -> _Job:
        """A job, its algorithm made or loaded before where somebody asked for the same start, knobs and seed."""
        knobs, spec = request.knobs.get(cls.name, {}), request.start_of(cls.name)
        kind = request.episode.objective.name
        start = (cls.name, kind, json.dumps(knobs, sort_keys=True), request.seed, spec, _stamp(spec))
        known: tuple[Algorithm, str] | None = shelf.get(start)
        if known is None:
            folder = checkpoint.resolve(spec, request.model, cls.name, kind)
            made = checkpoint.start(backbone, cls.name, folder, knobs, request.seed, kind)
            known = made.requires_grad_(False).eval(), str(folder or NOT_TRAINED)
            shelf.put(start, known)
        return _Job(shelf, start, (*start, support), *known, request.episode)

    def _query(self, request: Request, job: _Job) -> _Query:
        query = request.episode.query
        labelled = [i for i, example in enumerate(query) if example.label is not None]
        y = job.objective.encode([query[i].label for i in labelled], job.algorithm.like)
        return _Query([e.content for e in query], labelled, y)

    def _snapshots(self, job: _Job, query: _Query) -> Iterator[Snapshot]:
        """One snapshot per state: of a trajectory computed before, or of one that is computed on the way and then kept."""
        known: _Trajectory | None = job.shelf.get((*job.key, "trajectory"))
        if known:
            times, spread = known.feature_seconds, job.spread(known.states[0])
            for step, state in enumerate(known.states):
                yield _snapshot(job, query, state, step, (times, known.seconds[step]), spread)
            if known.error:
                last = len(known.states) - 1
                yield _snapshot(job, query, known.states[last], last, (times, known.seconds[last]), spread, known.error)
            return
        states: list[State] = []
        seconds: list[float] = []
        support, times = _timed_support(job)
        spread = None
        for state, elapsed, error in _adapt(job, support):
            if error is None:
                spread = spread if states else job.spread(state)
                states.append(state)
                seconds.append(elapsed)
            yield _snapshot(job, query, state, len(states) - 1, (times, elapsed), spread, error)
        job.shelf.put((*job.key, "trajectory"), _Trajectory(tuple(states), tuple(seconds), times, error))

    def _trajectory(self, job: _Job) -> _Trajectory:
        """The whole adaptation; one that was dropped is repeated."""
        known: _Trajectory | None = job.shelf.get((*job.key, "trajectory"))
        if known is None:
            support, times = _timed_support(job)
            run = list(_adapt(job, support))
            good = [(state, elapsed) for state, elapsed, error in run if error is None]
            known = _Trajectory(tuple(s for s, _ in good), tuple(t for _, t in good), times, run[-1][2])
            job.shelf.put((*job.key, "trajectory"), known)
        return known

    def _support_embeddings(self, job: _Job, at: int, state: State) -> Tensor:
        key = (*job.key, "support", at)
        known: Tensor | None = job.shelf.get(key)
        if known is None:
            known = job.algorithm.embed(state.tensors, job.support().x)
            job.shelf.put(key, known)
        return known


def _about_unlabelled(request: Request) -> list[Note]:
    """What is to be said of the examples that nobody labelled."""
    episode, readers = request.episode, [name for name, cls in sorted(REGISTRY.items()) if cls.reads_unlabelled]
    if not episode.unlabelled:
        return []
    if not set(readers) & set(request.algorithms):
        return [Note("unlabelled_unused", (("count", len(episode.unlabelled)), ("known", ", ".join(readers))))]
    asked = {identity(row.content) for row in episode.query}
    both = sum(identity(content) in asked for content in episode.unlabelled)
    return [Note("transductive", (("count", both),))] if both else []


def _digest(episode: Episode) -> bytes:
    """A hash of what is learned from: examples with their labels in order, and those without."""
    said = hashlib.blake2b(digest_size=16)
    for row in episode.support:
        said.update(digest(row.content) + repr(row.label).encode())
    for content in episode.unlabelled:
        said.update(b"unlabelled" + digest(content))
    return said.digest()


def _stamp(spec: str) -> tuple[int, ...] | None:
    """What changes when another checkpoint is written into the folder `spec`; None where `spec` is no folder of a checkpoint."""
    with suppress(OSError, ValueError):
        card = (Path(spec) / checkpoint.CARD).stat()
        return card.st_ino, card.st_mtime_ns, card.st_size
    return None


def _timed_support(job: _Job) -> tuple[Examples, float]:
    started = time.perf_counter()
    support = job.support()
    return support, time.perf_counter() - started


def _adapt(job: _Job, support: Examples) -> Iterator[tuple[State, float, UserError | None]]:
    """States with the seconds computed so far; where numbers stop being finite, once more the last good state, with the error.

    Raises UserError when the start itself is not finite.
    """
    elapsed, good, step = 0.0, None, 0
    stream = job.algorithm.adapt(support, unlabelled=job.unlabelled())
    while True:
        started = time.perf_counter()
        state = next(stream, None)
        if state is None:
            return
        elapsed += time.perf_counter() - started
        if not _finite(state):
            error = UserError("diverged", algorithm=job.algorithm.name, step=step)
            if good is None:
                raise error
            yield good, elapsed, error
            return
        yield state, elapsed, None
        good, step = state, step + 1


def _finite(state: State) -> bool:
    return all(bool(torch.isfinite(t).all()) for t in (_support_outputs(state), *state.tensors.values()))


def _support_outputs(state: State) -> Tensor:
    """Those the algorithm computed on its way: outside meta-training every state has them."""
    if state.outputs is None:
        raise ValueError("adapt() must set outputs when graph is false")
    return state.outputs


def _snapshot(
    job: _Job,
    query: _Query,
    state: State,
    step: int,
    times: tuple[float, float],
    spread: Tensor | None,
    error: UserError | None = None,
) -> Snapshot:
    """`times` are the seconds that the support set's features and the adaptation so far took; `spread` makes intervals."""
    algorithm, objective = job.algorithm, job.objective
    started = time.perf_counter()
    out = algorithm.predict(state, algorithm.features(query.contents)) if query.contents else job.y[:0]
    predict_seconds = time.perf_counter() - started
    support_out, asked = _support_outputs(state), out[query.labelled]
    return Snapshot(
        algorithm=algorithm.name,
        checkpoint=job.checkpoint,
        step=step,
        steps=algorithm.steps,
        support_loss=float(objective.loss(support_out, job.y)),
        support_score=objective.score(support_out, job.y),
        query_loss=float(objective.loss(asked, query.y)) if query.labelled else None,
        query_score=objective.score(asked, query.y) if query.labelled else None,
        outputs=_array(objective.shown(out, spread)),
        seconds={"features": times[0], "adapt": times[1], "predict": predict_seconds},
        error=error,
    )


def _array(tensor: Tensor) -> Array:
    array: Array = (tensor if tensor.dtype == torch.float64 else tensor.float()).cpu().numpy()
    return array
