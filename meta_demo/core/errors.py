"""What is said to a visitor who can mend something: errors, and notes where nothing failed."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from meta_demo.words import text


class UserError(ValueError):
    """Something a visitor can mend. Carries a catalogue key (`error.<name>`) and the values it speaks of.

    `str(error)` is the English sentence; `error.message("zh")` the Chinese one.
    """

    def __init__(self, name: str, /, **values: Any) -> None:
        self.name, self.values = name, values
        super().__init__(self.message())

    @classmethod
    def again(cls, name: str, values: Mapping[str, Any]) -> Self:
        """The error of that name with those values, which another process has raised."""
        return cls(name, **values)

    def message(self, lang: str = "en") -> str:
        return text(f"error.{self.name}", lang, **self.values)


def trace_of(error: BaseException) -> str:
    """What kind of error it is and where it happened, for a log. Its words and values are left out: they may be a visitor's."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


@dataclass(frozen=True)
class Note:
    """Something a visitor should know, though nothing failed: a catalogue key (`note.<name>`) and its values."""

    name: str
    values: tuple[tuple[str, Any], ...] = ()

    def message(self, lang: str = "en") -> str:
        return text(f"note.{self.name}", lang, **dict(self.values))


class Notes(list[Note]):
    """What is to be said of an input, gathered while it is read."""

    def say(self, name: str, /, **values: Any) -> None:
        """One note more, unless it has been said."""
        note = Note(name, tuple(values.items()))
        if note not in self:
            self.append(note)
