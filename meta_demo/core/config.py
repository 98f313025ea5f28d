"""Knobs: a hyperparameter is declared once and is its slider, its flag, its card entry and its validation.

Its words stand beside it. Nothing about widgets or flags lives here.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from meta_demo.core.errors import UserError
from meta_demo.words import Words

MAX_SEED = 2**63 - 1  # what a random generator takes


@dataclass(frozen=True)
class Knob:
    """The range of a number (`lo` to `hi`, both allowed; without `hi` there is no end), the `choices` of a word, or a switch.

    `title` and `help` are its words: a knob without them is called by its bare name. A knob whose default is None may be left open.
    """

    name: str
    default: Any
    title: Words = field(default_factory=dict, compare=False)
    help: Words = field(default_factory=dict, compare=False)
    lo: float | None = None
    hi: float | None = None
    choices: tuple[str, ...] = ()
    kind: type = float  # of its values: bool, int, float or, with choices, str

    def said(self, lang: str) -> str:
        """Its title in `lang`."""
        return self.title.get(lang, self.name.replace("_", " "))

    def explained(self, lang: str) -> str:
        """Its help in `lang`; "" where there is none."""
        return self.help.get(lang, "")

    def checked(self, value: Any, called: str = "") -> Any:
        """`value` in the knob's own type; raises UserError, in which the knob is `called` so, where it is none of its values."""
        name = called or self.name
        if value is None and self.default is None:
            return None
        if self.choices:
            if value not in self.choices:
                raise UserError("knob_choice", name=name, value=value, choices=", ".join(self.choices))
            return value
        if self.kind is bool:
            if not isinstance(value, bool):
                raise UserError("knob_switch", name=name, value=value)
            return value
        return self._checked_number(value, name)

    def _checked_number(self, value: Any, name: str) -> float:
        whole, number = self.kind is int, isinstance(value, int | float) and not isinstance(value, bool)
        lo = 0 if self.lo is None else self.lo
        hi = sys.float_info.max if self.hi is None else self.hi
        if number and lo <= value <= hi and not (whole and value % 1):
            return int(value) if whole else float(value)
        if self.hi is None:
            fraction = whole and not isinstance(value, int)
            raise UserError("number_least_whole" if fraction else "number_least", name=name, value=value, lo=lo)
        raise UserError("knob_range_whole" if whole else "knob_range", name=name, value=value, lo=lo, hi=hi)


def knob(
    default: Any,
    title: Words | None = None,
    help: Words | None = None,
    *,
    lo: float | None = None,
    hi: float | None = None,
    choices: tuple[str, ...] = (),
    kind: type | None = None,
) -> Any:
    """A dataclass field that is a knob. `kind` is the type of its values where the default, None, does not tell.

    Raises TypeError for a type that has no control, flag or check: words need their choices.
    """
    kind = kind or type(default)
    if kind not in (bool, int, float) and not (kind is str and choices):
        raise TypeError(f"a knob is a switch, a number or one of several words, not {default!r}")
    about = {"title": title or {}, "help": help or {}, "lo": lo, "hi": hi, "choices": choices, "kind": kind}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Config:
    """Base of every configuration whose fields are knobs. Raises UserError when a value is none of its knob's."""

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        return tuple(Knob(f.name, f.default, **f.metadata) for f in fields(cls))

    @classmethod
    def knob(cls, name: str) -> Knob:
        """The knob of that name."""
        return next(k for k in cls.knobs() if k.name == name)

    @classmethod
    def redefault(cls, name: str, default: Any = MISSING, **changes: Any) -> Any:
        """The knob `name` of this configuration with another default, limits or help, for a configuration made from it."""
        before = next(f for f in fields(cls) if f.name == name)
        return field(default=before.default if default is MISSING else default, metadata={**before.metadata, **changes})

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
            object.__setattr__(self, k.name, k.checked(getattr(self, k.name)))
