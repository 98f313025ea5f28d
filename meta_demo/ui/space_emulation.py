"""A Hugging Face Space with ZeroGPU, pretended: `python -m meta_demo space-check` runs this in namespaces of its own.

The page starts as a Space starts it, in a home that is read-only but for its cache. In the place of the package `spaces` stands a decorator
that forks a process, sends arguments to it and takes what it yields, both pickled, and that lets nothing cross but plain values and arrays.
"""

from __future__ import annotations

import fcntl
import functools
import json
import multiprocessing
import runpy
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from meta_demo.core.memory import ALLOCATOR
from meta_demo.core.settings import PORT, give
from meta_demo.words import text

if TYPE_CHECKING:
    from meta_demo.serving.service import Service

SPACE = "somebody/meta-demo"
PATIENCE = 120  # seconds until the page answers
TASK = {
    "support": [
        {"text": f"{said} {extra}", "label": label}
        for label, said in (("card", "my bank card was stolen"), ("transfer", "please send the money to my sister"))
        for extra in ("yesterday", "as I said on the phone last week", "again", "and nobody in the office helps me")
    ],
    "query": [{"text": "where is my card", "label": "card"}, {"text": "wire it to Tom", "label": "transfer"}],
}
KNOBS = {"maml": {"inner_steps": 12}}
_FORK = multiprocessing.get_context("fork")


def plain(value: Any) -> None:
    """Raises TypeError for what is neither a plain value nor an array."""
    if isinstance(value, dict):
        plain([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for part in value:
            plain(part)
    elif value is not None and not isinstance(value, str | int | float | bool | np.ndarray):
        raise TypeError(f"{type(value).__name__} may not cross to the process that has the GPU")


class Loans:
    """One decorated generator: a process is forked for it at the first call, and used again."""

    def __init__(self, task: Callable[..., Iterator[Any]], duration: Callable[..., int]) -> None:
        self.task, self.duration = task, duration
        self.asked: list[int] = []  # seconds of each loan
        self._worker: Any = None
        self._stopped = _FORK.Event()
        self._lock = Lock()

    def __call__(self, *given: Any) -> Iterator[Any]:
        plain(given)
        with self._lock:
            self.asked.append(self.duration(*given))
            self._worker = self._worker or self._hired()
            self._stopped.clear()
            self._worker.send(given)
            try:
                while True:
                    kind, value = self._worker.recv()
                    if kind == "end":
                        return
                    if kind == "failed":
                        raise RuntimeError(value)
                    yield value
            except GeneratorExit:  # nobody asks any more: the process is told so, and heard to its end
                self._stopped.set()
                while self._worker.recv()[0] == "piece":
                    pass
                raise

    def _hired(self) -> Any:
        ours, theirs = _FORK.Pipe()
        _FORK.Process(target=self._work, args=(theirs,), daemon=True).start()
        return ours

    def _work(self, line: Any) -> None:
        while True:
            given = line.recv()
            try:
                pieces = self.task(*given)
                for piece in pieces:
                    if self._stopped.is_set():
                        pieces.close()  # type: ignore[attr-defined]
                        break
                    plain(piece)
                    line.send(("piece", piece))
            except Exception as error:
                line.send(("failed", f"{type(error).__name__}: {error}"))
            else:
                line.send(("end", None))


def pretend() -> list[Loans]:
    """From now on `spaces` is the one described above -> what it decorates."""
    made: list[Loans] = []
    module: Any = ModuleType("spaces")

    def lent(*, duration: Callable[..., int]) -> Callable[[Any], Any]:
        def decorate(task: Any) -> Any:
            loans = Loans(task, duration)
            made.append(loans)
            return functools.wraps(task)(loans)

        return decorate

    module.GPU = lent
    sys.modules["spaces"] = module
    give("SPACES_ZERO_GPU", "true")
    give("META_DEMO_DEVICE", "cpu")  # of the process that is lent the GPU: there is none here
    return made


# --- the page


def read_only(home: Path) -> bool:
    """Make `home` read-only but for its cache, as far as this process and those it starts can see -> whether that was possible."""
    cache = home / ".cache"
    steps: list[list[str | Path]] = [
        ["mount", "--bind", home, home],
        ["mount", "--bind", cache, cache],
        ["mount", "-o", "remount,bind,ro", home],
    ]
    done = all(subprocess.run(step, capture_output=True, check=False).returncode == 0 for step in steps)
    try:
        (home / "probe").touch()
    except OSError:
        return done
    return False


def own_network() -> None:
    """Switch the loopback device of a network of our own on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        flags = struct.pack("16sh", b"lo", 0x1 | 0x40)  # up and running
        fcntl.ioctl(s.fileno(), 0x8914, flags + b"\0" * 14)


def served(home: Path, log: Path) -> Iterator[tuple[str, bool, str]]:
    """The page as a Space starts it: each thing that was looked at, whether it is as it should be, and a detail."""
    program = "from meta_demo.ui.space_emulation import pretend, app; pretend(); app()"
    given = {
        "HOME": str(home),
        "SPACE_ID": SPACE,
        "PYTHONPATH": str(Path.cwd()),
        "PATH": "/usr/bin:/bin",
        "HF_HUB_OFFLINE": "1",
    }
    with log.open("w") as out:
        page = subprocess.Popen([sys.executable, "-c", program], env=given, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{PORT}/"
            yield "port", _answers(url, page), url
            report = _adapted(url)
            notes = report.get("notes", [])
            yield (
                "adapt over HTTP, on the GPU that is lent",
                notes == [text("note.gpu_lent")],
                " ".join(notes) or str(report)[:300],
            )
            refused = _adapted(url, "/etc")
            yield (
                "a folder as a model is refused",
                "error" in refused,
                "it is" if "error" in refused else str(refused)[:200],
            )
        finally:
            page.send_signal(signal.SIGTERM)
            ended = page.wait(20)
    yield "ends in order", ended == 0, f"exit code {ended}"


def app() -> None:
    """Run what a Space runs."""
    give(ALLOCATOR, "malloc")  # to begin anew would be to pretend a second time
    runpy.run_path("app.py", run_name="__main__")


def _answers(url: str, page: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and page.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return "huggingface.co" in answer.headers["content-security-policy"]
        except OSError:
            time.sleep(0.3)
    return False


def _adapted(url: str, model: str = "minilm") -> dict[str, Any]:
    """The report of one call of the API."""
    data = [TASK, model, ["maml", "protonet"], 0, "auto", KNOBS]
    where = f"{url}gradio_api/call/adapt"
    ask = urllib.request.Request(where, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(ask, timeout=60) as answer:
            event = json.load(answer)["event_id"]
        with urllib.request.urlopen(f"{where}/{event}", timeout=300) as answer:
            said = answer.read().decode()
    except OSError as error:
        return {"error": str(error)}
    found = json.loads(said.rpartition("data: ")[2])
    return found[0] if isinstance(found, list) else {"error": found}


# --- the service


def worked(loans: list[Loans]) -> Iterator[tuple[str, bool, str]]:
    """Adapting, predicting, attention and training across the fork, against the same without it."""
    from meta_demo.data.reading.tasks import parse_episode
    from meta_demo.serving.lending import Lender
    from meta_demo.serving.requests import Request
    from meta_demo.serving.service import Service
    from meta_demo.ui import zerogpu

    request = Request(parse_episode(TASK), "minilm", ("maml", "anil"), knobs=KNOBS)
    alone = Service()
    zerogpu.place(alone.backbone("minilm"))
    before = alone.backbone("minilm").hash
    lent = Service(lender=Lender(zerogpu.borrow, worth=0))
    there, here = lent.history(request), alone.history(request)
    apart = max(
        float(np.abs(a.outputs - b.outputs).max()) for n in there for a, b in zip(there[n], here[n], strict=True)
    )
    yield "adapt across the fork", apart < 1e-3, f"probabilities differ by {apart:.1e}"
    ours, theirs = (s.predict(request, ["a lost card"]) for s in (alone, lent))
    apart = max(float(np.abs(a.outputs - b.outputs).max()) for a, b in zip(ours, theirs, strict=True))
    yield "predict from the arrays", apart < 1e-3, f"probabilities differ by {apart:.1e}"
    maps, others = (s.attention(request, "maml", "a lost card") for s in (alone, lent))
    apart = max(float(np.abs(a - b).max()) for a, b in zip(maps, others, strict=True))
    yield "attention from the arrays", apart < 1e-3, f"shares differ by {apart:.1e}"
    asked = [seconds for loan in loans for seconds in loan.asked]
    yield "one loan for all of this", len(asked) == 1, f"{asked} seconds asked for"
    yield from _trained(lent, alone)
    asked = [seconds for loan in loans for seconds in loan.asked][1:]
    yield "a loan for the training", len(asked) == 1, f"{asked} seconds asked for"
    lent.backbone("minilm").__dict__.pop("hash", None)
    yield "no weight was changed in place", lent.backbone("minilm").hash == before, "hash of the weights"


def _trained(lent: Service, alone: Service) -> Iterator[tuple[str, bool, str]]:
    """A training across the fork, against the same without it."""
    from meta_demo.learning.plan import Plan, TaskPlan
    from meta_demo.learning.recipe import Recipe, Training, load_packs, split

    sources = split([load_packs(["sport", "health"])], [], 0)
    plan = Plan(steps=2, valid_episodes=2, valid_every=1)
    recipe = Recipe(*sources, plan, "protonet", task=TaskPlan(n_way=2, n_query=2))
    there, here = Training(recipe, "minilm"), Training(recipe, "minilm")
    theirs = list(there.run(lambda: lent.backbone("minilm"), lent.train))
    ours = list(here.run(lambda: alone.backbone("minilm")))
    losses = [[p.loss for p in told if p.loss is not None] for told in (theirs, ours)]
    apart = max(abs(a - b) for a, b in zip(*losses, strict=True))
    done = theirs[-1].step == 2 and (there.folder / "card.json").is_file()
    yield "train across the fork", done and apart < 1e-3, f"{theirs[-1].step} steps, losses differ by {apart:.1e}"
    notes = [note.name for note in there.notes]
    yield "what is said of it", notes == ["gpu_trained"], ", ".join(notes)


def main(home: Path) -> None:
    """Everything that can be tried here, as JSON lines on the standard output."""

    def tell(name: str, ok: bool | None, detail: str) -> None:
        print(json.dumps({"name": name, "ok": ok, "detail": detail}), flush=True)

    own_network()
    tell("home is read-only but for its cache", True if read_only(home) else None, str(home))
    for found in served(home, home / ".cache" / "page.log"):
        tell(*found)
    said = (home / ".cache" / "page.log").read_text()
    tell("the log has no traceback", "Traceback" not in said, said[-500:] if "Traceback" in said else "none")
    for found in worked(pretend()):
        tell(*found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
