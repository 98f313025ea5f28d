"""The Compare tab in Gradio: its places, and what its buttons do. The figures come from `serving/compare.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from meta_demo.core.errors import Note, UserError
from meta_demo.data.episode import Episode
from meta_demo.data.names import with_names
from meta_demo.serving import repeats
from meta_demo.serving.compare import Plan, Row, best, plan
from meta_demo.serving.requests import Learner, Request
from meta_demo.serving.service import Service
from meta_demo.serving.turns import Gone, Turn
from meta_demo.ui import blocks
from meta_demo.ui.callers import begun, queued, visitor
from meta_demo.ui.cards import colours_of
from meta_demo.ui.charts import chart, figure_json
from meta_demo.ui.compare import closer, earlier
from meta_demo.ui.compare import repeats as repeated
from meta_demo.ui.compare.closer import Found
from meta_demo.ui.compare.grid import component, grid
from meta_demo.ui.compare.table import table
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import Handlers, can
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.parts import SESSION_SECONDS, Page
from meta_demo.ui.scripts import script
from meta_demo.ui.session import Spelling
from meta_demo.ui.words import label, request_language
from meta_demo.words import text

KINDS = ("compare", "shots", "repeats")  # of work, each of which a visitor has one of
FRAME = 0.2  # seconds between two tables: who reads one needs no more
KIND = "classes"  # the labels of which an answer is right or wrong


@dataclass
class CompareTab:
    every: gr.Checkbox
    go: gr.Button
    stop: gr.Button
    notice: gr.HTML
    table: gr.HTML
    confusion: gr.HTML
    reliability: gr.HTML
    grid: gr.HTML
    shots: gr.Button
    needed: gr.HTML  # accuracy against examples of each class
    needed_said: gr.HTML
    repeat: gr.Button
    steady: gr.HTML  # whether answers depend on order or seed
    made: gr.State  # the digest of what was compared
    found: gr.State  # what it came to
    chosen: gr.State  # the learner that is looked at closely


def lay_out() -> CompareTab:
    """The places, before anything was compared."""
    with gr.Column(elem_classes="sheet", elem_id="compare"):
        gr.HTML(label("html.compare.about"), elem_id="compare-about")
        every = gr.Checkbox(
            value=False, label=label("page.compare.every"), info=label("page.compare.every.about"), elem_id="every"
        )
        with gr.Row(elem_id="compare-buttons"):
            words = {"size": "lg", "min_width": 120}
            go = gr.Button(label("page.compare.go"), variant="primary", elem_id="compare-start", scale=3, **words)
            stop = gr.Button(label("page.button.stop"), elem_id="compare-stop", interactive=False, scale=1, **words)
        notice = gr.HTML("", elem_id="compare-notice")
        rows = gr.HTML(
            label("html.compare.empty"), js_on_load=script("compare"), elem_id="compare-table", padding=False
        )
        earlier.earlier()
        gr.HTML(label("html.terms.compare"), elem_id="compare-terms")
        with gr.Row(elem_id="compare-closer", equal_height=False):
            with gr.Column(min_width=300):
                confusion = gr.HTML("", elem_id="confusion", padding=False)
            with gr.Column(min_width=300):
                reliability = chart("reliability")
        examples = component(elem_id="compare-grid")
        gr.HTML(label("html.compare.repeats"), elem_id="compare-repeats")
        with gr.Row(elem_id="compare-more"):
            shots = gr.Button(label("page.compare.shots.go"), elem_id="compare-shots", min_width=240)
            repeat = gr.Button(label("page.compare.repeat.go"), elem_id="compare-repeat", min_width=240)
        needed, said = chart("needed"), gr.HTML("", elem_id="needed-said")
        steady = gr.HTML("", elem_id="steady", padding=False)
    more = (shots, needed, said, repeat, steady)
    kept = (gr.State(None, time_to_live=SESSION_SECONDS) for _ in range(3))
    return CompareTab(every, go, stop, notice, rows, confusion, reliability, examples, *more, *kept)


class Comparing(Handlers):
    """The handlers of the tab; what is compared is read off the Playground as it reads it itself."""

    def __init__(self, service: Service, page: Page, tab: CompareTab) -> None:
        super().__init__(service, page)
        self.tab = tab

    def compare(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """The table as it fills, and the grid whenever a learner is done. What cannot be compared is said, and why."""
        tab, lang = self.tab, request_language(request)
        if why := self._unable(values):
            yield {tab.notice: blocks.notice(text(why, lang))}
            return
        spelling = self._compared(values)
        asked, places = self._planned(spelling, values)
        said = blocks.notes([*places.notes, *([Note("compare_cpu")] if self.service.lends else [])], lang)
        first = {self.page.message: "", tab.notice: said, tab.made: spelling.digest()} | self._closely(None, None, lang)
        ended = {tab.stop: gr.Button(interactive=False)}
        turn = begun(self.service, request, "compare")
        try:
            yield first | {tab.stop: gr.Button(interactive=True), tab.grid: "", tab.found: None}
            yield from queued(turn, tab.notice, said, lang)
            yield from self._frames_of(asked, places, spelling.digest(), values, lang, turn)
        except Gone:
            raise
        except Exception:
            yield ended
            raise
        finally:
            turn.leave()
        yield ended

    def _frames_of(
        self, asked: Request, places: Plan, made: str, values: Values, lang: str, turn: Turn
    ) -> Iterator[Updates]:
        """What the page shows, no oftener than it can be read."""
        tab, side = self.tab, self.page.side(values)
        colours = colours_of(values[side.cards])
        rows: dict[Learner, Row] = {}
        shown = 0.0
        known = earlier.told(asked, places, made, side, lang)

        def drawn() -> Any:
            return table(asked.learners, rows, places, lang, known)

        for row in self.service.compare(asked, places, turn):
            ended = row != rows.get(row.learner) and (row.complete or row.error is not None)
            rows[row.learner] = row
            if ended:
                ordered = {who: rows[who] for who in asked.learners if who in rows}
                found = Found(asked.learners, ordered, places, colours)
                yield {tab.table: drawn(), tab.grid: grid(ordered, places, side, colours, lang), tab.found: found}
            elif time.monotonic() - shown > FRAME:
                yield {tab.table: drawn()}
            else:
                yield {}
                continue
            shown = time.monotonic()

    def measure_shots(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """How right the learners are with fewer examples, surer with every draw."""
        tab, lang = self.tab, request_language(request)

        def shown(found: Any, learners: tuple[Learner, ...]) -> Updates:
            figure = figure_json(repeated.needed(found, learners, lang))
            return {tab.needed: figure, tab.needed_said: repeated.follows(found, learners, lang)}

        yield from self._repeated(values, request, "shots", repeats.over_shots, shown)

    def measure_steadiness(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Whether answers depend on the order of examples or on the seed, surer with every repetition."""
        tab, lang = self.tab, request_language(request)

        def shown(found: Any, learners: tuple[Learner, ...]) -> Updates:
            return {tab.steady: repeated.steadiness(found, learners, lang)}

        yield from self._repeated(values, request, "repeats", repeats.repeated, shown)

    def _repeated(
        self,
        values: Values,
        request: gr.Request,
        kind: str,
        measure: Callable[..., Iterator[Any]],
        shown: Callable[[Any, tuple[Learner, ...]], Updates],
    ) -> Iterator[Updates]:
        """What `measure` gives of what the Playground shows, as it is `shown`; what cannot be compared is said, and why."""
        tab = self.tab
        if why := self._unable(values):
            yield {tab.notice: blocks.notice(text(why, request_language(request)))}
            return
        spelling = self._compared(values)
        typed = self._typed(spelling)
        asked = self._request(spelling, typed)
        if not asked.algorithms:
            raise UserError("algorithm_none")
        begun(self.service, request, kind).leave()  # counted against the address's rate
        finish = with_names if spelling.named else _as_it_is
        going, over = ({tab.stop: gr.Button(interactive=on)} for on in (True, False))
        yield going | {self.page.message: ""}
        try:
            for found in measure(self.service, asked, typed, finish, visitor(request)):
                yield shown(found, asked.learners)
        except Gone:
            raise
        except Exception:
            yield over
            raise
        yield over

    def look_at(self, values: Values, request: gr.Request, event: gr.EventData) -> Updates:
        """Another learner is looked at closely, where it is done."""
        found: Found | None = values[self.tab.found]
        who = found.learners[event.place] if found and event.place < len(found.learners) else None
        return self._closely(found, who, request_language(request))

    def open_closer(self, values: Values, request: gr.Request) -> Updates:
        """After a comparison, the one that is right most often, unless another was chosen meanwhile."""
        found: Found | None = values[self.tab.found]
        if found is None or values[self.tab.chosen]:
            return {}
        top = best([*found.rows.values()])
        return self._closely(found, top.learner if top else None, request_language(request))

    def _closely(self, found: Found | None, who: Learner | None, lang: str) -> Updates:
        """What is shown of one learner; nothing where it has answered nothing."""
        tab = self.tab
        if found is None or who is None or who not in found.rows or not found.rows[who].right:
            return {tab.chosen: None, tab.confusion: "", tab.reliability: None}
        figure = figure_json(closer.reliable(found, who, lang))
        return {tab.chosen: who, tab.confusion: closer.confused(found, who, lang), tab.reliability: figure}

    def stop(self, values: Values, request: gr.Request) -> Updates:  # noqa: ARG002
        """The comparison is over: what is there stays."""
        for kind in KINDS:
            self.service.heavy.end(visitor(request), kind)
        tab = self.tab
        said = blocks.notice(text("page.compare.stopped", request_language(request)))
        return {tab.stop: gr.Button(interactive=False), tab.notice: said, tab.made: None}

    def outdated(self, values: Values, request: gr.Request) -> Updates:
        """A hint where cards or settings are no longer those that were compared."""
        tab = self.tab
        made = values[tab.made]
        if made is None or (not self._unable(values) and self._compared(values).digest() == made):
            return {}
        return {tab.notice: blocks.notice(text("page.compare.changed", request_language(request)))}

    def _unable(self, values: Values) -> str | None:
        """The key of why what the Playground shows cannot be compared."""
        if values[self.page.modality] in self.page.sheets:
            return "page.compare.curves"
        return None if self.form(values).name == KIND else "page.compare.numbers"

    def _compared(self, values: Values) -> Spelling:
        """What the Playground spells, with all learners that can do it where somebody asked for all."""
        form = self.form(values)
        every = [name for name in algorithm_names() if can(name, form)]
        chosen = {self.page.adapt.algorithms: every} if values[self.tab.every] else {}
        return self._spelling({**values, **chosen})

    def _planned(self, spelling: Spelling, values: Values) -> tuple[Request, Plan]:
        """The request, and who is left out; raises UserError."""
        typed = self._typed(spelling)
        asked = self._request(spelling, typed)
        if not asked.algorithms:
            raise UserError("algorithm_none")
        named = len(asked.episode.support) - len(typed.support)
        side = self.page.side(values)
        learned = [row for row in self.form(values).loosened(values[side.cards], side) if row.item and not row.held_out]
        repeated = len(learned) - len({(row.item.strip(), row.label(KIND)) for row in learned})
        return asked, plan(asked.episode, named, repeated)


def _as_it_is(episode: Episode) -> Episode:
    return episode
