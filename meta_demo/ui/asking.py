"""What the page answers about an adaptation: predictions for something new, and where attention goes in it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.backbones.notes import reading_notes
from meta_demo.serving import attention
from meta_demo.serving.attention import Array
from meta_demo.serving.requests import Learner
from meta_demo.serving.service import Service
from meta_demo.ui import atlas, blocks, look, plane, unsure
from meta_demo.ui.callers import visitor
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.learners import called
from meta_demo.ui.markup import together
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Run
from meta_demo.ui.side import Side
from meta_demo.ui.words import request_language
from meta_demo.words import text


class Asking:
    """The handlers of one page's third and fourth step."""

    def __init__(self, service: Service, page: Page) -> None:
        self.service, self.page = service, page

    def predict(self, values: Values, request: gr.Request) -> Updates:
        """Every algorithm's answer to what is tried, at the step of the slider."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        if values[page.modality] in page.sheets or _awaited(run):
            return {}
        if run is None or not run.history:
            return {page.trial.predictions: blocks.empty("page.try.empty", lang)}
        tried = self._tried(values)
        if not tried:
            return {page.trial.predictions: blocks.empty(f"page.try.blank.{values[page.modality]}", lang)}
        found = self.service.predict(run.request, [tried], _step(values, page), visitor=visitor(request))
        shown = blocks.predictions(found, run.request.episode, page.side(values), run.colours, run.steps, lang)
        notes = blocks.notes(reading_notes(self.service.backbone(run.request.model), [tried]), lang)
        return {page.trial.predictions: together(notes, shown)}

    def try_another(self, values: Values, request: gr.Request) -> Updates:
        """Predictions of a new thing; what was said of the last one is over."""
        return {self.page.message: ""} | self.predict(values, request)

    def _tried(self, values: Values) -> Any:
        """What is to be recognised; None when there is nothing."""
        side = self.page.side(values)
        return side.content_of(values[side.tried])

    def choose_token(self, values: Values, request: gr.Request, event: gr.EventData) -> Updates:
        """A token was clicked: look with its eyes, or with all again when it was the chosen one."""
        index = _said(event, "index")
        row = index if isinstance(index, int) and index != values[self.page.row] else None
        return {self.page.row: row} | self.attend({**values, self.page.row: row}, request)

    def choose_map(self, values: Values, request: gr.Request, event: gr.EventData) -> Updates:
        """A small map was clicked: look at it closely."""
        layer, head = _said(event, "layer"), _said(event, "head")
        if not isinstance(layer, int) or not isinstance(head, int):  # no page says so
            return {}
        chosen = {self.page.look.layer: layer + 1, self.page.look.head: head + 1}
        return chosen | self.attend({**values, **chosen}, request)

    def attend(self, values: Values, request: gr.Request) -> Updates:
        """The attention map of what is tried, and that thing itself coloured by it."""
        part, run = self.page.look, values[self.page.run]
        who = self._looked_at(values)
        if run is None or who is None or _awaited(run):
            return {}
        backbone, tried = self.service.backbone(run.request.model), self._tried(values)
        inputs, lang = backbone.inputs, request_language(request)
        if not tried:
            return self._nothing(f"page.try.blank.{values[self.page.modality]}", lang)
        side = self.page.side(values)
        if why := side.undrawable(inputs) or (None if backbone.n_maps else "page.look.no_maps"):
            return self._nothing(why, lang)
        maps = self.service.attention(run.request, who, tried, _step(values, self.page), visitor=visitor(request))
        choice = self._choice(values, run, who, maps[0].shape, lang)
        before, after = (_reduced(m, choice.layer, choice.head) for m in maps)
        matrix, same = attention.at_moment(before, after, choice.moment), attention.unchanged(before, after)
        closely = look.Map(matrix, same, choice, lang)
        names, shares, drawn = side.draw(closely, tried, inputs)
        return drawn | {
            part.empty: "",
            part.caption: look.caption(closely, names, side.name),
            part.words: look.words(names, shares, difference=choice.difference, same=same, lang=lang),
            part.atlas: _atlas(attention.at_moment(*maps, choice.moment), choice, side, inputs),
        }

    def open_map(self, values: Values, request: gr.Request) -> Updates:
        """Where the examples stand in the chosen learner's space at each step, and what is tried among them."""
        page, run, lang = self.page, values[self.page.run], request_language(request)
        who = self._chosen(values, page.map.algorithm)
        if run is None or who is None or _awaited(run):
            return {}
        asked = run.request.episode
        if not asked.labels:
            return {page.map.empty: blocks.empty("page.map.numbers", lang), page.map.plane: None}
        travel = self.service.travel(run.request, who, visitor=visitor(request))
        value = plane.drawn(travel, asked.support, run.colours, asked.labels, page.side(values))
        located = self._located(values, run, who, visitor(request))
        return {page.map.empty: "", page.map.plane: gr.update(value=value, tried=located)}

    def locate(self, values: Values, request: gr.Request) -> Updates:
        """Something else is tried, or at another step: of the map nothing but its place is told."""
        run, who = values[self.page.run], self._chosen(values, self.page.map.algorithm)
        if run is None or who is None or _awaited(run) or not run.request.episode.labels:
            return {}
        return {self.page.map.plane: gr.update(tried=self._located(values, run, who, visitor(request)))}

    def _located(self, values: Values, run: Run, who: Learner, asks: object) -> dict[str, Any] | None:
        """What is told of the place of what is tried; None where nothing is."""
        tried = self._tried(values)
        if not tried:
            return None
        found = self.service.locate(run.request, who, tried, _step(values, self.page), visitor=asks)
        travel = self.service.travel(run.request, who, visitor=asks)
        return plane.marked(found, travel, run.request.episode.labels)

    def decide(self, values: Values, request: gr.Request) -> Updates:
        """Which words of what is tried decided the chosen learner's answer to it: only where somebody asks."""
        part, run, who, lang = self.page.look, values[self.page.run], self._looked_at(values), request_language(request)
        tried, side = self._tried(values), self.page.side(values)
        if run is None or who is None or not tried or not side.worded or _awaited(run):
            return {part.decided: blocks.notice(text("page.words.first", lang))}
        step = _step(values, self.page)
        found = self.service.decisive(run.request, who, tried, step, visitor=visitor(request))
        inputs: Any = self.service.backbone(run.request.model).inputs
        read = inputs.shows(tried)
        tokens = attention.tokenize(inputs.tokenizer, read, len(found.parts))
        about = called(who, run.learners, lang), min(step or 0, run.steps[who])
        return {part.decided: look.decided(found, read, tokens, about, lang)}

    def label_next(self, values: Values, request: gr.Request) -> Updates:
        """Which of the lines that nobody labelled the learners would have labelled."""
        side, run, lang = self.page.side(values), values[self.page.run], request_language(request)
        if side.next is None or _awaited(run):
            return {}
        ready = run is not None and run.history and run.request.episode.unlabelled
        if not ready or not run.request.episode.labels:
            return {side.next[1]: blocks.notice(text("page.next.first", lang))}
        found = self.service.unsure(run.request, _step(values, self.page), visitor=visitor(request))
        return {side.next[1]: unsure.rows(found, run, side, lang)}

    def _nothing(self, key: str, lang: str) -> Updates:
        return {self.page.look.empty: blocks.empty(key, lang)}

    def _looked_at(self, values: Values) -> Learner | None:
        """The learner whose attention is looked at; None where nothing has adapted."""
        return self._chosen(values, self.page.look.algorithm)

    def _chosen(self, values: Values, part: Any) -> Learner | None:
        """The learner that a list of them says; None where nothing has adapted."""
        run, place = values[self.page.run], values[part]
        return run.learners[place] if run and isinstance(place, int) and place < len(run.history) else None

    def _choice(self, values: Values, run: Run, who: Learner, shape: tuple[int, ...], lang: str) -> look.Choice:
        """What to look at of maps [layers, heads, L, L], as far as there is such a thing."""
        part, (layers, heads, tokens, _) = self.page.look, shape
        layer, head, row = int(values[part.layer] or layers), int(values[part.head] or 0), values[self.page.row]
        return look.Choice(
            layer=max(1, min(layer, layers)),
            head=head if head <= heads else 0,
            row=row if (row or 0) < tokens else None,
            moment=values[part.moment],
            name=called(who, run.learners, lang),
            step=min(_step(values, self.page) or 0, run.steps[who]),
        )

    def open_look(self, values: Values, request: gr.Request) -> Updates:
        """After an adaptation: as many layers and heads as the model has, at the last layer, and the map itself."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        if values[page.modality] in page.sheets or run is None or not run.history or _awaited(run):
            return {}
        backbone = self.service.backbone(run.request.model)
        heads = [(look.head_name(h, lang), h) for h in (0, look.ROLLOUT, *range(1, backbone.n_heads + 1))]
        layer = int(values[page.look.layer])
        highest = backbone.n_maps or backbone.n_layers  # passes, where one layer is used again and again
        layer = layer if values[page.look.caption] and layer <= highest else highest
        head = values[page.look.head] if (values[page.look.head] or 0) <= backbone.n_heads else 0
        controls: Updates = {
            page.look.layer: gr.Slider(maximum=highest, value=layer),
            page.look.head: gr.Dropdown(heads, value=head),
        }
        return controls | self.attend({**values, page.look.layer: layer, page.look.head: head}, request)


def _said(event: gr.EventData, name: str) -> Any:
    """What an event says under a name; None where no page has sent it, and it says nothing."""
    try:
        return getattr(event, name)
    except (AttributeError, TypeError):
        return None


def _awaited(run: Run | None) -> bool:
    """Whether an adaptation is under way: it is asked once it has ended, and what stands there stays until then."""
    return run is not None and run.under_way


def _reduced(maps: Array, layer: int, head: int) -> Array:
    """One map [L, L] of all layers and heads."""
    if head == look.ROLLOUT:
        return attention.rollout(maps[:layer])
    return attention.reduce_heads(maps, layer - 1, head - 1 if head else None)


def _atlas(maps: Array, choice: look.Choice, side: Side[Any], inputs: Any) -> dict[str, Any]:
    """All maps [layers, heads, L, L] at a glance."""
    small = side.small(maps, choice.row, inputs)
    return atlas.tiled(small, maps.shape[-1], choice.layer - 1, choice.head - 1, difference=choice.difference)


def _step(values: Values, page: Page) -> int | None:
    """The slider's step; None, all of them, where there is nothing to slide."""
    run: Run | None = values[page.run]
    return int(values[page.trial.step] or 0) if run and run.reached else None
