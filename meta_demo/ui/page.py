"""The page: layout and handlers wired together, and how it is launched."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from meta_demo.backbones.loading import SUGGESTED, ModelInfo
from meta_demo.core.files import MAX_FILE
from meta_demo.core.settings import settings
from meta_demo.serving.service import Service
from meta_demo.ui import benchmark_tab, blocks, status, theme, training_knobs, training_tab
from meta_demo.ui.asking import Asking
from meta_demo.ui.bodies import Bodies
from meta_demo.ui.browser_language import BrowserLanguage
from meta_demo.ui.charts import routes
from meta_demo.ui.compare import tab as compare_tab
from meta_demo.ui.compare.tab import Comparing
from meta_demo.ui.draft import Drafts
from meta_demo.ui.endpoint import adapt_endpoint
from meta_demo.ui.entrance import Entrance
from meta_demo.ui.events import LAST, MODEL, QUIET
from meta_demo.ui.gaps import Dealing
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.headers import Headers
from meta_demo.ui.health import health_routes
from meta_demo.ui.layout import lay_out
from meta_demo.ui.learn import tab as learn_tab
from meta_demo.ui.mistakes import Blocks, Mistakes
from meta_demo.ui.opening import Opening, Welcome
from meta_demo.ui.parts import SESSION_SECONDS
from meta_demo.ui.proxy import BehindProxy
from meta_demo.ui.sessions import SESSIONS
from meta_demo.ui.sheet import sheets
from meta_demo.ui.side import discover
from meta_demo.ui.teaching import Teaching
from meta_demo.ui.training_tab import TrainingHandlers
from meta_demo.ui.uploads import Uploads
from meta_demo.ui.wiring import (
    wire_adapt,
    wire_compare,
    wire_draft,
    wire_gaps,
    wire_learning,
    wire_look,
    wire_opening,
    wire_teach,
    wire_training,
)
from meta_demo.ui.words import label, translations
from meta_demo.words import LANGUAGES, text


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
            with gr.Tab(label("page.tab.benchmark"), id="benchmark") as measured:
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
        dealt = wire_teach(page, handlers, teaching, asking)
        opened = wire_opening(app, page, asking, Welcome(page, teaching, opening or Opening(service)))
        wire_draft(page, opened, Drafts(page, teaching))
        asked = wire_adapt(app, page, handlers, asking, dealt)
        wire_gaps(page, asked, wire_look(page, asking), Dealing(service, page))
        wire_compare(page, compare, comparison, Comparing(service, page, comparison))
        if training:
            wire_training(app, page, training, TrainingHandlers(service, page, training, teaching))
        measured.select(benchmark_tab.show, None, tables, trigger_mode=LAST, **QUIET)
        wire_learning(page, learn, lessons, learn_tab.Learning(page, lessons, handlers, teaching))
        for event in app.fns.values():
            # How an event stands is told to one small part. Told to all that it fills, as Gradio does unasked, the browser copies
            # whatever was ever filled, and all that stands within, at every step of every event.
            event.show_progress_on = [page.message]
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
