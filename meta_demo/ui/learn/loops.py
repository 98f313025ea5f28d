"""The picture of the two loops: MAML on four tasks of two weights each, computed and not drawn by hand.

A task's loss is a valley, 1/2 (w - c)' A (w - c), so the meta-gradient has a closed form: (I - alpha A)^steps A (phi - c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from meta_demo.ui.markup import Html, tag, together
from meta_demo.words import text

Points = npt.NDArray[np.float64]  # [N, 2], weights in the picture's own units

WIDTH, HEIGHT = 640, 340
CENTRES = np.array([[420.0, 70.0], [560.0, 120.0], [535.0, 265.0], [385.0, 240.0]])
NEW = np.array([590.0, 205.0])  # the task of whoever looks
VALLEY = np.array([[1.0, 0.25], [0.25, 0.7]])
FIRST = np.array([70.0, 285.0])
ALPHA, BETA, STEPS, ROUNDS = 0.45, 0.65, 2, 3
COLOURS = ("#0072b2", "#b05a02", "#05806a", "#8552e3")
MINE = "#cf2a7f"


@dataclass(frozen=True)
class Round:
    """One step of the outer loop: the start, the way of the inner loop to each task, and the start after it."""

    start: Points
    ways: list[Points]
    after: Points


def inner(start: Points, centre: Points) -> Points:
    """The way [STEPS + 1, 2] of gradient descent from a start towards a task."""
    way = [start]
    for _ in range(STEPS):
        way.append(way[-1] - ALPHA * VALLEY @ (way[-1] - centre))
    return np.stack(way)


def outer(start: Points) -> Round:
    """One step of MAML over all tasks."""
    ways = [inner(start, centre) for centre in CENTRES]
    through = np.linalg.matrix_power(np.eye(2) - ALPHA * VALLEY, STEPS)
    gradient = np.mean([through @ VALLEY @ (way[-1] - c) for way, c in zip(ways, CENTRES, strict=True)], axis=0)
    curvature = np.linalg.norm(through @ VALLEY @ through, 2)
    return Round(start, ways, start - BETA / curvature * gradient)


def rounds() -> list[Round]:
    """The outer loop from its first start."""
    found = [outer(FIRST)]
    while len(found) < ROUNDS:
        found.append(outer(found[-1].after))
    return found


def picture(lang: str) -> Html:
    """The picture, frame after frame, with a sentence beneath for each; it can be stopped."""
    made = rounds()
    last = made[-1].after
    frames = [*(_round(each) for each in made), _mine(last)]
    said = ["first", *["again"] * (ROUNDS - 2), "last", "mine"]
    sentences = [text(f"learn.loops.{key}", lang) for key in said]
    drawn = tag(
        "svg",
        *(_task(centre, colour, str(i + 1)) for i, (centre, colour) in enumerate(zip(CENTRES, COLOURS, strict=True))),
        *(tag("g", frame, cls="frame", style=f"--i: {i}") for i, frame in enumerate(frames)),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=text("learn.loops.alt", lang),
    )
    pause = tag("label", tag("input", type="checkbox"), tag("span", text("learn.loops.pause", lang)), cls="pause")
    steps = tag("ol", [tag("li", said, style=f"--i: {i}") for i, said in enumerate(sentences)])
    return tag("div", drawn, tag("div", steps, pause), cls="loops", style=f"--count: {len(frames)}")


def _task(centre: Points, colour: str, name: str) -> Html:
    """A task's valley: two lines of equal loss around where its loss is least."""
    values, axes = np.linalg.eigh(VALLEY)
    turn = np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))
    x, y = _said(centre)
    rings = [
        tag("ellipse", rx=f"{r / values[0] ** 0.5:.1f}", ry=f"{r / values[1] ** 0.5:.1f}", fill_opacity=0.07)
        for r in (16, 32)
    ]
    ring = tag("g", rings, transform=f"translate({x} {y}) rotate({turn:.1f})", fill=colour, stroke=colour)
    return tag("g", ring, tag("text", name, x=x, y=f"{float(y) + 5:.1f}", fill=colour), cls="task")


def _round(each: Round) -> Html:
    ways = [_way(way, colour) for way, colour in zip(each.ways, COLOURS, strict=True)]
    return together(ways, _way(np.stack([each.start, each.after]), "", "outer"), _start(each.start, "θ"))


def _mine(start: Points) -> Html:
    """The same steps to a new task from the first start and from the learned one."""
    return together(
        _task(NEW, MINE, "?"),
        _way(inner(FIRST, NEW), "", "plain"),
        _way(inner(start, NEW), MINE, "inner mine"),
        _start(FIRST, "θ₀", "plain"),
        _start(start, "θ"),
    )


def _way(way: Points, colour: str, kind: str = "inner") -> Html:
    line = tag("polyline", points=" ".join(",".join(_said(p)) for p in way), pathLength=1, stroke=colour or None)
    ends: Sequence[Points] = [b for _, b in pairwise(way)] if kind != "outer" else []
    dots = [tag("circle", cx=x, cy=y, r=3.4, fill=colour or None) for x, y in map(_said, ends)]
    return tag("g", line, dots, cls=kind)


def _start(at: Points, name: str, kind: str = "") -> Html:
    x, y = _said(at)
    return tag(
        "g",
        tag("circle", cx=x, cy=y, r=7),
        tag("text", name, x=x, y=f"{float(y) - 13:.1f}"),
        cls=f"start {kind}".strip(),
    )


def _said(point: Points) -> tuple[str, str]:
    return f"{point[0]:.1f}", f"{point[1]:.1f}"
