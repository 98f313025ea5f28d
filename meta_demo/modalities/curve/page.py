"""Curves on the page: graph paper to set points on, and what every algorithm makes of them from both of its starts.

What is drawn, the browser draws (`curve.js`); here is what it asks of the server. Nothing is kept between two questions but what
the service keeps.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import gradio as gr
import numpy as np

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.corpus import ALL, Corpus
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.waves import FAMILIES, HIGH, LOW
from meta_demo.learning.checkpoint import shipped
from meta_demo.learning.own_start import OwnStart
from meta_demo.modalities.base import MODALITIES, Content, length
from meta_demo.modalities.curve.content import Point
from meta_demo.modalities.curve.modality import CURVES
from meta_demo.serving.alike import first_alike
from meta_demo.serving.requests import Array, Request
from meta_demo.serving.service import Service
from meta_demo.ui.guard import sentence
from meta_demo.ui.markup import tag
from meta_demo.ui.palette import mark
from meta_demo.ui.scripts import script
from meta_demo.ui.sheet import Sheet, register
from meta_demo.words import LANGUAGES, catalogue, text

FINE = 81  # points of a drawn curve
STEPS = 10  # of every algorithm that takes any
MOST = 100  # points that a visitor may set
BOTH = {"trained": "auto", "plain": "none"}  # start -> what a request says of it
FIRST, OPENING, POINTS = ("maml", "finetune"), 7, 5  # algorithms that are drawn at first, the sample, and its points
SAID = "page.curves."  # how the keys of its words begin
Answer = dict[str, Any]
Curve = tuple[str, str]  # a start, and an algorithm
# Its values at the grid and at the points, with the ends of their intervals, step by step.
Outputs = dict[Curve, list[Array]]
Asked = list[tuple[str, Request]]  # each with its start


def able() -> list[str]:
    """The algorithms that can answer with a number."""
    return sorted(name for name, cls in REGISTRY.items() if "numbers" in cls.objectives)


@register
class CurvesSheet(Sheet):
    """The side of curves."""

    name, model, labels, sources, learner = "curve", CURVES.name, "numbers", ("builtin:sines",), "maml"
    knobs: ClassVar[Mapping[str, Any]] = {"steps": 200, "meta_batch": 16, "lr": 2e-3, "k_shot": 10, "n_query": 10}
    service: Service

    def __init__(self) -> None:
        super().__init__()
        # Of all visitors, by a name that none can guess.
        self._runs: WeakValueDictionary[str, OwnStart] = WeakValueDictionary()

    def lay_out(self) -> None:
        first = drawn("sines", OPENING, POINTS)
        self.paper = gr.HTML(
            None,
            html_template=tag("div", cls="curves"),
            js_on_load=script("parts") + "\n" + (Path(__file__).parent / "curve.js").read_text(encoding="utf-8"),
            css_template=(Path(__file__).parent / "curve.css").read_text(encoding="utf-8"),
            words={lang: _words(lang) for lang in LANGUAGES},
            algorithms=[_described(name) for name in able()],
            first=[name for name in FIRST if name in able()],
            range=[LOW, HIGH],
            opening=first,
            server_functions=self._functions(),
            apply_default_css=False,
            elem_id="curves-side",
        )

        self.collected = self.paper
        self.parts.append(self.paper)

    def filled(self, episode: Episode) -> Answer:
        """The points of a task; a number that no other has makes it another value where they are the same."""
        points = [[row.content.x, row.label] for row in episode.support if isinstance(row.content, Point)]
        if len(points) > MOST:
            raise UserError("curve_points", limit=MOST)
        return {self.paper: {"points": points, "number": time.time_ns()}}

    def restored(self, value: Any) -> Answer:
        try:
            points = [[float(x), float(y)] for x, y in value["points"][:MOST]]
        except (TypeError, ValueError, KeyError):
            return {}
        sound = all(math.isfinite(v) for point in points for v in point)
        return {self.paper: {"points": points, "number": time.time_ns()}} if sound else {}

    def using(self, own: Sequence[OwnStart]) -> Answer:
        """The names by which the browser asks for a visitor's own starts."""
        names = {start.algorithm: secrets.token_urlsafe(16) for start in own}
        self._runs.update({names[start.algorithm]: start for start in own})
        return {self.paper: {"own": names, "number": time.time_ns()}}

    def _own(self, asked: Answer) -> dict[str, str]:
        """The folders of the starts of their own that a visitor draws from, by algorithm; raises UserError where one is gone."""
        found = {}
        for name, key in dict(asked.get("own") or {}).items():
            start = self._runs.get(str(key))
            if start is None:
                raise UserError("run_gone", algorithm=name)
            found[name] = str(start.folder)
        return found

    # --- what the browser asks

    def _functions(self) -> list[Callable[[Answer], Answer]]:
        """What it asks for by name; each answers with the `problem` where there is one."""

        def fit(asked: Answer) -> Answer:
            """Every asked algorithm's curve from the starts it has after each of so many `steps`, or after the last `only`, which is what
            is drawn while a point is dragged. The curve of `band` alone, an algorithm and a start, has an interval."""
            return _answered(asked, self._fit)

        def sample(asked: Answer) -> Answer:
            """Points of a curve of some `family`, and the curve."""
            return _answered(asked, lambda a: drawn(str(a["family"]), int(a["number"]), int(a["count"])))

        def attend(asked: Answer) -> Answer:
            """Attention over the tokens of one x before the first step and after some, of every layer and head."""
            return _answered(asked, self._attend)

        return [fit, sample, attend]

    def _fit(self, asked: Answer) -> Answer:
        episode = spelled(asked["points"])
        grid, again = _grid(edge(episode))
        contents = [*grid, *_points(episode)]
        names = [name for name in able() if name in asked["algorithms"]]
        steps = min(max(int(asked.get("steps", STEPS)), 0), STEPS)
        own = self._own(asked)
        drawn = _drawn(names, own)
        band = tuple(asked.get("band") or ())
        seen = next(((start, twin) for start, name, twin in drawn if (name, start) == band), None)
        requests = _requests(episode, {(start, twin) for start, _, twin in drawn}, seen, steps, own)
        known = (
            self._sketched(requests, contents, steps, again)
            if asked.get("only")
            else self._followed(requests, contents)
        )
        notes = [note.message(_lang(asked)) for note in MODALITIES[self.name].notes(_points(episode))]
        found = [_curve(name, start, episode, known[start, twin]) for start, name, twin in drawn]
        return {"grid": [point.x for point in grid], "curves": found, "notes": notes}

    def _sketched(self, requests: Asked, contents: Sequence[Point], steps: int, again: Corpus[Content]) -> Outputs:
        """The values at `contents` after the last step; those of `again` will be asked for after the next move."""
        answers = self.service.sketch([request for _, request in requests], contents, steps, again)
        pairs = zip(requests, answers, strict=True)
        return {(start, p.algorithm): [p.outputs] for (start, _), found in pairs for p in found}

    def _followed(self, requests: Asked, contents: Sequence[Point]) -> Outputs:
        """The values at `contents` after each step."""
        found: Outputs = {}
        for start, request in requests:
            asked = replace(
                request, episode=replace(request.episode, query=tuple(map(Example, contents))), each_step=True
            )
            for name, snapshots in self.service.history(asked).items():
                found[start, name] = [snapshot.outputs for snapshot in snapshots]
        return found

    def _attend(self, asked: Answer) -> Answer:
        lang, name, episode = _lang(asked), str(asked["algorithm"]), spelled(asked["points"])
        x = asked["x"]
        if not isinstance(x, int | float) or not math.isfinite(x):
            raise UserError("no_point", where="x", said=x)
        start, longer = str(asked["start"]), _longer([name], STEPS)
        request = Request(episode, CURVES.name, (name,), knobs=longer, checkpoint=BOTH[start])
        request = replace(request, checkpoints=self._own(asked) if start == "trained" else {})
        both = self.service.attention(request, name, Point(float(x)), int(asked["step"]))
        layers, heads = both[0].shape[:2]
        places = [(layer, head) for layer in range(layers) for head in (None, *range(heads))]
        reduced = [[(m[at].mean(0) if head is None else m[at, head]).tolist() for at, head in places] for m in both]
        return {
            "tokens": self.service.backbone(CURVES.name).inputs.names(),  # type: ignore[attr-defined]
            "places": [_place(layer, head, lang) for layer, head in places],
            "first": (layers - 1) * (heads + 1),
            "before": reduced[0],
            "after": reduced[1],
        }


def _drawn(names: Sequence[str], own: Container[str]) -> list[tuple[str, str, str]]:
    """The start and the algorithm of each curve, and the algorithm that computes it: one for all that do the same."""
    begun = [name for name in names if trained(name) or name in own]
    return [("trained", name, name) for name in begun] + [
        ("plain", name, first_alike(name, names, CURVES.name)) for name in names
    ]


def _requests(episode: Episode, curves: set[Curve], seen: Curve | None, steps: int, own: Mapping[str, str]) -> Asked:
    """What is asked for the curves of a task; the one that is `seen` has an interval, and those of `own` begin from there."""
    found = []
    for start, checkpoint in BOTH.items():
        names = {name for begun, name in curves if begun == start and (begun, name) != seen}
        banded = {name for begun, name in curves if begun == start and (begun, name) == seen}
        for asked, intervals in ((names, False), (banded, True)):
            knobs, request = _longer(sorted(asked), steps), Request(episode, CURVES.name, tuple(sorted(asked)))
            more = replace(request, knobs=knobs, checkpoint=checkpoint, intervals=intervals)
            more = replace(more, checkpoints=dict(own)) if start == "trained" else more
            found += [(start, more)] if asked else []
    return found


def _curve(name: str, start: str, episode: Episode, outputs: list[Array]) -> Answer:
    """What is drawn of an algorithm from a start, given its `outputs` [grid and points, 3] after each step."""
    true = np.array([row.label for row in episode.support])
    each = [out.astype(float) for out in outputs]
    fine = [out[: -len(true)] for out in each]
    return {
        "algorithm": name,
        "start": start,
        "colour": mark(name).colour,
        "values": [_rounded(out[:, 0]) for out in fine],
        "residuals": [_rounded(out[-len(true) :, 0] - true) for out in each],
        "low": [_ends(out[:, 1]) for out in fine],
        "high": [_ends(out[:, 2]) for out in fine],
    }


# --- from the browser's words to a task


def spelled(points: Any) -> Episode:
    """The task that the points on the paper make; raises UserError."""
    if not isinstance(points, list) or len(points) > MOST:
        raise UserError("curve_points", limit=MOST)
    rows = []
    for number, point in enumerate(points, 1):
        x, y = point
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in (x, y)):
            raise UserError("no_point", where=str(number), said=f"{x}, {y}")
        rows.append(Example(Point(float(x)), float(y)))
    return make_episode(rows)


def _points(episode: Episode) -> list[Point]:
    """The points that a task learns from."""
    return [row.content for row in episode.support if isinstance(row.content, Point)]


def edge(episode: Episode) -> float:
    """How far on both sides curves are drawn: a little farther than the model has learned, and as far as there are points."""
    return max(1.1 * HIGH, *(1.05 * abs(point.x) for point in _points(episode)))


@lru_cache(maxsize=8)
def _grid(end: float) -> tuple[tuple[Point, ...], Corpus[Content]]:
    """Where curves are drawn that go as far as `end`, and the same for whoever computes what does not change as points are dragged."""
    grid = tuple(Point(float(x)) for x in np.linspace(-end, end, FINE))
    return grid, Corpus(grid, length, ALL)


def drawn(family: str, number: int, count: int) -> Answer:
    """So many points of curve `number` of a family, and the whole curve."""
    rng = np.random.default_rng(number)
    curve = FAMILIES[family](rng)
    x = np.sort(rng.uniform(LOW, HIGH, min(max(count, 1), MOST))).round(2)
    grid = np.linspace(-1.1 * HIGH, 1.1 * HIGH, FINE)
    points = [[float(a), float(b)] for a, b in zip(x, curve(x).round(3), strict=True)]
    return {"points": points, "truth": [_rounded(grid), _rounded(curve(grid))]}


def _answered(asked: Answer, answer: Callable[[Answer], Answer]) -> Answer:
    """The answer, or in its place the sentence that says what is wrong."""
    try:
        return answer(asked)
    except Exception as error:
        return {"problem": sentence(error, _lang(asked))}


def _lang(asked: Answer) -> str:
    return asked["lang"] if asked.get("lang") in LANGUAGES else LANGUAGES[0]


def _longer(names: Sequence[str], steps: int) -> dict[str, dict[str, int]]:
    """So many steps, however many a start was learned with."""
    return {name: {knob: steps} for name in names if (knob := REGISTRY[name].steps_knob)}


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 3) for value in values]


def _ends(values: Any) -> list[float] | None:
    """The ends of an interval at each place; None where none is known."""
    return _rounded(values) if bool(np.isfinite(values).all()) else None


# --- words


def _words(lang: str) -> dict[str, Any]:
    """Every word of the side by the end of its key, and the names of the families."""
    families = {name: text(f"page.curves.family.{name}", lang) for name in FAMILIES}
    said = {key.removeprefix(SAID): each[lang] for key, each in catalogue().items() if key.startswith(SAID)}
    return said | {"families": families}


def _described(name: str) -> Answer:
    style = mark(name)
    said = {lang: REGISTRY[name].said(lang) for lang in LANGUAGES}
    return {"name": name, "title": said, "colour": style.colour, "glyph": style.glyph, "trained": trained(name)}


def trained(name: str) -> bool:
    """Whether there is a meta-trained start of an algorithm for curves."""
    return shipped(CURVES.name, name, "numbers") is not None


def _place(layer: int, head: int | None, lang: str) -> str:
    if head is None:
        return text("page.curves.layer", lang, layer=layer + 1)
    return text("page.curves.head", lang, layer=layer + 1, head=head + 1)
