"""Sentences on the page: typed a line each, shown as they are, with attention as a heatmap over their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import gradio as gr

from meta_demo.core.strings import clean
from meta_demo.modalities.text.modality import E5_SMALL
from meta_demo.serving import attention
from meta_demo.ui import look, plots, ties
from meta_demo.ui.charts import chart, figure_json
from meta_demo.ui.markup import Html, tag, together
from meta_demo.ui.scripts import script
from meta_demo.ui.side import Drawn, Side, register, visible
from meta_demo.ui.words import label
from meta_demo.words import LANGUAGES, text


@register
class TextSide(Side[str]):
    """The side of sentences."""

    name = "text"
    first_sample = "travel-planning"
    greets: ClassVar[dict[str, tuple[str, str]]] = {"zh": (E5_SMALL.name, "chinese-service")}
    nearest = 3
    named = worded = True
    inside = ("text_card",)
    rows = ("text_row", "values")
    cards_id = "cards"

    def lay_out_tried(self, *, shown: bool) -> None:
        self.tried = self.own(
            gr.Textbox(
                "",
                label=label("page.try.sentence"),
                placeholder=label("page.try.placeholder"),
                lines=2,
                max_lines=5,
                max_length=5000,
                visible=visible(shown),
                elem_id="sentence",
            )
        )

    def lay_out_lines(self, *, shown: bool) -> None:
        self.lines = self.own(
            gr.Textbox(
                "",
                label=label("page.lines"),
                info=label("page.lines.about"),
                placeholder=label("page.lines.placeholder"),
                lines=2,
                max_lines=8,
                visible=visible(shown),
                elem_id="lines",
            )
        )

        asks = gr.Button(label("page.next.go"), size="sm", visible=visible(shown), elem_id="next")
        said = gr.HTML("", visible=visible(shown), elem_id="next-said")
        self.next = self.own(asks), self.own(said)

    def lay_out_beside(self, *, shown: bool) -> None:
        words = {lang: ties.words(lang) for lang in LANGUAGES}
        how = {"js_on_load": script("parts", "tokens", "ties"), "visible": visible(shown), "elem_id": "look-sentence"}
        self.sentence = self.own(gr.HTML("", words=words, **how))

    def lay_out_map(self, *, shown: bool) -> None:
        self.heatmap = self.own(chart("heatmap", visible=visible(shown)))

    def card_words(self, lang: str) -> dict[str, str]:
        return {"examples": text("page.card.examples", lang)}

    def held(self, items: Sequence[str]) -> str:
        return "\n".join(items)

    def items(self, held: Any) -> list[str]:
        return [line.strip() for line in str(held or "").splitlines() if clean(line)]

    def written(self, content: str) -> str:
        return content

    @property
    def moved(self) -> list[Callable[..., Any]]:
        return [self.tried.change]

    @property
    def chosen(self) -> list[Callable[..., Any]]:
        return [self.sentence.select]

    def content_of(self, value: Any) -> str | None:
        return clean(str(value or "")) or None

    def example(self, content: str, name: str) -> Html:  # noqa: ARG002
        return together(content)

    def draw(self, shown: look.Map, content: str, inputs: Any) -> Drawn:
        """The sentence with its tokens coloured, and the map of tokens by tokens."""
        read = inputs.shows(content)
        tokens = attention.tokenize(inputs.tokenizer, read, len(shown.matrix))
        names = look.token_names(tokens, shown.lang)
        shares = attention.received(shown.matrix, shown.choice.row)
        how: dict[str, Any] = {"difference": shown.choice.difference, "lang": shown.lang}
        always = {i for i, token in enumerate(tokens) if token.special or i == shown.choice.row}
        kept = attention.kept_of(shown.matrix, always)
        matrix, rest = attention.folded(shown.matrix, kept), len(names) - len(kept)
        few = [names[i] for i in kept] + [text("page.look.more", shown.lang, count=rest)] * bool(rest)
        figure = plots.heatmap(matrix, few, look.heading(shown), **how)
        coloured = look.sentence(read, tokens, shares, shown.choice.row, **how)
        note = tag("p", text("page.look.folded", shown.lang, shown=len(kept), count=rest), cls="hint") if rest else None
        lines = ties.ties(matrix, few, difference=shown.choice.difference)
        return names, shares, {self.sentence: together(coloured, note, lines), self.heatmap: figure_json(figure)}
