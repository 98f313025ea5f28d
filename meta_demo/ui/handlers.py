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

from meta_demo.backbones.loading import DEFAULT
from meta_demo.data.episode import Episode
from meta_demo.data.names import with_names
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.samples import load_sample
from meta_demo.modalities.picture.content import Picture
from meta_demo.serving.requests import Request, Snapshot
from meta_demo.serving.service import Service
from meta_demo.ui import guard, plots, views
from meta_demo.ui.cards import Cards, cards_from, colours_of, dealt, episode_of, first_query
from meta_demo.ui.charts import figure_json
from meta_demo.ui.controls import changed_knobs, follow
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.layout import FIRST_SAMPLE, FIRST_SHOTS, MODALITIES, Page, model_choices, sample_choices
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.pictures import url_of
from meta_demo.ui.session import Run, Side
from meta_demo.ui.starts import Switch
from meta_demo.ui.words import request_language, title
from meta_demo.words import text

FRAME = 0.04  # seconds: a browser draws no faster, so steps that come closer together share a frame
NOTES_SHOWN = 3


class Handlers:
    def __init__(self, service: Service, page: Page) -> None:
        self.service, self.page = service, page

    # --- teach ---

    def open_sample(self, values: Values, request: gr.Request) -> Updates:
        """A sample with as many examples of each class as chosen, or as the first one has."""
        teach = self.page.teach
        sample, shots = load_sample(str(values[teach.sample])), values[teach.shots] or FIRST_SHOTS
        return self._filled(sample, dealt(cards_from(sample), shots), values, request) | {teach.shots: shots}

    def deal(self, values: Values, request: gr.Request) -> Updates:
        """So many examples of each class on the cards that are there, and the others held out."""
        teach = self.page.teach
        cards = {teach.cards[values[self.page.modality]]: dealt(self._cards(values), values[teach.shots])}
        return cards | self.mark_changes({**values, **cards}, request)

    def edit(self, values: Values, request: gr.Request) -> Updates:
        """Edited cards are no longer as they were dealt."""
        return {self.page.teach.shots: None} | self.mark_changes(values, request)

    def open_file(self, values: Values, request: gr.Request) -> Updates:
        """Cards from an uploaded file, which is read once and deleted."""
        teach = self.page.teach
        path = Path(values[teach.upload])
        try:
            episode = read_episode(path)
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
        return self._filled(episode, cards_from(episode), values, request) | {teach.sample: None, teach.shots: None}

    def _filled(self, episode: Episode, cards: Cards, values: Values, request: gr.Request) -> Updates:
        """The cards of `episode` and something to try from it, on the side of the page that is its modality's."""
        page, modality = self.page, episode.modality
        updates: Updates = {page.message: ""}
        if modality != values[page.modality]:
            updates |= self._other_side({**values, page.modality: modality}, request) | {page.modality: modality}
        updates |= self._shown(episode, cards)
        now = {page.modality: modality, page.run: updates.get(page.run, values[page.run])}
        return updates | self.mark_changes({**values, **now, page.teach.cards[modality]: cards}, request)

    def _shown(self, episode: Episode, cards: Cards) -> Updates:
        """An episode's cards, and something to try."""
        query, attempt = first_query(episode), self.page.attempt
        updates: Updates = {self.page.teach.cards[episode.modality]: gr.update(value=cards, visible=True)}
        if isinstance(query, str):
            updates[attempt.sentence] = query
        elif isinstance(query, Picture):
            updates[attempt.pad] = gr.update(value=url_of(query), visible=True)
        return updates

    def turn_page(self, values: Values, request: gr.Request) -> Updates:
        """The other modality's side of the page, as it was left, or with a sample; `values` already say which."""
        teach, modality = self.page.teach, values[self.page.modality]
        updates = self._other_side(values, request) | {teach.shots: None}
        if self._cards(values):
            return updates
        sample = load_sample(FIRST_SAMPLE[modality])
        chosen = gr.Dropdown(sample_choices(modality), value=FIRST_SAMPLE[modality])
        updates |= self._shown(sample, dealt(cards_from(sample), FIRST_SHOTS))
        return updates | {teach.sample: chosen, teach.shots: FIRST_SHOTS}

    def _other_side(self, values: Values, request: gr.Request) -> Updates:
        page, lang, modality = self.page, request_language(request), values[self.page.modality]
        shelf: dict[str, Side] = dict(values[page.shelf])
        other = next(name for name in page.teach.cards if name != modality)
        shelf[other] = Side(self.model(values), values[page.run])
        side = shelf.pop(modality, Side(DEFAULT[modality]))
        shown = {name: gr.update(visible=True if name == modality else "hidden") for name in MODALITIES}
        updates: Updates = {cards: shown[name] for name, cards in page.teach.cards.items()}
        updates |= {
            page.shelf: shelf,
            page.run: side.run,
            page.row: None,
            page.adapt.model: gr.Dropdown(model_choices(modality), value=side.model),
            page.teach.sample: gr.Dropdown(sample_choices(modality), value=None),
            page.teach.heading: views.heading("teach", lang, modality),
            page.attempt.heading: views.heading("try", lang, modality),
            page.adapt.names: shown["text"],
            page.attempt.sentence: shown["text"],
            page.attempt.pad: shown["picture"],
            page.look.heading: views.heading("look", lang, modality),
            page.message: "",
        }
        return updates | self._left(side.run, lang)

    def _left(self, run: Run | None, lang: str) -> Updates:
        """The outcome of an adaptation as it was left, or the page before the first one."""
        page = self.page
        if run and run.history:
            return self._progress(run, lang) | self._finished(run, lang) | {page.adapt.notice: ""}
        return {
            page.adapt.runs: views.empty("page.run.empty", lang),
            page.adapt.curves: None,
            page.adapt.summary: "",
            page.adapt.notice: "",
            page.attempt.step: gr.Slider(value=0, visible=False),
            page.attempt.predictions: views.empty("page.try.empty", lang),
            page.look.empty: views.empty("page.look.empty", lang),
        }

    def mark_changes(self, values: Values, request: gr.Request) -> Updates:
        """A hint once cards or settings differ from what was adapted; what was wrong before is no longer said."""
        return {self.page.message: ""} | self._changes(values, request_language(request))

    def outdated(self, values: Values, request: gr.Request) -> Updates:
        """The same hint where cards or settings changed while they were adapted; what is said otherwise stays."""
        hint = self._changes(values, request_language(request)).get(self.page.adapt.notice)
        return {self.page.adapt.notice: hint or gr.skip()}

    def _changes(self, values: Values, lang: str) -> Updates:
        run: Run | None = values[self.page.run]
        if run is None or not run.history:
            return {}
        try:
            same = self._request(values) == run.request
        except Exception:  # half-typed cards are a change like any other; what is wrong with them is said at Adapt
            same = False
        return {self.page.adapt.notice: "" if same else views.notice(text("page.run.changed", lang))}

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
        return updates | self._changes({**values, **knobs, page.switch: switch}, lang)

    def choose(self, values: Values, request: gr.Request) -> Updates:
        """Other algorithms. Unlike a model, which turns with the page, only a visitor chooses them."""
        return self.turn(values, request) | {self.page.message: ""}

    def tick(self, values: Values, request: gr.Request) -> Updates:
        """A box was ticked. Only here are the boxes read: elsewhere the browser may still send what they were before an update."""
        switch = values[self.page.switch].heard(values[self.page.adapt.starts])
        return self.choose({**values, self.page.switch: switch}, request)

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
        run = Run(self._request(values), colours_of(self._cards(values)))
        yield {page.run: run, page.message: "", page.adapt.notice: ""} | self._running(True)
        try:
            notes = [note.message(lang) for note in self.service.notes(run.request)[:NOTES_SHOWN]]
            for frame in self._frames(run):
                run = frame
                yield self._progress(run, lang)
        except Exception:
            yield {page.run: values[page.run]} | self._running(False)
            raise
        yield self._finished(run, lang) | {page.adapt.notice: views.notice(*notes)}

    def _running(self, going: bool) -> Updates:
        """While an adaptation goes on it can be stopped, and the side of the page stays."""
        return {self.page.adapt.stop: gr.Button(interactive=going), self.page.modality: gr.Radio(interactive=not going)}

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
            **self._running(False),
            page.attempt.step: gr.Slider(maximum=max(1, run.reached), value=run.reached, visible=run.reached > 0),
            page.look.algorithm: gr.Dropdown([(title(name, lang), name) for name in names], value=names[0]),
            page.row: None,
        }

    def stop(self, values: Values, request: gr.Request) -> Updates:
        """After the adaptation was cancelled: what is there stays, and can be asked about."""
        lang, run = request_language(request), values[self.page.run]
        off = self._running(False)
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
        episode, model = episode_of(self._cards(values)), self.model(values)
        if values[adapt.names] and episode.modality == "text":
            episode = with_names(episode)
        starts = switch.checkpoints(model, algorithms, values[page.own])
        return Request(episode, model, algorithms, int(values[adapt.seed] or 0), knobs, checkpoints=starts)

    def _cards(self, values: Values) -> Any:
        """The cards that are shown."""
        return values[self.page.teach.cards[values[self.page.modality]]]

    def model(self, values: Values) -> str:
        """The name of the chosen model."""
        return str(values[self.page.adapt.model] or "").strip()
