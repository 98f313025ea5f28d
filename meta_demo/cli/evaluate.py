"""`evaluate`: accuracy, or squared error, over many tasks, with its interval, and differences on the same tasks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg

from meta_demo.algorithms.registry import get_algorithm
from meta_demo.backbones.loading import DEFAULT
from meta_demo.cli.checks import (
    LabelColumn,
    TextColumn,
    check_algorithms,
    check_json,
    check_starts,
    columns_of,
    tell,
)
from meta_demo.cli.flags import (
    Json,
    Model,
    Names,
    Seed,
    changed_knobs,
    check_number,
    check_seed,
    chosen,
    quiet,
    split_names,
    whole_numbers,
    write_json,
)
from meta_demo.cli.results import pairs, print_results
from meta_demo.core.errors import Note, UserError
from meta_demo.core.objective import OBJECTIVES, Objective
from meta_demo.data.sources import is_episodes
from meta_demo.words import text

# The sizes of tasks, where they are drawn.
DRAWN: dict[str, Any] = {"n_way": "5", "k_shot": "1", "n_query": 5, "episodes": 600}
POOLED_SHOTS = "10"  # where a task's examples are all of one group


def _drawn(name: str, key: str) -> Any:
    """A flag of how tasks are drawn: None, when it is not given, is told from its default."""
    return arg(metavar="NUMBER", help=text(key), help_behavior_hint=text("cli.default", default=DRAWN[name]))


@dataclass
class Evaluate:
    source: Positional[Annotated[str, arg(help=text("cli.evaluate.source"))]]
    classes: Annotated[UseAppendAction[list[str]], arg(help=text("cli.train.classes"))] = field(default_factory=list)
    model: Model = None
    algorithms: Names = None
    checkpoint: Annotated[str, arg(help=text("cli.evaluate.checkpoint"))] = "auto"
    n_way: Annotated[str | None, _drawn("n_way", "cli.evaluate.n_way")] = None
    k_shot: Annotated[str | None, _drawn("k_shot", "cli.evaluate.k_shot")] = None
    n_query: Annotated[int | None, _drawn("n_query", "cli.evaluate.n_query")] = None
    episodes: Annotated[int | None, _drawn("episodes", "cli.evaluate.episodes")] = None
    steps: Annotated[str, arg(help=text("cli.evaluate.steps"))] = ""
    names: Annotated[bool, arg(help=text("cli.names"))] = False
    format: Annotated[Literal["auto", "omniglot-runs"], arg(help=text("cli.evaluate.format"))] = "auto"
    within: Annotated[bool, arg(help=text("cli.evaluate.within"))] = False
    no_intervals: Annotated[bool, arg(help=text("cli.evaluate.no_intervals"))] = False
    seen_classes: Annotated[bool, arg(help=text("cli.evaluate.seen_classes"))] = False
    text_column: TextColumn = ""
    label_column: LabelColumn = ""
    seed: Seed = 0
    json: Json = None

    def run(self) -> int:
        from meta_demo.data.names import with_names
        from meta_demo.learning.checkpoint import RANDOM, random_note
        from meta_demo.learning.processes import Processes

        given = self._check()
        processes = Processes()
        results: list[dict[str, Any]] = []
        notes: list[Note] = []
        backbone = fresh = None
        objective: type[Objective] | None = None
        steps = whole_numbers("--steps", self.steps, 0) if self.steps else []
        for where, drawn, contents, read in self._tasks(given):
            episodes = [with_names(episode) for episode in drawn] if self.names else drawn
            objective = _objective(episodes)
            self.model = self.model or DEFAULT[episodes[0].modality]
            named = product(chosen(self.algorithms, objective), split_names(self.checkpoint))
            contestants = [(name, spec, self._start(name, spec, contents, objective)) for name, spec in named]
            backbone = backbone or self._backbone(processes)
            if fresh is None and RANDOM in split_names(self.checkpoint):
                fresh = self._backbone(processes, scratch=self.seed)
                names = ", ".join(dict.fromkeys(name for name, spec, _ in contestants if spec == RANDOM))
                notes.append(random_note(names, str(self.model), self.seed))
            notes += [note for note in [*read, *self._reading(backbone, episodes, contents)] if note not in notes]
            measured = [
                self._measure(
                    name, folder, episodes, steps, fresh if spec == RANDOM else backbone, processes, spec == RANDOM
                )
                for name, spec, folder in contestants
            ]
            rows = [{**row, **where} for contestant in measured for row in contestant]
            if self.format == "omniglot-runs":  # the literature speaks of its errors
                rows = [{**row, "error": 1 - row["accuracy"]} for row in rows]
            results += rows
            if processes.is_main:
                print_results(rows, where, len(episodes), objective)
        said = tell(notes) if processes.is_main else []
        if processes.is_main and objective:
            content = {
                "objective": objective.name,
                "notes": said,
                "model": self.model,
                "source": self.source,
                "within": self.within,
                "names": self.names,
                "seed": self.seed,
                "results": results,
                "pairs": pairs(results, objective),
            }
            write_json(self.json, content)
        return 0

    def _check(self) -> bool:
        """Whether the tasks are given, and what is asked for possible; raises UserError before anything is read."""
        check_seed(self.seed)
        check_json(self.json)
        names = split_names(self.algorithms or "")
        if names:
            check_algorithms(self, names)
        check_starts(split_names(self.checkpoint))
        if self.steps:
            whole_numbers("--steps", self.steps, 0)
        if self.steps and names and not any(get_algorithm(name).steps_knob for name in names):
            raise UserError("flag_needs", flag="--steps", needs="--algorithms maml")
        given = self.format == "omniglot-runs" or is_episodes(self.source)
        useless = [name for name in (*DRAWN, "classes", "within", "text_column", "label_column") if getattr(self, name)]
        if given and useless:
            flags = ", ".join("--" + name.replace("_", "-") for name in useless)
            raise UserError("flags_given", source=self.source, flags=flags)
        self.episodes = DRAWN["episodes"] if self.episodes is None else self.episodes
        self.n_query = DRAWN["n_query"] if self.n_query is None else self.n_query
        check_number("--episodes", self.episodes, 2)
        check_number("--n-query", self.n_query, 1)
        return given

    def _tasks(self, given: bool) -> Any:
        """(what they are, the episodes, everything they are drawn from, notes of how it was read) for every size asked for."""
        from meta_demo.data.sampler import TEST, Fixed, Sampler
        from meta_demo.data.sources import load_sources

        if given:
            tasks = self._given()
            contents = [row.content for e in tasks for row in (*e.support, *e.query)]
            yield _size(tasks), tasks, contents, [note for e in tasks for note in e.notes]
            return
        sources = load_sources([self.source], self.classes, columns_of(self))
        contents = [content for source in sources for those in source.classes.values() for content in those]
        notes = [note for source in sources for note in source.notes]
        pooled, n_query = sources[0].objective.pooled, self.n_query or 0
        if pooled and self.n_way is not None:
            raise UserError("flag_needs", flag="--n-way", needs=OBJECTIVES["classes"].title)
        ways = [None] if pooled else whole_numbers("--n-way", self.n_way or str(DRAWN["n_way"]))
        shots = whole_numbers("--k-shot", self.k_shot or (POOLED_SHOTS if pooled else str(DRAWN["k_shot"])))
        for n_way, k_shot in product(ways, shots):
            if n_way is not None:
                check_number("--n-way", n_way, 2)
            shape = Fixed(n_way or 1, k_shot, n_query)
            sampler = Sampler(sources, shape, self.seed, TEST, within=float(self.within))
            where = {"n_way": n_way, "k_shot": k_shot, "n_query": n_query}
            yield where, [sampler.draw(i) for i in range(self.episodes or 0)], contents, notes

    def _given(self) -> list[Any]:
        """The tasks of an episodes file or of Omniglot's runs."""
        from meta_demo.data.reading.omniglot import read_runs
        from meta_demo.data.sources import LIMITS, read_episodes

        path = Path(self.source)
        return read_runs(path, LIMITS) if self.format == "omniglot-runs" else read_episodes(path)

    def _reading(self, backbone: Any, episodes: Sequence[Any], contents: Iterable[Any]) -> list[Note]:
        """What a person should know of the inputs in the tasks, and of all others in a file that they are drawn from."""
        from meta_demo.backbones.notes import reading_notes

        rows = (row.content for episode in episodes for row in (*episode.support, *episode.query))
        return reading_notes(backbone, [*rows, *(contents if Path(self.source).exists() else ())])

    def _start(self, name: str, spec: str, contents: Iterable[Any], objective: type[Objective]) -> Path | None:
        """The checkpoint of a contestant; raises UserError when it was trained on a class whose `contents` are to be measured."""
        from meta_demo.data.fingerprints import recognised
        from meta_demo.learning import checkpoint

        get_algorithm(name)
        folder = checkpoint.resolve(spec, str(self.model), name, objective.name)
        trained = getattr(checkpoint.read_card(folder), "sources", []) if folder and not self.seen_classes else []
        for source in trained:
            both = recognised(source["classes"], contents)
            if both:
                raise UserError("seen_class", folder=folder, label=both[0], count=len(both), source=source["name"])
        return folder

    def _measure(
        self,
        name: str,
        folder: Path | None,
        episodes: Any,
        steps: Sequence[int],
        backbone: Any,
        processes: Any,
        scratch: bool,
    ) -> list[dict[str, Any]]:
        """A contestant's figures, a row for each of the inner steps asked for; its step is None where it takes none."""
        from tqdm import tqdm

        from meta_demo.learning import checkpoint
        from meta_demo.learning.cost import Budget, afford_episodes
        from meta_demo.learning.evaluate import follow, summary
        from meta_demo.serving.requests import AT_RANDOM, NOT_TRAINED

        knobs = changed_knobs(self, name)
        loops = get_algorithm(name).steps_knob
        if steps and loops:
            knobs[loops] = steps[-1]
        kind = episodes[0].objective.name
        algorithm = checkpoint.start(backbone, name, folder, knobs, self.seed, kind, scratch=scratch).requires_grad_(
            False
        )
        afford_episodes(algorithm, episodes, Budget.of_command(algorithm.like.device))
        run = follow(algorithm, episodes, steps, processes=processes, intervals=not self.no_intervals)
        shown = processes.is_main and sys.stderr.isatty()
        mine = len(processes.mine(range(len(episodes))))
        scores = processes.gather(list(tqdm(run, name, total=mine, disable=not shown, unit="episode", leave=False)))
        row = {"algorithm": name, "checkpoint": AT_RANDOM if scratch else str(folder or NOT_TRAINED)}
        rows = [{**row, **summary(after)} for after in zip(*scores, strict=True)]
        return rows if loops else [{**rows[0], "step": None}]

    def _backbone(self, processes: Any, scratch: int | None = None) -> Any:
        from meta_demo.backbones.loading import load_backbone
        from meta_demo.core.cache import LEARNING, Cache
        from meta_demo.core.device import choose_device

        with quiet(bars=self.model not in DEFAULT.values() and sys.stderr.isatty()):
            device = processes.device or choose_device()
            return load_backbone(str(self.model), device, Cache.as_set(LEARNING), scratch=scratch)


def _objective(episodes: Sequence[Any]) -> type[Objective]:
    """What a label of all `episodes` is; raises UserError where that differs."""
    found = list(dict.fromkeys(type(episode.objective) for episode in episodes))
    if len(found) > 1:
        raise UserError("labels_differ", first=found[0].title, other=found[1].title)
    return found[0]


def _size(episodes: Sequence[Any]) -> dict[str, int | None]:
    """The ways, shots and queries that all classes of all `episodes` have, or all tasks without classes; None where they differ."""
    if not episodes[0].labels:
        shots, queries = ({len(getattr(e, side)) for e in episodes} for side in ("support", "query"))
        ways: set[int | None] = {None}
    else:
        ways = {len(e.labels) for e in episodes}
        shots = {count for e in episodes for count in Counter(row.label for row in e.support).values()}
        queries = {Counter(row.label for row in e.query)[label] for e in episodes for label in e.labels}
    sizes: dict[str, set[Any]] = {"n_way": ways, "k_shot": shots, "n_query": queries}
    return {name: size.pop() if len(size) == 1 else None for name, size in sizes.items()}
