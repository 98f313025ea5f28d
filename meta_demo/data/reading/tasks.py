"""Task objects, the JSON of task files and of the HTTP API, as episodes.

Here: from an object to an `Episode`, the files that it names read, or a `UserError` that names the place. Not here: files (`readers.py`),
what makes a good episode (`episode.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError

from meta_demo.core.errors import UserError
from meta_demo.core.files import MB, UPLOAD, Limits
from meta_demo.core.objective import OBJECTIVES
from meta_demo.core.strings import shorten
from meta_demo.data.episode import Episode, Example, check_counts, make_episode
from meta_demo.data.reading.beside import Beside, OnDisk
from meta_demo.data.reading.columns import LABEL, LABELS, nearest
from meta_demo.data.reading.leftovers import left_out
from meta_demo.modalities.base import MODALITIES, Content, Modality, modality_of


def parse_episode(raw: Any, files: Beside | None = None) -> Episode:
    """The episode in a task object, `{"support": [{"text", "label"}], "query": [{"text", "label"?}]?, "unlabelled": [{"text"}]?}`,
    or the key of another modality for `text`, and of another objective for `label`.

    Without `files` nothing may be named by a path: an object from somewhere else must not name files of this machine.
    """
    kinds = {modality.key: modality for modality in MODALITIES.values()}
    labels = tuple((objective.key, objective.said) for objective in OBJECTIVES.values())
    try:
        task = _task_model(tuple((key, modality.said) for key, modality in kinds.items()), labels).model_validate(raw)
    except ValidationError as error:
        raise _first_problem(error, raw) from None
    sides: dict[str, list[Any]] = {side: getattr(task, side) for side in ("support", "query", "unlabelled")}
    check_counts(*map(len, sides.values()))
    given = [(row, f"{side}[{i}]") for side, rows in sides.items() for i, row in enumerate(rows)]
    said = [(next(key for key in kinds if key in row.model_fields_set), row, where) for row, where in given]
    foresee([(kinds[key], getattr(row, key)) for key, row, _ in said if not kinds[key].names_file(getattr(row, key))])
    contents = (read_content(kinds[key], getattr(row, key), f"{where}.{key}", files) for key, row, where in said)
    found = list(bounded(contents, UPLOAD))
    labelled = len(sides["support"]) + len(sides["query"])
    rows = [Example(c, _label(row)) for c, (row, _) in zip(found[:labelled], given[:labelled], strict=True)]
    count = len(sides["support"])
    return make_episode(rows[:count], rows[count:], found[labelled:], left_out(rows[:count]))


def _label(row: Any) -> Any:
    """What stands under the key of an objective; None where nothing does."""
    said = (getattr(row, objective.key) for objective in OBJECTIVES.values())
    return next((label for label in said if label is not None), None)


def read_content(modality: Modality[Any], said: Any, where: str, files: Beside | None) -> Content:
    """The input that is said, or in the file that is named, at `where`; raises UserError."""
    if files and modality.names_file(said):
        return files(modality, said)
    content: Content = modality.read(said, where)
    return content


def foresee(items: Sequence[tuple[Modality[Any], Any]], limits: Limits = UPLOAD) -> None:
    """Raises UserError where inputs, as they are said, would take more memory or have more pixels than `limits` give them: before any of
    them is decoded."""
    memory = pixels = 0
    for modality, said in items:
        size, seen = modality.foreseen(said)
        memory, pixels = memory + size, pixels + seen
    if memory > limits.memory or pixels > limits.pixels:
        fits = int(len(items) * min(limits.memory / max(memory, 1), limits.pixels / max(pixels, 1)))
        many = {
            "size": memory // MB,
            "limit": limits.memory // MB,
            "pixels": pixels // 10**6,
            "most": limits.pixels // 10**6,
        }
        raise UserError("pictures_many", nouns=items[0][0].nouns, count=len(items), fits=fits, **many)


def bounded(contents: Iterable[Content], limits: Limits) -> Iterator[Content]:
    """`contents`, for as long as they keep within the memory that `limits` give them."""
    taken = 0
    for content in contents:
        modality = modality_of(content)
        taken += modality.size(content)
        if taken > limits.memory:
            raise UserError("pictures_memory", nouns=modality.nouns, limit=limits.memory // MB)
        yield content


def beside(folder: Path) -> Beside:
    """Reads files by paths relative to `folder`; one that many tasks name is read once."""
    return OnDisk(folder)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")


@cache
def _task_model(keys: tuple[tuple[str, Any], ...], labels: tuple[tuple[str, Any], ...]) -> type[BaseModel]:
    """What a task object looks like where an input stands under one of `keys`, and its label under one of `labels`, each with the
    type of what stands there."""
    fields: dict[str, Any] = {key: (said, None) for key, said in keys}
    known: dict[str, Any] = {key: (said, None) for key, said in labels}
    maybe: dict[str, Any] = {key: (said | None, None) for key, said in labels}
    one = _one_of([key for key, _ in keys], "no_input")
    some_label, one_label = (_one_of([key for key, _ in labels], missing) for missing in ("no_label", ""))

    def row(name: str, labelled: dict[str, Any], *checks: Any) -> Any:
        validators: dict[str, Any] = {f"check_{i}": model_validator(mode="before")(c) for i, c in enumerate(checks)}
        return create_model(name, __base__=_Strict, __validators__=validators, **fields, **labelled)

    # Of several checks before the fields the last one runs first.
    support: Any = row("SupportRow", known, some_label, one)
    query: Any = row("QueryRow", maybe, one_label, one)
    plain: Any = row("UnlabelledRow", {}, one)
    some: Any = Annotated[list[support], FailFast()]
    others: Any = {"query": (list[query], []), "unlabelled": (list[plain], [])}
    made: type[BaseModel] = create_model("Task", __base__=_Strict, support=(some, ...), **others)
    return made


def _one_of(keys: Sequence[str], missing: str) -> Callable[[Any], Any]:
    """A check that an object has one of `keys` and no more; where it has none, it may, or is wrong by the name of `missing`."""

    def check(row: Any) -> Any:
        given = [key for key in keys if key in row] if isinstance(row, dict) else [""]
        if missing and not given:
            raise PydanticCustomError(missing, "none of these")
        if len(given) > 1:
            raise PydanticCustomError("both", "several of these", {"first": given[0], "other": given[1]})
        return row

    return check


def _first_problem(error: ValidationError, raw: Any) -> UserError:
    """The first thing wrong with a task object, as `support[3].label` and a remedy."""
    problems = error.errors(include_url=False)
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".") or "task"
    if first["type"] == "extra_forbidden":
        return _unknown_key(str(first["loc"][-1]), where)
    if first["type"] in ("missing", "no_input", "no_label"):
        return _missing(first, raw, where)
    if first["type"] == "both":
        return UserError("task_both", where=where, **first["ctx"])
    return _not_a(first["type"], where=where, value=as_json(first["input"]))


def _missing(problem: Any, raw: Any, where: str) -> UserError:
    """What is missing of a task or a row; of a row whose key is misspelt, that key."""
    if problem["type"] in ("no_label", "no_input") and (key := _misspelt(problem["input"])):
        return _unknown_key(key, f"{where}.{key}")
    if problem["type"] == "no_input":
        where = f"{where}.{next(iter(MODALITIES.values())).key}"
    if problem["type"] == "no_label":
        keys = [objective.key for objective in OBJECTIVES.values()]
        others = (key for key in keys for row in raw["support"] if isinstance(row, dict) and key in row)
        key = next(others, keys[0])
        return UserError("task_missing" if key == keys[0] else "task_missing_value", where=f"{where}.{key}")
    return UserError("task_missing", where=where)


def _misspelt(row: Any) -> str:
    """The first key of a row that no row has; "" where all are known."""
    known = {kind.key for kind in MODALITIES.values()} | {objective.key for objective in OBJECTIVES.values()}
    return next((str(key) for key in row if key not in known), "") if isinstance(row, dict) else ""


def _unknown_key(key: str, where: str) -> UserError:
    """A key that no task has, with the one that was probably meant."""
    known = (
        ["support", "query", "unlabelled"]
        if key == where
        else [*(kind.key for kind in MODALITIES.values()), *(objective.key for objective in OBJECTIVES.values())]
    )
    if meant := nearest(key, known, 0.5) or _synonym(key, known):
        return UserError("task_key_near", where=shorten(where), meant=meant)
    return UserError("task_key", where=shorten(where), known=", ".join(known))


def _synonym(key: str, known: Sequence[str]) -> str:
    """The one of the keys `known` that others call `key`; "" where there is none."""
    called = {kind.key: kind.columns for kind in MODALITIES.values() if kind.in_lines} | {LABEL: LABELS}
    return next((name for name in known if key.lower() in called.get(name, ())), "")


def _not_a(kind: str, **values: str) -> UserError:
    """What pydantic says of a value of another type than `kind` asks for."""
    match kind:
        case "list_type":
            return UserError("task_not_list", **values)
        case "string_type" | "string_unicode":
            return UserError("task_not_text", **values)
        case "float_type":
            return UserError("task_not_number", **values)
        case "finite_number":
            return UserError("task_not_finite", **values)
        case _:
            return UserError("task_not_object", **values)


def as_json(value: Any) -> str:
    """`value` as it stood in the JSON, shortened, for a message."""
    try:
        return shorten(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):  # not JSON, a number of many thousand digits, nested too deeply
        return type(value).__name__
