"""What stays in memory: the cache counts all it keeps alive, nothing holds a model that has gone, and freed pages go back."""

from __future__ import annotations

import ctypes
import gc
import json
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_models import tiny_backbone
from torch import nn

from benchmarks import residence, resident
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.cache import ENTRY, LEARNING, MB, SERVING, Cache, footprint
from meta_demo.core.errors import UserError
from meta_demo.core.memory import ALLOCATOR, give_back, tidy
from meta_demo.data.episode import Example, make_episode
from meta_demo.modalities.base import digest
from meta_demo.modalities.picture.content import Picture
from meta_demo.serving import models
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service

ROOT = Path(__file__).parents[1]
SETTING = "META_DEMO_CACHE_MB"
GNU = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "malloc_trim")
# Threads that take memory at the same time; then the library says how many places it has taken it from.
THREADS = """
import ctypes, threading
from meta_demo.core.memory import share_arenas
share_arenas()
gate = threading.Barrier(6)
def work():
    gate.wait()
    kept = [bytes(5000) for _ in range(2000)]
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""
# Begins anew where nobody has chosen an allocator, and says what it then is.
ANEW = """
import json, os, sys
from meta_demo.core.memory import take_from_library
take_from_library()
print(json.dumps([os.getpid(), os.environ["PYTHONMALLOC"], sys.argv, sys.flags.dev_mode]))
"""


@dataclass(frozen=True)
class Held:
    """Plain data over a tensor."""

    tensor: torch.Tensor
    more: object = None


def test_a_footprint_is_every_byte_kept_alive() -> None:
    big = torch.zeros(100_000)
    for value in (
        big,
        [big],
        {"a": big},
        Held(big),
        Held(torch.zeros(1), {"b": (big,)}),
        nn.ParameterList([big]),
        big[:2],
        {big},
    ):
        assert 400_000 <= footprint(value) < 410_000
    assert footprint([big, big, big.view(10, -1)]) < 410_000  # one storage, counted once
    assert footprint(big.new_zeros(1).expand(100_000)) < 2 * ENTRY
    assert footprint("x" * 5000) >= 5000 and footprint(Picture(50, 100, "L", bytes(5000))) >= 5000
    assert footprint({"x" * 5000: 1}) >= 5000
    assert footprint(SimpleNamespace(model=big)) < ENTRY  # of no kind that is looked into: somebody else's
    linear = nn.Linear(100, 100)
    linear.merged = {"weight": torch.zeros(10_000)}  # type: ignore[assignment]
    assert footprint(linear) >= 80_000
    around: list[object] = [big]
    around.append(around)
    assert footprint(around) < 410_000


def test_a_shelf_is_its_owners_alone_and_once_closed_keeps_nothing() -> None:
    cache = Cache(1 << 20)
    one, other = cache.shelf(), cache.shelf()
    one.put("key", "one"), other.put("key", "other")
    assert (one.get("key"), other.get("key")) == ("one", "other")
    one.close()
    one.put("key", "late")
    assert (one.get("key"), other.get("key")) == (None, "other")
    other.close()
    assert cache.size == 0
    cache.shelf().put("key", 1)
    assert one.get("key") is None  # numbers do not come back


def test_a_backbone_takes_its_features_along() -> None:
    cache = Cache(1 << 26)
    backbone = tiny_backbone(cache=cache)
    backbone.features(["one", "two"], 2)
    assert cache.size > 0
    del backbone
    gc.collect()
    assert cache.size == 0


def test_digests_tell_inputs_apart() -> None:
    plain = Picture(2, 1, "L", b"ab")
    others = [
        replace(plain, pixels=b"ac"),
        replace(plain, width=1, height=2),
        replace(plain, view=1),
        "ab",
        "AB",
        "\ud800",
    ]
    assert len({digest(c) for c in (plain, *others)}) == 1 + len(others)
    assert digest(replace(plain, name="another")) == digest(plain)


# --- the service

LABELS = ("one", "two")
TEXTS = make_episode([Example(f"sentence number {i}", LABELS[i % 2]) for i in range(4)], [Example("a sentence")])


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Backbone]]:
    """Every backbone that a service loads from now on: a tiny one, but for names that begin with `no`."""
    seen: list[weakref.ref[Backbone]] = []

    def load(name: str, device: torch.device, cache: Cache, **how: Any) -> Backbone:  # noqa: ARG001
        if name.startswith("no"):
            raise UserError("model_folder", model=name)
        backbone = tiny_backbone(cache=cache)
        seen.append(weakref.ref(backbone))
        return backbone

    monkeypatch.setattr(models, "load_backbone", load)
    return seen


@pytest.mark.slow
def test_no_adaptation_holds_a_model_that_has_gone(loaded: list[weakref.ref[Backbone]]) -> None:
    """Not even one that is still under way when the model goes, and ends after."""
    service = Service(torch.device("cpu"), cache_bytes=1 << 26)
    few = {name: {cls.steps_knob: 2} for name, cls in REGISTRY.items() if cls.steps_knob}
    requests = [Request(TEXTS, name, tuple(sorted(REGISTRY)), knobs=few, checkpoint="none") for name in "abcd"]
    slow = service.adapt_stream(requests[0])
    next(iter(slow))
    for request in requests[1:]:
        list(service.adapt_stream(request))
        service.predict(request, ["something new"])
    assert loaded[0]() is not None
    list(slow)
    del slow
    gc.collect()
    assert [ref() is not None for ref in loaded] == [False, False, True, True]
    while service.cache._items:
        service.cache._drop(next(iter(service.cache._items)))
    assert service.cache.size == 0


def test_names_that_fail_to_load_are_not_kept(loaded: list[weakref.ref[Backbone]]) -> None:
    service = Service(torch.device("cpu"), cache_bytes=0)

    def ask(i: int) -> None:
        with pytest.raises(UserError):
            service.backbone(f"no-{i % 5}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(40)))
        found = set(pool.map(lambda _: id(service.backbone("yes")), range(20)))
    assert not service.workshop.models._asked and len(found) == len(loaded) == 1
    assert service.is_loaded("yes") and not service.is_loaded("no-1")


def test_a_start_is_loaded_once_for_all_support_sets_and_anew_where_it_was_replaced(
    loaded: list[weakref.ref[Backbone]], tmp_path: Path
) -> None:
    from meta_demo.learning import checkpoint

    service = Service(torch.device("cpu"), cache_bytes=1 << 26)
    for folder, seed in (("first", 0), ("second", 1)):
        cls = REGISTRY["maml"]
        checkpoint.save(cls(service.backbone("a"), cls.Config(), seed), tmp_path / folder)
    own = tmp_path / "own"
    shutil.copytree(tmp_path / "first", own)
    request = Request(TEXTS, "a", ("maml",), checkpoint=str(own))
    other = replace(request, episode=replace(TEXTS, support=TEXTS.support[::-1]))
    starts = [service.workshop.jobs(r)[0].algorithm for r in (request, other)]
    assert starts[0] is starts[1]
    before = list(service.adapt_stream(request))[-1].outputs
    shutil.rmtree(own)
    shutil.copytree(tmp_path / "second", own)
    after = list(service.adapt_stream(request))[-1].outputs
    assert before.tobytes() != after.tobytes()
    assert len(loaded) == 1


@pytest.mark.parametrize(("value", "expected"), [("7", 7), (None, SERVING), ("", SERVING)])
def test_the_bound_is_as_set(monkeypatch: pytest.MonkeyPatch, value: str | None, expected: int) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    if value is not None:
        monkeypatch.setenv(SETTING, value)
    assert Service(torch.device("cpu")).cache.limit == expected * MB
    assert Cache.as_set(LEARNING).limit == (7 if value == "7" else LEARNING) * MB


def test_the_readme_knows_the_bounds() -> None:
    (line,) = [line for line in (ROOT / "README.md").read_text().splitlines() if f"`{SETTING}`" in line]
    assert str(SERVING) in line and str(LEARNING) in line


# --- the process


def test_freed_pages_go_back() -> None:
    """Blocks that are freed between others, where the library keeps their pages until it is told."""
    if not GNU:
        pytest.skip("not the GNU C library")
    give_back()
    blocks = [bytearray(60_000) for _ in range(4000)]
    full = resident.now()
    del blocks[::2], blocks[1::2]
    assert resident.now() > full - 50
    give_back()
    assert resident.now() < full - 100 and len(blocks) == 1000


def test_threads_share_what_memory_is_taken_from() -> None:
    if not GNU:
        pytest.skip("not the GNU C library")
    said = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert said.stderr.count("Arena ") <= 2


@pytest.mark.parametrize(("chosen", "expected"), [(None, "malloc"), ("pymalloc", "pymalloc")])
def test_the_same_process_begins_anew_with_memory_of_the_library(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, expected: str
) -> None:
    if not GNU:
        pytest.skip("not the GNU C library")
    monkeypatch.delenv(ALLOCATOR, raising=False)
    if chosen:
        monkeypatch.setenv(ALLOCATOR, chosen)
    command = [sys.executable, "-X", "dev", "-c", ANEW, "one", "two words"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said, _ = process.communicate(timeout=60)
    assert json.loads(said) == [process.pid, expected, ["-c", "one", "two words"], True]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "bound"), [("different tasks", 8), ("a meta-training", SERVING)])
def test_what_stays_is_bounded(case: str, bound: int, tmp_path: Path, tiny_of: Callable[..., Backbone]) -> None:
    """The benchmark's law in small: a process of its own, a tiny model, fewer tasks."""
    backbone = tiny_of("bert", torch.float32)
    backbone.model.save_pretrained(tmp_path)
    backbone.inputs.save(tmp_path)
    arguments = residence.Arguments(tasks=6, steps=2, model=str(tmp_path))
    idle, after, held = residence.child(arguments, case, bound)
    assert held <= bound and after <= idle + min(bound, held + 1) + 150, json.dumps([idle, after, held])


def test_what_only_an_error_still_holds_goes() -> None:
    """Which holds the frames that it came through, and they hold it."""

    class Body:
        """As large as it likes."""

    def refuse(body: Body) -> weakref.ref[Body]:
        try:
            raise UserError("uploads_full")
        except UserError as error:
            kept = error  # as whoever hands an error on does
            assert kept.__traceback__
            return weakref.ref(body)

    gc.disable()  # Python itself looks sooner or later
    try:
        held = refuse(Body())
        assert held() is not None
        tidy()
        assert held() is None
        settled = refuse(Body())
        gc.freeze()  # as a server does once it is warm
        tidy()
        assert settled() is not None, "not looked through"
        tidy(settled=True)
        assert settled() is None and gc.get_freeze_count()
    finally:
        gc.unfreeze()
        gc.enable()
