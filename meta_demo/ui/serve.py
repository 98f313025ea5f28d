"""Launches the page: `meta-demo-page` where the package is installed, `python app.py` in the repository.

Environment: PORT or GRADIO_SERVER_PORT, GRADIO_SERVER_NAME, META_DEMO_ALLOW_TRAINING (0 or 1).
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread

from meta_demo.backbones.loading import BUNDLED
from meta_demo.core.errors import UserError
from meta_demo.serving.service import Service
from meta_demo.ui.page import build_app, launch_arguments


def main() -> None:
    # In good order, as after Ctrl-C: visitors' temporary folders go with the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    service = Service()
    app = build_app(service)
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1")
    port = int(os.environ.get("PORT") or os.environ.get("GRADIO_SERVER_PORT") or 7860)
    app.queue(max_size=64).launch(server_name=host, server_port=port, prevent_thread_lock=True, **launch_arguments())
    Thread(target=_warm_up, args=(service,), daemon=True).start()  # the page paints while the model loads
    app.block_thread()


def _warm_up(service: Service) -> None:
    """Load the bundled model; should that fail, the page says why as soon as somebody asks for it."""
    try:
        service.backbone(BUNDLED)
    except UserError:
        return
