"""What the events of the second step do. Each handler reads a dict of component values, asks the service, and returns what to show.

Thin by intent: markup is made in `blocks` and `look`, figures in `plots`, and `page` says which event calls which handler. The first
step's are in `teaching`, the third's and fourth's in `asking`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.data.episode import Episode, make_episode
from meta_demo.data.names import with_names
from meta_demo.modalities.inputs import NO_PROMPT
from meta_demo.serving.remarks import where_computed
from meta_demo.serving.requests import Learner, Request, Snapshot
from meta_demo.serving.service import Service
from meta_demo.serving.turns import Gone, Turn
from meta_demo.ui import blocks, earlier, guard
from meta_demo.ui.callers import begun, queued, visitor
from meta_demo.ui.cards import colours_of, episode_of, spelled
from meta_demo.ui.charts import live_json
from meta_demo.ui.curves import losses
from meta_demo.ui.form import Form, form_of
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.knobs import changed, described
from meta_demo.ui.learners import called, first_mover
from meta_demo.ui.multiples import live
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Left, Run, Spelling, kept
from meta_demo.ui.starts import Switch, origins_of
from meta_demo.ui.words import request_language, title
from meta_demo.words import text

FRAME = 0.04  # seconds: a browser draws no faster, so steps that come closer together share a frame


class Handlers:
    """The handlers of one page's second step: settings, adapting, and what came of it."""

    def __init__(self, service: Service, page: Page) -> None:
        self.service, self.page = service, page

    # --- settings ---

    def mark_changes(self, values: Values, request: gr.Request) -> Updates:
        """A hint once cards or settings differ from what was adapted; what was wrong before is no longer said."""
        return {self.page.message: ""} | self._changes(values, request_language(request))

    def outdated(self, values: Values, request: gr.Request) -> Updates:
        """The same hint where cards or settings changed while they were adapted; what is said otherwise stays, and where another press
        ended the adaptation nothing is."""
        if (run := values[self.page.run]) and run.under_way:
            return {}
        hint = self._changes(values, request_language(request)).get(self.page.adapt.notice)
        return {self.page.adapt.notice: hint or gr.skip()}

    def _changes(self, values: Values, lang: str) -> Updates:
        run: Run | None = values[self.page.run]
        if run is None or not run.history:
            return {}
        same = self._spelling(values).digest() == run.spelling
        return {self.page.adapt.notice: "" if same else blocks.outdated(text("page.run.changed", lang))}

    def refit(self, values: Values, request: gr.Request, origin: str | None = None) -> Updates:
        """The boxes and knobs that fit the model, the algorithms and what is switched on; all start from `origin` where that is said."""
        page, adapt, lang = self.page, self.page.adapt, request_language(request)
        values = {**values, adapt.origin: origin} if origin else values
        chosen, own, model = values[adapt.algorithms] or [], values[page.own], self.model(values)
        kind, origins = self.form(values).name, origins_of(scratch=page.side(values).scratch)
        switch = self._begun(values).fitted(model, chosen, own, kind)
        mine = [start.algorithm for start in own if (start.model, start.objective) == (model, kind)]
        yours = text("page.run.yours", lang)
        boxes = [(f"{title(n, lang)} · {yours}" if n in mine else title(n, lang), n) for n in switch.shown]
        now = {**values, page.switch: switch}
        updates: Updates = {page.switch: switch} | self.show_knobs(now, request)
        updates[adapt.starts] = gr.CheckboxGroup(
            boxes, value=switch.ticked, visible=bool(boxes)
        )  # the style sheet shows them where it is all from meta-trained starts
        choices = [(text(f"page.origin.{name}", lang), name) for name in origins]
        updates[adapt.origin] = gr.update(choices=choices, visible=bool(boxes))
        if origin or values.get(adapt.origin, switch.origin) not in origins:
            updates[adapt.origin] |= {"value": switch.origin}
        return updates | self._changes(now, lang)

    def show_knobs(self, values: Values, request: gr.Request) -> Updates:
        """The knobs of the chosen algorithms, in the visitor's language."""
        switch, model = self.switch(values), self.model(values)
        layers = self.service.backbone(model).n_layers if self.service.is_loaded(model) else None
        shown = described(self._algorithms(values), switch.bases, request_language(request), layers)
        return {self.page.adapt.knobs: gr.update(shown=shown)}

    def show_algorithms(self, values: Values, request: gr.Request) -> Updates:
        """Which algorithms are greyed out, and the knobs of those that are chosen, in the visitor's language."""
        drawn = picker(self.form(values), request_language(request))
        return {self.page.adapt.picker: drawn} | self.show_knobs(values, request)

    def fit(self, values: Values, request: gr.Request, before: Form, origin: str | None = None) -> Updates:
        """What differs for the labels that `values` now hold, where they were those of `before`'s; all start from `origin` if said."""
        page, form, lang = self.page, self.form(values), request_language(request)
        updates: Updates = {
            page.adapt.names: gr.update(visible=page.side(values).named and form.named),
            page.teach.kind: form.name,
            page.teach.shots: gr.update(visible=form.dealt_by_shots),
            page.adapt.picker: picker(form, lang),
            page.teach.heading: blocks.heading("teach", lang, page.side(values).name, form.taught),
        }
        if form is before:
            return updates
        chosen = still_able(values[page.adapt.algorithms] or [], before, form)
        return (
            updates
            | {page.adapt.algorithms: chosen}
            | self.refit({**values, page.adapt.algorithms: chosen}, request, origin)
        )

    def choose(self, values: Values, request: gr.Request) -> Updates:
        """Other algorithms, or all from other starts. A visitor chose them: what else changes them brings what fits itself."""
        return self.refit(values, request) | {self.page.message: ""}

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
            yield {place: blocks.model_status(text("page.model.loading", lang, model=name), "loading")}
        try:
            backbone = self.service.backbone(name)
        except Exception as error:
            yield {place: blocks.model_status(guard.sentence(error, lang), "failed")}
            return
        facts = {"layers": backbone.n_layers, "heads": backbone.n_heads, "device": str(self.service.device).upper()}
        said = [text("page.model.ready", lang, model=name, **facts)]
        if inputs := backbone.inputs if backbone.inputs.prompts else None:
            others = [f"{name.partition('#')[0]}#{other}" for other in (*inputs.prompts, NO_PROMPT)]
            key = "page.model.prompt" if inputs.prompt else "page.model.no_prompt"
            said.append(text(key, lang, prompt=inputs.prompt, others=", ".join(others)))
        yield {place: blocks.model_status(" ".join(said), "ready")}

    def adapt(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Adapts what the page holds, in the place of what the visitor adapts already, and shows every step. Where that fails, the last
        adaptation stays the one to ask."""
        page, lang = self.page, request_language(request)
        spelling = self._spelling(values)
        typed, colours = self._typed(spelling), colours_of(values[page.side(values).cards])
        run = Run(self._request(spelling, typed), spelling.digest(), colours, typed=typed)
        turn = begun(self.service, request, "adapt")
        if before := values[page.run]:
            before.replaced.set()
            before.ended.set()
        clear = {page.message: "", page.adapt.notice: "", page.adapt.gap: "", page.gaps: None}
        try:
            yield {page.run: run} | clear | self._running(True)
            notes = self.service.notes(run.request)
            yield from queued(turn, page.adapt.notice, "", lang)
            for frame in self._frames(run, turn):
                run = frame
                if not run.whole:
                    yield self._progress(run, lang)
        except Gone:
            raise
        except Exception:
            yield {page.run: before} | self._running(False)
            raise
        finally:
            turn.leave()
        said = blocks.notes([*notes, *where_computed(run.history)], lang)
        # All of it at once: of an adaptation that took a moment a busy browser may have shown no frame before.
        yield self._progress(run, lang) | self._finished(run, lang) | {page.adapt.notice: said}

    def adapt_again(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """The same for cards that were dealt anew, where there was an adaptation of them before."""
        if values[self.page.run]:
            yield from self.adapt(values, request)
        else:
            yield {}

    def _running(self, going: bool) -> Updates:
        """While an adaptation goes on it can be stopped, and the side of the page stays."""
        return {self.page.adapt.stop: gr.Button(interactive=going), self.page.modality: gr.Radio(interactive=not going)}

    def _frames(self, run: Run, turn: Turn) -> Iterator[Run]:
        """The growing run, one frame per snapshot; snapshots that come too fast to be drawn share one."""
        history: dict[Learner, list[Snapshot]] = {}
        shown, waiting = 0.0, False
        for snapshot in self.service.adapt_stream(run.request, turn):
            if turn.gone:
                raise Gone
            history.setdefault(snapshot.learner, []).append(kept(snapshot))
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
            adapt.runs: blocks.run(run.history, lang),
            adapt.curves: live_json(live(run.history, lang)) | {"run": earlier.told(run, lang)},
            adapt.losses: live_json(losses(run.history, lang)),
            adapt.summary: "",
        }

    def _finished(self, run: Run, lang: str) -> Updates:
        page = self.page
        names = [(called(who, run.learners, lang), place) for place, who in enumerate(run.learners)]
        return {
            page.run: run,
            page.adapt.summary: blocks.summary(run.history, lang),
            **self._running(False),
            page.trial.step: gr.Slider(maximum=max(1, run.reached), value=run.reached, visible=run.reached > 0),
            page.look.algorithm: gr.Dropdown(names, value=0),
            page.map.algorithm: gr.Dropdown(names, value=first_mover(run.learners)),
            page.row: None,
        }

    def stop(self, values: Values, request: gr.Request) -> Updates:
        """The adaptation is over: what is there stays, and can be asked about."""
        self.service.heavy.end(visitor(request), "adapt")
        if values[self.page.gaps]:  # it was over, and only deals went on
            return {}
        lang, run = request_language(request), values[self.page.run]
        off = self._running(False)
        if run is None or not run.history:
            return off | {self.page.adapt.notice: blocks.notice(text("page.run.stopped_early", lang))}
        note = blocks.notice(text("page.run.stopped", lang, step=run.reached))
        return self._finished(run.stopped(), lang) | off | {self.page.adapt.notice: note}

    def outcome(self, run: Run | None, lang: str) -> Updates:
        """What an adaptation that was made before had come to, or the page before the first one."""
        page = self.page
        if run and run.history:
            over = {page.adapt.notice: "", page.adapt.gap: "", page.gaps: None}
            return self._progress(run, lang) | self._finished(run, lang) | over
        return {
            page.adapt.runs: blocks.empty("page.run.empty", lang),
            page.adapt.curves: None,
            page.adapt.losses: None,
            page.adapt.summary: "",
            page.adapt.gap: "",
            page.adapt.notice: "",
            page.trial.step: gr.Slider(value=0, visible=False),
            page.trial.predictions: blocks.empty("page.try.empty", lang),
            page.map.empty: blocks.empty("page.map.empty", lang),
            page.map.plane: None,
            page.look.empty: blocks.empty("page.look.empty", lang),
        }

    # --- what the page says ---

    def _spelling(self, values: Values) -> Spelling:
        """What the page spells now."""
        page, adapt, side = self.page, self.page.adapt, self.page.side(values)
        switch, model, algorithms = self.switch(values), self.model(values), self._algorithms(values)
        knobs = changed(values[adapt.knobs], algorithms, switch.bases)
        return Spelling(
            modality=side.name,
            cards=spelled(values[side.cards], side),
            unlabelled=side.unlabelled(values),
            named=bool(values[adapt.names]) and side.named and self.form(values).named,
            model=model,
            algorithms=algorithms,
            seed=int(values[adapt.seed] or 0),
            knobs=knobs,
            checkpoints=switch.checkpoints(model, algorithms, values[page.own]),
            also=switch.also(model, algorithms, values[page.own], knobs),
        )

    def _typed(self, spelling: Spelling) -> Episode:
        """The examples that the page spells, its pictures decoded; raises UserError."""
        side = self.page.sides[spelling.modality]
        episode = episode_of(spelling.cards, side)
        if spelling.unlabelled:
            lines = [(item, f"unlabelled {place}") for place, item in enumerate(spelling.unlabelled, 1)]
            episode = make_episode(episode.support, episode.query, side.read(lines), episode.notes)
        return episode

    def _request(self, spelling: Spelling, typed: Episode) -> Request:
        """The request that the page spells, with such examples; raises UserError."""
        return Request(
            with_names(typed) if spelling.named else typed,
            spelling.model,
            spelling.algorithms,
            spelling.seed,
            spelling.knobs,
            checkpoints=spelling.checkpoints,
            also=spelling.also,
        )

    def _algorithms(self, values: Values) -> tuple[str, ...]:
        """The chosen algorithms that can learn what is collected, in the order of the page."""
        chosen, form = values[self.page.adapt.algorithms] or [], self.form(values)
        return tuple(name for name in algorithm_names() if name in chosen and can(name, form))

    def form(self, values: Values) -> Form:
        """The form of what the side that is shown has collected."""
        return form_of(values[self.page.side(values).cards])

    def model(self, values: Values) -> str:
        """The name of the chosen model."""
        return str(values[self.page.adapt.model] or "").strip()

    def switch(self, values: Values) -> Switch:
        """Which algorithms start meta-trained, fitted to where all start from."""
        kept, now = values[self.page.switch], self._begun(values)
        chosen, own = values[self.page.adapt.algorithms] or [], values[self.page.own]
        same = now.origin == kept.origin
        return kept if same else now.fitted(self.model(values), chosen, own, self.form(values).name)

    def _begun(self, values: Values) -> Switch:
        """The boxes as they were fitted last, and where all start from: what the visitor's own control says, wherever it is asked, so
        that no answer that comes late undoes it."""
        kept: Switch = values[self.page.switch]
        asked = replace(kept, origin=values.get(self.page.adapt.origin) or kept.origin)
        return asked.among(origins_of(scratch=self.page.side(values).scratch))

    def left(self, values: Values) -> Left:
        """What the side that is shown has come to."""
        return Left(self.model(values), self._begun(values).origin, values[self.page.run])


def can(algorithm: str, form: Form) -> bool:
    """Whether an algorithm can learn a form's labels."""
    return form.name in REGISTRY[algorithm].objectives


def still_able(chosen: Sequence[str], before: Form, form: Form) -> list[str]:
    """Of the algorithms that were chosen for other labels those that can learn these; the usual ones where the usual ones were, or where
    none is left."""
    usual = list(form.objective.algorithms)
    if set(chosen) == set(before.objective.algorithms):
        return usual
    return [name for name in chosen if can(name, form)] or usual


def picker(form: Form, lang: str) -> dict[str, Any]:
    """Which algorithms in the list cannot learn a form's labels, with what is said of them."""
    names = [name for name in algorithm_names() if not can(name, form)]
    if not names:
        return {}
    why = text("page.algorithms.unable", lang, objective=form.objective.title)
    unable = f"{', '.join(title(name, lang) for name in names)}: {why}"
    return {"names": names, "why": why, "said": unable}
