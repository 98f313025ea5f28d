"""`adapt`: learn one task from its examples and answer its queries."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

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
    check_seed,
    chosen,
    quiet,
    split_names,
    write_json,
)
from meta_demo.core.objective import Score
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Episode
from meta_demo.data.names import with_names
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.reading.tasks import beside
from meta_demo.words import text


@dataclass
class Adapt:
    task: Positional[Annotated[Path, arg(help=text("cli.adapt.task"))]]
    model: Model = None
    algorithms: Names = None
    seed: Seed = 0
    checkpoint: Annotated[str, arg(help=text("cli.adapt.checkpoint"))] = "auto"
    names: Annotated[bool, arg(help=text("cli.names"))] = False
    text_column: TextColumn = ""
    label_column: LabelColumn = ""
    json: Json = None

    def run(self) -> int:
        from meta_demo.serving.requests import Request
        from meta_demo.serving.service import Service

        check_seed(self.seed)
        check_json(self.json)
        check_starts([self.checkpoint])
        if self.algorithms is not None:
            check_algorithms(self, split_names(self.algorithms))
        episode = read_episode(self.task, beside(self.task.parent), columns_of(self))
        names = chosen(self.algorithms, type(episode.objective))
        check_algorithms(self, names)
        knobs = {name: changed for name in names if (changed := changed_knobs(self, name))}
        if self.names:
            episode = with_names(episode)
        model = self.model or DEFAULT[episode.modality]
        request = Request(episode, model, names, self.seed, knobs, self.checkpoint)
        service = Service()
        with quiet(bars=model not in DEFAULT.values() and sys.stderr.isatty()):
            notes = service.notes(request)
        tell(notes)
        history = service.history(request)
        report, errors = service.report(request, history)
        write_json(self.json, report)
        _print_report(report, request.episode, {name: steps[-1].query_score for name, steps in history.items()})
        for error in errors:
            print(text("cli.error", message=error), file=sys.stderr)
        return 2 if errors else 0


def _print_report(report: dict[str, Any], episode: Episode, scores: Mapping[str, Score | None]) -> None:
    """Each algorithm with its figures, and its answer to every query."""
    objective = episode.objective
    for result in report["results"]:
        last, seconds = result["steps"][-1], result["seconds"]
        said = {"algorithm": result["algorithm"], "checkpoint": result["checkpoint"], "steps": last["step"]}
        support = objective.told(last[f"support_{objective.measure}"])
        took = seconds["features"] + seconds["adapt"]
        print(text("cli.result", **said, measure=objective.measure_title, support=support, seconds=took))
        if score := scores[result["algorithm"]]:
            ends = {name: objective.told(getattr(score, name)) for name in ("value", "low", "high")}
            print(text("cli.score", measure=objective.measure_title, count=score.count, **ends))
        for example, prediction in zip(episode.query, result["predictions"], strict=True):
            print(f"  {objective.line(prediction)}  {shorten(example.content, 80)}")
