"""Starts the page: `meta-demo-page` where the package is installed, `python app.py` in the repository.

Here: settings, signals and temporary files, which come before anything large is imported, and how the process ends. What is served,
and how, is `ui/serve.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meta_demo.core.errors import UserError
from meta_demo.core.memory import share_arenas, take_from_library
from meta_demo.core.settings import give, settings
from meta_demo.words import text

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run() -> None:
    """What a program that is the page does: `main`, with memory that comes back."""
    take_from_library()
    main()


def main() -> None:
    """Serve until the process is told to end. What cannot be is one sentence on stderr, with exit code 2."""
    for number in SIGNALS:
        signal.signal(number, _leave)
    ends: list[Callable[[], object]] = []
    place: Path | None = None
    try:
        said = settings()
        place = _temporary_place()
        share_arenas()
        from meta_demo.ui.serve import serve

        serve(said, ends)
    except UserError as error:
        print(text("cli.error", message=error), file=sys.stderr)
        sys.exit(2)
    except SystemExit:
        _end(ends, place)
    finally:
        _remove(place)


def _temporary_place() -> Path:
    """A folder for every temporary file of this process, Gradio's too unless somebody chose its place, which goes with the process.

    Raises UserError where nothing can be written.
    """
    try:
        place = Path(tempfile.mkdtemp(prefix="meta-demo-page-"))
    except OSError as error:
        raise UserError("temporary_place", reason=error.strerror) from error
    tempfile.tempdir = str(place)
    give("GRADIO_TEMP_DIR", str(place / "gradio"))
    return place


def _leave(*_: Any) -> None:
    """What a signal does, wherever the main thread is; a second one ends the process at once."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: os._exit(1))
    sys.exit(0)


def _end(ends: list[Callable[[], object]], place: Path | None) -> None:
    """End in order, and soon: what computes stops after its step, the server takes its leave, temporary files go.

    The process is then left at once: threads in the midst of a computation would abort it.
    """
    for end in ends:
        end()
    _remove(place)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _remove(place: Path | None) -> None:
    if place:
        shutil.rmtree(place, ignore_errors=True)
