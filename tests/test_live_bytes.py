"""How much an adaptation sends while it goes on: of cards, curves and notes only what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest
from gradio.utils import diff
from test_plots import snapshot
from test_service import EPISODE

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.serving.requests import PLAIN, Learner, Request, Snapshot
from meta_demo.serving.service import Service
from meta_demo.ui.guard import Updates
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.session import Run

MOST = 20_000  # bytes of one update
STEPS = 10
SHOWN = (0, 1, STEPS - 1, STEPS)  # the steps that make a frame


def frames(handlers: Handlers, learners: list[Learner]) -> Iterator[Updates]:
    """What the page is told when each of `learners` begins, at its first step and when it ends, one after the other."""
    also: dict[Learner, dict[str, Any]] = {who: {} for who in learners if who.plain}
    starts = {who.algorithm: who.start for who in learners if not who.plain}
    request = Request(EPISODE, "minilm", tuple(starts), checkpoints=starts, also=also)
    assert list(request.learners) == learners
    run, history = Run(request, "digest", {}), dict[Learner, list[Snapshot]]()
    for who in learners:
        history[who] = []
        for step in range(STEPS + 1):
            history[who].append(replace(snapshot(who.algorithm, step, STEPS), learner=who))
            if step in SHOWN:
                yield handlers._progress(run.with_history(history), "en")


def sent(handlers: Handlers, learners: list[Learner]) -> list[int]:
    """The bytes of each of these updates as Gradio sends them: what differs from the one before."""
    adapt = handlers.page.adapt
    before: dict[Any, Any] = {}
    found = []
    for updates in frames(handlers, learners):
        parts = {part: json.loads(json.dumps(updates[part])) for part in (adapt.runs, adapt.curves, adapt.losses)}
        found.append(sum(len(json.dumps(diff(before.get(part), value))) for part, value in parts.items()))
        before = parts
    return found


@pytest.fixture
def handlers() -> Handlers:
    with gr.Blocks():
        return Handlers(Service(), lay_out())


def test_an_update_of_the_usual_learners_is_small(handlers: Handlers) -> None:
    sizes = sent(handlers, [Learner(name, "folder") for name in ("finetune", "maml", "protonet")])
    assert max(sizes) < MOST / 2, sizes
    assert max(sizes[1::4] + sizes[3::4]) < MOST / 8, "a learner that makes a step sends that"


@pytest.mark.slow
def test_an_update_of_all_learners_from_both_starts_is_small(handlers: Handlers) -> None:
    """Also where the last learner that one picture has room for makes it a picture for each family."""
    sizes = sent(handlers, [Learner(name, start) for name in REGISTRY for start in ("folder", PLAIN)])
    assert max(sizes) < MOST, sizes
    assert max(sizes[1::4] + sizes[3::4]) < MOST / 8, "a learner that makes a step sends no other"
