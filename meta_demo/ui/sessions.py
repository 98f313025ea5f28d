"""What Gradio keeps for a visitor: states that handlers write, what waits to be fetched, whether they listen; but no copy of the page."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from copy import copy
from datetime import datetime
from typing import Any

import gradio as gr
from gradio import route_utils, state_holder
from gradio.context import LocalContext
from gradio.queueing import Queue

from meta_demo.ui.parts import SESSION_SECONDS

SESSIONS = 1000  # that are remembered; of more those that were used longest ago are forgotten
# Seconds after which what nobody has come to fetch is computed no more; within 15 Gradio has seen who listens.
UNHEARD = 60
UNFETCHED = 120  # seconds for which an answer is kept that nobody has come to fetch


class _Session(state_holder.SessionState):  # type: ignore[misc]
    """Gradio's, without a second description of every component and its last value, which took 360 kB and 30 ms for each new session, and
    which only its links to a page as it stands would need: they write what a visitor typed to the disk, and we have our own."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict[int, Any] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = SESSION_SECONDS

    def __setitem__(self, key: int, value: Any) -> None:
        block = self.blocks_config.blocks.get(key)
        if isinstance(block, gr.State):
            self._state_ttl[key] = block.time_to_live, datetime.now()
            self.state_data[key] = value
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class Letters(OrderedDict[str, Any]):
    """What waits to be fetched, by session. Of more than `most` those go first for whom nothing is under way: who calls and never listens
    takes nothing from those who wait."""

    def __init__(self, queue: Queue, most: int = SESSIONS) -> None:
        super().__init__()
        self._queue, self._most = queue, most
        self._heard: set[str] = set()
        self._since: dict[str, float] = {}

    def get(self, session: str, default: Any = None) -> Any:
        """As whoever comes to fetch asks, which is noted."""
        if session in self:
            self._heard.add(session)
        return super().get(session, default)

    def heard(self, session: str) -> bool:
        """Whether somebody has come to fetch."""
        return session in self._heard

    def __delitem__(self, session: str) -> None:
        super().__delitem__(session)
        self._heard.discard(session)
        self._since.pop(session, None)

    def let_go(self, seconds: float = UNFETCHED) -> None:
        """What was sent so long ago to a session that nobody has come from, and for which nothing is under way, goes."""
        awaited, now = self._awaited(), time.monotonic()
        for session, since in [*self._since.items()]:
            if now - since > seconds and session not in awaited and session not in self._heard and session in self:
                del self[session]
                self._queue.pending_event_ids_session.pop(session, None)

    def _awaited(self) -> set[str]:
        """The sessions for which something is under way."""
        return {event.session_hash for event in [*self._queue.event_ids_to_events.values()]}

    def __setitem__(self, session: str, letters: Any) -> None:
        super().__setitem__(session, letters)
        self._since[session] = time.monotonic()
        if len(self) > self._most:
            awaited = self._awaited() | {session}
            known = [*self]  # others let go meanwhile
            gone = next((other for other in known if other not in awaited), known[0])
            del self[gone]
            self._queue.pending_event_ids_session.pop(gone, None)


def keep_little(app: gr.Blocks) -> Letters:
    """From now on the sessions of a page whose queue is made are small and few; what waits to be fetched from it."""
    state_holder.SessionState = route_utils.SessionState = _Session
    app._queue.pending_messages_per_session = letters = Letters(app._queue)
    # A summary that nobody reads, made anew for every event; the name is Gradio's.
    app._queue.ANAYLTICS_CACHE_FREQUENCY = math.inf
    return letters


def heard() -> bool:
    """Whether somebody waits for the answer to what is computed here: Gradio marks the events of those who have gone, and who never came is
    not there either."""
    blocks, event = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    found = blocks._queue.event_ids_to_events.get(event) if blocks and event else None
    if found is None:
        return True
    letters = blocks._queue.pending_messages_per_session
    late = isinstance(letters, Letters) and time.monotonic() - found.enqueue_time > UNHEARD
    return bool(found.alive) and not (late and not letters.heard(found.session_hash))
