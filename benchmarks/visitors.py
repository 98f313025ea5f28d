"""Kinds of visitors of one page, for locust: who adapts, leaves, is rude, types, or looks whether the page is there.

Importing this puts what waits with gevent in the place of Python's own: only `load.py` does, in a process of its own.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

# First of all packages, so that all others find what it has put there.
from locust import User, constant, task
from locust.exception import StopUser

# isort: split
import gevent
import requests

from benchmarks.asked import ALGORITHMS, examples, work
from benchmarks.wire import CALL, Page, Refused, answer, ask, browser

STAYS = 2.0  # seconds after which those who leave have left, at the least; and twice that at the most
STEPS = (0, 1, 2, 3, 4, 5)  # at which things are tried
THINKS = 1.0  # seconds between two things that a visitor tries
LOOKS_ROUND = 4  # of so many things that are tried one is looked at after other steps, and on the map
TYPISTS = 3  # visitors who try something new all the while
RUBBISH: tuple[bytes, ...] = (b"{", b'{"data": 7}', b'{"data": [null]}', b'{"data": [{"support": 1}]}', b"\xff" * 999)
TRIED = ("where has my card gone", "a table for two at eight", "it says that I paid twice", "will it rain tomorrow")


@dataclass
class Arguments:
    """A class of visitors at one page."""

    visitors: int = 50  # who adapt
    patience: float = 1800  # seconds after which all is over
    ways: int = 5
    shots: int = 5
    quiet: float = 10  # seconds in which those who type are alone
    hurt: int = 0  # malformed requests that the page has had before, and then the end of a thread that computed
    write: bool = True  # whether the table in benchmarks/results is written anew


class Typist:
    """A page on which somebody has adapted to a task of their own, and now tries sentences."""

    def __init__(self, number: int, url: str, arguments: Arguments) -> None:
        self.page = page = Page(browser(900 + number), url, arguments.patience)
        page.open("text")
        classes = examples(number, arguments.ways, arguments.shots)
        page.put("cards", [{"name": name, "examples": "\n".join(said)} for name, said in classes.items()])
        page.put("algorithms", [*ALGORITHMS])
        page.put("seed", 20_000 + number)
        page.send(page.event("start", "click", "summary"))
        self.known = {tried: self.predict(tried, STEPS[-1]) for tried in TRIED}
        self.wrong: list[str] = []
        self._tried, self._steps = itertools.cycle(TRIED), itertools.cycle(STEPS)
        self._learners, self._rounds = itertools.cycle(range(len(ALGORITHMS))), itertools.count()

    def round(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """What is done with the next thing that is tried, by name."""
        tried = next(self._tried)
        yield "prediction", lambda: self.predict_again(tried)
        yield "attention", lambda: self.attend(tried)
        if next(self._rounds) % LOOKS_ROUND == 0:
            yield "prediction at another step", lambda: self.predict(tried, next(self._steps))
            yield "map", lambda: self.map(next(self._learners))

    def predict_again(self, tried: str) -> None:
        """Tries what has been tried, and notes where the page says something else of it."""
        if self.predict(tried, STEPS[-1]) != self.known[tried]:
            self.wrong.append(f"a prediction of {tried!r}")

    def predict(self, tried: str, step: int) -> str:
        """What the page says of a sentence at a step."""
        page = self.page
        page.put("sentence", tried)
        page.put("step", step)
        event = page.event("sentence", "change", "predictions")
        said = str(page.send(event)[event["outputs"].index(page.parts["predictions"])])
        if 'class="prediction' not in said:
            raise ValueError(f"no prediction, but {said[:200]}")
        return said

    def map(self, learner: int) -> None:
        """Where the examples stand in a learner's space at every step."""
        self.page.put("map-algorithm", learner)
        self.page.send(self.page.event("map-algorithm", "input", "plane"))

    def attend(self, tried: str) -> None:
        """Where attention goes in a sentence."""
        self.page.put("sentence", tried)
        self.page.send(self.page.event("look-algorithm", "input", "heatmap"))


@dataclass
class Day:
    """What everybody shares: where the page is, what was answered, and what went wrong."""

    url: str
    arguments: Arguments
    answers: dict[int, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    waiting: int = 0  # those who adapt and have yet to be answered
    came: Counter[str] = field(default_factory=Counter)
    typists: list[Typist] = field(default_factory=list)


class Visitor(User):
    """Somebody at the page, who has an address of their own. What they wait for is told to locust, and so is what fails."""

    abstract = True
    day: ClassVar[Day]
    wait_time = constant(0)

    def on_start(self) -> None:
        kind = type(self).__name__
        self.number = self.day.came[kind]
        self.day.came[kind] += 1
        self.client = browser([*KINDS].index(kind) * 250 + self.number)

    @contextmanager
    def waits(self, name: str) -> Iterator[None]:
        """Times what is waited for, however it ends; what goes wrong stops nobody else."""
        begun, problem = time.perf_counter(), None
        try:
            yield
        except (requests.RequestException, ValueError) as error:
            problem = error
        took = (time.perf_counter() - begun) * 1000
        event = {"request_type": "page", "name": name, "response_time": took, "response_length": 0}
        self.environment.events.request.fire(**event, exception=problem, context={})


class Adapts(Visitor):
    """Adapts once, to a task of their own, and reads the answer."""

    @task
    def adapt(self) -> None:
        arguments = self.day.arguments
        asked = work(self.number, arguments.ways, arguments.shots)
        try:
            with self.waits("adapt"):
                self.day.answers[self.number] = answer(self.client, self.day.url, asked, arguments.patience)
        except Refused:
            self.day.refused += 1
        finally:
            self.day.waiting -= 1
        raise StopUser


class Leaves(Visitor):
    """Asks for the same and goes before it is answered."""

    @task
    def leave(self) -> None:
        day, stays = self.day, STAYS * (1 + random.random())
        asked = work(10_000 + self.number, day.arguments.ways, day.arguments.shots)
        with self.waits("leave"), gevent.Timeout(stays, False):
            try:
                number = ask(self.client, day.url, asked, day.arguments.patience)
                self.client.get(f"{day.url}{CALL}/{number}", timeout=day.arguments.patience)
            finally:
                self.client.close()
        raise StopUser


class Rude(Visitor):
    """Sends what is none, again and again."""

    wait_time = constant(THINKS)

    def on_start(self) -> None:
        super().on_start()
        self.bodies = itertools.cycle(RUBBISH)

    @task
    def rubbish(self) -> None:
        body = next(self.bodies)
        with self.waits("rubbish"):
            said = self.client.post(f"{self.day.url}{CALL}", data=body, timeout=60)
            if said.status_code not in (200, 400, 422):
                raise ValueError(f"{said.status_code} for {body[:20]!r}")


class Types(Visitor):
    """Has adapted on the page, and tries one thing after the other; each is answered as it was when nobody else was there."""

    wait_time = constant(THINKS)

    def on_start(self) -> None:
        super().on_start()
        self.typist = self.day.typists[self.number]

    @task
    def try_another(self) -> None:
        for name, do in self.typist.round():
            with self.waits(name):
                do()


class Opens(Visitor):
    """Opens the page and asks whether it is well."""

    wait_time = constant(THINKS)

    @task
    def open(self) -> None:
        for path in ("/", "/healthz", "/metrics"):
            with self.waits(path):
                self.client.get(f"{self.day.url}{path}", timeout=60).raise_for_status()


KINDS = {kind.__name__: kind for kind in (Adapts, Leaves, Rude, Types, Opens)}
