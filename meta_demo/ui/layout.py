"""What stands where on the page: components only, no events. The Playground is here; the other tabs' sheets are beside their handlers.

Components that only sentences or only pictures need stand beside each other; the switch at the top says which are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from meta_demo.backbones.loading import BUNDLED, SUGGESTED
from meta_demo.core.files import MAX_FILE
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.serving.attention import VIEWS
from meta_demo.serving.requests import DEFAULT_ALGORITHMS
from meta_demo.ui.atlas import atlas
from meta_demo.ui.cards import cards_from, class_cards, dealt, first_query, try_pad
from meta_demo.ui.charts import chart
from meta_demo.ui.controls import Knobs, knob_folds
from meta_demo.ui.overlay import overlay
from meta_demo.ui.palette import algorithm_names
from meta_demo.ui.scripts import script
from meta_demo.ui.starts import Switch
from meta_demo.ui.words import label
from meta_demo.words import LANGUAGES, text

MODALITIES = ("text", "picture")
# Small, so that the first Adapt is quick, and easy to judge for anybody.
FIRST_SAMPLE = {"text": "travel-planning", "picture": "shapes"}
SHOTS = (1, 2, 3, 5, 8)  # examples of each class; a sample opens with so few that a start can be seen to matter
FIRST_SHOTS = 3
SESSION_SECONDS = 3600
PLAYGROUND = "playground"
TOKEN_SCRIPT = """
element.addEventListener("click", (event) => {
  const token = event.target.closest("[data-token]");
  if (token) trigger("token", { index: Number(token.dataset.token) });
});
"""


@dataclass
class Teach:
    heading: gr.HTML
    sample: gr.Dropdown
    upload: gr.UploadButton
    shots: gr.Radio
    cards: dict[str, gr.HTML]  # by modality


@dataclass
class Adapt:
    model: gr.Dropdown
    model_status: gr.HTML
    algorithms: gr.CheckboxGroup
    starts: gr.CheckboxGroup
    names: gr.Checkbox
    seed: gr.Number
    knobs: Knobs
    knob_folds: dict[str, gr.Accordion]
    start: gr.Button
    stop: gr.Button
    notice: gr.HTML
    runs: gr.HTML
    curves: gr.HTML
    summary: gr.HTML


@dataclass
class Try:
    heading: gr.HTML
    sentence: gr.Textbox
    pad: gr.HTML
    step: gr.Slider
    predictions: gr.HTML


@dataclass
class Look:
    heading: gr.HTML
    empty: gr.HTML
    algorithm: gr.Dropdown
    layer: gr.Slider
    head: gr.Dropdown
    view: gr.Radio
    caption: gr.HTML
    sentence: gr.HTML
    words: gr.HTML
    heatmap: gr.HTML
    picture: gr.HTML
    atlas: gr.HTML


@dataclass
class Page:
    """Every component that an event reads or writes.

    The session's own: `run`, what was adapted; `row`, which token looks; `switch`, which algorithms start meta-trained;
    `own`, the starts that the visitor trained; `shelf`, what the modality that is not shown had come to.
    """

    message: gr.HTML
    tabs: gr.Tabs
    modality: gr.Radio
    teach: Teach
    adapt: Adapt
    attempt: Try
    look: Look
    run: gr.State
    row: gr.State
    switch: gr.State
    own: gr.State
    shelf: gr.State


def lay_out() -> Page:
    """The page's frame and the Playground, to be called inside a gr.Blocks; the other tabs are opened on its `tabs`."""
    gr.HTML(label("html.header"), elem_id="header")
    message = gr.HTML("", elem_id="message", js_on_load=script("message"))
    switch = Switch().turned(BUNDLED, DEFAULT_ALGORITHMS, ())
    with (
        gr.Tabs(selected=PLAYGROUND, overflow_behavior="wrap", elem_id="tabs") as tabs,
        gr.Tab(label("page.tab.playground"), id=PLAYGROUND),
    ):
        kinds = [(label(f"page.modality.{name}"), name) for name in MODALITIES]
        modality = gr.Radio(
            kinds, value="text", label=label("page.modality"), show_label=False, container=False, elem_id="modality"
        )
        with gr.Row(elem_id="steps", equal_height=False):
            with gr.Column(elem_classes="sheet", min_width=300):
                teach = _teach()
            with gr.Column(elem_classes="sheet", min_width=300):
                adapt = _adapt(switch)
            with gr.Column(elem_classes="sheet", min_width=300):
                attempt = _try()
        with gr.Column(elem_classes="sheet", elem_id="look"):
            look = _look()
    run = gr.State(None, time_to_live=SESSION_SECONDS)
    row = gr.State(None, time_to_live=SESSION_SECONDS)
    shelf = gr.State({}, time_to_live=SESSION_SECONDS)
    return Page(message, tabs, modality, teach, adapt, attempt, look, run, row, gr.State(switch), gr.State(()), shelf)


def _teach() -> Teach:
    heading = gr.HTML(label("html.teach"), elem_classes="heading")
    with gr.Row(elem_classes="pickers"):
        sample = gr.Dropdown(
            sample_choices("text"),
            value=FIRST_SAMPLE["text"],
            label=label("page.sample"),
            elem_id="sample",
            min_width=160,
        )
        with gr.Column(min_width=120, elem_classes="beside"):
            upload = gr.UploadButton(label("page.upload"), file_count="single", size="md", elem_id="upload")
    too_big = {lang: {"too_big": text("page.upload.too_big", lang)} for lang in LANGUAGES}
    gr.HTML(label("html.upload.about"), js_on_load=script("parts", "upload", "paste"), words=too_big, limit=MAX_FILE)
    shots = gr.Radio(
        list(SHOTS), value=FIRST_SHOTS, label=label("page.shots"), info=label("page.shots.about"), elem_id="shots"
    )
    first = dealt(cards_from(load_sample(FIRST_SAMPLE["text"])), FIRST_SHOTS)
    cards = {
        "text": class_cards("text", first, elem_id="cards"),
        "picture": class_cards("picture", [], elem_id="picture-cards", visible="hidden"),
    }
    return Teach(heading, sample, upload, shots, cards)


def sample_choices(modality: str) -> list[tuple[Any, str]]:
    return [(label(f"sample.{name}"), name) for name in sample_names(modality)]


def model_choices(modality: str) -> list[tuple[Any, str]]:
    return [(label(f"model.{m.name}"), m.name) for m in SUGGESTED if m.modality == modality]


def _adapt(switch: Switch) -> Adapt:
    gr.HTML(label("html.adapt"), elem_classes="heading")
    model = gr.Dropdown(
        model_choices("text"),
        value=BUNDLED,
        allow_custom_value=True,
        label=label("page.model"),
        info=label("page.model.about"),
        elem_id="model",
    )
    model_status = gr.HTML("", elem_id="model-status")
    algorithms, starts = _algorithms(switch)
    names = gr.Checkbox(label=label("page.names"), info=label("page.names.about"), elem_id="names")
    with gr.Accordion(label("page.knobs"), open=False, elem_id="knobs"):
        seed = gr.Number(0, precision=0, label=label("page.seed"), info=label("page.seed.about"), elem_id="seed")
        knobs, folds = knob_folds(DEFAULT_ALGORITHMS, switch.bases)
    with gr.Row(elem_id="buttons"):
        start = gr.Button(
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
    runs = gr.HTML(label("html.run.empty"), elem_id="runs")
    summary = gr.HTML("", elem_id="summary")
    return Adapt(
        model, model_status, algorithms, starts, names, seed, knobs, folds, start, stop, notice, runs, curves, summary
    )


def _algorithms(switch: Switch) -> tuple[gr.CheckboxGroup, gr.CheckboxGroup]:
    """Which algorithms, and which of them start meta-trained."""
    choices = [(label(f"algorithm.{name}"), name) for name in algorithm_names()]
    algorithms = gr.CheckboxGroup(
        choices, value=list(DEFAULT_ALGORITHMS), label=label("page.algorithms"), elem_id="algorithms"
    )
    gr.HTML(label("html.about"), elem_id="about")
    starts = gr.CheckboxGroup(
        [(label(f"algorithm.{name}"), name) for name in switch.shown],
        value=switch.ticked,
        visible=bool(switch.shown),
        label=label("page.starts"),
        info=label("page.starts.about"),
        elem_id="starts",
    )
    return algorithms, starts


def _try() -> Try:
    heading = gr.HTML(label("html.try"), elem_classes="heading")
    sentence = gr.Textbox(
        str(first_query(load_sample(FIRST_SAMPLE["text"])) or ""),
        label=label("page.try.sentence"),
        placeholder=label("page.try.placeholder"),
        lines=2,
        max_lines=5,
        max_length=5000,
        elem_id="sentence",
    )
    pad = try_pad(elem_id="try-pad", visible="hidden")
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
    predictions = gr.HTML(label("html.try.empty"), elem_id="predictions")
    return Try(heading, sentence, pad, step, predictions)


def _look() -> Look:
    heading = gr.HTML(label("html.look"), elem_classes="heading")
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
            views = [(label(f"page.look.{view}"), view) for view in VIEWS]
            view = gr.Radio(views, value="after", label=label("page.look.view"), elem_id="view")
            caption = gr.HTML("", elem_id="look-caption")
            sentence = gr.HTML("", js_on_load=TOKEN_SCRIPT, elem_id="look-sentence")
            words = gr.HTML("", elem_id="look-words")
        with gr.Column(scale=3, min_width=280):
            heatmap = chart("heatmap")
            picture = overlay(elem_id="overlay")
        with gr.Column(scale=2, min_width=260):
            maps = atlas(elem_id="atlas")
    return Look(heading, empty, algorithm, layer, head, view, caption, sentence, words, heatmap, picture, maps)
