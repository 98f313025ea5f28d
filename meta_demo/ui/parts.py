"""What the page is made of: the components of its steps. Not here: how they look (`layout.py`) and what they do (`wiring.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from meta_demo.ui.sheet import Sheet
from meta_demo.ui.side import Side

SESSION_SECONDS = 3600
PLAYGROUND = "playground"
Sides = dict[str, Side[Any]]  # by modality


@dataclass
class Teach:
    heading: gr.HTML
    sample: gr.Dropdown
    upload: gr.UploadButton
    columns: gr.HTML
    kind: gr.Radio
    shots: gr.Radio


@dataclass
class Adapt:
    model: gr.Dropdown
    model_status: gr.HTML
    algorithms: gr.CheckboxGroup
    picker: gr.HTML  # how the list of algorithms is drawn
    origin: gr.Radio  # where they start from
    starts: gr.CheckboxGroup
    names: gr.Checkbox
    seed: gr.Number
    knobs: gr.HTML
    go: gr.Button
    stop: gr.Button
    notice: gr.HTML
    runs: gr.HTML
    curves: gr.HTML
    losses: gr.HTML
    summary: gr.HTML
    gap: gr.HTML  # how far two starts lie apart


@dataclass
class Trial:
    heading: gr.HTML
    step: gr.Slider
    predictions: gr.HTML


@dataclass
class Map:
    algorithm: gr.Dropdown
    empty: gr.HTML
    plane: gr.HTML  # where examples stand in a learner's space


@dataclass
class Look:
    heading: gr.HTML
    empty: gr.HTML
    algorithm: gr.Dropdown
    layer: gr.Slider
    head: gr.Dropdown
    moment: gr.Radio
    caption: gr.HTML
    words: gr.HTML
    why: gr.Button
    decided: gr.HTML  # which words decided an answer
    atlas: gr.HTML


@dataclass
class Page:
    """Every component that an event reads or writes.

    `bench` is what all sides share, and a sheet, which shares nothing, takes its place.

    The session's own: `run`, what was adapted; `gaps`, what was measured of its starts; `lined`, whether there were examples that nobody
    labelled; `row`, which token looks; `switch`, which algorithms start meta-trained; `own`, the starts that the visitor trained;
    `shown`, the side that is shown, and `left`, how each side was left when another one was.
    """

    message: gr.HTML
    edits: gr.JSON  # how many edits the visitor has made where
    keeper: gr.HTML  # which of them an answer to a text box has seen
    draft: gr.HTML  # its value is what the visitor made here before, once it is asked for
    tabs: gr.Tabs
    modality: gr.Radio
    sides: Sides
    bench: gr.Column
    sheets: dict[str, tuple[Sheet, gr.Column]]
    teach: Teach
    adapt: Adapt
    trial: Trial
    map: Map
    look: Look
    run: gr.State
    gaps: gr.State
    lined: gr.State
    row: gr.State
    switch: gr.State
    own: gr.State
    shown: gr.State
    left: gr.State

    def side(self, values: dict[Any, Any]) -> Side[Any]:
        """The side that the switch at the top says, or the one that is under the sheet."""
        name = values[self.modality]
        return self.sides[values[self.shown] if name in self.sheets else name]

    def placing(self, name: str) -> dict[Any, Any]:
        """The sheet called `name`, or what all sides share, in its place."""
        shown = {self.bench: name not in self.sheets}
        shown |= {place: name == sheet for sheet, (_, place) in self.sheets.items()}
        return {place: gr.update(elem_classes=placed(place is not self.bench, here)) for place, here in shown.items()}


def placed(sheet: bool, shown: bool) -> list[str]:
    """The style of a sheet, or of what all sides share: what is not shown stays in the page, and what it holds is drawn."""
    return ["sheet"] * sheet + ["away"] * (not shown)
