"""One learner of a comparison looked at closely: what it took examples for, and how far it can be believed. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import plotly.graph_objects as go

from meta_demo.serving.compare import Plan, Row
from meta_demo.serving.judged import BINS, Bin, confusion, reliability
from meta_demo.serving.requests import Learner
from meta_demo.ui.learners import called
from meta_demo.ui.markup import Html, tag
from meta_demo.ui.palette import class_colour, mark
from meta_demo.ui.plots import INK, SAID, base_layout, plain_axis
from meta_demo.words import text

SCARCE = 10  # answers in a bin: of fewer the share that is right says little


@dataclass(frozen=True)
class Found:
    """What a comparison has come to, as a session remembers it."""

    learners: tuple[Learner, ...]
    rows: Mapping[Learner, Row]
    plan: Plan
    colours: Mapping[str, int]  # class -> place in the palette


def confused(found: Found, who: Learner, lang: str) -> Html:
    """How often examples of each class were taken for each; the diagonal is what was right."""
    labels, counts = found.plan.objective.labels, confusion(found.rows[who], found.plan)
    asked = sum(map(sum, counts))
    said = text("page.compare.confusion", lang, algorithm=called(who, found.learners, lang), count=asked)
    head = tag(
        "tr", tag("th", text("page.compare.taken", lang), scope="col"), [_class(found, n, "col") for n in labels]
    )
    body = [
        tag("tr", _class(found, name, "row"), _counts(row, place))
        for place, (name, row) in enumerate(zip(labels, counts, strict=True))
    ]
    whole = tag("table", tag("caption", said), tag("thead", head), tag("tbody", body))
    box = tag("div", whole, cls="table-box", tabindex=0, role="region", aria_label=said)
    return tag(
        "div",
        box,
        tag("p", _mistakes(found, counts, lang), cls="note", role="status"),
        cls="measured compared confusion",
    )


def _class(found: Found, name: str, scope: str) -> Html:
    style = f"--k:{class_colour(found.colours.get(name, 0))}"
    return tag("th", tag("span", name, cls="of", style=style), scope=scope)


def _counts(row: list[int], truth: int) -> list[Html]:
    """A class's row, each cell as strong as its share of the row."""
    whole = max(sum(row), 1)
    return [
        tag("td", str(n) if n else "·", cls="hit" if place == truth else "miss", style=f"--a:{n / whole:.2f}")
        for place, n in enumerate(row)
    ]


def _mistakes(found: Found, counts: list[list[int]], lang: str) -> str:
    """The commonest mistake in a sentence."""
    labels = found.plan.objective.labels
    wrong = [(n, labels[i], labels[j]) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n]
    if not wrong:
        return text("page.compare.confusion.none", lang)
    count, truth, taken = max(wrong, key=lambda one: one[0])
    return text("page.compare.confusion.most", lang, count=count, truth=truth, taken=taken)


def reliable(found: Found, who: Learner, lang: str) -> go.Figure:
    """How often it was right against how sure it was, with intervals and the number of answers in each bin."""
    bins, row = reliability(found.rows[who]), found.rows[who]
    name, colour = called(who, found.learners, lang), mark(who.algorithm).colour
    even = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip", "showlegend": False}
    points = {
        "type": "scatter",
        "mode": "lines+markers+text",
        "showlegend": False,
        "x": [round(one.sure, 4) for one in bins],
        "y": [round(one.right, 4) for one in bins],
        "text": [f"n={one.count}" for one in bins],
        "textposition": "bottom right",
        "customdata": [_said(one, lang) for one in bins],
        "hovertemplate": SAID,
        "marker": {"color": colour, "size": 9, "symbol": mark(who.algorithm).symbol},
        "line": {"color": colour, "width": 1.5, "dash": "dot"},
        "error_y": _bars(bins),
    }
    title = text("page.compare.reliability", lang, algorithm=name)
    few = any(one.count < SCARCE for one in bins)
    under = text(
        "page.compare.reliability.few" if few else "page.compare.reliability.about",
        lang,
        count=len(row.right),
        scarce=SCARCE,
    )
    layout = base_layout(360, 74, title, under)
    share = {**plain_axis(), "range": [-0.02, 1.06], "tickformat": ".0%", "dtick": 1 / BINS}
    sides = (("xaxis", "page.compare.sure"), ("yaxis", "page.compare.right"))
    layout |= {axis: {**share, "title": {"text": text(key, lang), "standoff": 6}} for axis, key in sides}
    layout |= {"margin": {"l": 60, "r": 8, "t": 74, "b": 48}, "hovermode": "closest"}
    layout["meta"] = f"{title}: {'; '.join(_said(one, lang) for one in bins)}"
    return go.Figure([even | {"line": {"color": INK, "width": 1, "dash": "dash"}}, points], layout)


def _bars(bins: list[Bin]) -> dict[str, object]:
    ends = [one.interval for one in bins]
    up = [round(high - one.right, 4) for one, (_, high) in zip(bins, ends, strict=True)]
    down = [round(one.right - low, 4) for one, (low, _) in zip(bins, ends, strict=True)]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1, "width": 3}


def _said(one: Bin, lang: str) -> str:
    low, high = one.interval
    values = {"sure": one.sure, "right": one.right, "count": one.count, "low": low, "high": high}
    return text("page.compare.bin", lang, **values)
