"""A training put together: from sources and settings to the outer loop, for the command line and the page alike.

Here: what to train on and to validate on, and a visitor's training with a folder of its own. Not here: the outer loop itself
(`outer.py`), its knobs (`plan.py`), flags and widgets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock
from typing import Any

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import check_able, get_algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import Note, UserError
from meta_demo.core.intervals import mean_interval
from meta_demo.core.memory import give_back
from meta_demo.core.objective import Objective
from meta_demo.data.episode import Episode, Example
from meta_demo.data.fingerprints import fingerprint
from meta_demo.data.sampler import VALID, Fixed, Sampler
from meta_demo.data.source import Source, make_source
from meta_demo.data.sources import BUILTIN, check_apart, hold_out, load_source, pack_names
from meta_demo.learning import checkpoint
from meta_demo.learning.clusters import apart, clustered
from meta_demo.learning.cost import Budget, afford_episodes
from meta_demo.learning.evaluate import evaluate, paired
from meta_demo.learning.optimizers import find_muon
from meta_demo.learning.outer import Progress, Run, Tasks
from meta_demo.learning.own_start import Folder, OwnStart, pack
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.learning.processes import Processes
from meta_demo.modalities.base import Content

VALID_WAYS = 20
FORETOLD = 16  # tasks by which what a training takes is told
_SEAT = Lock()  # one training at a time: each takes every core there is


@dataclass(frozen=True)
class Recipe:
    """What to learn a start from, and how. `start` is none, auto or a checkpoint's folder.

    Of `unlabelled` examples clusters are made that count as classes to train on.
    """

    train_on: Sequence[Source]
    validate_on: Sequence[Source]
    plan: Plan
    algorithm: str
    knobs: dict[str, Any] = field(default_factory=dict)
    task: TaskPlan = field(default_factory=TaskPlan)
    start: str = "none"
    from_scratch: bool = False  # whether the model's own weights are random
    unlabelled: Sequence[Content] = ()

    @property
    def tasks(self) -> Sampler:
        """The tasks to train on."""
        return Sampler(self.train_on, self.task.shape, self.plan.seed, **self.task.mixture)

    @property
    def objective(self) -> type[Objective]:
        """What a label of its tasks is; raises UserError where that differs."""
        return one_objective([*self.train_on, *self.validate_on])

    @property
    def valid_ways(self) -> int:
        """Classes in a validation task."""
        return min(VALID_WAYS, self.task.n_way, *(len(s.classes) for s in self.validate_on if not s.tasks))


def split(train_on: Sequence[Source], validate_on: Sequence[Source], seed: int) -> tuple[list[Source], list[Source]]:
    """Sources to train and to validate on, no class and no text in both; without any to validate on, classes are held out.

    Raises UserError when that cannot be had.
    """
    kept, held_out = (list(train_on), list(validate_on)) if validate_on else hold_out(train_on, seed)
    check_apart(kept, held_out)
    return kept, held_out


def prepare(
    recipe: Recipe,
    backbone: Callable[[], Backbone],
    output: Path,
    *,
    about: dict[str, Any] | None = None,
    group: Processes | None = None,
    budget: Budget | None = None,
) -> Run:
    """The run that trains by `recipe` into `output`; what the card tells of its making is `about`, `group` are its processes.

    Raises UserError where the sources do not fit or this torch is too old, before the model is asked for.
    """
    tasks, task = recipe.tasks, recipe.task
    shape = Fixed(recipe.valid_ways, task.k_shot, task.n_query)
    validation = Sampler(recipe.validate_on, shape, recipe.plan.seed, VALID, within=task.within)
    objective = recipe.objective
    method = get_algorithm(recipe.algorithm)
    check_able([method], objective)
    if not method.learns:
        raise UserError("nothing_to_learn", algorithm=method.name)
    if recipe.plan.muon:
        find_muon()
    algorithm = checkpoint.start(backbone(), recipe.algorithm, None, recipe.knobs, recipe.plan.seed, objective.name)
    folder = Path(recipe.start) if recipe.start not in ("none", "auto") else None
    if recipe.start == "auto":
        folder = checkpoint.shipped(algorithm.backbone.name, recipe.algorithm, objective.name)
    if folder:
        algorithm = checkpoint.warm_start(algorithm, folder)
    if recipe.unlabelled:
        if objective.pooled:
            raise UserError("clusters_are_classes", objective=objective.title)
        unlabelled = apart(recipe.unlabelled, recipe.validate_on)
        found = clustered(algorithm, unlabelled, task.shape, recipe.plan.seed)
        tasks = replace(tasks, sources=[*tasks.sources, *found])
    if recipe.plan.distort and (algorithm.boundary or not algorithm.backbone.inputs.distorts):
        raise UserError("distort_pixels")
    _afford(recipe, algorithm, tasks, budget or Budget.of_command(algorithm.like.device))
    record = {
        "sources": [_described(s) for s in tasks.sources],
        "validated_on": [_described(s) for s in recipe.validate_on],
        "tasks": {"sampler": task.sampler, **vars(task.shape), **task.mixture},
        "start": str(folder) if folder else "random weights" if recipe.from_scratch else "pretrained weights",
    }
    if folder:
        record["start_sha256"] = checkpoint.read_card(folder).weights_sha256
    valid = [validation.draw(i) for i in range(recipe.plan.valid_episodes)]
    return Run(algorithm, tasks, valid, recipe.plan, output, record, about or {}, group or Processes())


def _afford(recipe: Recipe, algorithm: Algorithm, tasks: Sampler, budget: Budget) -> None:
    """Raises UserError where training takes more than `budget`, as its first tasks tell; time that the plan ends is none too much."""
    plan = recipe.plan
    if plan.minutes is not None:
        budget = replace(budget, seconds=max(budget.seconds, 60 * plan.minutes))
    rounds = 1 if plan.minutes is not None else max(1, plan.steps * plan.meta_batch // FORETOLD)
    foretold = [tasks.draw(i) for i in range(FORETOLD)]
    afford_episodes(algorithm, foretold, budget, times=rounds, learns=True, twice=algorithm.differentiates_twice)


def one_objective(sources: Sequence[Source]) -> type[Objective]:
    """What a label of all of `sources` is; raises UserError where that differs."""
    found = list(dict.fromkeys(source.objective for source in sources))
    if len(found) > 1:
        raise UserError("labels_differ", first=found[0].title, other=found[1].title)
    return found[0]


def load_packs(names: Sequence[str]) -> Source:
    """Built-in packs as one source, so that a task mixes their classes."""
    if set(names) == set(pack_names()):
        return load_source(BUILTIN)
    specs = [f"{BUILTIN}:{name}" for name in names]
    classes = [item for spec in specs for item in load_source(spec).classes.items()]
    return make_source(", ".join(specs), (Example(text, label) for label, texts in classes for text in texts))


@dataclass(frozen=True)
class Beside:
    """Another start's mean score on so many tasks, and the new one's less its: the mean difference with half its 95 % interval."""

    episodes: int
    score: float
    difference: float
    ci95: float


class Training:
    """One training of one visitor. Its folder is there as long as this object or its start.

    `tasks` are the recipe's, and from the first progress on those of clusters as well.
    """

    def __init__(self, recipe: Recipe, model: str) -> None:
        self.recipe, self.model = recipe, model
        self.tasks: Tasks = recipe.tasks
        self.notes: list[Note] = []  # on the inputs, from the first progress on
        self._won: Sequence[Episode] = ()  # the tasks on which a start was found that is better than the plain one
        self._ended = Event()
        self._root = Folder()

    @property
    def folder(self) -> Path:
        """The checkpoint: it exists from the first progress on."""
        return self._root.path / self.recipe.algorithm

    def run(
        self, backbone: Callable[[], Backbone], train: Callable[[Run], Iterator[Progress]] = Run.train
    ) -> Iterator[Progress]:
        """The outer loop, as `train` goes through it. Raises UserError, at once, while another training is under way in this process."""
        if not _SEAT.acquire(blocking=False):
            raise UserError("training_busy")
        try:
            about = {"command": "the page's Meta-train tab", "date": datetime.now(UTC).date().isoformat()}
            run = prepare(self.recipe, backbone, self.folder, about=about, group=_Stoppable(self._ended))
            self.tasks, self.notes = run.tasks, run.notes()
            for progress in train(run):
                self.notes += [note for note in progress.notes if note not in self.notes]
                yield progress
            self._won = run.valid if run.best and run.best.step else ()
        finally:
            give_back()
            _SEAT.release()

    def stop(self) -> None:
        """End the training after the step it is in: what was reached is validated, and the best start kept."""
        self._ended.set()

    def start(self) -> OwnStart:
        """The checkpoint as the page's own starts are; its folder stays as long as anybody holds that."""
        recipe = self.recipe
        modality, objective = recipe.train_on[0].modality, recipe.objective.name
        return OwnStart(self.folder, self.model, recipe.algorithm, objective, modality, self._root)

    def archive(self) -> Path:
        """The checkpoint as a zip file."""
        name = self.recipe.algorithm
        return pack(self.folder, self._root.path / f"{name}-checkpoint.zip", name)

    def beside_shipped(
        self, backbone: Backbone, episodes: int, rest: Callable[[], None] = lambda: None
    ) -> Beside | None:
        """What the kept start is worth beside the shipped one, on the first `episodes` validation tasks, with a `rest` after each; None
        where none better than the plain one was found, where no start is shipped, and before the end of a training."""
        shipped = checkpoint.shipped(self.model, self.recipe.algorithm, self.recipe.objective.name)
        valid = self._won[:episodes]
        if not shipped or not valid:
            return None
        ours, theirs = (self._scores(folder, backbone, valid, rest) for folder in (self.folder, shipped))
        return Beside(len(valid), mean_interval(theirs)[0], *paired(ours, theirs))

    def _scores(
        self, folder: Path, backbone: Backbone, valid: Sequence[Episode], rest: Callable[[], None]
    ) -> list[float]:
        """What the start in a folder scores on each task."""
        scores = []
        for measured in evaluate(checkpoint.load(folder, backbone).requires_grad_(False).eval(), valid):
            scores.append(measured.score)
            rest()
        return scores


class _Stoppable(Processes):
    """This process alone; its time is also up once somebody says so."""

    def __init__(self, ended: Event) -> None:
        super().__init__()
        self._ended = ended

    def agree(self, value: bool) -> bool:
        return super().agree(value or self._ended.is_set())


def _described(source: Source) -> dict[str, Any]:
    """A source as the card has it; the classes of a drawn one need no fingerprints, as nothing else has its pictures."""
    if source.program:
        return {"name": source.name, "program": source.program, "classes": {}, "texts": source.size}
    classes = {label: fingerprint(contents) for label, contents in sorted(source.classes.items())}
    return {"name": source.name, "sha256": source.sha256, "classes": classes, "texts": source.size}
