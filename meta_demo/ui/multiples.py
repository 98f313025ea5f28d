"""The live picture of an adaptation: one panel for all, or where they are too many to be told apart a small one for each family."""

from __future__ import annotations

import re
from typing import Any

import plotly.graph_objects as go

from meta_demo.algorithms.families import family_title, grouped
from meta_demo.ui import scores
from meta_demo.ui.curves import LINE, History, between, curve, curves, ends_named, paled, steps_axis, value_of
from meta_demo.ui.form import form_for
from meta_demo.ui.learners import called, twins
from meta_demo.ui.plots import base_layout, panel_title, plain_axis
from meta_demo.words import text

TOGETHER = 8  # algorithms of which one panel can be read
LEAST, ABOVE = 74, 34  # pixels of a panel, and from one to the next
TOP, FOOT = 66, 44  # pixels above all panels and below
WIDE = 0.72  # of the steps: room for the longest name behind the last


def live(history: History, lang: str) -> go.Figure:
    """Scores per inner step: of a few algorithms in one chart, of many in a chart for each family."""
    few = len({who.algorithm for who in history}) <= TOGETHER
    return curves(history, lang) if few else by_family(history, lang)


def by_family(history: History, lang: str) -> go.Figure:
    """What is held out, or the examples where nothing is, in a panel for each family, with the names at the ends of its curves."""
    first = next(iter(history.values()))[0]
    which = "query" if value_of(first, "query", "score") is not None else "support"
    longest = max(steps[0].steps for steps in history.values())
    families = {
        family: {who: history[who] for name in names for who in history if who.algorithm == name}
        for family, names in grouped([*{who.algorithm: None for who in history}]).items()
    }
    high = {family: max(LEAST, LINE * len({who.algorithm for who in own}) + 12) for family, own in families.items()}
    plot = sum(high.values()) + ABOVE * (len(high) - 1)
    found = scores.score(first, which)
    form = form_for(first.objective)
    said = text(f"page.chart.{which}_{form.objective.measure}", lang, count=found.count if found else 0)
    layout = base_layout(plot + TOP + FOOT, TOP, text("page.chart.curves", lang), said)
    traces: list[dict[str, Any]] = []
    top = float(plot)
    for number, (family, own) in enumerate(families.items(), 1):
        axis = "" if number == 1 else str(number)
        last = number == len(families)
        layout[f"xaxis{axis}"] = steps_axis(longest, text("page.chart.step", lang) if last else "", large=True)
        layout[f"xaxis{axis}"]["range"][1] = max(longest, 1) * (1 + WIDE)
        layout[f"xaxis{axis}"] |= {"anchor": f"y{axis}", "showticklabels": last}
        layout[f"yaxis{axis}"] = {**plain_axis(), **form.axis(), "nticks": 3, "anchor": f"x{axis}"}
        layout[f"yaxis{axis}"] |= {"domain": [(top - high[family]) / plot, top / plot]}
        layout["annotations"].append(panel_title(called_short(family, lang), axis))
        layout["annotations"] += ends_named(own, longest, lang, axis, high[family], which)
        traces += _panel(own, history, (which, "score", axis), longest, lang)
        top -= high[family] + ABOVE
    margin = {"l": 38, "r": 8, "t": TOP, "b": FOOT}
    return go.Figure(traces, layout | {"margin": margin, "hovermode": "closest", "uirevision": "families"})


def called_short(family: str, lang: str) -> str:
    """What a family is called, without what is said of it: names of curves stand at the other end of that line."""
    return re.split("[:：]", family_title(family, lang))[0]


def _panel(own: History, every: History, panel: tuple[str, str, str], longest: int, lang: str) -> list[dict[str, Any]]:
    """The curves of one family, what lies between its twins shaded."""
    pale, axes = paled(every), {"xaxis": f"x{panel[2]}", "yaxis": f"y{panel[2]}"}
    shades = [between(own[one], own[other], longest) for one, other in twins(own)] if panel[0] == "query" else []
    lines = [
        curve(called(who, every, lang), steps, panel, longest, lang, pale.get(who))
        for who, steps in own.items()
        if value_of(steps[0], *panel[:2]) is not None
    ]
    return [shade | axes for shade in shades if shade] + [line | {"showlegend": False} for line in lines]
