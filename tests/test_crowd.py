"""Many at once: every answer is the one that the task has alone, and nobody waits for those who have left."""

from __future__ import annotations

import asyncio
import itertools
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier, Event, Thread
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from test_sides import said

from meta_demo.core.errors import UserError
from meta_demo.data.episode import make_episode
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.serving import turns
from meta_demo.serving.compare import plan
from meta_demo.serving.gaps import over_deals
from meta_demo.serving.requests import Request, Snapshot
from meta_demo.serving.service import BEGUN, HEAVY, LIGHT, Service
from meta_demo.serving.turns import Gone, Turn
from meta_demo.ui import callers, guard, sessions
from meta_demo.ui.asking import Asking
from meta_demo.ui.guard import guarded
from meta_demo.ui.handlers import Handlers
from meta_demo.ui.layout import lay_out
from meta_demo.ui.page import build_app
from meta_demo.ui.session import Run
from meta_demo.ui.sessions import Letters
from meta_demo.words import text

CPU = torch.device("cpu")
WORDS = ("card", "parcel", "password", "refund", "ticket", "river", "lamp", "engine", "violin", "soup")


def request(number: int) -> Request:
    """Another task for each number."""
    word, other = WORDS[number], WORDS[number - 1]
    rows = [(f"where is my {word}", "a"), (f"the {word} was late", "a"), (f"thanks for the {other}", "b")]
    support = [{"text": text, "label": label} for text, label in [*rows, (f"a fine {other} it is", "b")]]
    episode = parse_episode({"support": support, "query": [{"text": f"my {word} again", "label": "a"}]})
    return Request(episode, "minilm", ("protonet", "maml", "anil"), number)


def numbers(history: dict[str, list[Snapshot]]) -> list[np.ndarray[Any, Any]]:
    return [np.array([s.support_loss, s.query_loss, *s.outputs.ravel()]) for steps in history.values() for s in steps]


def equal(one: dict[str, list[Snapshot]], other: dict[str, list[Snapshot]]) -> bool:
    pairs = zip(numbers(one), numbers(other), strict=True)
    return [*one] == [*other] and all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.slow
def test_six_that_take_turns_answer_as_each_does_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With slices so short that each step goes to another one."""
    asked = [request(number) for number in range(6)]
    quiet = Service(CPU)
    alone = [quiet.history(one) for one in asked]
    monkeypatch.setattr(turns, "SLICE", 0.0)
    crowded, held = Service(CPU), []
    take = crowded.heavy.take
    monkeypatch.setattr(crowded.heavy, "take", lambda turn: (take(turn), held.append(turn.visitor)))
    entered = [crowded.heavy.enter(f"v{number}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = [*pool.map(crowded.history, asked, entered)]
    assert all(equal(one, other) for one, other in zip(alone, found, strict=True))
    changes = sum(a != b for a, b in itertools.pairwise(held))
    assert changes > 2 * len(asked), "they were computed one after the other"
    assert len(crowded.heavy) == 0


def test_who_asks_about_a_known_adaptation_waits_for_nobody(service: Service) -> None:
    known = request(0)
    service.history(known)
    tried = [known.episode.query[0].content]
    alone = service.predict(known, tried, visitor="v")
    waiting = [service.heavy.enter(f"v{number}") for number in range(HEAVY)]
    try:
        with waiting[0]:  # somebody computes, all places are taken
            (found, *_), (said, *_) = service.predict(known, tried, visitor="v"), alone
            assert np.array_equal(found.outputs, said.outputs)
            service.attention(known, "maml", tried[0], visitor="v")
            with pytest.raises(UserError, match=str(HEAVY)):
                service.history(known)
    finally:
        for turn in waiting:
            turn.leave()
    assert len(service.heavy) == len(service.light) == 0


@pytest.mark.slow
def test_light_work_that_is_long_is_interrupted_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever types: to leave each example out, for a first prediction at a step, takes longer than a slice."""
    tasks = [request(number) for number in range(2)]
    quiet, crowded, held = Service(CPU), Service(CPU), []

    def ask(service: Service, number: int) -> Any:
        one = tasks[number]
        said = service.predict(one, [one.episode.query[0].content], 2, visitor=number)
        return [found.leaned.counts for found in said if found.leaned]

    alone = [(quiet.history(tasks[number]), ask(quiet, number))[1] for number in range(2)]
    for one in tasks:
        crowded.history(one)
    monkeypatch.setattr(turns, "SLICE", 0.0)
    crowded.light = turns.Turns(1, LIGHT, LIGHT)
    take, together = crowded.light.take, Barrier(2)
    monkeypatch.setattr(crowded.light, "take", lambda turn: (take(turn), held.append(turn.visitor)))
    enter = crowded.light.enter
    monkeypatch.setattr(crowded.light, "enter", lambda who: (enter(who), together.wait())[0])
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(partial(ask, crowded), range(2))]
    assert all(
        np.array_equal(a, b) for one, other in zip(alone, found, strict=True) for a, b in zip(one, other, strict=True)
    )
    # who has had less comes first, so that they need not take turns strictly; one after the other would be a single change
    assert sum(a != b for a, b in itertools.pairwise(held)) > 2, "one waited until the other was done"


def test_an_adaptation_that_was_dropped_is_heavy_again(service: Service) -> None:
    dropped = replace(request(1), seed=77)
    turn = service.heavy.enter("other")
    with turn:
        asking = Thread(target=service.predict, args=(dropped, [dropped.episode.query[0].content]))
        asking.start()
        asking.join(0.5)
        assert asking.is_alive()
    turn.leave()
    asking.join()
    assert len(service.heavy) == 0


def test_who_leaves_in_the_midst_leaves_no_place_taken(service: Service) -> None:
    stream = service.adapt_stream(request(2), service.heavy.enter("v"))
    next(stream)
    assert len(service.heavy) == 1
    stream.close()
    assert len(service.heavy) == 0


def test_whatever_is_heavy_waits_for_its_turn_and_ends_when_that_is_over(service: Service) -> None:
    asked = request(4)
    works: dict[str, Callable[[Turn], Iterator[Any]]] = {
        "adapt": lambda turn: service.adapt_stream(asked, turn),
        "compare": lambda turn: service.compare(asked, plan(asked.episode), turn),
        "report": lambda turn: iter([service.report(asked, turn=turn)]),
    }
    for work in works.values():
        other, turn = service.heavy.enter("other"), service.heavy.enter("v")
        came = Event()
        with other:
            asking = Thread(target=lambda work=work, turn=turn, came=came: (list(work(turn)), came.set()))
            asking.start()
            assert not came.wait(0.3)
        other.leave()
        asking.join()
        assert came.is_set() and len(service.heavy) == 0
    turn = service.heavy.enter("v")
    turn.leave()
    for work in works.values():
        with pytest.raises(Gone):
            list(work(turn))


def test_deals_are_one_visitors_work_and_a_new_one_ends_the_old(service: Service) -> None:
    asked = request(5)
    deals = over_deals(service, asked, asked.episode, lambda deal: deal, Event(), "v")
    seen: list[object] = []
    enter = service.heavy.enter
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.heavy, "enter", lambda *who, **how: (seen.append((who, how)), enter(*who, **how))[1])
        next(deals)
    assert seen == [(("v",), {"replaces": "deal"})] and len(service.heavy) == 0


def test_a_run_in_the_place_of_another_ends_that(service: Service) -> None:
    old = service.adapt_stream(request(3), service.heavy.enter("v", replaces="adapt"))
    next(old)
    new = service.heavy.enter("v", replaces="adapt")
    with pytest.raises(Gone):
        next(old)
    assert equal(service.history(request(3), new), service.history(request(3)))


def test_the_page_says_where_somebody_stands_and_then_adapts(service: Service) -> None:
    with gr.Blocks():
        page = lay_out()
    mine: Any = SimpleNamespace(headers={}, session_hash="mine")
    handlers = Handlers(service, page)
    values = said(page, "text")
    values[page.sides["text"].cards] = [{"name": "a", "examples": "one parcel"}, {"name": "b", "examples": "two cards"}]
    begun = [service.heavy.enter(f"v{number}") for number in range(BEGUN)]
    shown = handlers.adapt(values, mine)
    next(shown)  # the page says that it is under way
    assert text("page.run.waiting", "en", place=1).rstrip(".") in next(shown)[page.adapt.notice]
    for turn in begun:
        turn.leave()
    *went, last = shown
    assert any(updates.get(page.adapt.notice) == "" for updates in went), "it still says that one waits"
    assert last[page.adapt.summary] and len(service.heavy) == 0
    full = [service.heavy.enter(f"v{number}") for number in range(HEAVY)]
    (told,) = guarded(page.message, handlers.adapt)(values, mine)
    assert list(told) == [page.message] and str(HEAVY) in told[page.message]
    for turn in full:
        turn.leave()


def test_a_request_that_is_wrong_keeps_no_place(service: Service) -> None:
    wrong = Request(make_episode(request(0).episode.support, ()), "minilm", ("no such method",))
    with pytest.raises(UserError):
        service.history(wrong)
    assert len(service.heavy) == 0


@pytest.mark.parametrize(("age", "came", "heard"), [(0, False, True), (1e9, True, True), (1e9, False, False)])
def test_who_calls_and_never_comes_for_the_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, age: float, came: bool, heard: bool
) -> None:
    event = SimpleNamespace(alive=True, enqueue_time=time.monotonic() - age, session_hash="one")
    queue: Any = SimpleNamespace(event_ids_to_events={"e": event}, pending_event_ids_session={})
    queue.pending_messages_per_session = letters = Letters(queue)
    letters["one"] = "letters"
    if came:
        letters.get("one")
    here = SimpleNamespace(
        blocks=SimpleNamespace(get=lambda _: SimpleNamespace(_queue=queue)), event_id=SimpleNamespace(get=lambda _: "e")
    )
    monkeypatch.setattr(sessions, "LocalContext", here)
    assert sessions.heard() is heard
    event.alive = False
    assert not sessions.heard()


def test_for_a_page_that_nobody_looks_at_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a handler does in frames ends with the first one after nobody listens, and its place is free."""
    queue, listens = turns.Turns(1, 1, 4), iter([True, True, False])

    def handler(*_: Any) -> Iterator[dict[Any, Any]]:
        turn = queue.enter("one")
        try:
            for frame in range(9):
                yield {"part": frame}
        finally:
            turn.leave()

    monkeypatch.setattr(guard, "heard", lambda: next(listens))
    stream = guarded("message", handler)({}, SimpleNamespace())
    assert [*stream] == [{"part": 0}, {"part": 1}] and len(queue) == 0


@pytest.mark.parametrize("how", ["leaves", "cancels"])
def test_for_a_caller_who_goes_nothing_more_is_computed(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = turns.Turns(1, 1, 4)
    turn, began = queue.enter("caller"), Event()
    monkeypatch.setattr(callers, "LOOK", 0.01)
    if how == "leaves":
        monkeypatch.setattr(callers, "heard", lambda: not began.is_set())

    def work() -> None:
        for _ in turns.sliced(turn, iter(int, 1)):  # without end
            began.set()

    async def call() -> None:
        task = asyncio.ensure_future(callers.while_heard(turn, work))
        while not began.is_set():
            await asyncio.sleep(0.01)
        if how == "cancels":
            task.cancel()
        with pytest.raises((Gone, asyncio.CancelledError)):
            await task

    asyncio.run(call())
    assert turn.gone
    with queue.enter("next"):  # waits for the seat that the other had
        assert len(queue) == 1


def test_a_second_press_ends_the_first_run_and_the_page_shows_the_second(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever asks meanwhile about what has not ended asks for no work at all."""
    with gr.Blocks():
        page = lay_out()
    mine: Any = SimpleNamespace(headers={}, session_hash="mine")
    monkeypatch.setattr("meta_demo.ui.handlers.FRAME", 0.0)
    handlers, asking = Handlers(service, page), Asking(service, page)
    press = guarded(page.message, handlers.adapt)
    values = said(page, "text")
    values[page.sides["text"].cards] = [{"name": "a", "examples": "one lamp"}, {"name": "b", "examples": "two soups"}]
    values[page.adapt.algorithms] = ["protonet", "maml"]
    first = press(values, mine)
    for updates in first:
        values |= {page.run: updates.get(page.run, values[page.run])}
        if values[page.run].history:
            break
    run = values[page.run]
    assert run.under_way
    assert asking.predict(values, mine) == asking.open_look(values, mine) == handlers.outdated(values, mine) == {}
    values[page.adapt.seed] = 7
    second = press(values, mine)
    began = next(second)
    assert run.ended.is_set() and began[page.run].request.seed == 7
    assert [updates for updates in first if page.run in updates] == []
    *_, last = second
    assert last[page.run].whole and not last[page.run].under_way and len(service.heavy) == 0


def test_stop_ends_the_work_itself_and_no_notice_of_the_queue_comes_after_it(service: Service) -> None:
    with gr.Blocks():
        page = lay_out()
    mine: Any = SimpleNamespace(headers={}, session_hash="mine")
    handlers = Handlers(service, page)
    values = said(page, "text") | {page.gaps: None}
    values[page.sides["text"].cards] = [{"name": "a", "examples": "one lamp"}, {"name": "b", "examples": "two soups"}]
    begun = [service.heavy.enter(f"v{number}") for number in range(BEGUN)]
    shown = guarded(page.message, handlers.adapt)(values, mine)
    next(shown), next(shown)
    handlers.stop(values, mine)
    assert list(shown) == [] and len(service.heavy) == BEGUN
    for turn in begun:
        turn.leave()


def test_a_session_is_small(service: Service) -> None:
    """A thousand of them are remembered: figures are, and not what each held-out example was answered at every step."""
    with gr.Blocks():
        page = lay_out()
    mine: Any = SimpleNamespace(headers={}, session_hash="mine")
    values = said(page, "text") | {page.adapt.algorithms: ["protonet", "finetune"]}
    *_, last = Handlers(service, page).adapt(values, mine)
    run: Run = last[page.run]
    assert len(run.request.episode.query) > 40 and run.whole
    assert not any(snapshot.outputs.size for steps in run.history.values() for snapshot in steps)
    assert len(pickle.dumps(replace(run, ended=None, replaced=None))) < 50_000


def test_a_press_is_sent_while_the_last_one_is_under_way(service: Service) -> None:
    """Gradio would drop it, or keep it until the work has ended that it is to replace."""
    modes = {
        fn.name: fn.trigger_mode
        for fn in build_app(service).fns.values()
        if fn.name in ("adapt", "compare") and fn.targets
    }
    assert modes == {"adapt": "multiple", "compare": "multiple"}
