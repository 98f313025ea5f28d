"""Points on the page: a number a line, tried as one more, with attention as a heatmap over its sign and digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from meta_demo.modalities.points.modality import Point

from meta_demo.serving import attention
from meta_demo.ui import look, plots
from meta_demo.ui.charts import chart, figure_json
from meta_demo.ui.markup import Html, tag
from meta_demo.ui.side import Drawn, Side, register, visible
from meta_demo.words import text


@register
class PointsSide(Side[Point]):
    name, first_sample, nearest, cards_id, inside = "points", "signs", 3, "points-cards", ("text_card",)

    def lay_out_tried(self, *, shown: bool) -> None:
        self.tried = self.own(gr.Number(None, visible=visible(shown), elem_id="point"))

    def lay_out_map(self, *, shown: bool) -> None:
        self.heatmap = self.own(chart("points-heatmap", visible=visible(shown)))

    def card_words(self, lang: str) -> dict[str, str]:
        return {"examples": text("page.card.count.points", lang)}

    def held(self, items: Sequence[str]) -> str:
        return "\n".join(items)

    def items(self, held: Any) -> list[str]:
        return str(held or "").split()

    def written(self, content: Point) -> str:
        return str(content.x)

    @property
    def moved(self) -> list[Callable[..., Any]]:
        return [self.tried.change]

    def content_of(self, value: Any) -> Point | None:
        return None if value is None else Point(float(value))

    def example(self, content: Point, name: str) -> Html:
        return tag("b", str(content), title=name)

    def draw(self, shown: look.Map, content: Point, inputs: Any) -> Drawn:  # noqa: ARG002
        names = ["sign", *"123"]
        how = {"difference": shown.choice.difference, "lang": shown.lang}
        figure = plots.heatmap(shown.matrix, names, look.heading(shown), **how)
        return names, attention.received(shown.matrix, shown.choice.row), {self.heatmap: figure_json(figure)}
