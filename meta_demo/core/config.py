"""Knobs: a hyperparameter is declared once and is its slider, its flag, its card entry and its validation.

The words of knob `x` are the catalogue's `knob.x` (name) and `knob.x.help`; nothing about widgets or flags lives here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

from meta_demo.core.messages import UserError


@dataclass(frozen=True)
class Knob:
    """The range of a number (`lo` to `hi`, both allowed) or the `choices` of a word."""

    name: str
    default: Any
    lo: float | None = None
    hi: float | None = None
    choices: tuple[str, ...] = ()


def knob(default: Any, *, lo: float | None = None, hi: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field that is a knob."""
    return field(default=default, metadata={"lo": lo, "hi": hi, "choices": choices})


@dataclass(frozen=True)
class Config:
    """Base of every algorithm's configuration. Raises UserError when a value is outside its knob's range."""

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        return tuple(Knob(f.name, f.default, **f.metadata) for f in fields(cls))

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
