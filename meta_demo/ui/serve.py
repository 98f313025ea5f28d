"""Starts the page: `meta-demo-page` where the package is installed, `python app.py` in the repository."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import gradio as gr
from gradio import routes, utils

from meta_demo.backbones.loading import BUNDLED, SUGGESTED
from meta_demo.core.errors import UserError
from meta_demo.core.settings import Settings, give, settings
from meta_demo.serving.admission import Admission
from meta_demo.serving.service import Service
from meta_demo.ui import zerogpu
from meta_demo.ui.logs import keep_words_out
from meta_demo.ui.page import build_app, launch_arguments
from meta_demo.words import text

WAITING = 64  # calls that wait at the most; whoever comes then is told to come back
PATIENCE = 0.4  # seconds until the server has said goodbye to everybody


def main() -> None:
    """Serve until the process is told to end. What the settings have wrong is one sentence on stderr, with exit code 2."""
    try:
        serve(settings())
    except UserError as error:
        print(text("cli.error", message=error), file=sys.stderr)
        sys.exit(2)


def serve(said: Settings) -> None:
    """Serve the page until SIGTERM or Ctrl-C; raises UserError where what is said cannot be kept."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    keep_words_out()
    place = _temporary_place()
    ends: list[Callable[[], object]] = []
    try:
        service = Service(admission=Admission.as_set(), lender=zerogpu.lender())
        ends.append(service.close)
        app = build_app(service)
        ends.append(partial(_close, app))
        if said.zero_gpu:
            _place(service)
        _launch(app, said)
        Thread(target=_warm_up, args=(service,), daemon=True).start()  # the page paints while the model loads
        Event().wait()
    except SystemExit:
        _end(ends, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _place(service: Service) -> None:
    """Models that come with the page are on the GPU from the beginning: it is prepared when the page is launched."""
    for model in SUGGESTED:
        if model.bundled:
            with suppress(UserError):
                zerogpu.place(service.backbone(model.name))


def _launch(app: gr.Blocks, said: Settings) -> None:
    where = {"server_name": said.host, "server_port": said.port, "root_path": said.root_path}
    try:
        app.queue(max_size=WAITING).launch(**where, prevent_thread_lock=True, **launch_arguments())
    except OSError as error:
        raise UserError("port_used", port=said.port) from error


def _temporary_place() -> Path:
    """A folder for every temporary file of this process, Gradio's too unless somebody chose its place, which goes with the process."""
    place = Path(tempfile.mkdtemp(prefix="meta-demo-page-"))
    tempfile.tempdir = str(place)
    give("GRADIO_TEMP_DIR", str(place / "gradio"))
    routes.DEFAULT_TEMP_DIR = utils.get_upload_folder()  # which was read when Gradio was imported
    return place


def _leave(*_: Any) -> None:
    """What a signal does, wherever the main thread is; a second one ends the process at once."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(1))
    sys.exit(0)


def _close(app: gr.Blocks) -> None:
    """The server takes its leave, of everybody if there is time."""
    if server := getattr(app, "server", None):
        server.should_exit = True
        server.thread.join(PATIENCE)


def _end(ends: list[Callable[[], object]], place: Path) -> None:
    """End in order, and soon: what computes stops after its step, the server takes its leave, temporary files go.

    The process is then left at once: threads in the midst of a computation would abort it.
    """
    for end in ends:
        end()
    shutil.rmtree(place, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _warm_up(service: Service) -> None:
    """Load the bundled model; should that fail, the page says why as soon as somebody asks for it."""
    try:
        service.backbone(BUNDLED)
    except UserError:
        return
