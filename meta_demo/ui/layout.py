"""What stands where on the page: components only, no events. The Playground is here; the other tabs' sheets are beside their handlers.

Components that only one modality needs are its side's (`side.py`) and stand beside the other sides'; the switch at the top says which
are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.files import MAX_FILE
from meta_demo.data.samples import load_sample
from meta_demo.serving.attention import MOMENTS
from meta_demo.ui import columns, edits
from meta_demo.ui.atlas import atlas
from meta_demo.ui.cards import cards_from, collector, dealt
from meta_demo.ui.charts import chart
from meta_demo.ui.earlier import earlier
from meta_demo.ui.form import forms
from meta_demo.ui.knobs import knob_panel
from meta_demo.ui.markup import tag, together
from meta_demo.ui.palette import algorithm_names, families_said
from meta_demo.ui.parts import PLAYGROUND, SESSION_SECONDS, Adapt, Look, Map, Page, Sides, Teach, Trial, placed
from meta_demo.ui.plane import plane
from meta_demo.ui.scripts import script
from meta_demo.ui.sheet import Sheet, sheets
from meta_demo.ui.side import Side, discover, opening_side, visible
from meta_demo.ui.starts import Switch, origins_of
from meta_demo.ui.words import label
from meta_demo.words import LANGUAGES, catalogue, text

SHOTS = (1, 2, 3, 5, 8)  # examples of each class; a sample opens with so few that a start can be seen to matter
FIRST_SHOTS = 3
OPENING_SHOTS = 1  # of what the page opens with: where it matters most what one starts from
TOUR = (
    *("name", "invite", "take", "dismiss", "next", "done", "leave", "waiting", "failed", "unmeasured", "was", "alike"),
    *("chance", "plain", "trained", "yours"),
)
DRAFT = ("kept", "restored", "left_out", "full", "refused", "off", "forgotten", "forget", "keep", "stop")


def lay_out() -> Page:
    """The page's frame and the Playground, to be called inside a gr.Blocks; the other tabs are opened on its `tabs`."""
    gr.HTML(label("html.header"), js_on_load=script("header", "stops"), elem_id="header")
    _tour()
    message = gr.HTML("", elem_id="message", js_on_load=script("message"))
    made, draft = edits.counts(), _draft()
    sides: Sides = {cls.name: cls() for cls in discover()}
    first, sample = (side := opening_side(sides.values())), load_sample(side.first_sample)
    switch = Switch(origin=first.origin).fitted(first.model, sample.objective.algorithms, ())
    with (
        gr.Tabs(selected=PLAYGROUND, overflow_behavior="wrap", elem_id="tabs") as tabs,
        gr.Tab(label("page.tab.playground"), id=PLAYGROUND),
    ):
        others = {cls.name: cls() for cls in sheets()}
        kinds = [(label(f"page.modality.{name}"), name) for name in (*sides, *others)]
        words = {"label": label("page.modality"), "show_label": False, "container": False}
        modality = gr.Radio(kinds, value=first.name, elem_id="modality", **words)
        with gr.Column(elem_id="bench") as bench:
            with gr.Row(elem_id="steps", equal_height=False):
                with gr.Column(elem_classes="sheet", min_width=300):
                    teach = _teach(first)
                    for side in sides.values():
                        cards = opening_cards(side) if side is first else []
                        side.cards = side.own(collector(side, cards, visible=visible(side is first)))
                        side.lay_out_lines(shown=side is first)
                with gr.Column(elem_classes="sheet", min_width=300):
                    adapt = _adapt(first, switch, sample.objective.algorithms)
                with gr.Column(elem_classes="sheet", min_width=300):
                    heading = gr.HTML(label(f"html.try.{first.name}"), elem_classes="heading")
                    step = _step()
                    for side in sides.values():
                        side.lay_out_tried(shown=side is first)  # empty: to try something is the visitor's part
                    trial = Trial(heading, step, gr.HTML(label("html.try.empty"), elem_id="predictions"))
            with gr.Column(elem_classes="sheet", elem_id="map"):
                examples = _map()
            with gr.Column(elem_classes="sheet", elem_id="look"):
                look = _look(sides, first)
            _bar()
        laid = {name: (sheet, _sheet(sheet)) for name, sheet in others.items()}
    run, gaps, lined, row = (gr.State(None, time_to_live=SESSION_SECONDS) for _ in range(4))
    left = gr.State({}, time_to_live=SESSION_SECONDS)
    states = (run, gaps, lined, row, gr.State(switch), gr.State(()), gr.State(first.name), left)
    return Page(
        message,
        made,
        edits.keeper(sides.values()),
        draft,
        tabs,
        modality,
        sides,
        bench,
        laid,
        teach,
        adapt,
        trial,
        examples,
        look,
        *states,
    )


def opening_cards(side: Side[Any]) -> Any:
    """What the cards of the side that opens hold at first sight."""
    return dealt(cards_from(load_sample(side.first_sample), side), OPENING_SHOTS, side)


def _sheet(sheet: Sheet) -> gr.Column:
    """A sheet, which nobody sees yet."""
    with gr.Column(elem_classes=placed(sheet=True, shown=False), elem_id=f"sheet-{sheet.name}") as place:
        gr.HTML(label(f"html.sheet.{sheet.name}"), elem_classes="heading")
        sheet.lay_out()
    return place


def _teach(first: Side[Any]) -> Teach:
    heading = gr.HTML(label(f"html.teach.{first.name}"), elem_classes="heading")
    with gr.Row(elem_classes="pickers"):
        sample = gr.Dropdown(
            first.samples(), value=first.first_sample, label=label("page.sample"), elem_id="sample", min_width=160
        )
        with gr.Column(min_width=120, elem_classes="beside"):
            upload = gr.UploadButton(label("page.upload"), file_count="single", size="md", elem_id="upload")
    too_big = {lang: {"too_big": text("page.upload.too_big", lang)} for lang in LANGUAGES}
    gr.HTML(label("html.upload.about"), js_on_load=script("parts", "upload", "paste"), words=too_big, limit=MAX_FILE)
    chosen = columns.picker("column", "#upload")
    kinds = [(label(f"page.kind.{form.name}"), form.name) for form in forms()]
    kind = gr.Radio(
        kinds, value=forms()[0].name, label=label("page.kind"), info=label("page.kind.about"), elem_id="kind"
    )
    shots = gr.Radio(
        list(SHOTS), value=OPENING_SHOTS, label=label("page.shots"), info=label("page.shots.about"), elem_id="shots"
    )
    gr.HTML(label("html.past"), elem_id="past")
    return Teach(heading, sample, upload, chosen, kind, shots)


def _adapt(first: Side[Any], switch: Switch, chosen: Sequence[str]) -> Adapt:
    gr.HTML(label("html.adapt"), elem_classes="heading")
    model = gr.Dropdown(
        first.models(),
        value=first.model,
        allow_custom_value=True,
        label=label("page.model"),
        info=label("page.model.about"),
        elem_id="model",
    )
    model_status = gr.HTML("", elem_id="model-status")
    algorithms, picker, origin, starts = _algorithms(switch, chosen, origins_of(scratch=first.scratch))
    words = {"label": label("page.names"), "info": label("page.names.about"), "visible": first.named}
    names = gr.Checkbox(elem_id="names", **words)
    with gr.Accordion(label("page.knobs"), open=False, elem_id="knobs"):
        seed = gr.Number(0, precision=0, label=label("page.seed"), info=label("page.seed.about"), elem_id="seed")
        knobs = knob_panel(elem_id="knob-panel")
    with gr.Row(elem_id="buttons"):
        go = gr.Button(
            label("page.button.adapt"), variant="primary", size="lg", scale=3, min_width=120, elem_id="start"
        )
        stop = gr.Button(
            label("page.button.stop"),
            variant="secondary",
            size="lg",
            scale=1,
            min_width=80,
            elem_id="stop",
            interactive=False,
        )
    notice = gr.HTML("", elem_id="notice")
    curves = chart("curves")
    gap = gr.HTML("", elem_id="gap")
    earlier()
    with gr.Column(elem_id="losses-fold"):  # no accordion: what Gradio has not shown yet hears of no figure
        gr.Checkbox(value=False, label=label("page.chart.losses.show"), container=False, elem_id="losses-shown")
        losses = chart("losses")
    gr.HTML(label("html.terms.curves"), elem_id="terms")
    place = {"html_template": tag("div", cls="runs-place"), "js_on_load": script("runs"), "apply_default_css": False}
    runs = gr.HTML(label("html.run.empty"), elem_id="runs", **place)
    summary = gr.HTML("", elem_id="summary")
    return Adapt(
        *(model, model_status, algorithms, picker, origin, starts, names, seed, knobs),
        *(go, stop, notice, runs, curves, losses, summary, gap),
    )


def _algorithms(
    switch: Switch, chosen: Sequence[str], origins: Sequence[str]
) -> tuple[gr.CheckboxGroup, gr.HTML, gr.Radio, gr.CheckboxGroup]:
    """Which algorithms, where they start from, and which of them start meta-trained."""
    choices = [(label(f"algorithm.{name}"), name) for name in algorithm_names()]
    algorithms = gr.CheckboxGroup(choices, value=list(chosen), label=label("page.algorithms"), elem_id="algorithms")
    parts = tag("button", cls="more", type="button"), tag("p", cls="hint unable-why", role="status")
    how = {"js_on_load": script("parts", "families", "picker"), "words": picker_words(), "apply_default_css": False}
    with gr.Row(elem_classes="below"):
        picker = gr.HTML({}, html_template=together(*parts), elem_id="picker", **how)
        gr.HTML(label("html.about"), elem_id="about")
    origin = gr.Radio(
        [(label(f"page.origin.{name}"), name) for name in origins],
        value=switch.origin,
        visible=bool(switch.shown),
        label=label("page.origin"),
        info=label("page.origin.about"),
        elem_id="origin",
    )
    starts = gr.CheckboxGroup(
        [(label(f"algorithm.{name}"), name) for name in switch.shown],
        value=switch.ticked,
        visible=bool(switch.shown),
        label=label("page.starts"),
        info=label("page.starts.about"),
        elem_id="starts",
    )
    return algorithms, picker, origin, starts


def picker_words() -> dict[str, dict[str, Any]]:
    """What stands in the list of algorithms, by language: its families, and what folds and unfolds it."""
    return {
        lang: {
            "families": families_said(lang),
            "more": text("page.algorithms.more", lang, count=len(REGISTRY)),
            "fewer": text("page.algorithms.fewer", lang),
        }
        for lang in LANGUAGES
    }


def _draft() -> gr.HTML:
    """What becomes of what a visitor types: where it is kept, and how to have it forgotten."""
    said = {lang: {key: catalogue()[f"page.draft.{key}"][lang] for key in DRAFT} for lang in LANGUAGES}
    how = {"js_on_load": script("parts", "draft"), "words": said, "apply_default_css": False, "elem_id": "draft"}
    return gr.HTML(None, html_template=tag("div", cls="draft", hidden=True), **how)


def _tour() -> None:
    """A minute's way through the page for a newcomer."""
    said: dict[str, dict[str, Any]] = {
        lang: {key: catalogue()[f"page.tour.{key}"][lang] for key in TOUR}
        | {"titles": [text(f"page.tour.{step}.title", lang) for step in ("chance", "plain", "trained", "yours")]}
        for lang in LANGUAGES
    }
    how = {"js_on_load": script("parts", "tour"), "words": said, "apply_default_css": False, "elem_id": "tour"}
    gr.HTML("", html_template=tag("section", cls="tour", hidden=True), **how)


def _bar() -> None:
    """Where a telephone shows one step at a time, what leads to each of them."""
    said = {
        lang: {
            "steps": [text(f"page.{step}", lang) for step in ("teach", "adapt", "try")],
            "about": text("page.bar", lang),
        }
        for lang in LANGUAGES
    }
    how = {
        "js_on_load": script("parts", "steps_bar"),
        "words": said,
        "apply_default_css": False,
        "elem_id": "steps-bar",
    }
    gr.HTML("", html_template=tag("nav", cls="steps-bar"), **how)


def _step() -> gr.Slider:
    """The inner step, and what walks through all of them: above what is tried, so that answers come right below that."""
    step = gr.Slider(
        0,
        1,
        value=0,
        step=1,
        label=label("page.try.step"),
        info=label("page.try.step.about"),
        elem_id="step",
        visible=False,
    )
    said = {lang: {key: text(f"page.walk.{key}", lang) for key in ("play", "pause")} for lang in LANGUAGES}
    place = tag("div", cls="walk-place")
    walk = {"js_on_load": script("parts", "walk"), "words": said, "apply_default_css": False, "elem_id": "walk"}
    gr.HTML("", html_template=place, **walk)
    return step


def _map() -> Map:
    """Where examples stand in a learner's space."""
    gr.HTML(label("html.map"), elem_classes="heading")
    empty = gr.HTML(label("html.map.empty"), elem_id="map-empty")
    algorithm = gr.Dropdown([], label=label("page.look.algorithm"), elem_id="map-algorithm")
    return Map(algorithm, empty, plane(elem_id="plane"))


def _look(sides: Sides, first: Side[Any]) -> Look:
    heading = gr.HTML(label(f"html.look.{first.name}"), elem_classes="heading")
    empty = gr.HTML(label("html.look.empty"), elem_id="look-empty")
    with gr.Row(equal_height=False, elem_classes="look-body"):
        with gr.Column(scale=2, min_width=280):
            with gr.Row():
                algorithm = gr.Dropdown([], label=label("page.look.algorithm"), elem_id="look-algorithm", min_width=140)
                head = gr.Dropdown(
                    [(label("page.look.head.mean"), 0)],
                    value=0,
                    label=label("page.look.head"),
                    elem_id="head",
                    min_width=140,
                )
            layer = gr.Slider(1, 2, value=2, step=1, label=label("page.look.layer"), elem_id="layer")
            moments = [(label(f"page.look.{moment}"), moment) for moment in MOMENTS]
            moment = gr.Radio(moments, value="after", label=label("page.look.moment"), elem_id="moment")
            caption = gr.HTML("", elem_id="look-caption")
            for side in sides.values():
                side.lay_out_beside(shown=side is first)
            words = gr.HTML("", elem_id="look-words")
            shown = {"visible": visible(first.worded)}
            why = gr.Button(label("page.words.go"), size="sm", elem_id="why", **shown)
            decided = gr.HTML("", elem_id="decided", **shown)
            for side in sides.values():
                if side.worded:
                    side.parts += [why, decided]
        with gr.Column(scale=3, min_width=280):
            for side in sides.values():
                side.lay_out_map(shown=side is first)
        with gr.Column(scale=2, min_width=260):
            maps = atlas(elem_id="atlas")
    return Look(heading, empty, algorithm, layer, head, moment, caption, words, why, decided, maps)
