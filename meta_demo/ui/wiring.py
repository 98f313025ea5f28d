"""Which handler follows which event of the page."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from meta_demo.ui import draft, edits
from meta_demo.ui.asking import Asking
from meta_demo.ui.compare.tab import CompareTab, Comparing
from meta_demo.ui.draft import Drafts
from meta_demo.ui.events import (
    ANEW,
    DEALING,
    LAST,
    MODEL,
    QUIET,
    TRAINING,
    adapted_by,
    aside,
    asked_by,
    fitting,
    of_look,
    of_sides,
    wired,
)
from meta_demo.ui.gaps import Dealing
from meta_demo.ui.guard import guarded
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.learn import tab as learn_tab
from meta_demo.ui.learn.tab import Learning, LearnTab
from meta_demo.ui.opening import Welcome
from meta_demo.ui.parts import Page
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.training_tab import TrainingHandlers, TrainingTab

NOTHING = "() => ''"  # empties, in the browser
PASSED_ON = "() => []"  # changes nothing, in the browser: for what follows


def wire_opening(app: gr.Blocks, page: Page, asking: Asking, welcome: Welcome) -> Any:
    """What a page asks first; it comes back."""
    opened = wired(page, app.load, welcome.show, adapted_by(page) | aside(page), of_sides(page))
    _ask(page, asking, opened.then)
    return opened


def wire_draft(page: Page, opened: Any, drafts: Drafts) -> None:
    """What is typed is told to the script of the draft, in the browser, and comes back from there when the page has `opened`."""
    named = draft.held(page)
    held = f"Object.fromEntries({json.dumps(list(named))}.map((name, place) => [name, given[place]]))"
    entries = json.dumps({str(part.elem_id): name for name, part in named.items()})

    def telling(event: str, more: str) -> dict[str, Any]:
        said = f"document.dispatchEvent(new CustomEvent('{event}', {{ detail: {{ draft: {held}, {more} }} }}))"
        return {"js": f"(...given) => {{ {said}; return []; }}"} | QUIET

    for how, events in {
        "typed": draft.typing(page),
        "chosen": draft.choosing(page),
        "changed": draft.changing(page),
    }.items():
        gr.on(events, None, [*named.values()], None, **telling("typed", f"how: '{how}'"))
    opened.then(None, [*named.values()], None, **telling("opened", f"entries: {entries}"))
    wired(page, page.draft.submit, drafts.restore, adapted_by(page) | aside(page) | {page.draft}, of_sides(page))


def wire_teach(page: Page, handlers: Handlers, teaching: Teaching, asking: Asking) -> Any:
    """The events of the first step; the one that deals the cards anew comes back."""
    on = partial(wired, page)
    teach, adapt, settings, sided = page.teach, page.adapt, adapted_by(page), of_sides(page)
    cards = [side.cards for side in page.sides.values()]

    opening = settings | aside(page) | {teach.shots, teach.sample}
    on(teach.sample.input, teaching.open_sample, opening, sided)
    on(teach.kind.input, teaching.relabel, settings | {teach.kind}, sided)
    for part in edits.counting(page.sides.values()):
        on(part.late, teaching.keep, settings, sided)
    dealt = on(teach.shots.input, teaching.deal, settings | {teach.shots}, {*cards, adapt.notice})
    for opened in (
        on(page.modality.input, teaching.show_side, settings | aside(page), sided),
        on(teach.upload.upload, teaching.open_file, settings | aside(page) | {teach.upload, teach.columns}, sided),
    ):
        _ask(page, asking, opened.then)
    on(partial(gr.on, [held.edit for held in cards]), teaching.edit, settings, {teach.shots, adapt.notice})
    lines = [side.lines.change for side in page.sides.values() if side.lines]
    on(
        partial(gr.on, lines),
        teaching.collect,
        settings | {page.lined},
        fitting(page) | {page.lined, adapt.algorithms},
    )
    gr.on([held.clear for held in cards], None, None, teach.sample, js="() => null", **QUIET)
    changes = [adapt.names.change, adapt.seed.change, adapt.knobs.edit]
    on(partial(gr.on, changes), handlers.mark_changes, settings, {adapt.notice})
    on(partial(gr.on, [adapt.algorithms.input, adapt.origin.input]), handlers.choose, settings, fitting(page))
    on(adapt.starts.input, handlers.tick, settings | {adapt.starts}, fitting(page), queue=False)
    return dealt


def wire_adapt(app: gr.Blocks, page: Page, handlers: Handlers, asking: Asking, dealt: Any) -> list[Any]:
    """The events of the second step, which cards that were `dealt` anew begin as well; the last of each of the two comes back."""
    adapt = page.adapt
    ends = {
        adapt.notice,
        adapt.summary,
        adapt.gap,
        page.gaps,
        adapt.stop,
        page.modality,
        page.trial.step,
        page.look.algorithm,
        page.map.algorithm,
        page.map.empty,
        page.run,
        page.row,
        page.message,
    }
    shown = ends | {adapt.runs, adapt.curves, adapt.losses}
    pressed = wired(page, adapt.go.click, handlers.adapt, adapted_by(page), shown, **MODEL, **ANEW)
    again = wired(page, dealt.then, handlers.adapt_again, adapted_by(page), shown, **MODEL)
    following = []
    for going in (pressed, again):
        following.append(_ask(page, asking, going.then))
        wired(page, going.then, handlers.outdated, adapted_by(page), {adapt.notice})
    # before what is said of it: a page asks one after the other
    adapt.stop.click(None, cancels=[pressed, again, *itertools.chain(*following)])
    stopped = adapt.stop.click(guarded(page.message, handlers.stop), {page.run, page.gaps}, ends, queue=False, **QUIET)
    _ask(page, asking, stopped.then)
    models = (guarded(page.message, handlers.load_model), {adapt.model}, {adapt.model_status, page.message})
    refitted = wired(page, adapt.model.change, handlers.refit, adapted_by(page), fitting(page))
    for ready in (refitted.then(*models, trigger_mode=LAST, **QUIET), app.load(*models, **QUIET)):
        # by now it is known how many layers there are
        wired(page, ready.then, handlers.show_knobs, adapted_by(page), {adapt.knobs})
    wired(page, app.load, handlers.show_algorithms, adapted_by(page), {adapt.picker, adapt.knobs})
    wired(page, adapt.knobs.missing, handlers.show_knobs, adapted_by(page), {adapt.knobs})
    return [events[-1] for events in following]


def wire_gaps(page: Page, asked: list[Any], moved: Any, dealing: Dealing) -> None:
    """After all else of an adaptation its examples are dealt anew, until something changes; what is said of it follows the step."""
    teach, adapt, sides = page.teach, page.adapt, page.sides.values()
    read, shown = {page.run, page.gaps, page.trial.step}, {page.gaps, adapt.gap, adapt.stop}
    for last in asked:
        wired(page, last.then, dealing.deal, read, shown, **DEALING)
    changes = [teach.sample.input, teach.kind.input, teach.shots.input, teach.upload.upload, page.modality.input]
    changes += [adapt.model.change, adapt.algorithms.input, adapt.origin.input, adapt.starts.input]
    changes += [adapt.names.change, adapt.seed.change, adapt.knobs.edit, adapt.stop.click]
    changes += [event for side in sides for event in (side.cards.edit, *([side.lines.change] if side.lines else []))]
    wired(page, partial(gr.on, changes), dealing.halt, read, shown, queue=False, **ANEW)
    wired(page, moved.then, dealing.move, read, shown, queue=False)


def _ask(page: Page, asking: Asking, listen: Callable[..., Any]) -> list[Any]:
    """Predictions and the map follow an event."""
    look = page.look
    opened = {look.layer, look.head, *of_look(page)}
    predicted = wired(page, listen, asking.predict, asked_by(page), {page.trial.predictions}, **MODEL)
    mapped = wired(page, predicted.then, asking.open_map, asked_by(page), {page.map.empty, page.map.plane}, **MODEL)
    shown = wired(page, mapped.then, asking.open_look, asked_by(page) | {look.caption}, opened, **MODEL)
    return [predicted, mapped, shown]


def wire_look(page: Page, asking: Asking) -> Any:
    """The events of the third step; what is predicted anew comes back."""
    look, trial, asked = page.look, page.trial, asked_by(page)
    sides = page.sides.values()
    moved = [*(event for side in sides for event in side.moved), trial.step.input]
    chosen = [look.algorithm.input, look.layer.input, look.head.input, look.moment.input]
    outputs = of_look(page)
    # Two handlers of one event would wait for each other, and those that follow (`then`) do not: so answers and attention each follow what
    # does nothing. Whatever asks for attention asks one handler, so that what was asked for last is shown last.
    tried, looked = (gr.on(events, None, None, None, js=PASSED_ON, **QUIET) for events in (moved, [*moved, *chosen]))
    predicted = wired(page, tried.then, asking.try_another, asked, {trial.predictions}, **MODEL)
    wired(page, looked.then, asking.attend, asked, outputs, **MODEL)
    wired(page, predicted.then, asking.locate, asked, {page.map.plane}, **MODEL)
    wired(page, page.map.algorithm.input, asking.open_map, asked, {page.map.empty, page.map.plane}, **MODEL)
    wired(page, look.why.click, asking.decide, asked, {look.decided}, **MODEL)
    for side in sides:
        if side.next and side.lines:
            wired(page, side.next[0].click, asking.label_next, asked, {side.next[1]}, **MODEL)
            gr.on([side.lines.change, page.adapt.go.click], None, None, side.next[1], js=NOTHING, **QUIET)
    changed = [*moved, look.algorithm.input, page.adapt.go.click, page.modality.input]
    gr.on(changed, None, None, look.decided, js=NOTHING, **QUIET)
    tokens = [event for side in sides for event in side.chosen]
    # what is asked again would be told of the event before
    wired(page, partial(gr.on, tokens), asking.choose_token, asked, outputs | {page.row}, **MODEL, **ANEW)
    picked = outputs | {look.layer, look.head}
    wired(page, look.atlas.select, asking.choose_map, asked, picked, **MODEL, **ANEW)
    return predicted


def wire_compare(page: Page, opened: gr.Tab, tab: CompareTab, handlers: Comparing) -> None:
    asked, closely = adapted_by(page) | {tab.every, tab.made}, {tab.confusion, tab.reliability, tab.chosen}
    made = {tab.notice, tab.stop, tab.table, tab.grid, tab.made, tab.found} | closely
    going = wired(page, tab.go.click, handlers.compare, asked, made, **MODEL, **ANEW)
    for listen in (going.then, opened.select):
        wired(page, listen, handlers.outdated, asked, {tab.notice})
    wired(page, going.then, handlers.open_closer, {tab.found, tab.chosen}, closely)
    wired(page, tab.table.select, handlers.look_at, {tab.found}, closely, **ANEW)
    ends = {tab.stop, tab.notice, tab.made}
    shots = wired(page, tab.shots.click, handlers.measure_shots, asked, {tab.needed, tab.needed_said, *ends}, **MODEL)
    again = wired(page, tab.repeat.click, handlers.measure_steadiness, asked, {tab.steady, *ends}, **MODEL)
    tab.stop.click(None, cancels=[going, shots, again])
    tab.stop.click(guarded(page.message, handlers.stop), {page.run}, ends | {page.message}, queue=False, **QUIET)


def wire_training(app: gr.Blocks, page: Page, tab: TrainingTab, handlers: TrainingHandlers) -> None:
    on = partial(wired, page)
    fields = {tab.sources, tab.uploaded, tab.algorithm, *tab.knobs.values(), tab.training, page.adapt.model}
    shown = {
        tab.status,
        tab.gallery,
        tab.chart,
        tab.outcome,
        tab.result,
        tab.download,
        tab.go,
        tab.stop,
        tab.training,
    }

    shows = partial(gr.on, [app.load, page.modality.change])
    on(shows, handlers.follow, {page.modality, tab.sources, tab.left}, {tab.sources, tab.left})
    on(
        tab.upload.upload,
        handlers.open_file,
        {tab.upload, tab.uploaded, tab.sources, tab.columns},
        {tab.uploaded, tab.sources, tab.told, tab.columns},
    )
    kinds = {tab.sources, tab.uploaded, tab.algorithm, tab.kind, tab.knobs["k_shot"]}
    on(tab.sources.change, handlers.fit, kinds, kinds - {tab.uploaded} | {*tab.knobs.values()})
    trained = on(tab.go.click, handlers.train, fields, shown | {tab.beside}, **TRAINING)
    on(trained.then, handlers.beside, {tab.training}, {tab.beside}, **MODEL)
    on(tab.stop.click, handlers.stop, {tab.training}, {tab.outcome, tab.stop}, queue=False)
    settings, opened = adapted_by(page) | aside(page), of_sides(page) | {page.own, page.tabs}
    # another side may be shown, and what stands on its cards stays
    on(tab.use.click, handlers.use, settings | {tab.training}, opened, whole=True)
    on(tab.bring.upload, handlers.bring, settings | {tab.bring}, opened, whole=True, **MODEL)


def wire_learning(page: Page, opened: gr.Tab, tab: LearnTab, learning: Learning) -> None:
    opened.select(learn_tab.show, None, [tab.introduction, tab.linear, tab.lessons], trigger_mode=LAST, **QUIET)
    asked = adapted_by(page) | aside(page) | {tab.asked, page.teach.shots, page.teach.sample}
    wired(page, tab.asked.ask, learning.set_up, asked, of_sides(page) | {page.tabs})
