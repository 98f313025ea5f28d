"""Numbers on the page: a list of examples with a number each, and answers on a small axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.objective import Cell, Score
from meta_demo.core.strings import clean, shorten
from meta_demo.data.episode import MAX_SUPPORT, Episode, Example, make_episode
from meta_demo.objectives.numbers.cells import read_cells
from meta_demo.serving.attention import Array
from meta_demo.serving.requests import Snapshot
from meta_demo.ui.form import Answer, Form, Spelled, register
from meta_demo.ui.markup import Html, tag, together
from meta_demo.ui.side import Side
from meta_demo.words import text

COLOUR = "#0072b2"  # of all values
ROOM = 0.06  # of an axis, on either side of what is on it
MARKS = 60  # examples that are marked on an axis, at the most


@register
class NumbersForm(Form):
    """A list of rows, each an input with a number, learned from or held out."""

    name, element = "numbers", "values"
    words = (
        "value",
        "value_clear",
        "value_add",
        "value_remove",
        "value_held",
        "value_count",
        "measured",
        "value_out",
        "value_text",
    )
    bars = True

    def scripts(self, side: Side[Any]) -> tuple[str, ...]:
        return side.rows

    def limits(self) -> dict[str, int]:
        return {"rows": MAX_SUPPORT}

    def collected(self, episode: Episode, side: Side[Any]) -> dict[str, Any]:
        """A row for every example, the labelled queries held out."""
        rows = [(row, False) for row in episode.support] + [(row, True) for row in episode.query]
        return {
            "rows": [
                {"item": side.written(row.content), "value": _plain(row.label), "held_out": held_out}
                for row, held_out in rows
                if row.label is not None
            ]
        }

    def owns(self, value: Any) -> bool:
        return isinstance(value, dict) and "rows" in value

    def spelled(self, value: Any, side: Side[Any]) -> Spelled:  # noqa: ARG002
        """Of every row that is not blank the input, its number as it was typed, and whether it is held out."""
        rows = [row for row in value.get("rows") or [] if isinstance(row, dict)]
        said = [
            (str(row.get("item") or ""), clean(str(row.get("value") or "")), bool(row.get("held_out"))) for row in rows
        ]
        return tuple(row for row in said if clean(row[0][:100]) or row[1])

    def episode(self, said: Spelled, side: Side[Any]) -> Episode:
        """The episode that the rows spell; raises UserError."""
        rows = [(side.read(item, str(place)), number, out) for place, (item, number, out) in enumerate(said, 1)]
        values = [_number(number, place, content) for place, (content, number, _) in enumerate(rows, 1)]
        examples = [(Example(c, value), out) for (c, _, out), value in zip(rows, values, strict=True)]
        return make_episode([e for e, out in examples if not out], [e for e, out in examples if out])

    def figure(self, score: Score) -> Html:
        return together("RMSE ", tag("b", f"{score.value:.3g}"), " ")

    def interval(self, score: Score, lang: str) -> str:
        return text("page.run.interval.rmse", lang, low=score.low, high=score.high, count=score.count)

    def outcome(self, score: Score, first: Score | None, last: Snapshot, algorithm: str, lang: str) -> str:
        values: dict[str, object] = {"rmse": score.value, "count": score.count, "low": score.low, "high": score.high}
        key = "page.run.summary.rmse" if last.steps else "page.run.summary.rmse.at_once"
        return text(key, lang, algorithm=algorithm, step=last.step, first=first.value if first else 0.0, **values)

    def answer(self, row: Array, episode: Episode, colours: dict[str, int], lang: str) -> Answer:  # noqa: ARG002
        """The value, and where it lies, with its interval, among those of the examples."""
        value, low, high = map(float, row)
        known = math.isfinite(low)
        ends = text("page.try.interval", lang, low=_short(low), high=_short(high)) if known else ""
        said = tag("p", _short(value), " ", tag("b", ends), cls="answer", style=f"--k:{COLOUR}")
        learned = [float(example.label) for example in episode.support]
        return Answer(_plain(value), together(said, _axis(learned, value, (low, high) if known else None)))

    def label(self, example: Example, colours: dict[str, int]) -> tuple[str, str]:  # noqa: ARG002
        return _short(float(example.label)), COLOUR

    def loss_title(self, which: str) -> str:
        return f"page.chart.{which}_loss.squared"

    def axis(self) -> dict[str, Any]:
        return {"rangemode": "tozero", "nticks": 4}


def _number(said: str, place: int, content: Any) -> float:
    """The number in a row; raises UserError that quotes the row's input."""
    try:
        (value,), _ = read_cells([Cell(said, "", place)])
    except UserError as error:
        key = (
            "row_value_missing"
            if not said
            else "row_value_ambiguous"
            if error.name == "value_ambiguous"
            else "row_value"
        )
        raise UserError(key, row=place, text=shorten(content, 40), cell=shorten(said)) from None
    if "," in said:  # a lone row shows nothing of how the others are meant
        raise UserError("row_value_ambiguous", row=place, text=shorten(content, 40), cell=shorten(said))
    return value


def _axis(learned: Sequence[float], value: float, ends: tuple[float, float] | None) -> Html:
    """A line from the least to the greatest value of the examples and the answer, with a tick for each example; an interval that goes
    on beyond it fades there."""
    low, high = min(*learned, value), max(*learned, value)
    room = ROOM * ((high - low) or 1.0)
    low, high = low - room, high + room

    def place(at: float) -> float:
        return min(100.0, max(0.0, 100 * (at - low) / (high - low)))

    ticks = [tag("i", cls="tick", style=f"left:{place(v):.1f}%") for v in learned[:MARKS]]
    band = None
    if ends:
        fade = " ".join(name for name, out in (("open-left", ends[0] < low), ("open-right", ends[1] > high)) if out)
        where = f"left:{place(ends[0]):.1f}%;width:{place(ends[1]) - place(ends[0]):.1f}%"
        band = tag("i", cls=f"band {fade}".strip(), style=where)
    dot = tag("i", cls="dot", style=f"left:{place(value):.1f}%")
    names = tag("div", tag("span", _short(min(learned))), tag("span", _short(max(learned))), cls="axis-ends")
    line = tag("div", band, ticks, dot, cls="axis-line")
    return tag("div", line, names, cls="axis", style=f"--k:{COLOUR}", aria_hidden="true")


def _plain(value: float) -> str:
    """A value with all its digits, as one types it."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _short(value: float) -> str:
    """A value with the digits that one reads."""
    return f"{value:.4g}" if abs(value) < 1e4 or abs(value) >= 1e15 else f"{value:,.0f}".replace(",", "\N{THIN SPACE}")
