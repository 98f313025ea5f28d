"""The drawing of a lesson: the parts of a learner from the input to the answer, which of them are learned, and which a task moves."""

from __future__ import annotations

from meta_demo.algorithms.lesson import PARTS, Lesson
from meta_demo.ui.markup import Html, tag
from meta_demo.words import text

ALONG = ("layers", "prototypes", "metric", "memory", "head")  # parts that an input goes through, in this order
STEERING = ("context", "mixture", "generator", "rule", "loss")  # parts below, which act on those above
KINDS = ("learned", "moved", "both")  # what a part can be, if it is not fixed
BOX, GAP, ROW, TALL = 112, 22, 62, 42


def drawing(lesson: Lesson, lang: str) -> Html:
    """The parts in a row, with what steers them below, and what their colours mean."""
    named = {*lesson.learned, *lesson.moved}
    along = ["input", "first", *(part for part in ALONG if part in named or part == "layers"), "answer"]
    below = [part for part in STEERING if part in named]
    boxes = [_box(part, i, 0, lesson, lang) for i, part in enumerate(along)]
    arrows = [_arrow(i) for i in range(len(along) - 1)]
    place = along.index("layers")
    steering = [_box(part, place + i, 1, lesson, lang) for i, part in enumerate(below)]
    up = [_up(place + i) for i in range(len(below))]
    wide = max(len(along), place + len(below)) * (BOX + GAP) - GAP + 4
    high = (ROW if below else 0) + TALL + 4
    drawn = tag(
        "svg",
        arrows,
        up,
        boxes,
        steering,
        viewBox=f"-2 -2 {wide} {high}",
        style=f"max-width: {wide}px",
        role="img",
        aria_label=_alt(lesson, lang),
    )
    kinds = [kind for kind in KINDS if any(_kind(part, lesson) == kind for part in named)]
    keys = [tag("span", text(f"learn.{kind}", lang), cls=f"key {kind}") for kind in (*kinds, "fixed")]
    return tag("div", drawn, tag("p", keys, cls="legend", aria_hidden="true"), cls="drawing")


def _kind(part: str, lesson: Lesson) -> str:
    learned, moved = part in lesson.learned, part in lesson.moved
    return "both" if learned and moved else "learned" if learned else "moved" if moved else "fixed"


def _name(part: str, lang: str) -> str:
    return PARTS[part][lang] if part in PARTS else text(f"learn.part.{part}", lang)


def _alt(lesson: Lesson, lang: str) -> str:
    """The drawing in words."""
    listed = {kind: [_name(part, lang) for part in PARTS if _kind(part, lesson) == kind] for kind in KINDS}
    said = [
        text("learn.alt", lang, kind=text(f"learn.{kind}", lang), parts=", ".join(names))
        for kind, names in listed.items()
        if names
    ]
    return " ".join(said) or text("learn.fixed", lang)


def _box(part: str, column: int, row: int, lesson: Lesson, lang: str) -> Html:
    x, y = column * (BOX + GAP), row * ROW
    name = tag("text", _name(part, lang), x=x + BOX / 2, y=y + TALL / 2 + 4.5)
    edge = tag("rect", x=x, y=y, width=BOX, height=TALL, rx=9)
    kind = "end" if part in ("input", "answer") else _kind(part, lesson)
    return tag("g", edge, name, cls=f"part {kind}")


def _arrow(column: int) -> Html:
    x, y = column * (BOX + GAP) + BOX, TALL / 2
    return tag("path", d=f"M{x + 2} {y}h{GAP - 6}m-5 -4l5 4l-5 4", cls="arrow")


def _up(column: int) -> Html:
    x = column * (BOX + GAP) + BOX / 2
    return tag("path", d=f"M{x} {ROW - 1}v{TALL - ROW + 5}m-4 5l4 -5l4 5", cls="arrow")
