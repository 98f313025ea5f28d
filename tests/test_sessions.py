"""What is kept for a visitor: little, and not at the cost of those who are there."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio import state_holder

from meta_demo.serving.service import Service
from meta_demo.ui.page import build_app
from meta_demo.ui.sessions import Letters, keep_little


@pytest.fixture
def app(service: Service, monkeypatch: pytest.MonkeyPatch) -> gr.Blocks:
    monkeypatch.setattr(state_holder, "SessionState", state_holder.SessionState)  # put back afterwards
    monkeypatch.setattr("gradio.route_utils.SessionState", state_holder.SessionState)
    app = build_app(service)
    app.queue()
    keep_little(app)
    return app


def test_a_session_holds_states_alone(app: gr.Blocks) -> None:
    """And neither a copy of the page nor what a visitor typed last."""
    tracemalloc.start()
    try:
        sessions = [state_holder.SessionState(app) for _ in range(10)]
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / len(sessions) < 50_000
    session, others = sessions[0], sessions[1]
    state, card = (next(b for b in app.blocks.values() if isinstance(b, kind)) for kind in (gr.State, gr.Textbox))
    session[state._id] = "mine"
    session[card._id] = card
    session._update_config(card._id)
    session._update_value_in_config(card._id, "typed")
    assert session[state._id] == "mine" and others[state._id] != "mine" and session[card._id] is card
    assert [*session.components] == []
    assert [(block, value, over) for block, value, over in session.state_components] == [(state, "mine", False)]


def test_who_calls_and_never_listens_takes_nothing_from_those_who_wait() -> None:
    waiting = SimpleNamespace(session_hash="visitor")
    queue: Any = SimpleNamespace(event_ids_to_events={"e": waiting}, pending_event_ids_session={"rude 0": {"x"}})
    letters = Letters(queue, 3)
    letters["visitor"] = "letters"
    for number in range(50):
        letters[f"rude {number}"] = "unread"
    assert [*letters] == ["visitor", "rude 48", "rude 49"] and queue.pending_event_ids_session == {}
    queue.event_ids_to_events.clear()
    letters["next"] = "letters"
    assert "visitor" not in letters, "whose work is over waits for nothing"


def test_where_something_is_under_way_for_all_the_first_goes() -> None:
    events = {str(n): SimpleNamespace(session_hash=str(n)) for n in range(4)}
    queue: Any = SimpleNamespace(event_ids_to_events=events, pending_event_ids_session={})
    letters = Letters(queue, 3)
    for name in events:
        letters[name] = "letters"
    assert [*letters] == ["1", "2", "3"]


def test_whether_somebody_came_to_fetch_is_known() -> None:
    letters = Letters(SimpleNamespace(event_ids_to_events={}, pending_event_ids_session={}), 3)
    letters["a"] = letters["b"] = "letters"
    assert letters["a"] == "letters" and not letters.heard("a"), "who writes a letter has not come for it"
    assert letters.get("a") == "letters" and letters.get("nobody") is None
    assert letters.heard("a") and not letters.heard("b") and not letters.heard("nobody")
    del letters["a"]
    assert not letters.heard("a")


def test_what_nobody_comes_for_goes_after_a_while() -> None:
    event = SimpleNamespace(session_hash="under way")
    queue: Any = SimpleNamespace(event_ids_to_events={"e": event}, pending_event_ids_session={"unread": {"x"}})
    letters = Letters(queue, 9)
    for name in ("read", "unread", "under way"):
        letters[name] = "letters"
    assert letters.get("read")
    letters.let_go()
    assert len(letters) == 3, "not yet"
    letters.let_go(-1.0)
    assert [*letters] == ["read", "under way"] and queue.pending_event_ids_session == {}
