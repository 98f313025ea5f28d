"""Starts the page: `meta-demo-page` where the package is installed, `python app.py` in the repository."""

from __future__ import annotations

import signal
import sys
from threading import Thread

from meta_demo.backbones.loading import BUNDLED
from meta_demo.core.errors import UserError
from meta_demo.core.settings import settings
from meta_demo.serving.service import Service
from meta_demo.ui.page import build_app, launch_arguments
from meta_demo.words import text


def main() -> None:
    """Serve until the process is told to end. What the settings have wrong is one sentence on stderr, with exit code 2."""
    try:
        serve()
    except UserError as error:
        print(text("cli.error", message=error), file=sys.stderr)
        sys.exit(2)


def serve() -> None:
    """Serve the page as the settings say; raises UserError where they cannot be kept."""
    # In good order, as after Ctrl-C: visitors' temporary folders go with the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    said = settings()
    service = Service()
    app = build_app(service)
    where = {"server_name": said.host, "server_port": said.port, "root_path": said.root_path}
    app.queue(max_size=64).launch(**where, prevent_thread_lock=True, **launch_arguments())
    Thread(target=_warm_up, args=(service,), daemon=True).start()  # the page paints while the model loads
    app.block_thread()


def _warm_up(service: Service) -> None:
    """Load the bundled model; should that fail, the page says why as soon as somebody asks for it."""
    try:
        service.backbone(BUNDLED)
    except UserError:
        return
