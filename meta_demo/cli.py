"""The command line: the page's work without a browser. Exit code 0 done, 1 failed, 2 bad usage or bad input."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional, arg

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from meta_demo.core import checkpoint
from meta_demo.core.algorithm import REGISTRY, Algorithm
from meta_demo.core.config import Knob
from meta_demo.core.intervals import wilson
from meta_demo.core.loading import BUNDLED, SUGGESTED
from meta_demo.core.messages import UserError, text
from meta_demo.data.readers import read_episode

Json = Annotated[Path | None, arg(metavar="FILE", help=text("cli.json"))]


@dataclass
class Adapt:
    task: Positional[Annotated[Path, arg(help=text("cli.adapt.task"))]]
    model: Annotated[str, arg(help=text("cli.adapt.model"))] = BUNDLED
    algorithms: Annotated[str, arg(help=text("cli.adapt.algorithms"))] = "maml,protonet,finetune"
    seed: Annotated[int, arg(help=text("cli.adapt.seed"))] = 0
    checkpoint: Annotated[str, arg(help=text("cli.adapt.checkpoint"))] = "auto"
    json: Json = None

    def run(self) -> int:
        from meta_demo.service import Service
        from meta_demo.snapshots import Request

        names = tuple(name.strip() for name in self.algorithms.split(",") if name.strip())
        knobs = {name: changed for name in names if (changed := _changed(getattr(self, name, None)))}
        request = Request(read_episode(self.task), self.model, names, self.seed, knobs, self.checkpoint)
        service = Service()
        for note in service.notes(request):
            print(text("cli.note", message=note.message()), file=sys.stderr)
        report, errors = service.report(request)
        _write(self.json, report)
        _print_report(report, request.episode.query)
        for error in errors:
            print(text("cli.error", message=error), file=sys.stderr)
        return 2 if errors else 0


@dataclass
class Algorithms:
    json: Json = None

    def run(self) -> int:
        rows = [_describe(name, cls) for name, cls in sorted(REGISTRY.items())]
        _write(self.json, {"algorithms": rows})
        for row in rows:
            print(f"{row['name']:<12} {row['title']} ({row['paper']})")
        return 0


@dataclass
class Models:
    json: Json = None

    def run(self) -> int:
        rows = [{"name": m.name, "parameters": m.parameters, "bundled": m.bundled} for m in SUGGESTED]
        _write(self.json, {"models": rows})
        for row in rows:
            print(f"{row['name']:<60} {row['parameters']:>7}  {text('cli.bundled' if row['bundled'] else 'cli.hub')}")
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every error is one sentence on stderr."""
    try:
        command = tyro.extras.subcommand_cli_from_dict(
            {"adapt": _adapt_with_knobs(), "algorithms": Algorithms, "models": Models},
            prog="python -m meta_demo",
            description=text("cli.about"),
            args=arguments,
        )
        code: int = command.run()
    except UserError as error:
        print(text("cli.error", message=error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 1
    except Exception as error:  # whatever else goes wrong is our fault, and still one sentence
        print(text("cli.failed", kind=type(error).__name__, message=error), file=sys.stderr)
        return 1
    return code


def _adapt_with_knobs() -> type[Adapt]:
    """`Adapt` with one group of flags per algorithm, `--maml.inner-lr` and so on, made from the knobs themselves."""
    groups = []
    for name, cls in sorted(REGISTRY.items()):
        group = make_dataclass(f"{cls.__name__}Knobs", [(k.name, _flag(k), None) for k in cls.Config.knobs()])
        described = Annotated[group, arg(help=text("cli.knobs", algorithm=name))]  # type: ignore[valid-type]
        groups.append((name, described, field(default_factory=group)))
    return make_dataclass("AdaptWithKnobs", groups, bases=(Adapt,))


def _flag(k: Knob) -> Any:
    """The type of a knob's flag; None, when it is not given, leaves the knob as the algorithm or its checkpoint has it."""
    kind = "|".join(k.choices) or type(k.default).__name__.upper()
    hint = text("cli.default", default=k.default)
    return Annotated[
        type(k.default) | None, arg(help=text(f"knob.{k.name}.help"), metavar=kind, help_behavior_hint=hint)
    ]


def _changed(group: Any) -> dict[str, Any]:
    """The knobs of a flag group that were given."""
    return {name: value for name, value in vars(group).items() if value is not None} if group else {}


def _describe(name: str, cls: type[Algorithm]) -> dict[str, Any]:
    folder = checkpoint.shipped(BUNDLED, name)
    knobs = {
        k.name: {"default": k.default, "lo": k.lo, "hi": k.hi, "choices": list(k.choices)} for k in cls.Config.knobs()
    }
    return {
        "name": name,
        "title": text(f"algorithm.{name}"),
        "paper": cls.paper,
        "about": text(f"algorithm.{name}.about"),
        "checkpoint": str(folder) if folder else "not meta-trained",
        "knobs": knobs,
    }


def _write(file: Path | None, content: dict[str, Any]) -> None:
    if file is None:
        return
    try:
        file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError("json_write", file=file, reason=error.strerror) from error


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
            print(f"  {prediction['label']:<24} {max(prediction['probabilities'].values()):6.1%}  {example.text[:80]}")
