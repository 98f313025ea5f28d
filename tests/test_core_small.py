"""The small parts of the core: knobs, the cache's bound, intervals and the choice of a device."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from threading import Event, Thread
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.cache import ENTRY, Cache, footprint, size_of
from meta_demo.core.config import Config, knob
from meta_demo.core.device import choose_device
from meta_demo.core.errors import UserError
from meta_demo.core.intervals import Z95, wilson
from meta_demo.core.lazy import lazy
from meta_demo.learning.plan import Plan, TaskPlan
from meta_demo.words import words


@dataclass(frozen=True)
class Settings(Config):
    steps: int = knob(5, lo=1, hi=50)
    rate: float = knob(0.5, lo=0.1, hi=2.0)
    head: str = knob("flat", choices=("flat", "deep"))


def test_knobs_are_the_fields_in_order() -> None:
    shown = [(k.name, k.default, k.lo, k.hi, k.choices) for k in Settings.knobs()]
    assert shown == [
        ("steps", 5, 1, 50, ()),
        ("rate", 0.5, 0.1, 2.0, ()),
        ("head", "flat", None, None, ("flat", "deep")),
    ]


def test_values_at_the_ends_pass_and_take_the_knobs_type() -> None:
    low, high = Settings(steps=1.0, rate=0.1), Settings.from_dict({"steps": 50, "rate": 2, "head": "deep"})  # type: ignore[arg-type]
    assert (low.steps, type(low.steps), low.rate) == (1, int, 0.1)
    assert (high.rate, type(high.rate), high.head) == (2.0, float, "deep")
    with pytest.raises(FrozenInstanceError):
        low.steps = 2  # type: ignore[misc]


REFUSED = [
    ("steps", 0, "knob_range_whole"),
    ("steps", 51, "knob_range_whole"),
    ("steps", 2.5, "knob_range_whole"),
    ("steps", True, "knob_range_whole"),
    ("steps", "5", "knob_range_whole"),
    ("steps", None, "knob_range_whole"),
    ("steps", 10**400, "knob_range_whole"),
    ("rate", 0.0999, "knob_range"),
    ("rate", 2.0001, "knob_range"),
    ("rate", float("nan"), "knob_range"),
    ("rate", float("inf"), "knob_range"),
    ("rate", -float("inf"), "knob_range"),
    ("rate", [1.0], "knob_range"),
    ("head", "Flat", "knob_choice"),
    ("head", None, "knob_choice"),
    ("head", ["flat"], "knob_choice"),
    ("speed", 1, "knob_unknown"),
]


@pytest.mark.parametrize(("name", "value", "error"), REFUSED)
def test_other_values_are_refused_by_name(name: str, value: Any, error: str) -> None:
    with pytest.raises(UserError) as caught:
        Settings.from_dict({name: value})
    assert caught.value.name == error and f"“{name}”" in str(caught.value)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_algorithm_accepts_the_ends_of_its_own_knobs(name: str) -> None:
    config = REGISTRY[name].Config
    assert vars(config.from_dict(vars(config()))) == vars(config())
    for k in config.knobs():
        for value in (True, False) if k.kind is bool else k.choices or (k.lo, k.hi):
            assert getattr(config.from_dict({k.name: value}), k.name) == value


@dataclass(frozen=True)
class Open(Config):
    """What has no end, what may be left open, and what is on or off."""

    count: int = knob(3, lo=1)
    rate: float = knob(0.5, lo=0.0)
    minutes: float | None = knob(None, lo=0, kind=float)
    quick: bool = knob(False)


def test_numbers_without_an_end_what_is_left_open_and_switches() -> None:
    assert [(k.kind, k.default) for k in Open.knobs()] == [(int, 3), (float, 0.5), (float, None), (bool, False)]
    made = Open.from_dict({"count": 1e6, "rate": 10**9, "minutes": 2, "quick": True})
    assert vars(made) == {"count": 10**6, "rate": 1e9, "minutes": 2.0, "quick": True}
    assert [type(value) for value in vars(made).values()] == [int, float, float, bool]
    assert Open(minutes=None).minutes is None and Open().quick is False


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("count", 0, "number_least"),
        ("count", True, "number_least"),
        ("count", 1.5, "number_least_whole"),
        ("count", None, "number_least_whole"),
        ("rate", -0.1, "number_least"),
        ("rate", float("nan"), "number_least"),
        ("rate", float("inf"), "number_least"),
        ("rate", 10**400, "number_least"),
        ("minutes", -1, "number_least"),
        ("minutes", "2", "number_least"),
        ("quick", 1, "knob_switch"),
        ("quick", None, "knob_switch"),
        ("quick", "yes", "knob_switch"),
    ],
)
def test_their_other_values_are_refused_under_the_name_they_go_by(name: str, value: Any, error: str) -> None:
    with pytest.raises(UserError) as caught:
        Open.from_dict({name: value})
    assert caught.value.name == error and name in str(caught.value)
    with pytest.raises(UserError, match="--its-flag"):
        Open.knob(name).checked(value, "--its-flag")


@pytest.mark.parametrize("default", ["free words", None, (1, 2), [0.5], {"a": 1}])
def test_a_knob_of_another_type_is_no_knob(default: Any) -> None:
    with pytest.raises(TypeError, match="a switch, a number or one of several words"):
        knob(default)


def test_a_configuration_made_from_another_says_only_what_differs() -> None:
    @dataclass(frozen=True)
    class Narrow(Settings):
        rate: float = Settings.redefault("rate", hi=1.0)
        steps: int = Settings.redefault("steps", 7, help=words("fewer", "更少"))

    assert [k.name for k in Narrow.knobs()] == [k.name for k in Settings.knobs()]
    assert (Narrow().rate, Narrow.knob("rate").lo, Narrow.knob("rate").hi) == (0.5, 0.1, 1.0)
    assert (Narrow().steps, Narrow.knob("steps").hi, Narrow.knob("steps").explained("en")) == (7, 50, "fewer")
    assert Settings.knob("rate").hi == 2.0 and Settings().steps == 5
    with pytest.raises(UserError, match=r"“rate” is 2\.0"):
        replace(Narrow(), rate=2.0)


@pytest.mark.parametrize("k", [k for config in (Plan, TaskPlan) for k in config.knobs()], ids=lambda k: k.name)
def test_every_knob_of_training_accepts_its_default_and_its_ends(k: Any) -> None:
    for value in (k.default, *(k.choices or [end for end in (k.lo, k.hi) if end is not None])):
        assert k.checked(value) == value


class CacheMachine(RuleBasedStateMachine):
    """Against a plain list of what was used, oldest first: the bound holds, and what fits of the newest is kept."""

    LIMIT = 10_000

    def __init__(self) -> None:
        super().__init__()
        self.cache = Cache(self.LIMIT)
        self.used: list[tuple[int, object, int]] = []

    def kept(self, key: int, count: int) -> tuple[object, int]:
        """A value of `count` bytes, and what it counts for."""
        value = bytes(count)
        return value, ENTRY + footprint((key, value))

    @rule(key=st.integers(0, 9), count=st.integers(0, 4000))
    def put(self, key: int, count: int) -> None:
        value, size = self.kept(key, count)
        self.cache.put(key, value)
        self.used = [item for item in self.used if item[0] != key] + [(key, value, size)]
        while sum(item[2] for item in self.used) > self.LIMIT:
            self.used.pop(0)

    @rule(key=st.integers(0, 9), count=st.integers(LIMIT, 10 * LIMIT))
    def put_what_can_never_fit(self, key: int, count: int) -> None:
        self.cache.put(key, bytes(count))
        assert self.cache.get(key) is None
        self.used = [item for item in self.used if item[0] != key]

    @rule(key=st.integers(0, 9))
    def get(self, key: int) -> None:
        known = [item for item in self.used if item[0] == key]
        assert self.cache.get(key) is (known[0][1] if known else None)
        self.used = [item for item in self.used if item[0] != key] + known

    @invariant()
    def size_is_what_is_kept_and_within_the_bound(self) -> None:
        assert self.cache.size == sum(item[2] for item in self.used) <= self.LIMIT


CacheMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestCache = CacheMachine.TestCase


def test_size_of_counts_the_bytes_of_nested_tensors() -> None:
    four, half = torch.zeros(2, 3), torch.zeros(5, dtype=torch.float16)
    assert size_of(four) == 24
    assert size_of({"a": four, "b": [half, (four, 3, "word")], "c": None}) == 24 + 10 + 24


# Newcombe 1998 (Statistics in Medicine 17), table I, method 3.
@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_against_published_values(correct: int, count: int, low: float, high: float) -> None:
    assert wilson(correct / count, count) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_bounds_solve_the_equation_they_are_defined_by(counted: tuple[int, int]) -> None:
    """At each end p of the interval the observed fraction lies just Z95 standard errors away: (f - p)^2 = z^2 p (1 - p) / n."""
    correct, count = counted
    fraction = correct / count
    low, high = wilson(fraction, count)
    assert 0 <= low <= fraction + 1e-12 and fraction - 1e-12 <= high <= 1
    assert low < high
    for p in (low, high):
        assert (fraction - p) ** 2 == pytest.approx(Z95**2 * p * (1 - p) / count, rel=1e-6, abs=1e-12)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend to a machine: `machine(cuda=2, mps=False, wanted="cuda:1")`."""

    def pretend(cuda: int = 0, mps: bool = False, wanted: str | None = None) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        if wanted is None:
            monkeypatch.delenv("META_DEMO_DEVICE", raising=False)
        else:
            monkeypatch.setenv("META_DEMO_DEVICE", wanted)

    return pretend


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"cuda": 1, "mps": True}, "cuda"),
        ({"mps": True}, "mps"),
        ({}, "cpu"),
        ({"cuda": 1, "wanted": ""}, "cuda"),
        ({"cuda": 1, "wanted": " cpu "}, "cpu"),
        ({"cuda": 2, "wanted": "cuda:1"}, "cuda:1"),
        ({"cuda": 2, "mps": True, "wanted": "mps"}, "mps"),
    ],
)
def test_the_device_that_is_chosen(machine: Any, there: dict[str, Any], chosen: str) -> None:
    machine(**there)
    assert choose_device() == torch.device(chosen)


@pytest.mark.parametrize(
    ("there", "offered"),
    [
        ({"wanted": "cuda"}, "cpu"),
        ({"wanted": "mps"}, "cpu"),
        ({"cuda": 2, "wanted": "cuda:2"}, "cuda, cpu"),
        ({"wanted": "cuda:-1"}, "cpu"),
        ({"wanted": "cpu:3"}, "cpu"),
        ({"wanted": "meta"}, "cpu"),
        ({"mps": True, "wanted": "gpu"}, "mps, cpu"),
    ],
)
def test_a_device_that_is_not_there(machine: Any, there: dict[str, Any], offered: str) -> None:
    machine(**there)
    with pytest.raises(UserError) as caught:
        choose_device()
    assert f"“{there['wanted']}”" in str(caught.value) and f"use one of {offered}," in str(caught.value)


def test_a_lazy_property_is_computed_once_and_waits_for_no_other_object():
    """While one object computes, another's is there at once: nobody holds a lock, which a forked process would never get."""
    begun, goes_on, counted = Event(), Event(), []

    class Owner:
        def __init__(self, slow: bool) -> None:
            self.slow = slow

        @lazy
        def value(self) -> str:
            """What it is."""
            counted.append(self.slow)
            if self.slow:
                begun.set()
                goes_on.wait(60)
            return "slow" if self.slow else "quick"

    slow, found = Owner(slow=True), []
    first = Thread(target=lambda: found.append(slow.value), daemon=True)
    first.start()
    assert begun.wait(60)
    second = Thread(target=lambda: found.append(Owner(slow=False).value), daemon=True)
    second.start()
    second.join(30)
    assert found == ["quick"]
    goes_on.set()
    first.join(60)
    assert slow.value == found[1] == "slow" and counted == [True, False]
    assert Owner.value.__doc__ == "What it is."
