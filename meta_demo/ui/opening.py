"""What a visitor finds: a task that is taught already, adapted already, and something to try it on.

It is adapted once, in the background, when the page is served: the same for everybody, and no visit adapts anything. Who comes before
that is done finds the task with a button to adapt. `?side=` in the address opens another side instead.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import gradio as gr

from meta_demo.data.samples import load_sample
from meta_demo.serving.requests import Learner, Request, Snapshot
from meta_demo.serving.service import Service
from meta_demo.ui import gaps
from meta_demo.ui.cards import colours_of, episode_of, spelled
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import opening_cards
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Run, Spelling, kept
from meta_demo.ui.side import discover, opening_side, visible
from meta_demo.ui.starts import Switch
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.words import request_language


class Opening:
    """The adaptation that the page opens with, once it is there."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.run: Run | None = None

    def warm(self) -> None:
        """Adapts what the page opens with, and so keeps what answers need. Raises UserError where a model cannot be had."""
        side = opening_side([cls() for cls in discover()])
        cards, usual = opening_cards(side), load_sample(side.first_sample).objective.algorithms
        algorithms = tuple(name for name in algorithm_names() if name in usual)
        switch = Switch(origin=side.origin).fitted(side.model, algorithms, ())
        said = Spelling(
            modality=side.name,
            cards=spelled(cards, side),
            unlabelled=(),
            named=False,
            model=side.model,
            algorithms=algorithms,
            seed=0,
            knobs={},
            checkpoints=switch.checkpoints(side.model, algorithms, ()),
            also=switch.also(side.model, algorithms, (), {}),
        )
        episode = episode_of(said.cards, side)
        request = Request(episode, said.model, said.algorithms, said.seed, checkpoints=said.checkpoints, also=said.also)
        history: dict[Learner, list[Snapshot]] = {}
        for snapshot in self.service.adapt_stream(request):
            history.setdefault(snapshot.learner, []).append(kept(snapshot))
        run = Run(request, said.digest(), colours_of(cards), typed=episode).with_history(history)
        if run.whole:  # not where the process ends meanwhile
            self.run = run

    def of(self, spelling: Spelling) -> Run | None:
        """The adaptation for a visitor whose page spells it, to be stopped by nobody else."""
        if self.run is None or self.run.spelling != spelling.digest():
            return None
        return replace(self.run, ended=Event(), replaced=Event())


class Welcome(Handlers):
    """The first thing that a page asks."""

    def __init__(self, page: Page, teaching: Teaching, opening: Opening) -> None:
        super().__init__(opening.service, page)
        self.teaching, self.opening = teaching, opening

    def show(self, values: Values, request: gr.Request) -> Updates:
        """The side that the address names, or what the page opens with, adapted."""
        page, asked = self.page, request.query_params.get("side")
        if asked != values[page.modality] and (asked in page.sides or asked in page.sheets):
            shown = self.teaching.show_side({**values, page.modality: asked}, request)
            return shown | {page.modality: asked} | self._unseen(values, str(asked))
        run = self.opening.of(self._spelling(values))
        if run is None:
            return {}
        lang = request_language(request)
        return self.outcome(run, lang) | {page.adapt.notice: gaps.opened(run, lang)}

    def _unseen(self, values: Values, asked: str) -> Updates:
        """Nothing on the cards of the side that opens, where another side is shown at first sight: it has yet to be opened."""
        unseen = {self.page.side(values).cards: gr.update(value=[], visible=visible(False))}
        return unseen if asked in self.page.sides else {}
