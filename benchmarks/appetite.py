"""Peak memory of what people bring, above the process at rest: long texts, many examples, many and large pictures.

    python -m benchmarks.appetite [--only NAME]

Every case runs in a process of its own, as a peak never falls, forked from one that has imported everything; none may take more than
12 GB of addresses. Figures are the largest resident set of the process, less the one at rest, with the model loaded and nothing asked.
Beside them stands what `learning/cost.py` foresees. Writes `benchmarks/results/appetite.json`.
"""

from __future__ import annotations

import base64
import io
import json
import multiprocessing
import random
import resource
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import tyro
from PIL import Image
from tyro.conf import arg

from benchmarks import report
from benchmarks.resident import peak
from meta_demo.algorithms.registry import get_algorithm
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example, make_episode
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.learning.cost import cost, together, work_of_episode
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.picture.content import Picture
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service

SMOOTH = 100  # pixels between two colours of a photograph: it is none the smaller in memory
ADDRESSES = 12 << 30
STEPS = 1  # inner steps where not all are needed: a peak is that of a single one
COLUMNS = {
    "case": "情形",
    "at rest": "静止",
    "above": "超出",
    "foreseen": "预估",
    "seconds": "秒",
    "what came of it": "结果",
}
TITLE = {"en": "Peak memory above the process at rest, in MB", "zh": "峰值内存（超出静止进程的 MB 数）"}
NOTES = {
    "en": "Each case in a process of its own; foreseen is what is estimated before anything is computed, and refused by. 150 examples of "
    "180 words adapt with one inner step or two, as a peak is that of a single step; three algorithms together with all of theirs.",
    "zh": "每种情形在独立进程中运行；预估值在计算前得出，并据此拒绝请求。"
    "150 条 180 词的示例使用一到两个内循环步（峰值取决于单步），三种算法一起时使用全部步数。",
}


@dataclass(frozen=True)
class Measured:
    """Megabytes at rest, above that at the peak, and foreseen; seconds; and what came of it."""

    rest: float
    above: float
    foreseen: float | None
    seconds: float
    said: str


def texts(count: int, words: int) -> list[str]:
    """Different texts of ordinary words, always the same."""
    rows = [str(row.content) for name in sample_names("text") for row in load_sample(name).support]
    pool = sorted({word for row in rows for word in row.split() if word.isascii()})
    rng = random.Random(0)
    return [" ".join(rng.choices(pool, k=words)) for _ in range(count)]


def task(count: int, words: int, queries: int = 3) -> Episode:
    """Examples of three classes, and the first few as queries."""
    rows = [Example(content, f"class {i % 3}") for i, content in enumerate(texts(count, words))]
    return make_episode(rows, rows[:queries])


def photo(width: int, height: int, kind: str = "jpeg") -> str:
    """A data URL of a picture without a plain patch."""
    small = np.random.default_rng(0).integers(0, 256, (height // SMOOTH, width // SMOOTH, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST).save(buffer, kind)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def adapted(count: int, words: int, algorithms: tuple[str, ...], scope: str, steps: int | None = STEPS) -> Measured:
    """An adaptation, with all that a visitor sees of it."""
    service = Service()
    backbone = service.backbone("minilm")
    knobs: dict[str, dict[str, Any]] = {}
    for name in algorithms:
        knobs[name] = {"scope": scope} | ({"inner_steps": steps} if steps and name != "protonet" else {})
    request = Request(task(count, words), "minilm", algorithms, 0, knobs, "none")
    rest, started = peak(), time.monotonic()
    service.report(request)
    took, above = time.monotonic() - started, peak() - rest
    jobs = service.workshop.jobs(request)
    works = [service.workshop.work(job) for job in jobs]
    foreseen = together([cost(work, backbone) for work in works]).memory / 2**20
    return Measured(rest, above, foreseen, took, "adapted")


def learned(count: int, words: int, name: str, scope: str) -> Measured:
    """A meta-gradient by a task of so many examples, and a tenth as many queries."""
    backbone = Service().backbone("minilm")
    cls = get_algorithm(name)
    algorithm = cls(backbone, cls.Config.from_dict({"scope": scope, "inner_steps": STEPS})).train()
    episode = task(count, words, count // 10)
    rest, started = peak(), time.monotonic()
    algorithm.backward([to_task(algorithm, episode)])
    took, above = time.monotonic() - started, peak() - rest
    work = work_of_episode(algorithm, episode, learns=True, twice=algorithm.differentiates_twice)
    return Measured(rest, above, cost(work, backbone).memory / 2**20, took, "learned")


def read_text() -> Measured:
    """A text of 60 MB among the examples."""
    service = Service()
    service.backbone("minilm")
    long = "every word of this text is here for its length alone " * 1_132_076
    rest, started = peak(), time.monotonic()
    episode = make_episode([Example(long, "long"), Example("a short one", "short")])
    found, _ = service.report(Request(episode, "minilm", ("protonet",)))
    return Measured(
        rest, peak() - rest, None, time.monotonic() - started, "adapted, the text cut" if found["notes"] else "adapted"
    )


def dealt_cards() -> Measured:
    """2,000 photographs on cards."""
    from meta_demo.ui.cards import episode_of, spelled
    from meta_demo.ui.side import discover

    side = next(side for side in discover() if side.name == "picture")()
    url = photo(512, 400)
    cards = [{"name": name, "examples": [url[:-4] + url[-4:] for _ in range(1000)]} for name in ("cats", "dogs")]
    rest, started = peak(), time.monotonic()
    try:
        episode_of(spelled(cards, side), side)
        said = "read"
    except UserError as error:
        said = f"refused: {error.name}"
    return Measured(rest, peak() - rest, None, time.monotonic() - started, said)


def adapted_pictures() -> Measured:
    """300 small photographs, learned from."""
    service = Service()
    backbone = service.backbone("glyph-vit")
    rng = np.random.default_rng(0)
    rows = [
        Example(Picture(96, 96, "RGB", rng.integers(0, 256, 96 * 96 * 3, dtype=np.uint8).tobytes()), f"class {i % 3}")
        for i in range(300)
    ]
    knobs = {"maml": {"scope": "all", "inner_steps": STEPS}}
    request = Request(make_episode(rows, rows[:3]), "glyph-vit", ("maml",), 0, knobs, "none")
    rest, started = peak(), time.monotonic()
    service.report(request)
    took, above = time.monotonic() - started, peak() - rest
    work = service.workshop.work(service.workshop.jobs(request)[0])
    return Measured(rest, above, cost(work, backbone).memory / 2**20, took, "adapted")


def asked_component() -> Measured:
    """16 pictures of 48 million pixels at once, put to the endpoint with which the page reads a visitor's files."""
    from meta_demo.ui.page import build_app, launch_arguments

    service = Service()
    app = build_app(service)
    _, address, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_arguments(service))
    cards = next(i for i, block in app.blocks.items() if getattr(block, "elem_id", "") == "picture-cards")
    data = {"name": "photo.png", "data": photo(8000, 6000, "png"), "lang": "en"}
    body = {"data": data, "component_id": cards, "fn_name": "read_file", "session_hash": "one"}
    sent = json.dumps(body).encode()
    rest, started = peak(), time.monotonic()

    def ask(_: int) -> str:
        how = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{address}gradio_api/component_server", sent, how)
        with urllib.request.urlopen(asked, timeout=500) as answer:
            return str(next(iter(json.loads(answer.read()))))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    found = Measured(rest, peak() - rest, None, time.monotonic() - started, f"{answers.count('url')} of 16 read")
    app.close()
    return found


SCOPES = ("lora", "last_n", "all", "model")
LEARNED = ("maml", "fomaml")
THREE = ("maml", "protonet", "finetune")
CASES: dict[str, Callable[[], Measured]] = {
    **{f"150 x 180 words, maml, {s}": partial(adapted, 150, 180, ("maml",), s) for s in SCOPES},
    "150 x 180 words, finetune, model": lambda: adapted(150, 180, ("finetune",), "model"),
    "150 x 180 words, maml + protonet + finetune, lora": lambda: adapted(150, 180, THREE, "lora", None),
    "150 x 180 words, protonet": lambda: adapted(150, 180, ("protonet",), "lora"),
    **{f"150 x 180 words, {name}, lora, meta-gradient": partial(learned, 150, 180, name, "lora") for name in LEARNED},
    "25 x 180 words, protonet": lambda: adapted(25, 180, ("protonet",), "lora"),
    "25 x 180 words, maml, lora": lambda: adapted(25, 180, ("maml",), "lora"),
    "15 x 20 words, maml, lora": lambda: adapted(15, 20, ("maml",), "lora"),
    "300 pictures, maml, all": adapted_pictures,
    "a text of 60 MB": read_text,
    "2,000 pictures on cards": dealt_cards,
    "16 data URLs of 48 million pixels": asked_component,
}


def main(
    only: Annotated[str, arg(help="cases whose names contain this")] = "",
) -> None:
    """Peak memory of what people bring."""
    rows = []
    for name in CASES:
        if only in name:
            rows.append([name, *measured(name)])
            print(" | ".join(map(str, rows[-1])), flush=True)
            known = report.known_rows("appetite", [row[0] for row in rows])
            done = sorted([*known, *rows], key=lambda row: [*CASES].index(row[0]))
            report.write(
                "appetite",
                "python -m benchmarks.appetite",
                COLUMNS,
                done,
                title=TITLE,
                notes=NOTES,
                order=report.MEMORY,
            )


def measured(name: str) -> list[Any]:
    """A case's figures from a process of its own."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["benchmarks.appetite"])
    with ProcessPoolExecutor(1, forks) as alone:
        try:
            found = alone.submit(_alone, name).result()
        except Exception as error:  # what it came to is a row of the table too
            return ["-", "-", "-", "-", str(error or type(error).__name__).splitlines()[-1][:200]]
    foreseen = "-" if found.foreseen is None else round(found.foreseen)
    return [round(found.rest), round(found.above), foreseen, round(found.seconds, 1), found.said]


def _alone(name: str) -> Measured:
    """A case's figures, in a process that nothing else runs in."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    return CASES[name]()


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.appetite")
