"""What happened, a line of JSON an event, for whoever runs the page: kinds, milliseconds and places. Never a word of a visitor's."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_LOG = logging.getLogger(__name__)


def note(event: str, **facts: str | float | None) -> None:
    """One event and what is known of it; what is None is left out."""
    if _LOG.isEnabledFor(logging.INFO):
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        _LOG.info(json.dumps({"at": at, "event": event, **{k: v for k, v in facts.items() if v is not None}}))


def begin() -> None:
    """From now on events are written, to where everything of the log goes."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
