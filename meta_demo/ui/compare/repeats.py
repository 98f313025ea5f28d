"""What repeating a comparison shows: accuracy against shots, and whether answers depend on order or seed. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import plotly.graph_objects as go

from meta_demo.serving.repeats import DRAWS, ORDER, SEED, Shots, Steady
from meta_demo.serving.requests import Learner
from meta_demo.ui import blocks
from meta_demo.ui.learners import called, rivals
from meta_demo.ui.markup import Html, tag
from meta_demo.ui.palette import mark
from meta_demo.ui.plots import SAID, base_layout, corner, plain_axis
from meta_demo.words import text

PALE = 0.6  # of a start that was not meta-trained


def needed(shots: Shots, learners: Sequence[Learner], lang: str) -> go.Figure:
    """Accuracy against how many examples of each class are learned from, a line for each learner."""
    others = {one for _, one in rivals(learners)}
    traces = [_line(shots, who, called(who, learners, lang), lang, pale=who in others) for who in learners]
    seen = sorted({k for _, k in shots.known})
    done = max((len(values) for values in shots.known.values()), default=0)
    title, under = (
        text("page.compare.shots", lang),
        text("page.compare.shots.under", lang, done=done, count=DRAWS, asked=shots.asked),
    )
    layout = base_layout(400, 74, title, under)
    layout["annotations"].append(corner(text("page.compare.shots.x", lang)))
    layout |= {
        "xaxis": {**plain_axis(), "type": "log", "tickvals": seen},
        "yaxis": {**plain_axis(), "range": [-0.02, 1.04], "tickformat": ".0%"},
        "legend": {"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
        "margin": {"l": 44, "r": 8, "t": 74, "b": 48},
        "hovermode": "closest",
        "uirevision": "shots",
        "meta": f"{title}, {under}",
    }
    return go.Figure(traces, layout)


def _line(shots: Shots, who: Learner, name: str, lang: str, *, pale: bool) -> dict[str, Any]:
    curve, style = shots.curve(who), mark(who.algorithm)
    half = [round(h, 4) if isfinite(h) else 0 for _, _, h in curve]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [k for k, _, _ in curve],
        "y": [round(mean, 4) for _, mean, _ in curve],
        "error_y": {"type": "data", "array": half, "thickness": 1, "width": 3},
        "customdata": [f"{name}: {_figure(k, mean, h, lang)}" for k, mean, h in curve],
        "hovertemplate": SAID,
        "opacity": PALE if pale else 1,
        "line": {"color": style.colour, "dash": "dot" if pale else style.dash, "width": 2},
        "marker": {"color": style.colour, "symbol": f"{style.symbol}-open" if pale else style.symbol, "size": 8},
    }


def _figure(shots: int, mean: float, half: float, lang: str) -> str:
    """What one point says: with its interval, where there is one."""
    if not isfinite(half):
        return text("page.compare.shots.once", lang, shots=shots, mean=mean)
    return text("page.compare.shots.point", lang, shots=shots, mean=mean, half=half)


def follows(shots: Shots, learners: Sequence[Learner], lang: str) -> Html:
    """What the chart comes to, a sentence for each learner: with the fewest examples, and with the most."""
    rows = []
    for who in learners:
        curve = shots.curve(who)
        if not curve:
            continue
        ends = "; ".join(_figure(*point, lang) for point in (curve[0], curve[-1])[: len(curve)])
        rows.append(tag("li", blocks.swatch(who.algorithm), " ", f"{called(who, learners, lang)}: {ends}"))
    note = tag("p", text("page.compare.shots.note", lang), cls="note")
    return tag("div", tag("ul", rows), note, cls="repeated", role="status")


def steadiness(found: Mapping[Learner, Steady], learners: Sequence[Learner], lang: str) -> Html:
    """How many answers change with another order and with another seed, and between what accuracy moves."""
    heads = ("learner", "order", "seed", "spread")
    head = tag("tr", [tag("th", text(f"page.compare.{key}", lang), scope="col") for key in heads])
    body = [_steady(who, found[who], called(who, learners, lang), lang) for who in learners if who in found]
    done = max((len(one.right) for one in found.values()), default=1) - 1
    said = text("page.compare.steady", lang, done=done, asked=max((one.asked for one in found.values()), default=0))
    whole = tag("table", tag("caption", said), tag("thead", head), tag("tbody", body))
    box = tag("div", whole, cls="table-box", tabindex=0, role="region", aria_label=said)
    note = tag("p", text("page.compare.steady.note", lang), cls="note")
    return tag("div", box, note, cls="measured compared")


def _steady(who: Learner, one: Steady, name: str, lang: str) -> Html:
    cells = []
    for kind in (ORDER, SEED):
        tries = len(one.changed.get(kind, ()))
        key = "page.compare.changes" if tries else "page.compare.changes.none"
        cells.append(tag("td", text(key, lang, most=one.most(kind), asked=one.asked, tries=tries)))
    spread = tag("td", f"{min(one.right):.0%} – {max(one.right):.0%}", tag("small", f" / {one.asked}"))
    return tag("tr", tag("th", blocks.swatch(who.algorithm), " ", name, scope="row"), cells, spread)
