"""The Meta-train tab: its components, and what its events do. The training itself is `learning/outer.py`, the settings
are `training_knobs.py`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import UserError
from meta_demo.core.objective import OBJECTIVES
from meta_demo.core.settings import settings
from meta_demo.data.reading.columns import Seen
from meta_demo.data.reading.readers import LINES, read_unlabelled
from meta_demo.data.source import Source
from meta_demo.data.sources import built_in, kind_of, load_source, pack_names
from meta_demo.learning.outer import Progress
from meta_demo.learning.own_start import OwnStart, unpack
from meta_demo.learning.recipe import Recipe, Training, load_packs, split
from meta_demo.modalities.base import MODALITIES
from meta_demo.serving.service import Service
from meta_demo.ui import blocks, columns, plots, training_blocks, training_knobs
from meta_demo.ui.callers import visitor
from meta_demo.ui.charts import chart, figure_json
from meta_demo.ui.form import Form, forms
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import can
from meta_demo.ui.palette import algorithm_names, families_said
from meta_demo.ui.parts import PLAYGROUND, Page
from meta_demo.ui.scripts import script
from meta_demo.ui.sheet import SHEETS
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.training_sources import UNLABELLED, UPLOADED, Uploaded, form_of_kind, kind_among, offered, own_source
from meta_demo.ui.words import label, named, request_language, title
from meta_demo.words import LANGUAGES, text

BESIDE = 40  # tasks on which a new start is compared with the one it would replace
FRAME = 0.2  # seconds between two drawings of the curves
SHOTS = 5  # examples of a task of numbers, where fewer are asked for than make one
FIRST_ALGORITHMS = ("protonet", "kernel")  # the quickest by far, of classes and of numbers


@dataclass
class TrainingTab:
    """The tab's components. Of the session: `uploaded`, the visitor's files; `training`, the one that ran last; `left`, the sources
    that were chosen when the page last showed each modality; `kind`, what labels are in those that are chosen.
    """

    sources: gr.CheckboxGroup
    upload: gr.UploadButton
    columns: gr.HTML
    told: gr.HTML
    algorithm: gr.Radio
    knobs: training_knobs.Controls
    go: gr.Button
    stop: gr.Button
    status: gr.HTML
    gallery: gr.HTML
    chart: gr.HTML
    outcome: gr.HTML
    beside: gr.HTML
    result: gr.Column
    use: gr.Button
    download: gr.DownloadButton
    bring: gr.UploadButton
    uploaded: gr.State
    training: gr.State
    left: gr.State
    kind: gr.State


def lay_out() -> TrainingTab | None:
    """The tab's components; one sentence instead, and None, where visitors may not train."""
    if not settings().training:
        gr.HTML(label("html.train.off"), elem_id="train-off")
        return None
    with gr.Row(elem_id="training", equal_height=False):
        with gr.Column(elem_classes="sheet", scale=2, min_width=300):
            gr.HTML(label("html.train"), elem_classes="heading")
            sources, upload, chosen, told, algorithm = _choices()
            knobs = training_knobs.lay_out()
            with gr.Row(elem_classes="buttons"):
                words = {"size": "lg", "min_width": 120}
                go = gr.Button(label("page.button.train"), variant="primary", scale=3, elem_id="train-start", **words)
                stop = gr.Button(label("page.button.stop"), scale=1, elem_id="train-stop", interactive=False, **words)
            gr.HTML(label("html.train.privacy"))
            bring = gr.UploadButton(
                label("page.train.bring"), file_count="single", file_types=[".zip"], size="md", elem_id="train-bring"
            )
            gr.HTML(label("html.train.bring.about"))
        with gr.Column(elem_classes="sheet", scale=3, min_width=300):
            gr.HTML(label("html.watch"), elem_classes="heading")
            status = gr.HTML(label("html.train.empty"), elem_id="train-status")
            gallery = gr.HTML("", elem_id="train-gallery")
            figure = chart("train-chart")
            gr.HTML(label("html.terms.train"), elem_id="train-terms")
            outcome = gr.HTML("", elem_id="train-outcome")
            beside = gr.HTML("", elem_id="train-beside")
            with gr.Column(visible=False, elem_id="train-result") as result:
                with gr.Row(elem_classes="buttons"):
                    use = gr.Button(label("page.train.use"), variant="primary", elem_id="train-use", **words)
                    download = gr.DownloadButton(label("page.train.download"), elem_id="train-download", **words)
                gr.HTML(label("html.train.download.about"))
    states = (gr.State(Uploaded()), gr.State(None), gr.State({}), gr.State(forms()[0].name))
    return TrainingTab(
        sources,
        upload,
        chosen,
        told,
        algorithm,
        knobs,
        go,
        stop,
        status,
        gallery,
        figure,
        outcome,
        beside,
        result,
        use,
        download,
        bring,
        *states,
    )


def _choices() -> tuple[gr.CheckboxGroup, gr.UploadButton, gr.HTML, gr.HTML, gr.Radio]:
    """What to draw tasks from, and what to train."""
    packs = [(label(f"pack.{name}"), name) for name in offered()]
    sources = gr.CheckboxGroup(packs, value=pack_names(), label=label("page.train.sources"), elem_id="train-sources")
    upload = gr.UploadButton(label("page.train.upload"), file_count="single", size="md", elem_id="train-upload")
    gr.HTML(label("html.train.upload.about"))
    chosen = columns.picker("train-column", "#train-upload")
    told = gr.HTML("", elem_id="train-told")
    choices = [(label(f"algorithm.{name}"), name) for name in trainable(forms()[0])]
    algorithm = gr.Radio(
        choices, value=FIRST_ALGORITHMS[0], label=label("page.train.algorithm"), elem_id="train-algorithm"
    )
    families = {lang: families_said(lang) for lang in LANGUAGES}
    how = {"js_on_load": script("parts", "families", "train_families"), "apply_default_css": False}
    gr.HTML(None, html_template="", elem_id="train-families", families=families, **how)
    return sources, upload, chosen, told, algorithm


def trainable(form: Form) -> list[str]:
    """The algorithms that have something to learn from tasks with such labels."""
    return [name for name in algorithm_names() if REGISTRY[name].learns and can(name, form)]


class TrainingHandlers:
    def __init__(self, service: Service, page: Page, tab: TrainingTab, teaching: Teaching) -> None:
        self.service, self.page, self.tab = service, page, tab
        self.teaching, self.playground = teaching, teaching.playground

    def open_file(self, values: Values, request: gr.Request) -> Updates:
        """The visitor's examples as one more choice; the file is read once and deleted; where its columns had to be guessed they can be
        chosen.

        Labelled ones are from then on all that is chosen, sentences without labels come on top of what is.
        """
        tab, lang, path = self.tab, request_language(request), Path(values[self.tab.upload])
        mine: Uploaded = values[tab.uploaded]
        said, seen = columns.said(values[tab.columns]), list[Seen]()
        try:
            if path.suffix.lower() == LINES:
                sentences, _ = read_unlabelled(path)  # of lines there is nothing to say
                mine = replace(mine, text_file=path.name, sentences=sentences)
                chosen = [*(c for c in values[tab.sources] or [] if c != UNLABELLED), UNLABELLED]
            else:
                mine, chosen = replace(mine, source=own_source(path, said, seen)), [UPLOADED]
        except UserError as error:
            if not seen:
                raise
            return {self.page.message: blocks.alert(error.message(lang)), tab.columns: columns.offered(seen, said)}
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
        choices = [(named("pack", name, lang), name) for name in offered()]
        if mine.source:
            about = {"file": mine.source.name, "classes": len(mine.source.classes), "texts": mine.source.size}
            key = "page.train.uploaded.values" if mine.source.objective.pooled else "page.train.uploaded"
            choices.append((text(key, lang, **about), UPLOADED))
        if mine.sentences:
            about = {"file": mine.text_file, "texts": len(mine.sentences)}
            choices.append((text("page.train.unlabelled", lang, **about), UNLABELLED))
        told = blocks.notes(mine.source.notes, lang) if mine.source and UPLOADED in chosen else ""
        boxes = gr.CheckboxGroup(choices, value=chosen)
        picked = {tab.columns: columns.offered(seen, said)}
        return {tab.uploaded: mine, tab.sources: boxes, tab.told: told, self.page.message: ""} | picked

    def follow(self, values: Values, request: gr.Request) -> Updates:  # noqa: ARG002
        """Built-in sources of the modality that the page now shows, as they were left; a visitor's own files stay chosen."""
        tab, shown, chosen = self.tab, values[self.page.modality], values[self.tab.sources] or []
        before = [name for name in MODALITIES if set(chosen) <= set(built_in(name))]
        if not before or shown in before:
            return {}
        left = {**values[tab.left], before[0]: chosen}
        usual = [name for name in built_in(shown) if kind_of(name) == kind_of(built_in(shown)[0])]
        first = list(SHEETS[shown].sources) if shown in SHEETS else usual
        return {tab.left: left, tab.sources: left.get(shown, first)}

    def fit(self, values: Values, request: gr.Request) -> Updates:
        """Other sources: tasks have labels of one kind, those that were chosen last, and only algorithms that can learn them are shown."""
        tab, lang, chosen, before = (
            self.tab,
            request_language(request),
            values[self.tab.sources] or [],
            values[self.tab.kind],
        )
        kinds = {name: kind_among(name, values[tab.uploaded]) for name in chosen}
        kind = next((k for k in kinds.values() if k != before), before)
        if not chosen or set(kinds.values()) == {before}:
            return {}
        form, algorithm, shots = form_of_kind(kind), str(values[tab.algorithm]), values[tab.knobs["k_shot"]]
        able = trainable(form)
        first = (SHEETS[kind].learner,) if kind in SHEETS else (*FIRST_ALGORITHMS, *form.objective.algorithms)
        usual = next((name for name in first if name in able), able[0])
        algorithm = usual if kind in SHEETS or algorithm not in able else algorithm
        few = form.objective.pooled and (shots or 0) < form.objective.least
        suited = training_knobs.suited(before, kind)
        return {
            tab.kind: kind,
            tab.sources: [name for name in chosen if kinds[name] == kind],
            tab.algorithm: gr.Radio([(title(n, lang), n) for n in able], value=algorithm),
            tab.knobs["n_way"]: gr.update(visible=not form.objective.pooled),
            tab.knobs["k_shot"]: SHOTS if few else gr.skip(),
        } | {tab.knobs[name]: value for name, value in suited.items()}

    def train(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """Runs the outer loop and shows every step. Where it cannot begin, what was trained before stays."""
        tab, page, lang = self.tab, self.page, request_language(request)
        recipe = self._recipe(values, lang)
        modality = recipe.train_on[0].modality
        model = SHEETS[modality].model if modality in SHEETS else self.playground.model(values)
        training = Training(recipe, model)
        running = {tab.go: gr.Button(interactive=False), tab.stop: gr.Button(interactive=True)}
        idle = {tab.go: gr.Button(interactive=True), tab.stop: gr.Button(interactive=False)}
        yield {
            tab.training: training,
            tab.status: training_blocks.waiting(recipe, lang),
            tab.beside: "",
            page.message: "",
            **running,
        }
        history: list[Progress] = []
        ended = ""
        try:
            for _ in _frames(training.run(lambda: self.service.backbone(model), self.service.train), history):
                said = {tab.outcome: training_blocks.forecast(history, lang)}
                yield self._drawn(history, training, lang) | said | {tab.result: gr.Column(visible=False)}
        except Exception as error:
            if not history or not isinstance(error, UserError) or error.name != "outer_diverged":
                yield {tab.training: values[tab.training], tab.status: "", tab.gallery: "", **idle}
                raise
            ended = blocks.alert(
                text("page.train.diverged", lang, step=history[-1].step + 1, best=history[-1].best_step)
            )
        yield self._drawn(history, training, lang) | {
            tab.outcome: ended
            + training_blocks.outcome(history, recipe, lang)
            + blocks.notice(*(note.message(lang) for note in training.notes)),
            **idle,
        }
        # Said twice: a page that is busy with a training's last pictures was seen to miss it the first time.
        yield {tab.result: gr.Column(visible=True), tab.download: gr.DownloadButton(value=training.archive()), **idle}

    def beside(self, values: Values, request: gr.Request) -> Updates:
        """What the new start is worth beside the one that it would replace, once it is trained."""
        training: Training | None = values[self.tab.training]
        if training is None:
            return {self.tab.beside: ""}
        turn = self.service.heavy.enter(visitor(request))
        try:
            list(turn.waiting())
            with turn:
                found = training.beside_shipped(self.service.backbone(training.model), BESIDE, turn.rest)
        finally:
            turn.leave()
        shown = training_blocks.beside(found, training.recipe, request_language(request)) if found else ""
        return {self.tab.beside: shown}

    def _drawn(self, history: list[Progress], training: Training, lang: str) -> Updates:
        recipe = training.recipe
        task = training.tasks.draw(history[-1].step * recipe.plan.meta_batch)  # the first of the step that comes
        return {
            self.tab.status: training_blocks.progress(history, recipe, lang),
            self.tab.gallery: training_blocks.gallery(task, lang),
            self.tab.chart: figure_json(plots.training(history, recipe, lang)),
        }

    def stop(self, values: Values, request: gr.Request) -> Updates:
        """The training ends by itself after the step it is in."""
        if values[self.tab.training]:
            values[self.tab.training].stop()
        said = blocks.notice(text("page.train.stopping", request_language(request)))
        return {self.tab.outcome: said, self.tab.stop: gr.Button(interactive=False)}

    def use(self, values: Values, request: gr.Request) -> Updates:
        """The trained start becomes the one its algorithm has in the Playground, which opens."""
        return self._using(values[self.tab.training].start(), values, request)

    def bring(self, values: Values, request: gr.Request) -> Updates:
        """A start that was downloaded before becomes the one its algorithm has; the file is read once and deleted."""
        path = Path(values[self.tab.bring])
        try:
            start = unpack(path, self.service.backbone)
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
        return self._using(start, values, request)

    def _using(self, start: OwnStart, values: Values, request: gr.Request) -> Updates:
        """The Playground, open on the side that the start is for, with that in it."""
        page, adapt, lang = self.page, self.page.adapt, request_language(request)
        name, mine = start.algorithm, (*(a for a in values[page.own] if a.folder != start.folder), start)
        shown = {
            page.message: "",
            page.own: mine,
            page.modality: start.modality,
            page.tabs: gr.Tabs(selected=PLAYGROUND),
        }
        if start.modality in page.sheets:
            sheet, _ = page.sheets[start.modality]
            own = [a for a in mine if a.modality == start.modality]
            return shown | page.placing(start.modality) | sheet.using(own)
        moves = start.modality != values[page.modality]
        now = {**values, page.modality: start.modality}
        moved = self.teaching.show_side(now, request) if moves else {}
        now |= {part: moved[part] for part in (page.switch, adapt.algorithms) if part in moved}
        switch = replace(now[page.switch], plain=now[page.switch].plain - {name})
        chosen = sorted({*(now[adapt.algorithms] or []), name})
        now |= {page.own: mine, adapt.algorithms: chosen, adapt.model: start.model, page.switch: switch}
        began = self.teaching.began(moved)
        fitted, objective = self.playground.refit(now, request, began), OBJECTIVES[start.objective]
        key = "page.train.in_use" if objective is self.playground.form(now).objective else "page.train.in_use.other"
        said = blocks.notice(text(key, lang, algorithm=title(name, lang), objective=objective.title))
        model = gr.Dropdown(page.sides[start.modality].models(), value=start.model) if moves else start.model
        return moved | fitted | shown | {adapt.algorithms: chosen, adapt.model: model, adapt.notice: said}

    def _recipe(self, values: Values, lang: str) -> Recipe:
        """What the tab spells; raises UserError."""
        tab = self.tab
        chosen = values[tab.sources] or []
        packs, mine = [name for name in chosen if name in pack_names()], values[tab.uploaded]
        sources: list[Source] = [load_packs(packs)] if packs else []
        sources += [load_source(name) for name in offered() if name in chosen and name not in pack_names()]
        if UPLOADED in chosen and mine.source:
            sources.append(mine.source)
        unlabelled = mine.sentences if UNLABELLED in chosen else ()
        if not sources:
            raise UserError("train_unlabelled_alone" if unlabelled else "train_no_source")
        task, plan = training_knobs.spelt({name: values[control] for name, control in tab.knobs.items()}, lang)
        train_on, held_out = split(sources, (), plan.seed)
        return Recipe(train_on, held_out, plan, str(values[tab.algorithm]), task=task, unlabelled=unlabelled)


def _frames(run: Iterator[Progress], history: list[Progress]) -> Iterator[None]:
    """Fills `history`; yields when it should be drawn, at most once a FRAME: steps that come faster share one."""
    shown = -FRAME
    for progress in run:
        history.append(progress)
        if time.monotonic() - shown >= FRAME:
            yield
            shown = time.monotonic()
