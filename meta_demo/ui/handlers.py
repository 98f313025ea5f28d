"""What the page's events do. Each handler reads a dict of component values, asks the service, and returns what to show.

Thin by intent: markup is made in `views` and `look`, figures in `plots`, and `page` says which event calls which handler.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from meta_demo import attention
from meta_demo.core.inputs import TextInputs
from meta_demo.core.messages import text
from meta_demo.data.episode import Episode, clean
from meta_demo.data.readers import read_episode
from meta_demo.data.samples import load_sample
from meta_demo.service import Service
from meta_demo.snapshots import Request, Snapshot
from meta_demo.ui import guard, look, plots, views
from meta_demo.ui.cards import cards_from, colours_of, episode_of, first_sentence
from meta_demo.ui.charts import figure_json
from meta_demo.ui.controls import changed_knobs, follow
from meta_demo.ui.layout import Page
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.session import Run
from meta_demo.ui.starts import Switch
from meta_demo.ui.words import request_language, title

FRAME = 0.04  # seconds: a browser draws no faster, so steps that come closer together share a frame
NOTES_SHOWN = 3

Values = dict[Any, Any]
Updates = dict[Any, Any]


class Handlers:
    def __init__(self, service: Service, page: Page) -> None:
        self.service, self.page = service, page

    # --- teach ---

    def open_sample(self, values: Values, request: gr.Request) -> Updates:
        return self._filled(load_sample(str(values[self.page.teach.sample])), values, request)

    def open_file(self, values: Values, request: gr.Request) -> Updates:
        """Cards from an uploaded file, which is read once and deleted."""
        path = Path(values[self.page.teach.upload])
        try:
            episode = read_episode(path)
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
        return self._filled(episode, values, request) | {self.page.teach.sample: None}

    def _filled(self, episode: Episode, values: Values, request: gr.Request) -> Updates:
        page, cards = self.page, cards_from(episode)
        sentence = first_sentence(episode)
        updates: Updates = {page.teach.cards: cards, page.message: ""}
        if sentence:
            updates[page.attempt.sentence] = sentence
        return updates | self.mark_changes({**values, page.teach.cards: cards}, request)

    def mark_changes(self, values: Values, request: gr.Request) -> Updates:
        """A hint once cards or settings differ from what was adapted."""
        run: Run | None = values[self.page.run]
        if run is None or not run.history:
            return {self.page.message: ""}
        lang = request_language(request)
        try:
            same = self._request(values) == run.request
        except Exception:  # half-typed cards are a change like any other; what is wrong with them is said at Adapt
            same = False
        return {
            self.page.adapt.notice: "" if same else views.notice(text("page.run.changed", lang)),
            self.page.message: "",
        }

    def turn(self, values: Values, request: gr.Request) -> Updates:
        """The folds, boxes and untouched knobs that fit the model, the algorithms and what is switched on."""
        page, adapt, lang = self.page, self.page.adapt, request_language(request)
        chosen, own, model = values[adapt.algorithms] or [], values[page.own], self.model(values)
        before: Switch = values[page.switch]
        switch = before.turned(model, chosen, own)
        mine = [a.recipe.algorithm for a in own if a.model == model]
        yours = text("page.run.yours", lang)
        boxes = [(f"{title(n, lang)} · {yours}" if n in mine else title(n, lang), n) for n in switch.shown]
        knobs = follow(adapt.knobs, values, before.bases, switch.bases)
        updates: Updates = {fold: gr.Accordion(visible=name in chosen) for name, fold in adapt.knob_folds.items()}
        updates |= {page.switch: switch, **knobs}
        updates[adapt.starts] = gr.CheckboxGroup(boxes, value=switch.ticked, visible=bool(boxes))
        return updates | self.mark_changes({**values, **knobs, page.switch: switch}, request)

    def tick(self, values: Values, request: gr.Request) -> Updates:
        """A box was ticked. Only here are the boxes read: elsewhere the browser may still send what they were before an update."""
        switch = values[self.page.switch].heard(values[self.page.adapt.starts])
        return self.turn({**values, self.page.switch: switch}, request)

    # --- adapt ---

    def load_model(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """The state of the chosen model: loading, then ready or why not."""
        lang, name = request_language(request), self.model(values)
        place = self.page.adapt.model_status
        if not self.service.is_loaded(name):
            yield {place: views.model_status(text("page.model.loading", lang, model=name), "loading")}
        try:
            backbone = self.service.backbone(name)
        except Exception as error:
            yield {place: views.model_status(guard.sentence(error, lang), "failed")}
            return
        facts = {"layers": backbone.n_layers, "heads": backbone.n_heads, "device": str(self.service.device).upper()}
        yield {place: views.model_status(text("page.model.ready", lang, model=name, **facts), "ready")}

    def adapt(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Adapts what the page holds, and shows every step. Where that fails, the last adaptation stays the one to ask."""
        page, lang = self.page, request_language(request)
        run = Run(self._request(values), colours_of(values[page.teach.cards]))
        yield {page.run: run, page.message: "", page.adapt.notice: "", page.adapt.stop: gr.Button(interactive=True)}
        try:
            notes = [note.message(lang) for note in self.service.notes(run.request)[:NOTES_SHOWN]]
            for frame in self._frames(run):
                run = frame
                yield self._progress(run, lang)
        except Exception:
            yield {page.run: values[page.run], page.adapt.stop: gr.Button(interactive=False)}
            raise
        yield self._finished(run, lang) | {page.adapt.notice: views.notice(*notes)}

    def _frames(self, run: Run) -> Iterator[Run]:
        """The growing run, one frame per snapshot; snapshots that come too fast to be drawn share one."""
        history: dict[str, list[Snapshot]] = {}
        shown, waiting = 0.0, False
        for snapshot in self.service.adapt_stream(run.request):
            history.setdefault(snapshot.algorithm, []).append(snapshot)
            waiting = time.monotonic() - shown < FRAME
            if not waiting:
                yield run.with_history(history)
                shown = time.monotonic()
        if waiting:
            yield run.with_history(history)

    def _progress(self, run: Run, lang: str) -> Updates:
        adapt = self.page.adapt
        return {
            self.page.run: run,
            adapt.runs: views.run(run.history, lang),
            adapt.curves: figure_json(plots.curves(run.history, lang)),
            adapt.summary: "",
        }

    def _finished(self, run: Run, lang: str) -> Updates:
        page, names = self.page, list(run.history)
        return {
            page.run: run,
            page.adapt.summary: views.summary(run.history, lang),
            page.adapt.stop: gr.Button(interactive=False),
            page.attempt.step: gr.Slider(maximum=max(1, run.reached), value=run.reached, visible=run.reached > 0),
            page.look.algorithm: gr.Dropdown([(title(name, lang), name) for name in names], value=names[0]),
            page.row: None,
        }

    def stop(self, values: Values, request: gr.Request) -> Updates:
        """After the adaptation was cancelled: what is there stays, and can be asked about."""
        lang, run = request_language(request), values[self.page.run]
        off = {self.page.adapt.stop: gr.Button(interactive=False)}
        if run is None or not run.history:
            return off | {self.page.adapt.notice: views.notice(text("page.run.stopped_early", lang))}
        note = views.notice(text("page.run.stopped", lang, step=run.reached))
        return self._finished(run.stopped(), lang) | off | {self.page.adapt.notice: note}

    def _request(self, values: Values) -> Request:
        """The request that the page spells; raises UserError."""
        page, adapt = self.page, self.page.adapt
        chosen = values[adapt.algorithms] or []
        algorithms = tuple(name for name in algorithm_names() if name in chosen)
        switch: Switch = values[page.switch]
        knobs = changed_knobs(adapt.knobs, values, algorithms, switch.bases)
        episode, model = episode_of(values[page.teach.cards]), self.model(values)
        starts = switch.checkpoints(model, algorithms, values[page.own])
        return Request(episode, model, algorithms, int(values[adapt.seed] or 0), knobs, checkpoints=starts)

    def model(self, values: Values) -> str:
        """The name of the chosen model."""
        return str(values[self.page.adapt.model] or "").strip()

    # --- try ---

    def predict(self, values: Values, request: gr.Request) -> Updates:
        """Every algorithm's view of the sentence, at the step of the slider."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        if run is None or not run.history:
            return {page.attempt.predictions: views.empty("page.try.empty", lang)}
        sentence = clean(str(values[page.attempt.sentence] or ""))
        if not sentence:
            return {page.attempt.predictions: views.empty("page.try.blank", lang)}
        found = self.service.predict(run.request, [sentence], _step(values, page))
        episode = run.request.episode
        support = [(str(e.content), e.label or "") for e in episode.support]
        shown = views.predictions(found, episode.labels, run.colours, support, run.steps, lang)
        return {page.attempt.predictions: shown}

    # --- attention ---

    def choose_token(self, values: Values, request: gr.Request, event: gr.EventData) -> Updates:
        """A token was clicked: look with its eyes, or with all again when it was the chosen one."""
        index = event.index
        row = index if isinstance(index, int) and index != values[self.page.row] else None
        return {self.page.row: row} | self.attend({**values, self.page.row: row}, request)

    def attend(self, values: Values, request: gr.Request) -> Updates:
        """The attention map of the sentence, and the sentence coloured by it."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        sentence = clean(str(values[page.attempt.sentence] or ""))
        algorithm = values[page.look.algorithm]
        if run is None or algorithm not in run.history:
            return {}
        if not sentence:
            return {page.look.empty: views.empty("page.try.blank", lang), page.look.body: gr.Row(visible=False)}
        maps = self.service.attention(run.request, algorithm, sentence, _step(values, page))
        layers, heads = maps[0].shape[:2]
        layer = max(1, min(int(values[page.look.layer] or layers), layers))
        head = int(values[page.look.head] or 0) if int(values[page.look.head] or 0) <= heads else 0
        before, after = (attention.reduce_heads(m, layer - 1, head - 1 if head else None) for m in maps)
        backbone = self.service.backbone(run.request.model)
        assert isinstance(backbone.inputs, TextInputs)
        tokens = attention.tokenize(backbone.inputs.tokenizer, sentence, maps[0].shape[-1])
        return self._drawn(values, run, sentence, tokens, (before, after), (layer, head), lang)

    def _drawn(
        self,
        values: Values,
        run: Run,
        sentence: str,
        tokens: list[attention.Token],
        maps: tuple[attention.Array, attention.Array],
        place: tuple[int, int],
        lang: str,
    ) -> Updates:
        part, which, row = self.page.look, values[self.page.look.view], values[self.page.row]
        difference, same = which == "difference", attention.unchanged(*maps)
        matrix = attention.view(*maps, which)
        names = look.token_names(tokens, lang)
        row = row if row is not None and row < len(tokens) else None
        shares = attention.received(matrix, row)
        algorithm, (layer, head) = values[part.algorithm], place
        at = min(_step(values, self.page) or 0, run.steps[algorithm])
        which_head = text("page.look.head.one", lang, head=head) if head else text("page.look.head.mean", lang)
        heading = (
            text(
                "page.look.heatmap",
                lang,
                view=text(f"page.look.{which}", lang),
                algorithm=title(algorithm, lang),
                step=at,
            ),
            text("page.look.place", lang, layer=layer, head=which_head),
        )
        return {
            part.empty: "",
            part.body: gr.Row(visible=True),
            part.caption: look.caption(names[row] if row is not None else None, difference=difference, lang=lang),
            part.sentence: look.sentence(sentence, tokens, shares, row, difference=difference, lang=lang),
            part.words: look.words(names, shares, difference=difference, same=same, lang=lang),
            part.heatmap: figure_json(plots.heatmap(matrix, names, heading, difference=difference, lang=lang)),
        }

    def open_look(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """After an adaptation: as many layers and heads as the model has, at the last layer, and the map itself."""
        page, lang = self.page, request_language(request)
        run: Run | None = values[page.run]
        if run is None or not run.history:
            return
        backbone = self.service.backbone(run.request.model)
        heads = [(text("page.look.head.mean", lang), 0)]
        heads += [(text("page.look.head.one", lang, head=h), h) for h in range(1, backbone.n_heads + 1)]
        layer = int(values[page.look.layer])
        layer = layer if values[page.look.caption] and layer <= backbone.n_layers else backbone.n_layers
        head = values[page.look.head] if (values[page.look.head] or 0) <= backbone.n_heads else 0
        controls: Updates = {
            page.look.layer: gr.Slider(maximum=backbone.n_layers, value=layer),
            page.look.head: gr.Dropdown(heads, value=head),
        }
        yield controls | self.attend({**values, page.look.layer: layer, page.look.head: head}, request)


def _step(values: Values, page: Page) -> int | None:
    """The slider's step; None, all of them, where there is nothing to slide."""
    run: Run | None = values[page.run]
    return int(values[page.attempt.step] or 0) if run and run.reached else None
