"""What all tests share: marks and shares, a running page, and models as fixtures.

Whoever only hands out tests to other processes reads this file too: what takes long to import is imported where it is needed.
"""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

import meta_demo  # noqa: F401  (before torch: it says how threads wait)

if TYPE_CHECKING:
    from meta_demo.backbones.backbone import Backbone
    from meta_demo.serving.service import Service

os.environ.setdefault("META_DEMO_CACHE_DIR", tempfile.mkdtemp(prefix="meta-demo-tests-"))  # nothing of tests stays

settings.register_profile(
    "untimed", deadline=None
)  # how long an example takes says more of the machine than of the code
settings.load_profile("untimed")

USUAL = ("maml", "protonet")  # of laws over all methods make quick tries one with a loop and one without
HANDFUL = 16  # quick tests of a file that one process takes at a time


def usual(cases: Iterable[Any], is_usual: Callable[[Any], bool]) -> list[Any]:
    """The cases of a law, those marked `many` that are not usual ones."""
    return [
        case
        if is_usual(case)
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.many)
        for case in cases
    ]


def of_methods(names: Iterable[str]) -> list[Any]:
    """The methods that a law is about."""
    return usual(names, USUAL.__contains__)


def in_turn(
    cases: Iterable[tuple[Any, ...]],
    is_usual: Callable[[Any], bool],
    turn: int = 0,
    by: int = -1,
    more: int = 1,
    is_quick: Callable[[Any], bool] = lambda _: True,
) -> list[Any]:
    """Of a law's cases the usual ones, and of the others a few for each beginning of `by` values: those that were met least.

    Which weights adapt and what adapts them know nothing of each other, so that their product would say the same again: this way each
    method meets another scope in every law, and each scope several methods. `turn` is where a law begins.
    Usual cases that are not quick are marked `many` too.
    """
    groups: dict[Any, list[Any]] = {}
    for case in cases:
        groups.setdefault(case[:by], []).append(case)
    kept, met = [], Counter[Any]()
    for group in groups.values():
        kept += [case for case in group if is_usual(case)]
        others = [case for case in group if not is_usual(case)]
        others = others[turn % max(1, len(others)) :] + others[: turn % max(1, len(others))]
        chosen = sorted(others, key=lambda case: met[case[by:]])[:more]
        kept += chosen
        met.update(case[by:] for case in chosen)
    return usual(kept, lambda case: is_usual(case) and is_quick(case))


@pytest.hookimpl(tryfirst=True)  # xdist reads the shares
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what nobody need mark by hand: tests with a browser, a running page or a whole service, and those that start a process."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        code = getattr(getattr(item, "function", None), "__code__", None)
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)
        if {"page_host", "service"} & fixtures or (code and {"subprocess", "process"} & {*code.co_names}):
            item.add_marker(pytest.mark.slow)
    if config.getoption("loadgroup", False):
        share(items)


def share(items: list[pytest.Item]) -> None:
    """Sorts tests into the shares that one process takes at a time: the long ones first, so that none works alone at the end.

    What needs a browser or is slow goes file by file, so that what a file has at hand is made once; what is quick goes in
    handfuls, which fill whatever gaps the others leave.
    """
    met, order = Counter[str](), []
    for item in items:
        rank = next((rank for rank, mark in enumerate(("browser", "slow")) if item.get_closest_marker(mark)), 2)
        file = f"{item.path.stem}-{rank}"
        group = file if rank < 2 else f"{file}-{met[file] // HANDFUL}"
        met[file] += 1
        item.add_marker(pytest.mark.xdist_group(group))
        order.append((rank, file, item))
    order.sort(key=lambda one: (one[0], one[0] < 2 and -met[one[1]]))  # what is alike stays as it was
    items[:] = [item for *_, item in order]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What all tests import is there for good, and is not looked through whenever garbage is collected."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What is equal to the bit is so with two threads, which share the sums of a product on some processors: two there are."""
    if "bits" not in item.name:
        return (yield)
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        return (yield)
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny() -> Backbone:
    from tiny_models import tiny_backbone

    return tiny_backbone()


@pytest.fixture(scope="session")
def tiny_of() -> Callable[..., Backbone]:
    from tiny_models import tiny_backbone

    return tiny_backbone


@pytest.fixture(scope="session")
def minilm() -> Backbone:
    import torch

    from meta_demo.backbones.loading import load_backbone
    from meta_demo.core.cache import Cache

    return load_backbone("minilm", torch.device("cpu"), Cache(1 << 28))


@pytest.fixture(scope="session")
def vision_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random vision model and its processor, as the Hub would give it."""
    from tiny_models import saved_eyes

    return saved_eyes(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="session")
def service() -> Service:
    import torch

    from meta_demo.serving.service import Service

    return Service(torch.device("cpu"))


class Opened:
    """One browser for all the tests that need one and follow each other, and the pages that were opened in it."""

    def __init__(self) -> None:
        self.held = ExitStack()
        self.known: Any = None

    def visitors(self) -> Any:
        import browsing  # which imports playwright

        if self.known is None:
            self.known = browsing.Visitors(self.held.enter_context(browsing.launched()))
        return self.known

    def close(self) -> None:
        self.held.close()
        self.known = None


OPENED = Opened()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Closes the browser before a test that needs none: playwright's loop would stand where that test may start its own."""
    try:
        return (yield)
    finally:
        if "browser" not in getattr(nextitem, "fixturenames", ()):
            OPENED.close()


@pytest.fixture
def browser() -> Any:
    """The pages that are open, for whoever visits."""
    return OPENED.visitors()


@pytest.fixture
def visit(browser: Any, page_url: str) -> Iterator[Any]:
    """Opens the page as a new visitor; at the end of the test no page may have logged or show an error that is not our sentence."""
    import browsing

    yield from browsing.visits(browser, page_url)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="session")
def page_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """`python app.py` on a free port; at the end its log may hold no traceback."""
    with serving(log := tmp_path_factory.mktemp("server") / "log.txt") as host:
        yield host
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def page_url(page_host: Host) -> str:
    """Its address."""
    return page_host.url


@dataclass(frozen=True)
class Host:
    """A running page, its process and what it has printed so far."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


# The page without what it adapts before anybody comes, which takes as long as all else at its start: for what is not about that.
UNOPENED = """
from meta_demo import start

placed = start._temporary_place

def first():
    place = placed()
    from meta_demo.ui.opening import Opening  # and gradio with it, which asks where temporary files go
    Opening.warm = lambda self: None
    return place

start._temporary_place = first
start.main()
"""


@contextmanager
def serving(log: Path, program: str = "", patience: float = 150, **environment: str) -> Iterator[Host]:
    """`python app.py`, or a program that runs it, on PORT or a free one, with what else the environment says; ended where it still runs."""
    url = f"http://127.0.0.1:{(port := int(environment.get('PORT', 0)) or _free_port())}/"
    given = {"PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "HF_HUB_OFFLINE": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, *(["-c", program] if program else ["app.py"])],
            cwd=Path(__file__).parents[1],
            env=os.environ | given | environment,
            stdout=out,
            stderr=out,
        )
        try:
            _wait(url, server, log, patience)
            yield Host(url, server, log)
        finally:
            server.terminate()
            server.wait(30)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the page did not start:\n{log.read_text()}")
