"""Taking turns, as laws: fair, nobody starves, light work first, a new run in the place of the old, a full queue. On a clock of our own."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_demo.core.errors import UserError
from meta_demo.serving.turns import SLICE, Gone, Turn, Turns, sliced

LENGTHS = st.floats(0.01, 1, allow_nan=False)
COUNT = settings(max_examples=60)


class Clock:
    """Seconds that pass when we say so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def queue(seats: int = 1, begun: int = 4, room: int = 20) -> tuple[Turns, Clock]:
    clock = Clock()
    return Turns(seats, begun, room, clock), clock


def step(turns: Turns, clock: Clock, among: list[Turn], seconds: float) -> Turn | None:
    """Whoever of those that want a seat gets it computes for so long; no thread is needed, as nobody has to wait for that."""
    for turn in among:
        turn.wants = not turn.gone
    chosen = next((turn for turn in among if not turn.gone and turns.may(turn)), None)
    if chosen:
        with chosen:
            clock.now += seconds
    return chosen


@COUNT
@given(lengths=st.lists(LENGTHS, min_size=40, max_size=80), visitors=st.integers(2, 4))
def test_those_who_are_there_get_equal_shares(lengths: list[float], visitors: int) -> None:
    turns, clock = queue()
    among = [turns.enter(f"v{n}") for n in range(visitors)]
    for seconds in lengths:
        step(turns, clock, among, seconds)
    had = [turn.had for turn in among]
    assert max(had) - min(had) <= max(lengths) + 1e-9


@COUNT
@given(calls=st.integers(1, 15), lengths=st.lists(LENGTHS, min_size=20, max_size=40))
def test_many_calls_of_one_visitor_are_one_share(calls: int, lengths: list[float]) -> None:
    turns, clock = queue()
    many = [turns.enter("many") for _ in range(calls)]
    one = turns.enter("one")
    for seconds in lengths:
        step(turns, clock, [*many, one], seconds)
    assert sum(turn.had for turn in many) - one.had <= max(lengths) + 1e-9


@COUNT
@given(before=st.floats(0, 5), length=st.floats(0.05, 1))
def test_nobody_starves_behind_those_who_keep_coming(before: float, length: float) -> None:
    """Newcomers who each compute once and leave, for as long as it takes; somebody who had more than they have still gets on."""
    turns, clock = queue()
    earlier = turns.enter("patient")
    step(turns, clock, [earlier], before)
    earlier.leave()
    patient, numbers = turns.enter("patient"), count()
    for _ in range(int(20 * (2 + before / length))):
        others = [turns.enter(f"new{next(numbers)}") for _ in range(3)]
        step(turns, clock, [patient, *others], length)
        for turn in others:
            turn.leave()
        if patient.had:
            return
    pytest.fail("the patient visitor was never served")


@COUNT
@given(waiting=st.integers(1, 12), length=LENGTHS)
def test_everybody_who_waits_begins_in_the_end_and_is_told_a_place(waiting: int, length: float) -> None:
    turns, clock = queue(begun=2)
    among = [turns.enter(f"v{n}") for n in range(waiting)]
    assert sorted(turns.place(turn).number for turn in among if not turn.begun) == [*range(1, waiting - 1)]
    for _ in range(waiting):
        done = step(turns, clock, among, length)
        assert done
        done.leave()
        assert all(turns.place(turn).seconds is not None for turn in among if not turn.begun)
    assert len(turns) == 0 and all(turn.had == pytest.approx(length) for turn in among)


def test_the_least_served_begins_first() -> None:
    turns, clock = queue(begun=1)
    for visitor in ("greedy", "other"):  # two at once, so that a share is less than what the greedy one has
        turn = turns.enter(visitor)
        step(turns, clock, [turn], 3.0 if visitor == "greedy" else 0.1)
        turn.leave()
    held = turns.enter("first")
    greedy, other = turns.enter("greedy"), turns.enter("other")
    turns._served["greedy"] = turns._share + 1
    held.leave()
    assert other.begun and not greedy.begun


@COUNT
@given(heavy=st.integers(0, 20), light=st.integers(1, 2))
def test_light_work_has_a_seat_whatever_is_heavy(heavy: int, light: int) -> None:
    """The two queues of a service share nothing."""
    slow, clock = queue()
    quick = Turns(2, 100, 100, clock)
    for number in range(heavy):
        turn = slow.enter(f"v{number}")
        if not number:
            slow.take(turn)
    for number in range(light):
        turn = quick.enter(f"v{number}")
        turn.wants = True
        assert turn.begun and quick.may(turn)
        quick.take(turn)


@COUNT
@given(presses=st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_a_new_run_takes_the_place_of_the_visitors_old_one(presses: list[str]) -> None:
    turns, _ = queue(room=3)
    last: dict[str, Turn] = {}
    for visitor in presses:  # more than there is room for
        old, last[visitor] = last.get(visitor), turns.enter(visitor, replaces="adapt")
        if old:
            assert old.gone
            with pytest.raises(Gone):
                turns.take(old)
            with pytest.raises(Gone):
                next(old.waiting(), None)
    assert len(turns) == len(last) and not any(turn.gone for turn in last.values())


def test_what_computes_is_replaced_at_the_end_of_its_slice() -> None:
    turns, _ = queue(room=1)
    old = turns.enter("v", replaces="adapt")
    with old:
        new = turns.enter("v", replaces="adapt")  # the place that is given up is free at once
        assert old.gone and old.over and not new.begun
    assert new.begun and len(turns) == 1


def test_what_its_visitor_ends_is_gone_and_no_other() -> None:
    turns, _ = queue()
    mine, kept, other = turns.enter("v", replaces="adapt"), turns.enter("v", replaces="compare"), turns.enter("w")
    turns.end("v", "adapt")
    assert mine.gone and not kept.gone and not other.gone and len(turns) == 2
    turns.end("nobody", "adapt")
    assert len(turns) == 2


def test_only_work_of_its_own_kind_is_replaced() -> None:
    turns, _ = queue()
    others = [turns.enter("v", replaces="compare"), turns.enter("v"), turns.enter("w", replaces="adapt")]
    turns.enter("v", replaces="adapt")
    assert not any(turn.gone for turn in others)


@COUNT
@given(room=st.integers(1, 10), extra=st.integers(1, 5))
def test_a_full_queue_refuses_what_is_new_and_nobody_else(room: int, extra: int) -> None:
    turns, clock = queue(room=room)
    among = [turns.enter(f"v{n}") for n in range(room)]
    for number in range(extra):
        with pytest.raises(UserError, match=str(room)):
            turns.enter(f"late{number}")
    assert step(turns, clock, among, 1) and not any(turn.gone for turn in among)
    among[-1].leave()  # whoever leaves, begun or not, makes room
    assert turns.enter("late") and len(turns) == room


@COUNT
@given(moves=st.lists(st.tuples(st.sampled_from(["enter", "leave", "step"]), st.integers(0, 9)), max_size=80))
def test_bounds_hold_whatever_happens(moves: list[tuple[str, int]]) -> None:
    turns, clock = queue(begun=3, room=8)
    among: list[Turn] = []
    for move, number in moves:
        match move:
            case "enter" if len(turns) < 8:
                among.append(turns.enter(f"v{number % 5}", replaces="adapt" if number > 6 else ""))
            case "leave" if among:
                among[number % len(among)].leave()
            case "step":
                present = [turn for turn in among if not turn.gone and turn.begun]
                assert bool(step(turns, clock, among, 0.1)) == bool(present)
        begun = [turn.visitor for turn in among if turn.begun and not turn.gone]
        assert len(begun) <= 3 and len(begun) == len(set(begun))
        left = {turn.visitor for turn in among if not turn.gone}
        assert len(begun) == min(3, len(left)), "a place is left empty though somebody waits"


def test_those_who_have_gone_are_forgotten() -> None:
    turns, clock = queue()
    for number in range(3000):
        turn = turns.enter(number)
        step(turns, clock, [turn], 0.1)
        turn.leave()
    assert len(turns._served) <= 1001


def test_a_slice_ends_between_two_items_once_somebody_waits() -> None:
    turns, clock = queue()
    mine, other = turns.enter("mine"), turns.enter("other")

    def work():
        for number in range(40):
            clock.now += SLICE / 4
            yield number

    stream = sliced(mine, work())
    assert next(stream) == 0 and mine.since is None  # alone: shown at once, and nothing held while it is
    other.wants = True
    turns._served["other"] += 100  # so that it waits
    assert next(stream) == 1 and mine.had == pytest.approx(SLICE / 4 + SLICE)
    assert [*stream] == [*range(2, 40)]


def test_who_is_gone_after_a_rest_holds_nothing() -> None:
    turns, clock = queue()
    mine, other = turns.enter("mine"), turns.enter("other")
    with pytest.raises(Gone), mine:
        mine.rest()  # the slice is not over
        assert mine.since is not None
        clock.now += SLICE
        other.wants = True
        mine.leave()
        mine.rest()
    assert mine.since is None and turns.may(other)


def test_what_failed_is_raised_after_what_came_before_it() -> None:
    turns, _ = queue()

    def work():
        yield 1
        raise UserError("queue_full", waiting=3)

    stream = sliced(turn := turns.enter("v"), work())
    assert next(stream) == 1
    with pytest.raises(UserError):
        next(stream)
    assert turn.since is None


def test_the_house_waits_for_a_seat_alone() -> None:
    turns, _ = queue(begun=1)
    assert all(turns.enter().begun for _ in range(10))
    assert turns.enter("visitor").begun
