"""What to label next, as a list: each line with what every learner takes it for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meta_demo.serving.unsure import MOST, Unsure
from meta_demo.ui.blocks import swatch
from meta_demo.ui.learners import called
from meta_demo.ui.markup import Html, tag
from meta_demo.ui.palette import class_colour
from meta_demo.ui.session import Run
from meta_demo.ui.side import Side
from meta_demo.words import text


def rows(found: Sequence[Unsure], run: Run, side: Side[Any], lang: str) -> Html:
    """The lines, most wanted first."""
    count = len(run.request.episode.unlabelled)
    about = text("page.next.title", lang, count=min(count, MOST), learners=len(run.learners))
    items = [_item(one, run, side, lang) for one in found]
    return tag("div", tag("p", about, cls="hint"), tag("ol", items), cls="wanted", role="status")


def _item(one: Unsure, run: Run, side: Side[Any], lang: str) -> Html:
    """A line, how much it is doubted, and each learner's answer."""
    labels = run.request.episode.labels
    answers = [
        tag(
            "span",
            swatch(who.algorithm),
            " ",
            labels[top],
            cls="of",
            style=f"--k:{class_colour(run.colours[labels[top]])}",
            title=called(who, run.learners, lang),
        )
        for who, top in one.answers
    ]
    doubt = tag("small", text("page.next.doubt", lang, doubt=one.doubt))
    return tag("li", side.example(one.content, ""), " ", doubt, tag("div", answers, cls="answers"))
