"""The adaptation service: a task goes in, Snapshots come out, one per inner step and algorithm.

Page, command line and HTTP all call this and nothing below it. No gradio and no plots in here; what is computed is kept in
one byte-bounded cache and computed again, to the same bits, when it has been dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY, check_able, get_algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.notes import reading_notes
from meta_demo.core.cache import SERVING, Cache, Shelf
from meta_demo.core.config import MAX_SEED
from meta_demo.core.device import choose_device
from meta_demo.core.errors import Note, UserError
from meta_demo.core.memory import give_back
from meta_demo.learning import checkpoint
from meta_demo.modalities.base import MODALITIES, Content, identity
from meta_demo.serving.jobs import Job, learned_from
from meta_demo.serving.models import Models
from meta_demo.serving.requests import NOT_TRAINED, Array, Prediction, Request, Snapshot, report


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
        running = [job.snapshots() for job in self._jobs(request)]
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
        return [job.predict(contents, step) for job in self._jobs(request)]

    @torch.no_grad()
    def attention(
        self, request: Request, algorithm: str, content: Content, step: int | None = None
    ) -> tuple[Array, Array]:
        """Attention maps [layers, heads, L, L] of `content` at the start and after `step` inner steps."""
        job = next(job for job in self._jobs(request) if job.algorithm.name == algorithm)
        return job.attention(content, step)

    def _jobs(self, request: Request) -> list[Job]:
        if not 0 <= request.seed <= MAX_SEED:
            raise UserError("seed", value=request.seed, limit=MAX_SEED)
        if not request.algorithms:
            raise UserError("algorithm_none")
        classes = [get_algorithm(name) for name in dict.fromkeys(request.algorithms)]
        check_able(classes, type(request.episode.objective))
        backbone, shelf = self._models.get(request.model)
        support = learned_from(request.episode)
        return [self._job(request, cls, backbone, shelf, support) for cls in classes]

    def _job(self, request: Request, cls: type[Algorithm], backbone: Backbone, shelf: Shelf, support: bytes) -> Job:
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
        return Job(shelf, start, (*start, support), *known, request.episode)


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


def _stamp(spec: str) -> tuple[int, ...] | None:
    """What changes when another checkpoint is written into the folder `spec`; None where `spec` is no folder of a checkpoint."""
    with suppress(OSError, ValueError):
        card = (Path(spec) / checkpoint.CARD).stat()
        return card.st_ino, card.st_mtime_ns, card.st_size
    return None
