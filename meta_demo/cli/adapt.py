"""`adapt`: learn one task from its examples and answer its queries."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
from meta_demo.cli.flags import Json, Model, Names, Seed, changed_knobs, check_seed, quiet, split_names, write_json
from meta_demo.core.intervals import wilson
from meta_demo.core.strings import shorten
from meta_demo.data.names import with_names
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.reading.tasks import beside
from meta_demo.words import text


@dataclass
class Adapt:
    task: Positional[Annotated[Path, arg(help=text("cli.adapt.task"))]]
    model: Model = None
    algorithms: Names = "maml,protonet,finetune"
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
        names = split_names(self.algorithms)
        check_algorithms(self, names)
        check_starts([self.checkpoint])
        knobs = {name: changed for name in names if (changed := changed_knobs(self, name))}
        episode = read_episode(self.task, beside(self.task.parent), columns_of(self))
        if self.names:
            episode = with_names(episode)
        model = self.model or DEFAULT[episode.modality]
        request = Request(episode, model, names, self.seed, knobs, self.checkpoint)
        service = Service()
        with quiet(bars=model not in DEFAULT.values() and sys.stderr.isatty()):
            notes = service.notes(request)
        tell(notes)
        report, errors = service.report(request)
        write_json(self.json, report)
        _print_report(report, request.episode.query)
        for error in errors:
            print(text("cli.error", message=error), file=sys.stderr)
        return 2 if errors else 0


def _print_report(report: dict[str, Any], query: Sequence[Any]) -> None:
    count = sum(example.label is not None for example in query)
    for result in report["results"]:
        last, seconds = result["steps"][-1], result["seconds"]
        print(
            text(
                "cli.result",
                algorithm=result["algorithm"],
                checkpoint=result["checkpoint"],
                steps=last["step"],
                support=last["support_accuracy"],
                seconds=seconds["features"] + seconds["adapt"],
            )
        )
        if count:
            low, high = wilson(last["query_accuracy"], count)
            print(text("cli.accuracy", accuracy=last["query_accuracy"], low=low, high=high, count=count))
        for example, prediction in zip(query, result["predictions"], strict=True):
            print(
                f"  {prediction['label']:<24} {max(prediction['probabilities'].values()):6.1%}  {shorten(example.content, 80)}"
            )
