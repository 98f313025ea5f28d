"""Who computes next: visitors take turns, the least-served one first, in slices that end between two steps.

Here: one queue of work, its places, and what each visitor has had. Not here: what is computed. A service has one queue for heavy work
and one for light work, so that nobody who types waits behind an adaptation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Condition
from typing import Self, TypeVar

from meta_demo.core.errors import UserError

SLICE = 0.2  # seconds after which others go on, at the end of a step
PATIENCE = 0.5  # seconds after which somebody who waits is told anew where they stand
REMEMBERED = 1000  # visitors whose share is remembered once they have gone

T = TypeVar("T")


class Gone(Exception):
    """Nobody waits for this work any more: its visitor has left, or asked for something else."""


@dataclass(frozen=True)
class Place:
    """Where somebody stands in the queue, from 1 on, and about how many seconds that takes; None where nobody knows yet."""

    number: int
    seconds: float | None


@dataclass(eq=False)
class Turn:
    """One piece of work in a queue. Whoever holds it (`with turn`) computes; `leave` gives the place up, from any thread."""

    queue: Turns
    visitor: object
    number: int  # in the order of coming
    entered: float
    begun: bool = False  # whether it takes turns; before that it waits in the queue
    wants: bool = False
    gone: bool = False
    kind: str = ""  # of which a visitor has one at a time; where none is said, as many as they ask for
    since: float | None = None  # from when on it has held a seat
    had: float = 0.0  # seconds of computing
    house: bool = False  # not a visitor's: takes turns at once
    place: int = 0  # in the queue when it came; 0 where it could begin at once
    waited: float = 0.0  # seconds until it began

    def __enter__(self) -> Self:
        """Waits for a seat. Raises Gone."""
        self.queue.take(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.queue.give(self)

    @property
    def over(self) -> bool:
        """Whether to stop here: the slice is over, or nobody else waits and what was computed can be shown at once."""
        return self.queue.is_over(self)

    def rest(self) -> None:
        """Between two steps: where the slice is over and others wait, they go on first. Raises Gone."""
        if self.queue.is_late(self):
            self.queue.give(self)
            self.queue.take(self)

    def waiting(self) -> Iterator[Place]:
        """Where it stands, again and again, until it takes turns. Raises Gone."""
        while not self.queue.await_begin(self, PATIENCE):
            yield self.queue.place(self)

    def leave(self) -> None:
        """Nobody wants it any more, or it is done; a second time changes nothing."""
        self.queue.leave(self)


class Turns:
    """A queue of `room` places: `begun` pieces of work take turns on `seats`, at most one of each visitor, the others wait.

    Paused work holds memory, which is why not everybody begins at once. Thread-safe; nothing but `take` and `await_begin` blocks.
    """

    def __init__(self, seats: int, begun: int, room: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seats, self._begun, self.room, self._clock = seats, begun, room, clock
        self._turns: list[Turn] = []
        self._served: dict[object, float] = {}
        self._share = 0.0  # what a visitor who was here all along would have had: where newcomers begin
        self._usual: float | None = None  # seconds that a piece of work takes
        self._count = 0
        self._changed = Condition()
        self.noted: Callable[[float], object] = lambda _: None  # told how long each waited before it began

    def enter(self, visitor: object = None, *, replaces: str = "") -> Turn:
        """A place in the queue; the visitor's others of the kind that it `replaces` are gone. Without a visitor the work is the house's
        own, which waits for a seat alone. Raises UserError where the queue is full."""
        with self._changed:
            if replaces:
                self.end(visitor, replaces)
            waiting = sum(not turn.gone for turn in self._turns)
            if waiting >= self.room:
                raise UserError("queue_full", waiting=waiting)
            self._count += 1
            house = visitor is None
            who = self._count if house else visitor
            if all(t.visitor != who for t in self._turns):
                self._served[who] = max(self._served.pop(who, 0.0), self._share)
            turn = Turn(self, who, self._count, self._clock(), house=house, kind=replaces)
            self._turns.append(turn)
            self._begin()
            turn.place = 0 if turn.begun else self.place(turn).number
            return turn

    def end(self, visitor: object, kind: str) -> None:
        """A visitor wants no more of their work of a kind."""
        with self._changed:
            for turn in [turn for turn in self._turns if (turn.visitor, turn.kind) == (visitor, kind)]:
                self._remove(turn)

    def take(self, turn: Turn) -> None:
        """Waits until it is the turn's. Raises Gone."""
        with self._changed:
            turn.wants = True
            self._changed.wait_for(lambda: self.may(turn))
            turn.wants = False
            if turn.gone:
                raise Gone
            turn.since = self._clock()

    def may(self, turn: Turn) -> bool:
        """Whether `take` would not wait."""
        with self._changed:
            if turn.gone:
                return True
            held = sum(t.since is not None for t in self._turns)
            wanting = [t for t in self._turns if t.begun and t.wants]
            return held < self._seats and turn is min(wanting, key=self._rank, default=None)

    def give(self, turn: Turn) -> None:
        """The slice has ended; what it took counts. Without a seat, as after a rest from which nobody came back, there is nothing to do."""
        with self._changed:
            if turn.since is None:
                return
            took = self._clock() - turn.since
            turn.since = None
            turn.had += took
            self._served[turn.visitor] = self._served.get(turn.visitor, self._share) + took
            self._share += took / max(1, len({t.visitor for t in self._turns}))
            if turn.gone:
                self._remove(turn)
            self._changed.notify_all()

    def is_over(self, turn: Turn) -> bool:
        with self._changed:
            return turn.gone or self._age(turn) >= SLICE or not self._others_want(turn)

    def is_late(self, turn: Turn) -> bool:
        """Whether others wait and the slice is over, or nobody wants the work any more."""
        with self._changed:
            return turn.gone or (self._age(turn) >= SLICE and self._others_want(turn))

    def await_begin(self, turn: Turn, patience: float) -> bool:
        """Whether it takes turns, after waiting for that for a while. Raises Gone."""
        with self._changed:
            self._changed.wait_for(lambda: turn.begun or turn.gone, patience)
            if turn.gone:
                raise Gone
            return turn.begun

    def place(self, turn: Turn) -> Place:
        """Where a turn that waits stands."""
        with self._changed:
            rank = self._rank(turn)
            ahead = sum(not t.begun and self._rank(t) < rank for t in self._turns)
            begun = sum(t.begun for t in self._turns)
            seconds = None if self._usual is None else self._usual * (ahead + begun) / self._seats
            return Place(ahead + 1, seconds)

    def leave(self, turn: Turn) -> None:
        with self._changed:
            if not turn.gone and turn.begun:
                self._usual = turn.had if self._usual is None else 0.8 * self._usual + 0.2 * turn.had
            self._remove(turn)

    def __len__(self) -> int:
        """How many pieces of work are there."""
        with self._changed:
            return len(self._turns)

    @property
    def waiting(self) -> int:
        """How many have not begun."""
        with self._changed:
            return sum(not turn.begun for turn in self._turns)

    def _rank(self, turn: Turn) -> tuple[float, int]:
        return self._served.get(turn.visitor, self._share), turn.number

    def _age(self, turn: Turn) -> float:
        return 0.0 if turn.since is None else self._clock() - turn.since

    def _others_want(self, turn: Turn) -> bool:
        return any(t is not turn and t.begun and t.wants for t in self._turns)

    def _remove(self, turn: Turn) -> None:
        """The turn is gone; one that computes keeps its seat until its slice has ended."""
        turn.gone = True
        if turn.since is None and turn in self._turns:
            self._turns.remove(turn)
            if turn.house:
                self._served.pop(turn.visitor, None)
            present = {t.visitor for t in self._turns}
            for visitor in [v for v, had in self._served.items() if had <= self._share and v not in present]:
                del self._served[visitor]
            gone = (v for v in list(self._served) if v not in present)
            for visitor in [*gone][: max(0, len(self._served) - REMEMBERED)]:
                del self._served[visitor]
            self._begin()
        self._changed.notify_all()

    def _begin(self) -> None:
        """Whoever may begin does, the least-served first."""
        for turn in sorted((t for t in self._turns if not t.begun), key=self._rank):
            begun = [t for t in self._turns if t.begun and not t.house]
            if turn.house or (len(begun) < self._begun and turn.visitor not in {t.visitor for t in begun}):
                turn.begun, turn.waited = True, self._clock() - turn.entered
                self.noted(turn.waited)
        self._changed.notify_all()


def sliced(turn: Turn, stream: Iterator[T]) -> Iterator[T]:
    """The items of `stream`, which are computed in slices of the turn alone. Raises Gone."""
    ended = False
    problem: Exception | None = None
    while not ended:
        found: list[T] = []
        with turn:
            try:
                for item in stream:
                    found.append(item)
                    if turn.over:
                        break
                else:
                    ended = True
            except Exception as error:  # what was computed before it comes first
                ended, problem = True, error
            except (SystemExit, KeyboardInterrupt) as error:  # outside of a handler it would end the whole server
                ended, problem = True, RuntimeError(f"the thread has ended: {type(error).__name__}")
        yield from found
    if problem:
        raise problem
