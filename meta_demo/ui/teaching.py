"""What the first step's events do: samples, files, cards dealt anew, and showing another side of the page."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gradio as gr

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode
from meta_demo.data.reading.columns import Seen
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.samples import load_sample
from meta_demo.modalities.base import MODALITIES
from meta_demo.ui import blocks, columns
from meta_demo.ui.cards import cards_from, dealt, first_query, nobody_labelled, relabelled
from meta_demo.ui.form import Form, form_for, form_of
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import Handlers, can
from meta_demo.ui.layout import FIRST_SHOTS
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Left
from meta_demo.ui.words import request_language
from meta_demo.words import text


class Teaching:
    """The handlers of one page's first step; what follows from a change, the playground's other handlers say."""

    def __init__(self, page: Page, playground: Handlers) -> None:
        self.page, self.playground = page, playground

    def open_sample(self, values: Values, request: gr.Request) -> Updates:
        """A sample with as many examples of each class as chosen, or as the first one has."""
        teach = self.page.teach
        sample, shots = load_sample(str(values[teach.sample])), values[teach.shots] or FIRST_SHOTS
        filled = self._filled(sample, shots, values, request) | {teach.columns: None}
        return filled | {teach.shots: gr.update(value=shots, visible=form_for(sample.objective.name).dealt_by_shots)}

    def deal(self, values: Values, request: gr.Request) -> Updates:
        """So many examples of each class on the cards that are there, and the others held out."""
        side = self.page.side(values)
        cards = {side.cards: dealt(values[side.cards], values[self.page.teach.shots], side)}
        return cards | self.playground.mark_changes({**values, **cards}, request)

    def edit(self, values: Values, request: gr.Request) -> Updates:
        """Edited cards are no longer as they were dealt."""
        return {self.page.teach.shots: None} | self.playground.mark_changes(values, request)

    def collect(self, values: Values, request: gr.Request) -> Updates:
        """Examples that nobody labelled. With the first of them whoever learns from such joins the algorithms: who was chosen stays."""
        page, adapt, form = self.page, self.page.adapt, self.playground.form(values)
        there, chosen = bool(page.side(values).unlabelled(values)), values[adapt.algorithms] or []
        readers = [name for name, cls in REGISTRY.items() if cls.reads_unlabelled and can(name, form)]
        updates: Updates = {page.lined: there}
        if there and not values[page.lined] and readers and not set(readers) & set(chosen):
            joined = {adapt.algorithms: [name for name in algorithm_names() if name in (*chosen, readers[0])]}
            updates |= joined | self.playground.refit({**values, **joined}, request)
            values = {**values, **joined, page.switch: updates[page.switch]}
        return updates | self.playground.mark_changes(values, request)

    def relabel(self, values: Values, request: gr.Request) -> Updates:
        """Other labels for the examples that are there, which stay; so does what they were labelled before, for the way back."""
        page, side, before = self.page, self.page.side(values), self.playground.form(values)
        if before.name == values[page.teach.kind]:  # asked twice: what was typed since stays
            return {}
        cards = relabelled(values[side.cards], form_for(str(values[page.teach.kind])), side)
        now = {**values, side.cards: cards}
        fitting = self.playground.fit(now, request, before)
        shots = gr.update(value=None, visible=form_of(cards).dealt_by_shots)
        filled = {side.cards: gr.update(value=cards, visible=True), page.teach.shots: shots}
        fitted = {part: fitting[part] for part in (page.switch, page.adapt.algorithms) if part in fitting}
        return fitting | filled | self.playground.mark_changes({**now, **fitted}, request)

    def keep(self, values: Values, request: gr.Request) -> Updates:
        """An answer came too late for what was typed meanwhile, which stays: all else fits that again, and it is said."""
        said = blocks.notice(text("page.card.late", request_language(request)))
        shots = gr.update(value=None, visible=self.playground.form(values).dealt_by_shots)
        unfilled = {self.page.teach.sample: None, self.page.teach.shots: shots, self.page.adapt.notice: said}
        return self.playground.fit(values, request, self._form(values)) | unfilled

    def open_file(self, values: Values, request: gr.Request) -> Updates:
        """Cards from an uploaded file, which is read once and deleted; where its columns had to be guessed they can be chosen."""
        teach, lang = self.page.teach, request_language(request)
        if not values[teach.upload]:  # as no page sends it
            return {}
        path, said = Path(values[teach.upload]), columns.said(values[teach.columns])
        seen: list[Seen] = []
        try:
            episode = read_episode(path, columns=said, seen=seen)
        except UserError as error:
            if not seen:
                raise
            return {self.page.message: blocks.alert(error.message(lang)), teach.columns: columns.offered(seen, said)}
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
        shots = gr.update(value=None, visible=form_for(episode.objective.name).dealt_by_shots)
        filled = self._filled(episode, None, values, request)
        told = {self.page.adapt.notice: notes} if (notes := blocks.notes(episode.notes, lang)) else {}
        return filled | {teach.sample: None, teach.shots: shots, teach.columns: columns.offered(seen, said)} | told

    def _filled(self, episode: Episode, shots: int | None, values: Values, request: gr.Request) -> Updates:
        """The cards of `episode`, dealt if `shots` says so, and something to try, on the side of the page that is its modality's."""
        page, modality = self.page, episode.modality
        if modality in page.sheets:
            sheet, _ = page.sheets[modality]
            return {page.message: "", page.modality: modality} | self.page.placing(modality) | sheet.filled(episode)
        if modality not in page.sides:
            raise UserError("other_sheet", nouns=MODALITIES[modality].nouns)
        cards = self._cards(episode, shots)
        updates: Updates = {page.message: ""}
        if modality != values[page.modality]:
            updates |= self._switched({**values, page.modality: modality}, request) | {page.modality: modality}
        updates |= self._shown(episode, cards)
        now = {page.modality: modality, page.run: updates.get(page.run, values[page.run])}
        now = {**values, **now, page.sides[modality].cards: cards}
        began = self.began(updates)
        fitting = self.playground.fit(now, request, self._form(values), began)
        fitted = {part: fitting[part] for part in (page.switch, page.adapt.algorithms) if part in fitting}
        fitted |= {page.adapt.origin: began} if began else {}
        return updates | fitting | self.playground.mark_changes({**now, **fitted}, request)

    def _form(self, values: Values) -> Form:
        """The form of what was shown, whichever side is shown now: its cards are no longer sent."""
        return form_for(values[self.page.switch].objective)

    def _cards(self, episode: Episode, shots: int | None) -> Any:
        side = self.page.sides[episode.modality]
        cards = cards_from(episode, side)
        return cards if shots is None else dealt(cards, shots, side)

    def _shown(self, episode: Episode, cards: Any) -> Updates:
        """An episode's cards, and something to try."""
        query, side = first_query(episode), self.page.sides[episode.modality]
        updates: Updates = {side.cards: gr.update(value=cards, visible=True)}
        if query:
            updates[side.tried] = gr.update(value=side.written(query), visible=True)
        if side.lines:
            updates[side.lines] = gr.update(value="\n".join(map(side.written, nobody_labelled(episode))), visible=True)
        return updates

    def show_side(self, values: Values, request: gr.Request) -> Updates:
        """Another side of the page, as it was left, or with a sample; `values` already say which. A sheet takes everything's place."""
        if values[self.page.modality] in self.page.sheets:
            return self.page.placing(str(values[self.page.modality]))
        teach, side = self.page.teach, self.page.side(values)
        if side.name == values[self.page.shown]:  # it was there all the time, under a sheet
            return self.page.placing(side.name)
        before, updates = self._form(values), self._switched(values, request)
        if values[side.cards]:
            shots = gr.update(value=None, visible=form_of(values[side.cards]).dealt_by_shots)
            return updates | self.playground.fit(values, request, before, self.began(updates)) | {teach.shots: shots}
        _, first = side.greeting(request_language(request))
        sample = load_sample(first)
        updates |= self._shown(sample, self._cards(sample, FIRST_SHOTS))
        chosen = gr.Dropdown(side.samples(), value=first)
        now = {**values, side.cards: self._cards(sample, FIRST_SHOTS)}
        updates |= self.playground.fit(now, request, before, self.began(updates))
        shots = gr.update(value=FIRST_SHOTS, visible=form_for(sample.objective.name).dealt_by_shots)
        return updates | {teach.sample: chosen, teach.shots: shots}

    def began(self, updates: Updates) -> str | None:
        """Where learners start from on the side that `updates` show, if they show another one."""
        return (updates.get(self.page.adapt.origin) or {}).get("value")

    def _switched(self, values: Values, request: gr.Request) -> Updates:
        """What every side shares, as the one that `values` name left it; the others are hidden."""
        page, lang, side = self.page, request_language(request), self.page.side(values)
        left: dict[str, Left] = {**values[page.left], values[page.shown]: self.playground.left(values)}
        now = left.get(side.name, Left(side.greeting(lang)[0], side.origin))
        updates: Updates = {
            page.left: left,
            page.shown: side.name,
            page.run: now.run,
            page.row: None,
            page.adapt.model: gr.Dropdown(side.models(), value=now.model),
            page.adapt.origin: gr.update(value=now.origin),
            page.teach.sample: gr.Dropdown(side.samples(), value=None),
            page.teach.heading: blocks.heading("teach", lang, side.name),
            page.trial.heading: blocks.heading("try", lang, side.name),
            page.look.heading: blocks.heading("look", lang, side.name),
            page.message: "",
        } | self.page.placing(side.name)
        for other in page.sides.values():
            updates |= other.placed(other is side)
        return updates | self.playground.outcome(now.run, lang)
