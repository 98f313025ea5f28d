"""What the page answers about an adaptation: predictions for something new, and where attention goes in it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo import attention
from meta_demo.attention import Array
from meta_demo.core.content import Content, Picture
from meta_demo.core.inputs import Inputs, PictureInputs, TextInputs
from meta_demo.core.messages import text
from meta_demo.data.episode import clean
from meta_demo.data.pictures import read_data_url
from meta_demo.service import Service
from meta_demo.ui import look, overlay, plots, views
from meta_demo.ui.charts import figure_json
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.layout import Page
from meta_demo.ui.session import Run
from meta_demo.ui.words import request_language, title

ROLLOUT = -1  # among the heads: all layers up to this one, all heads


class Asking:
    def __init__(self, service: Service, page: Page) -> None:
        self.service, self.page = service, page

    def predict(self, values: Values, request: gr.Request) -> Updates:
        """Every algorithm's view of what is tried, at the step of the slider."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        if run is None or not run.history:
            return {page.attempt.predictions: views.empty("page.try.empty", lang)}
        tried = self._tried(values)
        if not tried:
            return {page.attempt.predictions: views.empty(f"page.try.blank.{values[page.modality]}", lang)}
        found = self.service.predict(run.request, [tried], _step(values, page))
        episode = run.request.episode
        shown = views.predictions(found, episode, run.colours, run.steps, lang)
        return {page.attempt.predictions: shown}

    def _tried(self, values: Values) -> Content | None:
        """What is to be recognised; None when there is nothing."""
        attempt = self.page.attempt
        if values[self.page.modality] == "text":
            return clean(str(values[attempt.sentence] or "")) or None
        return read_data_url(values[attempt.pad], "") if values[attempt.pad] else None

    def choose_token(self, values: Values, request: gr.Request, event: gr.EventData) -> Updates:
        """A token was clicked: look with its eyes, or with all again when it was the chosen one."""
        index = event.index
        row = index if isinstance(index, int) and index != values[self.page.row] else None
        return {self.page.row: row} | self.attend({**values, self.page.row: row}, request)

    def attend(self, values: Values, request: gr.Request) -> Updates:
        """The attention map of what is tried, and that thing itself coloured by it."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        algorithm = values[page.look.algorithm]
        if run is None or algorithm not in run.history:
            return {}
        tried, inputs = self._tried(values), self.service.backbone(run.request.model).inputs
        if not tried:
            return self._nothing(f"page.try.blank.{values[page.modality]}", lang)
        if isinstance(inputs, PictureInputs) and inputs.grid is None:
            return self._nothing("page.look.no_grid", lang)
        maps = self.service.attention(run.request, algorithm, tried, _step(values, page))
        layers, heads = maps[0].shape[:2]
        layer = max(1, min(int(values[page.look.layer] or layers), layers))
        head = int(values[page.look.head] or 0) if int(values[page.look.head] or 0) <= heads else 0
        pair = tuple(_reduced(m, layer, head) for m in maps)
        row = values[page.row] if (values[page.row] or 0) < maps[0].shape[-1] else None
        return self._drawn(values, run, (tried, inputs), (pair[0], pair[1]), (layer, head, row), lang)

    def _nothing(self, key: str, lang: str) -> Updates:
        look_ = self.page.look
        return {look_.empty: views.empty(key, lang), look_.body: gr.Row(visible="hidden")}

    def _drawn(
        self,
        values: Values,
        run: Run,
        asked: tuple[Content, Inputs],
        maps: tuple[Array, Array],
        place: tuple[int, int, int | None],
        lang: str,
    ) -> Updates:
        part, which = self.page.look, values[self.page.look.view]
        (tried, inputs), (layer, head, row) = asked, place
        difference, same = which == "difference", attention.unchanged(*maps)
        matrix = attention.view(*maps, which)
        algorithm = values[part.algorithm]
        at = min(_step(values, self.page) or 0, run.steps[algorithm])
        shown = {"view": text(f"page.look.{which}", lang), "algorithm": title(algorithm, lang), "step": at}
        where = text("page.look.place", lang, layer=layer, head=_head_name(head, lang))
        how: dict[str, Any] = {"difference": difference, "lang": lang}
        updates: Updates = {part.empty: "", part.body: gr.Row(visible=True)}
        if isinstance(tried, Picture) and isinstance(inputs, PictureInputs) and inputs.grid:
            names = overlay.token_names(inputs.prefix, inputs.grid, lang)
            shares = attention.received(matrix, row, inputs.prefix)
            updates[part.picture] = overlay.painted(inputs.seen(tried), inputs.grid, shares, row, **how)
        else:
            assert isinstance(tried, str) and isinstance(inputs, TextInputs)
            tokens = attention.tokenize(inputs.tokenizer, tried, matrix.shape[-1])
            names, shares = look.token_names(tokens, lang), attention.received(matrix, row)
            updates[part.sentence] = look.sentence(tried, tokens, shares, row, **how)
            heading = (text("page.look.heatmap", lang, **shown), where)
            updates[part.heatmap] = figure_json(plots.heatmap(matrix, names, heading, **how))
        updates[part.caption] = look.caption(names[row] if row is not None else None, **how)
        updates[part.words] = look.words(names, shares, same=same, **how)
        return updates

    def open_look(self, values: Values, request: gr.Request) -> Updates:
        """After an adaptation: as many layers and heads as the model has, at the last layer, and the map itself."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        if run is None or not run.history:
            return {}
        backbone = self.service.backbone(run.request.model)
        heads = [(_head_name(h, lang), h) for h in (0, ROLLOUT, *range(1, backbone.n_heads + 1))]
        layer = int(values[page.look.layer])
        layer = layer if values[page.look.caption] and layer <= backbone.n_layers else backbone.n_layers
        head = values[page.look.head] if (values[page.look.head] or 0) <= backbone.n_heads else 0
        controls: Updates = {
            page.look.layer: gr.Slider(maximum=backbone.n_layers, value=layer),
            page.look.head: gr.Dropdown(heads, value=head),
        }
        return controls | self.attend({**values, page.look.layer: layer, page.look.head: head}, request)


def _reduced(maps: Array, layer: int, head: int) -> Array:
    """One map [L, L] of all layers and heads."""
    if head == ROLLOUT:
        return attention.rollout(maps[:layer])
    return attention.reduce_heads(maps, layer - 1, head - 1 if head else None)


def _head_name(head: int, lang: str) -> str:
    if head == ROLLOUT:
        return text("page.look.head.rollout", lang)
    return text("page.look.head.one", lang, head=head) if head else text("page.look.head.mean", lang)


def _step(values: Values, page: Page) -> int | None:
    """The slider's step; None, all of them, where there is nothing to slide."""
    run: Run | None = values[page.run]
    return int(values[page.attempt.step] or 0) if run and run.reached else None
