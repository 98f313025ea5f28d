"""A training on GPUs that are lent, one loan after another.

What crosses over are the tasks of the steps of one loan. The run itself lies in its folder, which both processes see: each goes on from
what the other one saved, so that a loan that is cut off costs no more than the steps since then, and the CPU can take over at any step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from meta_demo.algorithms.base import Algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import Note
from meta_demo.data.episode import Episode, Example
from meta_demo.data.source import Source
from meta_demo.learning import checkpoint
from meta_demo.learning.cost import FAST, SPEED, cost, work_of_episode
from meta_demo.learning.outer import Progress, Run
from meta_demo.learning.plan import Plan
from meta_demo.modalities.base import Content
from meta_demo.serving.crossing import (
    LONGEST,
    OVERHEAD,
    START,
    Piece,
    Refused,
    Work,
    gpu_seconds,
    packed,
    read,
    seconds,
    unpacked,
)

LENT = Note("gpu_trained")
STEPS = 100  # of one loan at the most: so many tasks are drawn before it begins
SPARE = 5  # seconds of a loan for what estimates do not know


def lend(run: Run, loan: Callable[[Work], Iterator[Piece] | None]) -> Iterator[Progress]:
    """The progress of `run`: on GPUs that `loan` lends as long as it does, and from then on in this process. Raises UserError."""
    seen = -1
    notes: tuple[Note, ...] = ()
    pieces = loan(work_of(run))
    if pieces is None:  # it is too little for anybody to wait for a GPU
        yield from run.train()
        return
    run.save()
    try:
        while pieces and not _over(run):
            for progress in _told(run, pieces):
                if progress.step > seen or progress.valid:
                    seen = progress.step
                    yield replace(progress, notes=(LENT,))
            run.restore()
            pieces = None if _over(run) else loan(work_of(run))
    except Refused as error:
        notes = (error.note,)
    except torch.OutOfMemoryError:
        notes = (Note("gpu_memory"),)
    for progress in run.train(resume=True):
        if progress.step > seen or progress.valid:
            seen = progress.step
            yield replace(progress, notes=notes)


def _told(run: Run, pieces: Iterator[Piece]) -> Iterator[Progress]:
    """What the other process tells of its steps. Raises what it ran into, and Refused where no GPU is lent."""
    try:
        for piece in pieces:
            if error := read(piece):
                raise torch.OutOfMemoryError if getattr(error, "name", "") == "gpu_memory" else error
            yield Progress(**piece["progress"])
            if run.group.agree(False):  # somebody has stopped it
                return
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


def _over(run: Run) -> bool:
    minutes = run.plan.minutes
    return run.group.agree(run.step >= run.plan.steps or (minutes is not None and run.seconds > 60 * minutes))


def work_of(run: Run) -> Work:
    """The next steps of `run`, as many as one loan has time for, in plain values and arrays."""
    algorithm, plan = run.algorithm, run.plan
    batch = [run.tasks.draw(run.step * plan.meta_batch + i) for i in range(plan.meta_batch)]
    one, rounds = _operations(algorithm, batch, learns=True), 1 + algorithm.steps
    measured = _operations(algorithm, run.valid) * (1 / plan.valid_every)
    fits = int((LONGEST - START - SPARE) / gpu_seconds(one + measured, rounds))
    count = max(1, min(fits, STEPS, plan.steps - run.step))
    first = run.step * plan.meta_batch
    episodes = [*batch, *(run.tasks.draw(i) for i in range(first + len(batch), first + count * plan.meta_batch))]
    contents: dict[Content, int] = {}
    training = {
        "algorithm": algorithm.name,
        "objective": run.objective.name,
        "knobs": vars(algorithm.config),
        "plan": asdict(plan),
        "record": run.record,
        "about": run.about,
        "folder": str(run.output),
        "first": first,
        "last": run.step + count,
        "sources": [[source.name, list(source.classes)] for source in run.tasks.sources],
        "tasks": [_packed(episode, contents) for episode in episodes],
        "valid": [_packed(episode, contents) for episode in run.valid],
        "contents": [],
    }
    training["contents"] = [packed(content) for content in contents]
    operations = one * count + measured * (count + plan.valid_every)
    return {
        "model": algorithm.backbone.name,
        "training": training,
        "operations": operations,
        "steps": rounds * count + SPARE / OVERHEAD,
    }


def _operations(algorithm: Algorithm, episodes: Sequence[Episode], *, learns: bool = False) -> float:
    """About how many operations tasks take; those that are learned from with the gradient through all of it."""
    twice = learns and bool(getattr(algorithm, "second_order", False)) and algorithm.adapts_body
    works = [work_of_episode(algorithm, episode, learns=learns, twice=twice) for episode in episodes]
    rate = SPEED.get(algorithm.backbone.device.type, FAST)
    return sum(cost(work, algorithm.backbone).seconds for work in works) * rate


def _packed(episode: Episode, contents: dict[Content, int]) -> list[Any]:
    """A task in plain values: its inputs are places in `contents`, where each stands once."""

    def place(content: Content) -> int:
        return contents.setdefault(content, len(contents))

    rows = [[[place(row.content), row.label] for row in side] for side in (episode.support, episode.query)]
    return [*rows, [place(content) for content in episode.unlabelled], episode.source]


# --- in the process that has the GPU


@dataclass(frozen=True)
class Drawn:
    """Tasks that were drawn in the other process, from number `first` on; of their `sources` the classes by name."""

    episodes: Sequence[Episode]
    first: int
    sources: Sequence[Source]
    corpus: None = None

    def draw(self, index: int) -> Episode:
        """Task number `index`."""
        return self.episodes[index - self.first]


def trained(backbone: Backbone, work: Work) -> Iterator[Piece]:
    """The steps of one loan, told one by one; the run is saved at its end, wherever that is."""
    said, until = work["training"], time.monotonic() + seconds(work) - START
    contents = [unpacked(content) for content in said["contents"]]

    def episode(sides: list[Any]) -> Episode:
        support, query = (tuple(Example(contents[place], label) for place, label in rows) for rows in sides[:2])
        return Episode(support, query, tuple(contents[place] for place in sides[2]), source=sides[3])

    sources = [Source(name, dict.fromkeys(labels, ())) for name, labels in said["sources"]]
    plan, tasks = Plan(**said["plan"]), Drawn([episode(sides) for sides in said["tasks"]], said["first"], sources)
    algorithm = checkpoint.start(backbone, said["algorithm"], None, said["knobs"], plan.seed, said["objective"])
    if "start_sha256" in said["record"]:  # the weights that it stands on
        algorithm = checkpoint.warm_start(algorithm, Path(said["record"]["start"]))
    valid = [episode(sides) for sides in said["valid"]]
    run = Run(algorithm, tasks, valid, plan, Path(said["folder"]), said["record"], said["about"])
    try:
        for progress in run.train(resume=True):
            yield {"progress": asdict(progress)}
            if progress.step >= said["last"] or (time.monotonic() > until and progress.loss is not None):
                run.save()
                return
    except GeneratorExit:  # somebody has stopped it
        run.save()
        raise
