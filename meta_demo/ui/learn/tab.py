"""The Learn tab in Gradio: its places, how they are filled, and the button that sets the Playground up."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from meta_demo.algorithms.registry import get_algorithm
from meta_demo.ui import blocks
from meta_demo.ui.benchmark_tab import read_tables
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.learn.lessons import introduction, lessons
from meta_demo.ui.learn.linear import sheet
from meta_demo.ui.parts import PLAYGROUND, Page
from meta_demo.ui.scripts import script
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.words import request_language, title
from meta_demo.words import text

SAMPLES = {"classes": "bank-requests", "numbers": "stars"}  # what shows an algorithm that learns such labels
BESIDE = ("protonet", "finetune", "kernel")  # the first that is another and can learn the same stands beside it
FEW = 1  # examples of a class: where algorithms differ most


@dataclass
class LearnTab:
    introduction: gr.HTML
    linear: gr.HTML
    lessons: gr.HTML
    asked: gr.HTML  # its value is the algorithm whose button was pressed last


def lay_out() -> LearnTab:
    """The places, as `show` fills them."""
    first = gr.HTML("", elem_id="learn-introduction", padding=False)
    second = gr.HTML("", elem_id="learn-linear", padding=False)
    every = gr.HTML("", elem_id="learn-lessons", padding=False)
    asked = gr.HTML("", html_template="", js_on_load=script("learn"), apply_default_css=False, elem_id="learn-asked")
    return LearnTab(first, second, every, asked)


def show(request: gr.Request) -> tuple[str, str, str]:
    """The introduction, attention as a gradient step, and every lesson, with what was measured, in the visitor's language."""
    lang = request_language(request)
    points = [point for table in read_tables() for point in table.points]
    return introduction(lang), sheet(lang), lessons(points, lang)


class Learning:
    """The handler of the button of a lesson."""

    def __init__(self, page: Page, tab: LearnTab, playground: Handlers, teaching: Teaching) -> None:
        self.page, self.tab, self.playground, self.teaching = page, tab, playground, teaching

    def set_up(self, values: Values, request: gr.Request) -> Updates:
        """The Playground with one example of each class, the algorithm of a lesson, and another to compare it with."""
        page, lang = self.page, request_language(request)
        cls = get_algorithm(str(values[self.tab.asked]))
        kind = next(kind for kind in SAMPLES if kind in cls.objectives)
        other = next(n for n in BESIDE if n != cls.name and kind in get_algorithm(n).objectives)
        chosen = sorted([cls.name, other])
        asked = {page.teach.sample: SAMPLES[kind], page.teach.shots: FEW}
        updates = self.teaching.open_sample({**values, **asked}, request)
        now = {part: updates[part] for part in (page.switch,) if part in updates} | {page.adapt.algorithms: chosen}
        fitted = self.playground.refit({**values, **now}, request, self.teaching.began(updates))
        said = blocks.notice(text("learn.set", lang, algorithm=cls.title, other=title(other, lang)))
        shown = {page.adapt.notice: said, page.tabs: gr.Tabs(selected=PLAYGROUND)}
        return updates | fitted | {page.teach.sample: SAMPLES[kind], page.adapt.algorithms: chosen} | shown
