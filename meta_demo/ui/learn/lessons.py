"""The text of the Learn tab: what the two loops are, and a lesson for every algorithm, under its family."""

from __future__ import annotations

from collections.abc import Sequence

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.families import family_title, grouped
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.ui.blocks import swatch
from meta_demo.ui.frontier import Point
from meta_demo.ui.learn import loops
from meta_demo.ui.learn.drawing import drawing
from meta_demo.ui.learn.equation import equation
from meta_demo.ui.markup import Html, tag, together
from meta_demo.words import text

SAID = ("outer", "inner", "cost", "use", "look")  # the texts of a lesson, in this order


def introduction(lang: str) -> Html:
    """Tasks and the two loops, in words and in a picture that moves."""
    said = [tag("p", _strong(text(f"learn.{key}", lang))) for key in ("task", "inner", "outer")]
    computed = tag("p", text("learn.computed", lang, alpha=loops.ALPHA, steps=loops.STEPS), cls="hint")
    words = tag("div", tag("h2", text("learn.title", lang)), said, cls="said")
    return tag("div", words, tag("div", loops.picture(lang), computed), cls="sheet introduction")


def lessons(points: Sequence[Point], lang: str) -> Html:
    """Every algorithm under its family, folded; `points` are what was measured."""
    head = tag("h2", text("learn.lessons", lang)), tag("p", text("learn.lessons.about", lang))
    families = [
        tag("section", tag("h3", family_title(family, lang)), [_lesson(name, points, lang) for name in names])
        for family, names in grouped([*REGISTRY]).items()
    ]
    return tag("div", tag("div", head, cls="heading"), families, cls="sheet lessons")


def _lesson(name: str, points: Sequence[Point], lang: str) -> Html:
    cls = REGISTRY[name]
    paper = tag("span", cls.paper, cls="paper")
    summary = tag("summary", swatch(name), tag("strong", cls.said(lang)), " ", paper)
    button = tag("button", text("learn.try", lang), type="button", cls="set", data_try=name)
    about = tag("p", cls.about.get(lang, ""), cls="about")
    taught = _taught(cls.lesson, lang) if cls.lesson else None
    return tag("details", summary, about, taught, _measured(cls, points, lang), button, id=f"lesson-{name}")


def _taught(lesson: Lesson, lang: str) -> Html:
    rows = [_row(key, getattr(lesson, key)[lang], lang=lang) for key in SAID]
    seen = tag("div", drawing(lesson, lang), equation(lesson.equation))
    return tag("div", seen, tag("dl", rows), cls="taught")


def _row(key: str, *said: str, lang: str) -> Html:
    return together(tag("dt", text(f"learn.said.{key}", lang)), [tag("dd", each) for each in said])


def _measured(cls: type[Algorithm], points: Sequence[Point], lang: str) -> Html | None:
    """What our own tables say of it."""
    mine = sorted((p for p in points if p.algorithm == cls.name), key=lambda p: p.shots)
    said = [
        text(
            "learn.measured",
            lang,
            shots=p.shots,
            start=text(f"page.benchmark.start.{p.start}", lang),
            accuracy=p.accuracy[0],
            ci95=p.accuracy[1],
            gain=100 * p.gain[0],
            gain_ci95=100 * p.gain[1],
            seconds=p.seconds,
        )
        for p in mine
    ]
    return tag("dl", _row("measured", *said, lang=lang)) if said else None


def _strong(said: str) -> list[Html | str]:
    """A text in which what stands between two stars is set bold."""
    return [tag("strong", part) if i % 2 else part for i, part in enumerate(said.split("**"))]
