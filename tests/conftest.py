"""What tests share: the bundled model, tiny random encoders of many architectures, tasks for them, and a running page."""

from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("META_DEMO_CACHE_DIR", tempfile.mkdtemp(prefix="meta-demo-tests-"))  # nothing of tests stays

import meta_demo  # noqa: F401  (before torch: it says how threads wait)

# isort: split
import pytest
import torch
from hypothesis import settings
from transformers import AutoConfig, AutoModel, AutoTokenizer, ViTImageProcessor

from benchmarks import models
from benchmarks.models import HYBRID, SMALL
from meta_demo.algorithms.base import Algorithm
from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.examples import Examples, Task
from meta_demo.modalities.text.inputs import TextInputs
from meta_demo.modalities.text.modality import bundled_folder
from meta_demo.objectives.classes import Classes
from meta_demo.objectives.numbers import Numbers
from meta_demo.serving.service import Service

settings.register_profile(
    "untimed", deadline=None
)  # how long an example takes says more of the machine than of the code
settings.load_profile("untimed")

ARCHITECTURES = {
    "bert": SMALL,
    "roberta": SMALL,
    "electra": {**SMALL, "embedding_size": 16},
    "mpnet": SMALL,
    "distilbert": {
        "dim": 16,
        "n_layers": 3,
        "n_heads": 2,
        "hidden_dim": 24,
        "vocab_size": 30522,
        "max_position_embeddings": 64,
    },
    "deberta-v2": {**SMALL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False},
    "modernbert": {
        **SMALL,
        "eos_token_id": 1,
        "bos_token_id": 1,
        "cls_token_id": 1,
        "sep_token_id": 1,
        "global_attn_every_n_layers": 2,
        "local_attention": 8,
    },
    "xlm-roberta": SMALL,
}
__all__ = ["HYBRID", "SMALL"]  # tests take them from here
SUPPORT = [
    ("my card was charged twice", 0),
    ("why is there a second payment", 0),
    ("the parcel never came", 1),
    ("where is my order, it should have been here on monday", 1),
    ("delivery is late", 1),
    ("I forgot my password", 2),
]
HANDFUL = 16  # quick tests of a file that one process takes at a time
QUERY = [("I paid two times", 0), ("still waiting for the package", 1), ("cannot log in any more", 2)]


def tiny_backbone(
    architecture: str = "bert",
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    cache: Cache | None = None,
    **sizes: int,
) -> Backbone:
    """A random encoder of three layers, unless `sizes` say otherwise, over the bundled tokenizer."""
    model = copy.deepcopy(_drawn(architecture, dtype, seed, tuple(sorted(sizes.items()))))
    inputs = TextInputs(_tokenizer(), max_tokens=48, pooling="mean")
    return Backbone(model, inputs, f"tiny-{architecture}", cache=cache or Cache(1 << 26))


@lru_cache(maxsize=16)
def _drawn(architecture: str, dtype: torch.dtype, seed: int, sizes: tuple[tuple[str, int], ...]) -> torch.nn.Module:
    """What `tiny_backbone` copies: to draw a model anew takes ten times as long."""
    config = AutoConfig.for_model(architecture, **ARCHITECTURES[architecture] | dict(sizes))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModel.from_config(config, attn_implementation="eager").to(dtype)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    """The bundled tokenizer, which nothing changes, read once."""
    return AutoTokenizer.from_pretrained(bundled_folder())


def saved_model(folder: Path, architecture: str, **sizes: object) -> Path:
    """`folder` with a tiny random model of transformers and what reads its inputs, as the Hub would give it."""
    return models.saved_model(folder, architecture, sizes)


def make_task(
    backbone: Backbone,
    boundary: int,
    support=SUPPORT,
    query=QUERY,
    order: tuple[int, ...] = (0, 1, 2),
    kind: str = "classes",
) -> Task:
    """`support` and `query` as (text, class) pairs -> a Task whose class numbers are permuted by `order`; of numbers, each text has
    a value that its class and its length give."""
    labels = {text: str(order[c]) if kind == "classes" else 1.5 * c + len(text) / 10 for text, c in (*support, *query)}
    chosen = sorted(order) if kind == "classes" else [labels[text] for text, _ in support]
    objective = Classes.of([str(n) for n in chosen]) if kind == "classes" else Numbers.of(chosen)

    def side(rows):
        x = backbone.features([text for text, _ in rows], boundary)
        given = [labels[text] for text, _ in rows]
        return Examples(x, objective.encode(given, torch.zeros(1, dtype=backbone.dtype)), objective)

    return Task(side(support), side(query))


def make_values(algorithm: Algorithm, texts: Sequence[str], values: Sequence[float]) -> Task:
    """A task of numbers, and three queries."""
    objective = Numbers.of(values)

    def side(rows: Sequence[str], labels: Sequence[float]) -> Examples:
        return Examples(algorithm.features(list(rows)), objective.encode(labels, algorithm.like), objective)

    return Task(side(texts, values), side([text for text, _ in QUERY], [values[0], values[1], 0.5]))


def usual(cases: Iterable[Any], is_usual: Callable[[Any], bool]) -> list[Any]:
    """The cases of a law, those marked `many` that are not usual ones."""
    return [
        case
        if is_usual(case)
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.many)
        for case in cases
    ]


def in_turn(
    cases: Iterable[tuple[Any, ...]], is_usual: Callable[[Any], bool], turn: int = 0, by: int = -1, more: int = 1
) -> list[Any]:
    """Of a law's cases the usual ones, and of the others a few for each beginning of `by` values: those that were met least.

    Which weights adapt and what adapts them know nothing of each other, so that their product would say the same again: this way each
    method meets another scope in every law, and each scope several methods. `turn` is where a law begins.
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
    return usual(kept, is_usual)


@pytest.hookimpl(tryfirst=True)  # xdist reads the shares
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what nobody need mark by hand: tests with a browser, a running page or a whole service, and those that start a process."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        code = getattr(getattr(item, "function", None), "__code__", None)
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)
        if {"page_url", "service"} & fixtures or (code and {"subprocess", "process"} & {*code.co_names}):
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
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What is equal to the bit is so with two threads, which share the sums of a product on some processors: two there are."""
    before = torch.get_num_threads()
    if "bits" in item.name:
        torch.set_num_threads(2)
    try:
        return (yield)
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny() -> Backbone:
    return tiny_backbone()


@pytest.fixture(scope="session")
def tiny_of() -> Callable[..., Backbone]:
    return tiny_backbone


@pytest.fixture(scope="session")
def minilm() -> Backbone:
    return load_backbone("minilm", torch.device("cpu"), Cache(1 << 28))


@pytest.fixture(scope="session")
def vision_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random vision model and its processor, as the Hub would give it."""
    folder = tmp_path_factory.mktemp("vit")
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
    config = AutoConfig.for_model("vit", **sizes, image_size=32, patch_size=8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def service() -> Service:
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
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `python app.py` on a free port; at the end its log may hold no traceback."""
    with serving(log := tmp_path_factory.mktemp("server") / "log.txt") as host:
        yield host.url
    assert "Traceback" not in log.read_text(), log.read_text()


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
