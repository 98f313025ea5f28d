"""That a layer of linear attention is a step of gradient descent, in numbers that are computed both ways when the tab is opened."""

from __future__ import annotations

import torch

from meta_demo.algorithms.memory.linear_attention import one_step
from meta_demo.ui.learn.equation import equation
from meta_demo.ui.markup import Html, tag
from meta_demo.words import text

EXAMPLES = ((-1.0, -3.0), (0.0, -1.0), (1.0, 1.0), (2.0, 3.0))  # of y = 2 x - 1
QUESTIONS = (0.5, 3.0)
RATE = 0.4
STEP = r"W' x = W x - \frac{\eta}{N} \sum_i (W x_i - y_i)\, x_i^\top x"
LAYER = r"e + P V K^\top q = e + \frac{\eta}{N} \sum_i v_i\, (k_i^\top q), \quad k_i = x_i,\ q = x,\ v_i = W x_i - y_i"


def sheet(lang: str) -> Html:
    """The two formulas, and both predictions for every question."""
    features = [torch.tensor([[x, 1.0] for x in xs], dtype=torch.float64) for xs in (_inputs(), QUESTIONS)]
    y = torch.tensor([[value] for _, value in EXAMPLES], dtype=torch.float64)
    found = one_step(features[0], y, features[1], RATE)
    said = {key: text(f"learn.linear.{key}", lang) for key in ("question", "before", "gradient", "attention", "truth")}
    head = tag("tr", [tag("th", words, scope="col") for words in said.values()])
    columns = (found.before, found.by_gradient, found.by_attention)
    rows = [
        tag(
            "tr",
            tag("th", f"x = {x:g}", scope="row"),
            [tag("td", f"{float(column[i]):.12g}") for column in columns],
            tag("td", f"{2 * x - 1:g}"),
        )
        for i, x in enumerate(QUESTIONS)
    ]
    table = tag("table", tag("thead", head), tag("tbody", rows))
    points = ", ".join(f"({x:g}, {value:g})" for x, value in EXAMPLES)
    shown = text("learn.linear.shown", lang, points=points, rate=RATE)
    return tag(
        "div",
        tag("div", tag("h2", text("learn.linear.title", lang)), cls="heading"),
        tag("p", text("learn.linear.about", lang)),
        tag("div", equation(STEP), equation(LAYER), cls="equations"),
        tag("p", shown),
        tag("div", table, cls="table-box", tabindex=0, role="region", aria_label=text("learn.linear.title", lang)),
        tag("p", text("learn.linear.paper", lang), cls="hint"),
        cls="sheet linear measured",
    )


def _inputs() -> tuple[float, ...]:
    return tuple(x for x, _ in EXAMPLES)
