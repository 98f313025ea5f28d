"""Task objects, the JSON of task files and of the HTTP API, as episodes.

Here: from an object to an `Episode`, its pictures read, or a `UserError` that names the place. Not here: files (`readers.py`),
what makes a good episode (`episode.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example, check_counts, clean, make_episode, shorten
from meta_demo.data.reading.files import UPLOAD
from meta_demo.data.reading.pictures import DATA_URL, bounded, read_data_url, read_picture
from meta_demo.modalities.content import Picture

ReadImage = Callable[[str, str], Picture]  # (what stands under "image", where it stands) -> the picture


def parse_episode(raw: Any, read: ReadImage = read_data_url) -> Episode:
    """The episode in a task object, `{"support": [{"text", "label"}], "query": [{"text", "label"?}]?}`, or `image` for `text`.

    Unless `read` says otherwise a picture is a data URL: an object from somewhere else must not name files of this machine.
    """
    try:
        task = _Task.model_validate(raw)
    except ValidationError as error:
        raise _first_problem(error) from None
    count = len(task.support)
    check_counts(count, len(task.query))
    places = [f"support[{i}].image" for i in range(count)] + [f"query[{i}].image" for i in range(len(task.query))]
    given = zip([*task.support, *task.query], places, strict=True)
    contents = (read(row.image, where) if "image" in row.model_fields_set else row.text for row, where in given)
    rows = [
        Example(content, row.label)
        for content, row in zip(bounded(contents, UPLOAD), [*task.support, *task.query], strict=True)
    ]
    return make_episode(rows[:count], rows[count:])


def pictures_beside(folder: Path) -> ReadImage:
    """Reads data URLs, and paths relative to `folder`; a file that many tasks name is read once."""

    @cache
    def at(path: str) -> Picture:
        return read_picture(folder / path, path)

    return lambda image, where: read_data_url(image, where) if DATA_URL.match(image) else at(clean(image))


class _Row(BaseModel):
    model_config = ConfigDict(strict=True)
    text: str = ""
    image: str = ""
    label: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_content(cls, row: Any) -> Any:
        if isinstance(row, dict) and ("text" in row) == ("image" in row):
            raise PydanticCustomError("both" if "text" in row else "neither", "a text or an image")
        return row


class _SupportRow(_Row):
    label: str


class _Task(BaseModel):
    model_config = ConfigDict(strict=True)
    support: Annotated[list[_SupportRow], FailFast()]
    query: Annotated[list[_Row], FailFast()] = []


def _first_problem(error: ValidationError) -> UserError:
    """The first thing wrong with a task object, as `support[3].label` and a remedy."""
    first = error.errors(include_url=False)[0]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".") or "task"
    match first["type"]:
        case "missing":
            return UserError("task_missing", where=where)
        case "neither":
            return UserError("task_missing", where=f"{where}.text")
        case "both":
            return UserError("task_both", where=where)
        case "list_type":
            return UserError("task_not_list", where=where, value=as_json(first["input"]))
        case "string_type" | "string_unicode":
            return UserError("task_not_text", where=where, value=as_json(first["input"]))
        case _:
            return UserError("task_not_object", where=where, value=as_json(first["input"]))


def as_json(value: Any) -> str:
    """`value` as it stood in the JSON, shortened, for a message."""
    try:
        return shorten(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):  # not JSON, a number of many thousand digits, nested too deeply
        return type(value).__name__
