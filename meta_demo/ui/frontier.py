"""What the Benchmark tab opens with: accuracy against seconds, for every algorithm, and one sentence of what follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from pydantic import BaseModel

from meta_demo.ui.palette import mark
from meta_demo.ui.plots import base_layout, panel_title, plain_axis
from meta_demo.ui.words import title
from meta_demo.words import text

LINE = "rgba(128, 140, 160, 0.8)"
ALIKE = 1.05  # seconds that are no more than so many times others are as good as those: clocks tell no more
ROOM = 0.12  # of the width of a panel, left and right of its points
PANEL = (460, 300)  # pixels of a panel on a usual screen
LETTER, LINE_HEIGHT, NEAR = 6.5, 14, 6  # pixels of a name's letter, of its line, and from a point to its name
SIDES = [f"{up} {across}" for up in ("middle", "top", "bottom") for across in ("right", "left", "center")]
SIDES.remove("middle center")
Spot = tuple[str, int]  # a side, and how many lines above it a name stands
SPOTS: list[Spot] = [(side, 0) for side in SIDES] + [
    (f"top {a}", n) for n in (1, 2, 3) for a in ("center", "right", "left")
]
Box = tuple[float, float, float, float]
TICKS = [d * 10.0**power for power in range(-3, 4) for d in (1, 2, 5)]  # seconds


class Point(BaseModel):
    """An algorithm on tasks of so many shots: fractions with half of their 95 % interval, and the seconds of a task."""

    algorithm: str
    start: str
    shots: int
    tasks: int
    accuracy: tuple[float, float]
    gain: tuple[float, float]  # over prototypes of the frozen plain model, task by task
    seconds: float


def front(points: Sequence[Point]) -> list[Point]:
    """The points than which no other is as fast and more often right, or faster and as often right, by seconds: the Pareto front."""

    def beats(other: Point, point: Point) -> bool:
        more = (other.accuracy[0], -other.seconds) > (point.accuracy[0], -point.seconds)
        return more and other.seconds <= ALIKE * point.seconds

    best = [point for point in points if not any(beats(other, point) for other in points)]
    return sorted(best, key=lambda point: point.seconds)


def figure(points: Sequence[Point], lang: str) -> go.Figure:
    """A panel for each number of shots; the front is a line, and those on it have their names beside them."""
    shots = sorted({p.shots for p in points})
    suffixes = ["" if i == 0 else str(i + 1) for i in range(len(shots))]
    traces: list[dict[str, Any]] = []
    ticks = {"tickvals": TICKS, "ticktext": [f"{tick:g}" for tick in TICKS]}
    drawn = base_layout(430, 62, text("page.benchmark.chart", lang))
    for count, suffix in zip(shots, suffixes, strict=True):
        mine = [p for p in points if p.shots == count]
        best = front(mine)
        where = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "showlegend": False}
        named = spots(mine, best, lang)
        traces += [_line(best) | where, *(_marker(p, lang, named.get(p.algorithm)) | where for p in mine)]
        drawn["annotations"].append(panel_title(text("page.benchmark.panel", lang, shots=count), suffix))
        drawn[f"xaxis{suffix}"] = {**plain_axis(), "type": "log", "range": _range(mine), **ticks}
        drawn[f"yaxis{suffix}"] = {**plain_axis(), "tickformat": ".0%", "nticks": 6}
    drawn |= {
        "grid": {"rows": 1, "columns": max(len(shots), 1), "pattern": "independent", "xgap": 0.1},
        "margin": {"l": 44, "r": 16, "t": 62, "b": 48},
        "hovermode": "closest",
    }
    return go.Figure(traces, drawn)


def sentence(points: Sequence[Point], lang: str) -> str:
    """Who is right most often with the fewest examples, at what cost, and how many are beyond their interval better or worse than
    prototypes of the frozen model; nothing where nothing was measured."""
    if not points:
        return ""
    fewest = [p for p in points if p.shots == min(each.shots for each in points)]
    best = max(fewest, key=lambda p: p.accuracy[0])
    beyond = [p.gain[0] for p in fewest if abs(p.gain[0]) > p.gain[1]]
    better = sum(gain > 0 for gain in beyond)
    said = {
        "best": title(best.algorithm, lang),
        "accuracy": best.accuracy[0],
        "ci95": best.accuracy[1],
        "seconds": best.seconds,
    }
    counts = {"better": better, "worse": len(beyond) - better, "all": len(fewest), "shots": best.shots}
    return text("page.benchmark.follows", lang, **said, **counts)


def _range(points: Sequence[Point]) -> list[float]:
    """From where to where an axis of seconds goes, in powers of ten: names need room beside their points."""
    low, high = (math.log10(of(p.seconds for p in points)) for of in (min, max))
    room = ROOM * max(high - low, 0.1)
    return [low - room, high + room]


def _line(best: Sequence[Point]) -> dict[str, Any]:
    return {
        "x": [p.seconds for p in best],
        "y": [p.accuracy[0] for p in best],
        "mode": "lines",
        "line": {"color": LINE, "width": 1.2, "dash": "dot"},
        "hoverinfo": "skip",
    }


def spots(points: Sequence[Point], best: Sequence[Point], lang: str) -> dict[str, Spot]:
    """Where each name of `best` stands beside its point: where it covers fewest other names, and after these fewest points."""
    at = _places(points)
    dots = [_box(x, y, 2 * NEAR, ("middle center", 0)) for x, y in at.values()]
    names: list[Box] = []
    found = {}

    def covered(box: Box) -> tuple[int, int]:
        outside = box[0] < 0 or box[1] > PANEL[0]
        return sum(_meet(box, other) for other in names) + outside, sum(_meet(box, dot) for dot in dots)

    for point in best:
        boxes = {spot: _box(*at[point.algorithm], LETTER * len(title(point.algorithm, lang)), spot) for spot in SPOTS}
        worth = {spot: covered(box) for spot, box in boxes.items()}
        spot = min(SPOTS, key=worth.__getitem__)
        names.append(boxes[spot])
        found[point.algorithm] = spot
    return found


def _places(points: Sequence[Point]) -> dict[str, tuple[float, float]]:
    """Where points lie in a panel of the usual size, in pixels from its top left."""
    left, right = _range(points)
    low, high = (of(p.accuracy[0] + sign * p.accuracy[1] for p in points) for of, sign in ((min, -1), (max, 1)))
    wide, tall = right - left, max(high - low, 1e-9)
    return {
        p.algorithm: (
            PANEL[0] * (math.log10(p.seconds) - left) / wide,
            PANEL[1] * (high - p.accuracy[0]) / tall,
        )
        for p in points
    }


def _box(x: float, y: float, wide: float, spot: Spot) -> Box:
    """What a name of so many pixels takes beside a point: left, right, top, bottom."""
    (up, across), lines = spot[0].split(), spot[1]
    left = x - wide / 2 + {"left": -1, "center": 0, "right": 1}[across] * (NEAR + wide / 2)
    top = (
        y - LINE_HEIGHT / 2 + {"top": -1, "middle": 0, "bottom": 1}[up] * (NEAR + LINE_HEIGHT / 2) - lines * LINE_HEIGHT
    )
    return left, left + wide, top, top + LINE_HEIGHT


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _marker(point: Point, lang: str, spot: Spot | None) -> dict[str, Any]:
    """A point with its interval, and its name beside it, if it has any."""
    style, name = mark(point.algorithm), title(point.algorithm, lang)
    facts = {"accuracy": point.accuracy[0], "ci95": point.accuracy[1], "seconds": point.seconds, "tasks": point.tasks}
    gain = {"gain": 100 * point.gain[0], "gain_ci95": 100 * point.gain[1]}
    started = text(f"page.benchmark.start.{point.start}", lang)
    hover = text("page.benchmark.hover", lang, name=name, start=started, **facts, **gain)
    return {
        "x": [point.seconds],
        "y": [point.accuracy[0]],
        "error_y": {"type": "data", "array": [point.accuracy[1]], "thickness": 1, "width": 0, "color": style.colour},
        "mode": "markers+text" if spot else "markers",
        "text": [f" {name} {'<br> ' * (spot[1] if spot else 0)}"],
        "textposition": spot[0] if spot else SIDES[0],
        "textfont": {"color": style.colour, "size": 11},
        "marker": {"color": style.colour, "symbol": style.symbol, "size": 10},
        "hovertemplate": f"{hover}<extra></extra>",
        "cliponaxis": False,
    }
