"""Knobs: a hyperparameter is declared once and is its slider, its flag, its card entry and its validation.

Its words stand beside it. Nothing about widgets or flags lives here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

from meta_demo.core.errors import UserError
from meta_demo.words import Words


@dataclass(frozen=True)
class Knob:
    """The range of a number (`lo` to `hi`, both allowed), the `choices` of a word, or a switch whose default is a bool.

    `title` and `help` are its words: a knob without them is called by its bare name.
    """

    name: str
    default: Any
    title: Words = field(default_factory=dict, compare=False)
    help: Words = field(default_factory=dict, compare=False)
    lo: float | None = None
    hi: float | None = None
    choices: tuple[str, ...] = ()

    def said(self, lang: str) -> str:
        """Its title in `lang`."""
        return self.title.get(lang, self.name.replace("_", " "))

    def explained(self, lang: str) -> str:
        """Its help in `lang`; "" where there is none."""
        return self.help.get(lang, "")


def knob(
    default: Any,
    title: Words | None = None,
    help: Words | None = None,
    *,
    lo: float | None = None,
    hi: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that is a knob."""
    return field(
        default=default,
        metadata={"title": title or {}, "help": help or {}, "lo": lo, "hi": hi, "choices": choices},
    )


@dataclass(frozen=True)
class Config:
    """Base of every algorithm's configuration. Raises UserError when a value is outside its knob's range."""

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        return tuple(Knob(f.name, f.default, **f.metadata) for f in fields(cls))

    @classmethod
    def redefault(cls, name: str, default: Any) -> Any:
        """The knob `name` of this configuration with another default, for a configuration made from it."""
        return field(default=default, metadata=next(f for f in fields(cls) if f.name == name).metadata)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """A Config from JSON-like values; unknown names are refused."""
        known = [k.name for k in cls.knobs()]
        for name in values:
            if name not in known:
                raise UserError("knob_unknown", name=name, known=", ".join(known))
        return cls(**values)

    def __post_init__(self) -> None:
        for k in self.knobs():
            object.__setattr__(self, k.name, _checked(k, getattr(self, k.name)))


def _checked(k: Knob, value: Any) -> Any:
    if k.choices:
        if value not in k.choices:
            raise UserError("knob_choice", name=k.name, value=value, choices=", ".join(k.choices))
        return value
    whole = isinstance(k.default, int)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (whole and value % 1) or not (k.lo or 0) <= value <= (k.hi or float("inf")):
        raise UserError("knob_range" if not whole else "knob_range_whole", name=k.name, value=value, lo=k.lo, hi=k.hi)
    return int(value) if whole else float(value)
