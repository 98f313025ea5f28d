"""Serves the page as the settings say. How the process begins and ends is `start.py`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event, Thread

import gradio as gr

from meta_demo.backbones.loading import BUNDLED, SUGGESTED
from meta_demo.core.device import choose_device
from meta_demo.core.errors import UserError
from meta_demo.core.files import MB
from meta_demo.core.memory import settle, tidy
from meta_demo.core.settings import Settings
from meta_demo.learning.cost import Budget
from meta_demo.serving import journal, meter
from meta_demo.serving.admission import Admission
from meta_demo.serving.service import HEAVY, LIGHT, Service
from meta_demo.ui import zerogpu
from meta_demo.ui.logs import keep_words_out
from meta_demo.ui.mistakes import say_what_is_wrong
from meta_demo.ui.opening import Opening
from meta_demo.ui.page import build_app, launch_arguments
from meta_demo.ui.sessions import Letters, keep_little
from meta_demo.ui.uploads import keep_apart

# Whoever waits for a turn does so in a thread of Gradio's, whose own queue is then never what people wait for.
THREADS = HEAVY + LIGHT + 64
SHORT = 4  # calls at once of each handler that computes nothing
LOOK, LOOKS = 1.0, 20  # seconds between two looks at the memory, and after how many what nobody needs goes in any case
MUCH = 100 * MB  # by so much it may have grown until that
PATIENCE = 0.4  # seconds until the server has said goodbye to everybody


def serve(said: Settings, ends: list[Callable[[], object]]) -> None:
    """Serve the page for good; what has to be done at the end is added to `ends`. Raises UserError where what is said cannot be kept."""
    keep_words_out()
    journal.begin()
    say_what_is_wrong()
    keep_apart()
    budget = Budget.of_visitor(choose_device())
    service = Service(admission=Admission.as_set(), lender=zerogpu.lender(), budget=budget)
    ends.append(service.close)
    opening = Opening(service)
    app = build_app(service, opening)
    ends.append(partial(_close, app))
    if said.zero_gpu:
        _place(service)
    letters = _launch(app, service, said)
    Thread(target=_warm_up, args=(opening,), daemon=True).start()  # the page paints while the models load
    Thread(target=_keep_tidy, args=(letters,), daemon=True).start()
    Event().wait()


def _keep_tidy(letters: Letters) -> None:
    """For good: what nobody needs goes whenever much more memory is held than was, and now and then: what has gone of itself has not left
    the process, which has not grown by it."""
    held = meter.resident() or 0.0
    for look in itertools.count(1):
        time.sleep(LOOK)
        due, now = look % LOOKS == 0, meter.resident() or 0.0
        if due:
            letters.let_go()
        if due or now > held + MUCH:
            tidy()
            held = now = meter.resident() or 0.0
        held = min(held, now)


def _place(service: Service) -> None:
    """Models that come with the page are on the GPU from the beginning: it is prepared when the page is launched."""
    for model in SUGGESTED:
        if model.bundled:
            with suppress(UserError):
                zerogpu.place(service.backbone(model.name))


def _launch(app: gr.Blocks, service: Service, said: Settings) -> Letters:
    """Serves the page from now on; what waits to be fetched from it."""
    where = {"server_name": said.host, "server_port": said.port, "root_path": said.root_path}
    app.queue(default_concurrency_limit=SHORT, api_open=False)  # past the queue nobody would see that a caller has left
    letters = keep_little(app)
    try:
        app.launch(**where, prevent_thread_lock=True, max_threads=THREADS, **launch_arguments(service))
    except OSError as error:
        raise UserError("port_used", port=said.port) from error
    return letters


def _close(app: gr.Blocks) -> None:
    """The server takes its leave, of everybody if there is time."""
    if server := getattr(app, "server", None):
        server.should_exit = True
        server.thread.join(PATIENCE)


def _warm_up(opening: Opening) -> None:
    """Adapt what the page opens with, and load the other bundled model; should that fail, the page says why as soon as somebody asks."""
    for begin in (opening.warm, partial(opening.service.backbone, BUNDLED)):
        with suppress(UserError):
            begin()
    settle()
