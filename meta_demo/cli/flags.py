"""What commands share: flags made from knobs, algorithms made from flags, and files of results."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field, make_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from tyro.conf import arg

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY, check_able, get_algorithm
from meta_demo.core.config import MAX_SEED, Config, Knob
from meta_demo.core.errors import UserError
from meta_demo.core.objective import OBJECTIVES, Objective
from meta_demo.learning.plan import Plan
from meta_demo.words import text

Json = Annotated[Path | None, arg(metavar="FILE", help=text("cli.json"))]
Model = Annotated[str | None, arg(metavar="NAME", help=text("cli.adapt.model"))]  # None: the bundled one
Names = Annotated[str | None, arg(metavar="NAMES", help=text("cli.adapt.algorithms"))]  # None: the objective's own
Seed = Annotated[int, arg(help=Plan.knob("seed").explained("en"))]

STANDARD_OUTPUT = "-"
# What writes results to the standard output, where beside them nothing else is to be.
RESULTS: ContextVar[Callable[[str], object]] = ContextVar("RESULTS")

C = TypeVar("C", bound=Config)


def with_flags(*configs: type[Config]) -> Callable[[type[Any]], type[Any]]:
    """Class decorator: gives a command a flag for every knob of `configs`, `--meta-batch` and so on, made from the knobs themselves."""

    def add(command: type[Any]) -> type[Any]:
        flags = [(k.name, _own_flag(k), field(default=k.default)) for config in configs for k in config.knobs()]
        return make_dataclass(command.__name__, flags, bases=(command,))

    return add


def _own_flag(k: Knob) -> Any:
    """The type of a flag that is a command's own: it has the knob's default, and None only where the knob has."""
    kind: Any = Literal[k.choices] if k.choices else k.kind
    return Annotated[kind | None if k.default is None else kind, arg(help=k.explained("en"))]


def spelt(config: type[C], command: Any) -> C:
    """The configuration that a command's own flags spell; raises UserError naming the flag whose value is none of its knob's."""
    values = {k.name: getattr(command, k.name) for k in config.knobs()}
    for k in config.knobs():
        k.checked(values[k.name], "--" + k.name.replace("_", "-"))
    return config(**values)


def with_knobs(command: type[Any]) -> type[Any]:
    """`command` with one group of flags per algorithm, `--maml.inner-lr` and so on, made from the knobs themselves."""
    return _with_knobs(command, tuple(sorted(REGISTRY.items())))  # type: ignore[arg-type]


@cache
def _with_knobs(command: type[Any], algorithms: tuple[tuple[str, type[Algorithm]], ...]) -> type[Any]:
    groups = []
    for name, cls in algorithms:
        group = make_dataclass(f"{cls.__name__}Knobs", [(k.name, _flag(k, cls), None) for k in cls.Config.knobs()])
        described = Annotated[group, arg(help=text("cli.knobs", algorithm=name))]  # type: ignore[valid-type]
        groups.append((name, described, field(default_factory=group)))
    return make_dataclass(f"{command.__name__}WithKnobs", groups, bases=(command,))


def _flag(k: Knob, cls: type[Algorithm]) -> Any:
    """The type of a knob's flag; None, when it is not given, leaves the knob as the algorithm or its checkpoint has it."""
    kind = "|".join(k.choices) or k.kind.__name__.upper()
    hint = text("cli.default", default=k.default)
    for objective, values in cls.defaults.items():
        if k.name in values:
            hint += " " + text("cli.default_for", objective=OBJECTIVES[objective].title, default=values[k.name])
    return Annotated[k.kind | None, arg(help=k.explained("en"), metavar=kind, help_behavior_hint=hint)]


def changed_knobs(command: Any, name: str) -> dict[str, Any]:
    """The knobs of algorithm `name` that were given."""
    group = getattr(command, name, None)
    return {key: value for key, value in vars(group).items() if value is not None} if group else {}


def split_names(names: str) -> tuple[str, ...]:
    """`maml,reptile` as names, each once."""
    return tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))


def chosen(names: str | None, objective: type[Objective]) -> tuple[str, ...]:
    """The algorithms that a flag names, or those of the objective; raises UserError where one cannot learn such labels."""
    found = objective.algorithms if names is None else split_names(names)
    if not found:
        raise UserError("algorithm_none")
    check_able([get_algorithm(name) for name in found], objective)
    return found


def whole_numbers(flag: str, value: str, least: int = 1) -> list[int]:
    """`1,5` or `0-20` as ascending numbers, each once; raises UserError naming the flag."""
    parts = [re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part.strip()) for part in value.split(",")]
    ranges = [range(int(m[1]), int(m[2] or m[1]) + 1) for m in parts if m]
    numbers = sorted({number for numbers in ranges for number in numbers})
    if len(ranges) < len(parts) or not all(ranges) or numbers[0] < least:
        raise UserError("whole_numbers", flag=flag, value=value, least=least)
    return numbers


def check_seed(seed: int) -> None:
    if not 0 <= seed <= MAX_SEED:
        raise UserError("seed", value=seed, limit=MAX_SEED)


def check_number(flag: str, value: float, lo: float) -> None:
    """Raises UserError when the number given to `flag` is below `lo`."""
    if not value >= lo:
        raise UserError("number_least", name=flag, value=value, lo=lo)


@contextmanager
def quiet(bars: bool = False) -> Iterator[None]:
    """Libraries' warnings, and unless `bars` their progress bars, stay off stderr: what is said there is our one sentence."""
    from transformers.utils.logging import disable_progress_bar

    if not bars:
        disable_progress_bar()
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def write_json(file: Path | None, content: dict[str, Any]) -> None:
    """Write `content` to `file`, if one was asked for, `-` being the standard output; raises UserError when it cannot be written."""
    if file is None:
        return
    said = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    try:
        if str(file) == STANDARD_OUTPUT:
            RESULTS.get(sys.stdout.write)(said)
        else:
            file.write_text(said, encoding="utf-8")
    except OSError as error:
        raise UserError("json_write", file=file, reason=error.strerror) from error
