"""Numbers on the page: a list of examples with a number each, and answers on a small axis."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.objective import Cell, Score
from meta_demo.core.strings import clean, shorten
from meta_demo.data.episode import MAX_SUPPORT, Episode, Example, check_counts, make_episode
from meta_demo.objectives.numbers.cells import read_cells
from meta_demo.serving.attention import Array
from meta_demo.serving.requests import Snapshot
from meta_demo.ui.form import Answer, Form, Loose, Spelled, register
from meta_demo.ui.markup import Html, tag, together
from meta_demo.ui.side import Side
from meta_demo.words import text

COLOUR = "#0072b2"  # of all values
BEYOND = 0.25  # of the range of the examples: how far an axis goes on at either end
ROOM = 0.06  # of it, beyond an answer that lies farther out
_NUMBER = re.compile(r"[+\-\N{MINUS SIGN}]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")  # as values.js has it
MARKS = 60  # examples that are marked on an axis, at the most


@register
class NumbersForm(Form):
    """A list of rows, each an input with a number, learned from or held out."""

    name, element, taught = "numbers", "values", "page.teach.about.values"
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
        "one_file",
    )
    bars, trained = True, ".squared"

    def scripts(self, side: Side[Any]) -> tuple[str, ...]:
        return ("drop", *side.rows) if side.rows else ()

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

    def sound(self, value: Any, side: Side[Any]) -> bool:  # noqa: ARG002
        kinds = {"item": str, "value": str, "held_out": bool}
        return isinstance(value["rows"], list) and all(
            isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in kinds.items())
            for row in value["rows"]
        )

    def loosened(self, value: Any, side: Side[Any]) -> list[Loose]:  # noqa: ARG002
        found = []
        for row in [*_rows(value, "rows"), *_rows(value, "bare")]:
            own = {self.name: str(row["value"] or "")} if "value" in row else {}
            found.append(Loose(str(row.get("item") or ""), {**_said(row), **own}, bool(row.get("held_out"))))
        return found

    def gathered(self, rows: Sequence[Loose], side: Side[Any]) -> dict[str, Any]:  # noqa: ARG002
        """A row each. A label that is no number goes along unseen, as do those without any example."""
        shown: list[dict[str, Any]] = []
        bare = []
        for row in rows:
            typed, label = self.name in row.labels, row.label(self.name)
            own = label if typed or _NUMBER.fullmatch(label.strip()) else ""
            if row.item.strip() or (typed and own):
                others = {
                    name: said for name, said in row.labels.items() if name != self.name and said not in ("", own)
                }
                shown.append({"item": row.item, "value": own, "held_out": row.held_out, "others": others})
            elif any(row.labels.values()):
                bare.append({"others": dict(row.labels)})
        return {"rows": shown, "bare": bare}

    def spelled(self, value: Any, side: Side[Any]) -> Spelled:  # noqa: ARG002
        """Of every row that is not blank the input, its number as it was typed, and whether it is held out."""
        said = [
            (str(row.get("item") or ""), clean(str(row.get("value") or "")), bool(row.get("held_out")))
            for row in _rows(value, "rows")
        ]
        return tuple(row for row in said if clean(row[0][:100]) or row[1])

    def episode(self, said: Spelled, side: Side[Any]) -> Episode:
        """The episode that the rows spell; raises UserError."""
        if not said:
            raise UserError("no_values")
        held_out = sum(out for _, _, out in said)
        check_counts(len(said) - held_out, held_out)
        contents = side.read([(item, str(place)) for place, (item, _, _) in enumerate(said, 1)])
        values = _numbers([number for _, number, _ in said], contents)
        rows = [(Example(c, v), out) for c, v, (_, _, out) in zip(contents, values, said, strict=True)]
        return make_episode([e for e, out in rows if not out], [e for e, out in rows if out])

    def figure(self, score: Score) -> Html:
        return together("RMSE ", tag("b", f"{score.value:.3g}"), " ")

    def interval(self, score: Score, lang: str) -> str:
        return text("page.run.interval.rmse", lang, low=score.low, high=score.high, count=score.count)

    def difference(self, mean: float, half: float, lang: str) -> str:
        key = "page.gap.rmse" if math.isfinite(half) else "page.gap.rmse.once"
        return text(key, lang, mean=mean, half=half)

    def outcome(self, score: Score, first: Score | None, last: Snapshot, algorithm: str, lang: str) -> str:
        values: dict[str, object] = {"rmse": score.value, "count": score.count, "low": score.low, "high": score.high}
        key = "page.run.summary.rmse" if last.steps else "page.run.summary.rmse.at_once"
        return text(key, lang, algorithm=algorithm, step=last.step, first=first.value if first else 0.0, **values)

    def answer(self, row: Array, episode: Episode, colours: dict[str, int], lang: str) -> Answer:  # noqa: ARG002
        """The value, and where it lies, with its interval, among those of the examples."""
        value, low, high = map(float, row)
        learned = [float(example.label) for example in episode.support]
        known, places = math.isfinite(low), _places(learned)
        ends = text("page.try.interval", lang, low=_short(low, places), high=_short(high, places)) if known else ""
        said = tag("p", _short(value, places), " ", tag("b", ends), cls="answer", style=f"--k:{COLOUR}")
        brief = tag("span", _short(value, places), cls="brief", style=f"--k:{COLOUR}")
        return Answer(_plain(value), together(said, _axis(learned, value, (low, high) if known else None)), brief)

    def label(self, example: Example, colours: dict[str, int]) -> tuple[str, str]:  # noqa: ARG002
        return _short(float(example.label)), COLOUR

    def loss_title(self, which: str) -> str:
        return f"page.chart.{which}_loss.squared"

    def training_axis(self, values: Sequence[tuple[float, float]]) -> dict[str, Any]:  # noqa: ARG002
        return {"rangemode": "tozero", "nticks": 5}

    def bounded(self, value: float) -> float:
        return max(0.0, value)

    def axis(self) -> dict[str, Any]:
        return {"rangemode": "tozero", "nticks": 4}


def _rows(value: Any, key: str) -> list[dict[str, Any]]:
    """The rows of a component's value."""
    return [row for row in value.get(key) or [] if isinstance(row, dict)]


def _said(row: dict[str, Any]) -> dict[str, str]:
    """What a row was labelled in other forms."""
    others = row.get("others")
    return {str(name): str(said) for name, said in others.items()} if isinstance(others, dict) else {}


def _numbers(said: Sequence[str], contents: Sequence[Any]) -> list[float]:
    """The numbers of all rows, as a file's column would be read; raises UserError that quotes a row's input."""
    shown = [
        (row, shorten(content, 40), number) for row, (content, number) in enumerate(zip(contents, said, strict=True), 1)
    ]
    for row, content, number in shown:
        if not number:
            raise UserError("row_value_missing", row=row, text=content)
    try:
        values, _ = read_cells([Cell(number, "", row) for row, _, number in shown])
    except UserError as error:
        row, content, number = shown[int(error.values["row"]) - 1]
        if error.name == "value_ambiguous":
            raise UserError("row_value_ambiguous", row=row, text=content, cell=shorten(number)) from None
        raise UserError("row_value", row=row, text=content, cell=shorten(number)) from None
    for row, content, number in shown:
        if "," in number:  # of a file the whole column says how commas are meant, and a note says so
            raise UserError("row_value_ambiguous", row=row, text=content, cell=shorten(number))
    return values


def _axis(learned: Sequence[float], value: float, ends: tuple[float, float] | None) -> Html:
    """A line through the values of the examples, a tick for each, and the answer on it, with its interval, which fades where it goes on.

    What is answered moves nothing but itself, so that one sees at a glance where two answers differ.
    """
    least, most = min(learned), max(learned)
    span = (most - least) or 1.0
    low = min(least - BEYOND * span, value - ROOM * span)
    high = max(most + BEYOND * span, value + ROOM * span)

    def place(at: float) -> float:
        return min(100.0, max(0.0, 100 * (at - low) / (high - low)))

    ticks = [tag("i", cls="tick", style=f"left:{place(v):.1f}%") for v in learned[:MARKS]]
    band = None
    if ends:
        fade = " ".join(name for name, out in (("open-left", ends[0] < low), ("open-right", ends[1] > high)) if out)
        where = f"left:{place(ends[0]):.1f}%;width:{place(ends[1]) - place(ends[0]):.1f}%"
        band = tag("i", cls=f"band {fade}".strip(), style=where)
    dot = tag("i", cls="dot", style=f"left:{place(value):.1f}%")
    names = [tag("span", _short(v), style=f"left:{place(v):.1f}%") for v in dict.fromkeys((least, most))]
    line = tag("div", band, ticks, dot, cls="axis-line")
    return tag("div", line, tag("div", names, cls="axis-ends"), cls="axis", style=f"--k:{COLOUR}", aria_hidden="true")


def _plain(value: float) -> str:
    """A value with all its digits, as one types it, and so that nobody can take its point for one of thousands."""
    if value == int(value) and abs(value) < 1e15:
        return f"{value:.0f}"
    said = repr(float(value))
    return f"{said}0" if re.fullmatch(r"-?[0-9]{1,3}\.[0-9]{3}", said) else said


def _places(learned: Sequence[float]) -> int:
    """How many digits after the point an answer is worth, by the range of the examples."""
    spread = max(learned) - min(learned)
    return max(0, 2 - math.floor(math.log10(spread))) if spread else 2


def _short(value: float, places: int | None = None) -> str:
    """A value with the digits that one reads: so many `places` after the point, or as many as four digits have."""
    if places is None or places > 6 or abs(value) >= 1e15:
        return f"{value:.4g}" if abs(value) < 1e4 or abs(value) >= 1e15 else _grouped(value, 0)
    return _grouped(value, places)


def _grouped(value: float, places: int) -> str:
    """A value with so many places, and thin spaces between the thousands of a long one."""
    rounded = round(value, places) + 0.0  # no -0
    said = f"{rounded:,.{places}f}".replace("-", "\N{MINUS SIGN}")
    return said.replace(",", "\N{THIN SPACE}" if abs(rounded) >= 1e4 else "")
