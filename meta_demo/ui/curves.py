"""The figures of an adaptation: scores and losses of every learner, step by step. Pure functions from snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from meta_demo.serving.requests import Learner, Snapshot
from meta_demo.ui import scores
from meta_demo.ui.form import form_for
from meta_demo.ui.learners import called, rivals, start_of, twins
from meta_demo.ui.markup import bare
from meta_demo.ui.palette import Mark, mark
from meta_demo.ui.plots import base_layout, panel_title, plain_axis
from meta_demo.ui.words import title
from meta_demo.words import text

SCORES = (("support", "score", ""), ("query", "score", "2"))  # set, what is drawn of it, axis suffix
LOSSES = (("support", "loss", ""), ("query", "loss", "2"))
LARGE = "2"  # held-out scores: what an adaptation is for
PLACES: dict[str, dict[str, tuple[list[float], list[float]]]] = {
    "score": {"2": ([0, 1], [0.36, 1]), "": ([0, 1], [0, 0.18])},
    "loss": {"": ([0, 0.44], [0, 1]), "2": ([0.56, 1], [0, 1])},
}
TOP, FOOT = 50, 66  # pixels above the panels and below
TALL, SHORT = 448, 308  # of the scores, with held-out examples and without
LOW = 248  # of the losses
LARGE_HIGH = (PLACES["score"][LARGE][1][1] - PLACES["score"][LARGE][1][0]) * (TALL - TOP - FOOT)  # pixels of that panel
ROOM, LINE = 0.62, 13  # of names at the ends: width in steps, and pixels from one to the next
UIDS = {"trained": "+", "plain": "-", "random": "~"}
History = Mapping[Learner, list[Snapshot]]
# Dash, opacity, width and the marker's ending of a learner whose meta-trained twin is there, by what it starts from itself.
Line = tuple[str, float, float, str]
PALE: dict[str, Line] = {"plain": ("3px,3px", 0.6, 1.75, "-open"), "random": ("1px,4px", 0.8, 1.75, "-open-dot")}


def curves(history: History, lang: str) -> go.Figure:
    """Scores on support and query, per inner step: one colour, dash and marker per algorithm. Where one is there from two starts
    the plain one is lighter, and what lies between the two on held-out examples is shaded; one from random weights is dotted."""
    longest = max((steps[0].steps for steps in history.values()), default=0)
    pale = paled(history)
    traces = [between(history[one], history[other], longest) for one, other in twins(history)]
    traces = [trace for trace in traces if trace]
    traces += [
        curve(called(who, history, lang), steps, panel, longest, lang, pale.get(who))
        for who, steps in history.items()
        for panel in SCORES
        if value_of(steps[0], *panel[:2]) is not None
    ]
    held_out = any(steps[0].query_score for steps in history.values())
    names = ends_named(history, longest, lang, LARGE, LARGE_HIGH, "query") if held_out else []
    height = (TALL if held_out else SHORT) + 28 * max(0, -(-len(history) // 3) - 2)
    layout = _layout(history, SCORES, longest, height, lang)
    layout["annotations"] += names
    layout["legend"] = {
        "orientation": "h",
        "x": 0,
        "y": -44 / (height - TOP - FOOT),
        "yanchor": "top",
        "font": {"size": 12},
    }
    return go.Figure(traces, layout)


def losses(history: History, lang: str) -> go.Figure:
    """Losses on support and query, per inner step; who is who stands beneath the scores."""
    longest = max((steps[0].steps for steps in history.values()), default=0)
    pale = paled(history)
    traces = [
        curve(called(who, history, lang), steps, panel, longest, lang, pale.get(who))
        for who, steps in history.items()
        for panel in LOSSES
        if value_of(steps[0], *panel[:2]) is not None
    ]
    return go.Figure(traces, _layout(history, LOSSES, longest, LOW, lang))


def paled(history: History) -> dict[Learner, Line]:
    """How the lines look of those that began elsewhere than a meta-trained start of the same algorithm."""
    return {other: PALE[start_of(other)] for _, other in rivals(history)}


def value_of(s: Snapshot, which: str, kind: str) -> float | None:
    """What one panel shows of a snapshot."""
    if kind == "loss":
        return scores.loss(s, which)
    found = scores.score(s, which)
    return found.value if found else None


def between(one: list[Snapshot], other: list[Snapshot], longest: int) -> dict[str, Any]:
    """What lies between the held-out scores of two learners, as far as both have come; nothing where nothing is held out."""
    ends = [(_good(one), value_of(one[0], "query", "score")), (_good(other), value_of(other[0], "query", "score"))]
    if any(value is None for _, value in ends):
        return {}
    lines = [[value_of(s, "query", "score") for s in good] for good, _ in ends]
    if one[0].steps == 0 and longest:
        x, lines = [0, longest], [line[:1] * 2 for line in lines]
    else:
        shared = min(map(len, lines))
        x, lines = list(range(shared)), [line[:shared] for line in lines]
    return {
        "type": "scatter",
        "mode": "lines",
        "uid": uid(one[0], "between"),
        "name": "",
        "legendgroup": one[0].algorithm,
        "showlegend": False,
        "x": [*x, *reversed(x)],
        "y": [*lines[0], *reversed(lines[1])],
        "fill": "toself",
        "fillcolor": _tint(mark(one[0].algorithm)),
        "line": {"width": 0},
        "hoverinfo": "skip",
        "xaxis": "x2",
        "yaxis": "y2",
    }


def uid(s: Snapshot, which: str) -> str:
    """What a curve is known by, in short: whoever draws it, whatever it is called by then."""
    return f"{s.algorithm}{UIDS[start_of(s.learner)]}{which[0]}"


def _tint(style: Mark) -> str:
    red, green, blue = (int(style.colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def _good(steps: list[Snapshot]) -> list[Snapshot]:
    """The snapshots before an adaptation diverged."""
    return [s for s in steps if s.error is None] or steps[:1]


def curve(
    name: str, steps: list[Snapshot], panel: tuple[str, str, str], longest: int, lang: str, pale: Line | None
) -> dict[str, Any]:
    """One learner in one panel. What learns at once is drawn on as a level line, with its marker at step 0 only."""
    which, kind, axis = panel
    algorithm = steps[0].algorithm
    style, good = mark(algorithm), _good(steps)
    x, y = [s.step for s in good], [value_of(s, which, kind) for s in good]
    hover = [_hover(s, which, kind, lang) for s in good]
    sizes: int | list[int] = 7
    dash, opacity, width, ending = pale or (style.dash, 1.0, 2.5, "")
    if good[0].steps == 0 and longest:
        x, y, hover, sizes = [0, longest], y * 2, hover * 2, [7, 0]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "uid": uid(steps[0], which),
        "name": name,
        "meta": which,
        "legendgroup": algorithm,
        "showlegend": panel == SCORES[0],
        "x": x,
        "y": y,
        "customdata": hover,
        "hovertemplate": "%{customdata}",
        "opacity": opacity,
        "line": {"color": style.colour, "dash": dash, "width": width},
        "marker": {
            "color": style.colour,
            "symbol": style.symbol + ending,
            **_dots(sizes, pale is not None),
        },
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        **_bars(good, which, kind, len(x)),
    }


def _dots(sizes: int | list[int], pale: bool) -> dict[str, Any]:
    return {"size": sizes, "opacity": 1, "line": {"width": 1.5 if pale else 0}}


def _bars(good: list[Snapshot], which: str, kind: str, count: int) -> dict[str, Any]:
    """The intervals of held-out scores, where their form draws them; those of a level line stand at its marker alone."""
    found = [scores.score(s, which) for s in good]
    if which == "support" or kind == "loss" or not form_for(good[0].objective).bars:
        return {}
    up, down = ([abs(end - f.value) for f in found if f for end in (getattr(f, side),)] for side in ("high", "low"))
    bars = {"type": "data", "symmetric": False, "thickness": 1, "width": 2}
    return {"error_y": {**bars, "array": (up + [0.0] * count)[:count], "arrayminus": (down + [0.0] * count)[:count]}}


def _hover(s: Snapshot, which: str, kind: str, lang: str) -> str:
    """What a point says: a loss, or a score with its count, and with its interval where it was held out."""
    found = scores.score(s, which)
    if kind == "loss" or found is None:
        return f"{scores.loss(s, which):.3f}"
    form = form_for(s.objective)
    shown = bare(form.figure(found))
    return shown if which == "support" else f"{shown}<br>{form.interval(found, lang)}"


def _layout(
    history: History, panels: Sequence[tuple[str, str, str]], longest: int, height: int, lang: str
) -> dict[str, Any]:
    """What surrounds the curves of `panels`: their titles and axes."""
    first = next(iter(history.values()))[0] if history else None
    found = {which: scores.score(first, which) if first else None for which in scores.SETS}
    kind = panels[0][1]
    layout = base_layout(height, TOP, text(f"page.chart.{'curves' if kind == 'score' else 'losses'}", lang))
    for which, _, axis in panels:
        measured = found[which]
        if measured is None:  # of an empty panel plotly would draw nothing but the title, over another's
            continue
        assert first is not None
        form = form_for(first.objective)
        key = f"page.chart.{which}_{form.objective.measure}" if kind == "score" else form.loss_title(which)
        layout["annotations"].append(panel_title(text(key, lang, count=measured.count), axis))
        large = kind == "score" and axis == LARGE
        layout[f"xaxis{axis}"] = steps_axis(
            longest, text("page.chart.step", lang) if axis == "" or kind == "loss" else "", large
        )
        level = form.axis() if kind == "score" else {"rangemode": "tozero", "nticks": 4}
        layout[f"yaxis{axis}"] = {**plain_axis(), **level}
        if found["query"]:
            across, up = PLACES[kind][axis]
            layout[f"xaxis{axis}"] |= {"domain": across, "anchor": f"y{axis}"}
            layout[f"yaxis{axis}"] |= {"domain": up, "anchor": f"x{axis}"}
    return layout | {"margin": {"l": 38, "r": 8, "t": TOP, "b": FOOT}, "hovermode": "closest", "uirevision": "curves"}


def steps_axis(longest: int, name: str, large: bool) -> dict[str, Any]:
    """The axis of steps; in the large panel there is room for names behind the last, and no step is called where they are."""
    axis = {
        **plain_axis(),
        "range": [-0.03 * max(longest, 1), max(longest, 1) * (1 + (ROOM if large else 0.03))],
        "title": {"text": name, "standoff": 4, "font": {"size": 11}},
        "tickformat": "d",
        "nticks": 6,
    }
    return axis | ({"tickvals": list(range(0, longest + 1, max(1, -(-longest // 5))))} if large else {})


def ends_named(history: History, longest: int, lang: str, axis: str, pixels: float, which: str) -> list[dict[str, Any]]:
    """The names of the learners at the ends of their curves in a panel so high, moved apart where those are close. A plain twin has none:
    what is shaded leads to it."""
    pale = paled(history)
    named = {who: _good(steps)[-1] for who, steps in history.items() if who not in pale}
    ends = {who: value_of(last, which, "score") or 0.0 for who, last in named.items()}
    first = next(iter(history.values()))[0]
    low, high = form_for(first.objective).axis().get("range", (0.0, 1.05 * max(ends.values()) or 1.0))
    scale = pixels / (high - low)
    names = []
    raised = _raised([scale * (end - low) for end in sorted(ends.values())])
    for (who, end), place in zip(sorted(ends.items(), key=lambda item: item[1]), raised, strict=True):
        names.append(
            {
                "text": title(who.algorithm, lang),
                "xref": f"x{axis}",
                "yref": f"y{axis}",
                "x": max(longest, 1) * 1.03,
                "y": end,
                "yshift": round(place - scale * (end - low)),
                "xanchor": "left",
                "showarrow": False,
                "font": {"size": 11, "color": mark(who.algorithm).colour},
            }
        )
    return names


def _raised(heights: list[float]) -> list[float]:
    """Ascending heights, moved up where they are closer than a line, and then all down by half of what that took."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + LINE) if found else height)
    over = found[-1] - heights[-1] if found else 0.0
    return [height - over / 2 for height in found]
