"""The page: layout and handlers wired together, and how it is launched."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from meta_demo.backbones.loading import SUGGESTED, ModelInfo
from meta_demo.core.files import MAX_FILE
from meta_demo.core.settings import settings
from meta_demo.serving.service import Service
from meta_demo.ui import benchmark_tab, blocks, draft, edits, status, theme, training_knobs, training_tab
from meta_demo.ui.asking import Asking
from meta_demo.ui.bodies import Bodies
from meta_demo.ui.browser_language import BrowserLanguage
from meta_demo.ui.charts import routes
from meta_demo.ui.compare import tab as compare_tab
from meta_demo.ui.compare.tab import CompareTab, Comparing
from meta_demo.ui.draft import Drafts
from meta_demo.ui.endpoint import adapt_endpoint
from meta_demo.ui.entrance import Entrance
from meta_demo.ui.gaps import Dealing
from meta_demo.ui.guard import guarded
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.headers import Headers
from meta_demo.ui.health import health_routes
from meta_demo.ui.layout import SESSION_SECONDS, Page, lay_out
from meta_demo.ui.learn import tab as learn_tab
from meta_demo.ui.learn.tab import Learning, LearnTab
from meta_demo.ui.mistakes import Blocks, Mistakes
from meta_demo.ui.opening import Opening, Welcome
from meta_demo.ui.proxy import BehindProxy
from meta_demo.ui.sessions import SESSIONS
from meta_demo.ui.sheet import sheets
from meta_demo.ui.side import discover
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.training_tab import TrainingHandlers, TrainingTab
from meta_demo.ui.uploads import Uploads
from meta_demo.ui.words import label, translations
from meta_demo.words import LANGUAGES, text

# Whatever computes takes turns in the service; the default, one call of each handler at a time, would have visitors wait for each other.
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": None}
ONCE: dict[str, Any] = {"trigger_mode": "once"}  # a second press of a button whose work is under way asks for nothing
# A second press is sent at once: the service ends what the first one asked for.
ANEW: dict[str, Any] = {"trigger_mode": "multiple"}
# One trains; the others are told so at once.
TRAINING: dict[str, Any] = {"concurrency_id": "training", "concurrency_limit": 16} | ONCE
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
# What measures in the background waits for itself alone.
DEALING: dict[str, Any] = {"concurrency_id": "dealing", "concurrency_limit": 1}
LAST = "always_last"  # of events while one is under way none is lost: the last is answered too. Gradio drops them all unless told


def build_app(service: Service, opening: Opening | None = None) -> gr.Blocks:
    """The whole page, its events and its one API endpoint, on top of `service`; what it opens with is in `opening`, if anything is."""
    with Blocks(
        title=label("page.title"),
        fill_width=True,
        analytics_enabled=False,
        delete_cache=(SESSION_SECONDS, SESSION_SECONDS),
    ) as app:
        # First, while its name is free: a handler of the same name would take it.
        gr.api(adapt_endpoint(service), api_name="adapt", api_description=text("page.api.about"), **MODEL)
        page = lay_out()
        with page.tabs:
            with gr.Tab(label("page.tab.compare"), id="compare") as compare:
                comparison = compare_tab.lay_out()
            with gr.Tab(label("page.tab.train"), id="train"):
                training = training_tab.lay_out()
            with gr.Tab(label("page.tab.benchmark"), id="benchmark"):
                tables = benchmark_tab.lay_out()
            with gr.Tab(label("page.tab.learn"), id="learn") as learn:
                lessons = learn_tab.lay_out()
            if settings().status:
                with gr.Tab(label("page.tab.status"), id="status") as looked:
                    status.wire(page.tabs, looked, *status.lay_out(), service)
        for sheet, _ in page.sheets.values():
            sheet.service = service
        handlers, asking = Handlers(service, page), Asking(service, page)
        teaching = Teaching(page, handlers)
        dealt = _wire_teach(page, handlers, teaching, asking)
        _wire_opening(app, page, asking, Welcome(page, teaching, opening or Opening(service)))
        _wire_draft(page, Drafts(page, teaching))
        asked = _wire_adapt(app, page, handlers, asking, dealt)
        _wire_gaps(page, asked, Dealing(service, page))
        _wire_look(page, asking)
        _wire_compare(page, compare, comparison, Comparing(service, page, comparison))
        if training:
            _wire_training(app, page, training, TrainingHandlers(service, page, training, teaching))
        app.load(benchmark_tab.show, None, tables, **QUIET)
        _wire_learning(page, learn, lessons, learn_tab.Learning(page, lessons, handlers, teaching))
    return app


def launch_arguments(service: Service) -> dict[str, Any]:
    """What `launch()` is given for a page on top of `service`, host and port aside."""
    models = {
        f"model.{m.name}": {
            lang: text(f"page.model.{'bundled' if m.bundled else 'hub'}", lang, model=m.name, **_facts(m))
            for lang in LANGUAGES
        }
        for m in SUGGESTED
    }
    composed = (
        blocks.composed([side.name for side in discover()], [sheet.name for sheet in sheets()])
        | training_knobs.composed()
    )
    return {
        "theme": theme.MetaTheme(),
        "css": theme.style(),
        "i18n": translations(composed | models),
        "footer_links": ["api"],
        "max_file_size": MAX_FILE,
        "state_session_capacity": SESSIONS,
        "app_kwargs": {
            "middleware": _middleware(),
            "routes": [*routes(), *health_routes(service)],
        },
        "show_error": False,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
    }


def _middleware() -> list[Middleware]:
    """What every request goes through, outermost first."""
    said = settings()
    return [
        Middleware(BehindProxy, said.root_path),
        Middleware(Headers, said.space),
        Middleware(Entrance, get_upload_folder),
        Middleware(Mistakes),
        Middleware(Uploads),
        Middleware(Bodies),
        Middleware(BrowserLanguage),
    ]


def _facts(model: ModelInfo) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ("parameters", "megabytes", "licence", "languages", "good")}


def _wire_opening(app: gr.Blocks, page: Page, asking: Asking, welcome: Welcome) -> None:
    """What a page asks first."""
    opened = _on(page, app.load, welcome.show, _settings(page) | _aside(page), _side_outputs(page))
    _ask(page, asking, opened.then)
    opened.then(None, None, None, js="() => { document.dispatchEvent(new Event('opened')); return []; }", **QUIET)


def _wire_draft(page: Page, drafts: Drafts) -> None:
    """What is typed is told to the script of the draft, in the browser, and comes back from there."""
    named = draft.held(page)
    for how, events in {
        "typed": draft.typing(page),
        "chosen": draft.choosing(page),
        "changed": draft.changing(page),
    }.items():
        held = f"Object.fromEntries({json.dumps(list(named))}.map((name, place) => [name, given[place]]))"
        told = f"document.dispatchEvent(new CustomEvent('typed', {{ detail: {{ draft: {held}, how: '{how}' }} }}))"
        gr.on(events, None, [*named.values()], None, js=f"(...given) => {{ {told}; return []; }}", **QUIET)
    _on(page, page.draft.submit, drafts.restore, _settings(page) | _aside(page) | {page.draft}, _side_outputs(page))


def _wire_teach(page: Page, handlers: Handlers, teaching: Teaching, asking: Asking) -> Any:
    """The events of the first step; the one that deals the cards anew comes back."""
    on = partial(_on, page)
    teach, adapt, settings, sided = page.teach, page.adapt, _settings(page), _side_outputs(page)
    cards = [side.cards for side in page.sides.values()]

    opening = settings | _aside(page) | {teach.shots, teach.sample}
    on(teach.sample.input, teaching.open_sample, opening, sided)
    on(teach.kind.input, teaching.relabel, settings | {teach.kind}, sided)
    for part in edits.counting(page.sides.values()):
        on(part.late, teaching.keep, settings, sided)
    dealt = on(teach.shots.input, teaching.deal, settings | {teach.shots}, {*cards, adapt.notice})
    for opened in (
        on(page.modality.input, teaching.show_side, settings | _aside(page), sided),
        on(teach.upload.upload, teaching.open_file, settings | _aside(page) | {teach.upload, teach.columns}, sided),
    ):
        _ask(page, asking, opened.then)
    on(partial(gr.on, [held.edit for held in cards]), teaching.edit, settings, {teach.shots, adapt.notice})
    lines = [side.lines.change for side in page.sides.values() if side.lines]
    on(
        partial(gr.on, lines),
        teaching.collect,
        settings | {page.lined},
        _fitting(page) | {page.lined, adapt.algorithms},
    )
    gr.on([held.clear for held in cards], lambda: None, None, teach.sample, queue=False, **QUIET)
    changes = [adapt.names.change, adapt.seed.change, adapt.knobs.edit]
    on(partial(gr.on, changes), handlers.mark_changes, settings, {adapt.notice})
    on(adapt.model.change, handlers.refit, settings, _fitting(page))
    on(adapt.algorithms.input, handlers.choose, settings, _fitting(page))
    on(adapt.origin.input, handlers.start_from, settings | {adapt.origin}, _fitting(page), queue=False)
    on(adapt.starts.input, handlers.tick, settings | {adapt.starts}, _fitting(page), queue=False)
    return dealt


def _on(
    page: Page,
    listen: Any,
    handler: Callable[..., Any],
    inputs: set[Any],
    outputs: set[Any],
    *,
    whole: bool = False,
    **how: Any,
) -> Any:
    """`handler` for an event; what it raises is said in the page's message, and what it fills keeps what was typed meanwhile. What is
    on the sides that are not shown stays in the browser, unless the `whole` page is asked for."""
    places = {part: name for part, name in edits.counting(page.sides.values()).items() if part in outputs}
    if places and not isgeneratorfunction(handler):
        handler, inputs = edits.echoing(handler, page.edits, places), inputs | {page.edits}
    how = {"trigger_mode": LAST, "js": _sent(page, inputs, whole)} | QUIET | how
    return listen(guarded(page.message, handler), inputs, outputs | {page.message}, **how)


def _sent(page: Page, inputs: set[Any], whole: bool) -> str | None:
    """What the browser does before it sends `inputs`: what hidden sides have collected stays there, and edits are counted."""
    order = sorted(inputs, key=lambda part: part._id)  # as Gradio sends them
    heavy = [[order.index(part), side.name] for side in page.sides.values() for part in side.heavy if part in inputs]
    acts = []
    if page.modality in inputs and heavy and not whole:
        shown = f"given[{order.index(page.modality)}]"
        acts.append(f"for (const [place, side] of {json.dumps(heavy)}) if (side !== {shown}) given[place] = null;")
    if page.edits in inputs:
        acts.append(f"given[{order.index(page.edits)}] = {{ ...window.edits }};")
    return f"(...given) => {{ {' '.join(acts)} return given; }}" if acts else None


def _wire_gaps(page: Page, asked: list[Any], dealing: Dealing) -> None:
    """After all else of an adaptation its examples are dealt anew, until something changes."""
    teach, adapt, sides = page.teach, page.adapt, page.sides.values()
    read, shown = {page.run, page.gaps, page.trial.step}, {page.gaps, adapt.gap, adapt.stop}
    for last in asked:
        _on(page, last.then, dealing.deal, read, shown, **DEALING)
    changes = [teach.sample.input, teach.kind.input, teach.shots.input, teach.upload.upload, page.modality.input]
    changes += [adapt.model.change, adapt.algorithms.input, adapt.origin.input, adapt.starts.input]
    changes += [adapt.names.change, adapt.seed.change, adapt.knobs.edit, adapt.stop.click]
    changes += [event for side in sides for event in (side.cards.edit, *([side.lines.change] if side.lines else []))]
    _on(page, partial(gr.on, changes), dealing.halt, read, shown, queue=False)
    _on(page, page.trial.step.input, dealing.move, read, shown, queue=False)


def _wire_adapt(app: gr.Blocks, page: Page, handlers: Handlers, asking: Asking, dealt: Any) -> list[Any]:
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
    pressed = _on(page, adapt.go.click, handlers.adapt, _settings(page), shown, **MODEL, **ANEW)
    again = _on(page, dealt.then, handlers.adapt_again, _settings(page), shown, **MODEL)
    following = []
    for going in (pressed, again):
        following.append(_ask(page, asking, going.then))
        _on(page, going.then, handlers.outdated, _settings(page), {adapt.notice})
    # before what is said of it: a page asks one after the other
    adapt.stop.click(None, cancels=[pressed, again, *itertools.chain(*following)])
    stopped = adapt.stop.click(guarded(page.message, handlers.stop), {page.run, page.gaps}, ends, queue=False, **QUIET)
    _ask(page, asking, stopped.then)
    models = (guarded(page.message, handlers.load_model), {adapt.model}, {adapt.model_status, page.message})
    for ready in (adapt.model.change(*models, trigger_mode=LAST, **QUIET), app.load(*models, **QUIET)):
        # by now it is known how many layers there are
        _on(page, ready.then, handlers.show_knobs, _settings(page), {adapt.knobs})
    _on(page, app.load, handlers.show_algorithms, _settings(page), {adapt.picker, adapt.knobs})
    _on(page, adapt.knobs.missing, handlers.show_knobs, _settings(page), {adapt.knobs})
    return [events[-1] for events in following]


def _ask(page: Page, asking: Asking, listen: Callable[..., Any]) -> list[Any]:
    """Predictions and the map follow an event."""
    look = page.look
    opened = {look.layer, look.head, *_look_outputs(page)}
    predicted = _on(page, listen, asking.predict, _asked(page), {page.trial.predictions}, **MODEL)
    mapped = _on(page, predicted.then, asking.open_map, _asked(page), {page.map.empty, page.map.plane}, **MODEL)
    shown = _on(page, mapped.then, asking.open_look, _asked(page) | {look.caption}, opened, **MODEL)
    return [predicted, mapped, shown]


def _wire_look(page: Page, asking: Asking) -> None:
    look, trial, asked = page.look, page.trial, _asked(page)
    sides = page.sides.values()
    moved = [*(event for side in sides for event in side.moved), trial.step.input]
    _on(page, partial(gr.on, moved), asking.try_another, asked, {trial.predictions}, **MODEL)
    _on(page, partial(gr.on, moved), asking.locate, asked, {page.map.plane}, **MODEL)
    _on(page, page.map.algorithm.input, asking.open_map, asked, {page.map.empty, page.map.plane}, **MODEL)
    chosen = [look.algorithm.input, look.layer.input, look.head.input, look.moment.input]
    outputs = _look_outputs(page)
    _on(page, partial(gr.on, [*moved, *chosen]), asking.attend, asked, outputs, **MODEL)
    _on(page, look.why.click, asking.decide, asked, {look.decided}, **MODEL)
    for side in sides:
        if side.next and side.lines:
            _on(page, side.next[0].click, asking.label_next, asked, {side.next[1]}, **MODEL)
            gr.on([side.lines.change, page.adapt.go.click], lambda: "", None, side.next[1], queue=False, **QUIET)
    changed = [*moved, look.algorithm.input, page.adapt.go.click, page.modality.input]
    gr.on(changed, lambda: "", None, look.decided, queue=False, **QUIET)
    tokens = [event for side in sides for event in side.chosen]
    _on(page, partial(gr.on, tokens), asking.choose_token, asked, outputs | {page.row}, **MODEL)
    picked = outputs | {look.layer, look.head}
    _on(page, look.atlas.select, asking.choose_map, asked, picked, **MODEL)


def _wire_compare(page: Page, opened: gr.Tab, tab: CompareTab, handlers: Comparing) -> None:
    asked, closely = _settings(page) | {tab.every, tab.made}, {tab.confusion, tab.reliability, tab.chosen}
    made = {tab.notice, tab.stop, tab.table, tab.grid, tab.made, tab.found} | closely
    going = _on(page, tab.go.click, handlers.compare, asked, made, **MODEL, **ANEW)
    for listen in (going.then, opened.select):
        _on(page, listen, handlers.outdated, asked, {tab.notice})
    _on(page, going.then, handlers.open_closer, {tab.found, tab.chosen}, closely)
    _on(page, tab.table.select, handlers.look_at, {tab.found}, closely)
    ends = {tab.stop, tab.notice, tab.made}
    shots = _on(page, tab.shots.click, handlers.measure_shots, asked, {tab.needed, tab.needed_said, *ends}, **MODEL)
    again = _on(page, tab.repeat.click, handlers.measure_steadiness, asked, {tab.steady, *ends}, **MODEL)
    tab.stop.click(None, cancels=[going, shots, again])
    tab.stop.click(guarded(page.message, handlers.stop), {page.run}, ends | {page.message}, queue=False, **QUIET)


def _fitting(page: Page) -> set[Any]:
    """What follows the model, the algorithms and the boxes of meta-trained starts."""
    return {page.switch, page.adapt.origin, page.adapt.starts, page.adapt.notice, page.adapt.knobs}


def _wire_training(app: gr.Blocks, page: Page, tab: TrainingTab, handlers: TrainingHandlers) -> None:
    on = partial(_on, page)
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
    settings, opened = _settings(page) | _aside(page), _side_outputs(page) | {page.own, page.tabs}
    # another side may be shown, and what stands on its cards stays
    on(tab.use.click, handlers.use, settings | {tab.training}, opened, whole=True)
    on(tab.bring.upload, handlers.bring, settings | {tab.bring}, opened, whole=True, **MODEL)


def _wire_learning(page: Page, opened: gr.Tab, tab: LearnTab, learning: Learning) -> None:
    opened.select(learn_tab.show, None, [tab.introduction, tab.linear, tab.lessons], trigger_mode=LAST, **QUIET)
    asked = _settings(page) | _aside(page) | {tab.asked, page.teach.shots, page.teach.sample}
    _on(page, tab.asked.ask, learning.set_up, asked, _side_outputs(page) | {page.tabs})


def _settings(page: Page) -> set[Any]:
    """What an adaptation depends on, and the last one."""
    adapt = page.adapt
    cards = (part for side in page.sides.values() for part in (side.cards, side.lines) if part)
    chosen = {adapt.model, adapt.algorithms, adapt.names, adapt.seed, adapt.knobs}
    return {page.run, page.switch, page.own, page.modality, page.shown, *cards, *chosen}


def _aside(page: Page) -> set[Any]:
    """How the sides of the page were left, and which is shown."""
    return {page.left, page.shown}


def _side_outputs(page: Page) -> set[Any]:
    """What differs between the page's sides."""
    adapt, look, trial = page.adapt, page.look, page.trial
    parts = [part for side in page.sides.values() for part in side.parts]
    parts += [part for sheet, _ in page.sheets.values() for part in sheet.parts]
    results = {
        adapt.runs,
        adapt.curves,
        adapt.losses,
        adapt.summary,
        adapt.gap,
        adapt.notice,
        adapt.stop,
        trial.step,
        trial.predictions,
    }
    headings = {page.teach.heading, trial.heading, look.heading}
    chosen = {
        page.modality,
        page.teach.sample,
        page.teach.columns,
        page.teach.kind,
        page.teach.shots,
        adapt.model,
        adapt.names,
        look.algorithm,
        page.map.algorithm,
        page.map.empty,
        page.map.plane,
    }
    fitting = {adapt.algorithms, adapt.picker, *_fitting(page)}
    kept = {page.run, page.gaps, page.row, *_aside(page)}
    places = (page.bench, *(place for _, place in page.sheets.values()))
    return {*parts, *results, *headings, *chosen, *fitting, *kept, *places, *_look_outputs(page)}


def _asked(page: Page) -> set[Any]:
    """What a prediction and a map depend on."""
    look = page.look
    tried = (side.tried for side in page.sides.values())
    chosen = {look.algorithm, look.layer, look.head, look.moment, page.map.algorithm}
    return {page.run, page.row, page.modality, page.shown, page.trial.step, *tried, *chosen}


def _look_outputs(page: Page) -> set[Any]:
    look = page.look
    parts = (part for side in page.sides.values() for part in side.parts)
    return {look.empty, look.caption, look.words, look.atlas, page.message, *parts}
