"""The package `spaces` itself, as on a Space with ZeroGPU: our page, and a stand-in for the interface that lends GPUs and lends none."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from conftest import UNOPENED, Host, serving

from meta_demo.ui.space_emulation import KNOBS, TASK
from meta_demo.words import text

pytestmark = pytest.mark.slow

# What the package takes for granted of torch, and a build for CPUs has not.
BUILT = """
import gc, torch

torch.version.cuda = "12.6"
torch._C._cuda_init = torch.cuda._is_in_bad_fork = gc.get_freeze_count  # which can be pickled, and says 0
"""


class Lender(BaseHTTPRequestHandler):
    """Says what ZeroGPU's interface says: that the Space has started, and why no GPU is to be had."""

    answer: ClassVar[tuple[int, dict[str, Any]]] = (503, {})
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        Lender.asked.append(self.path)
        status, body = (200, {}) if self.path == "/startup-report" else Lender.answer
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("zerogpu")
    given = {
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_port}",
        "SPACE_ID": "somebody/meta-demo",
        "ZEROGPU_OFFLOAD_DIR": str(folder / "tensors"),
        "META_DEMO_CACHE_DIR": os.environ["META_DEMO_CACHE_DIR"],
    }
    with serving(folder / "log.txt", BUILT + UNOPENED, 120, **given) as found:
        yield found
    server.shutdown()


def adapted(host: Host, number: int) -> dict[str, Any]:
    """The report of a task that nobody has asked about: another one for each number."""
    where = f"{host.url}gradio_api/call/adapt"
    first, *others = TASK["support"]
    task = {**TASK, "support": [{**first, "text": f"{first['text']} {number}"}, *others]}
    body = json.dumps({"data": [task, "minilm", ["maml", "protonet"], 0, "auto", KNOBS]}).encode()
    with urllib.request.urlopen(urllib.request.Request(where, body, {"Content-Type": "application/json"})) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{where}/{event}", timeout=120) as answer:
        found: dict[str, Any] = json.loads(answer.read().decode().rpartition("data: ")[2])[0]
    return found


def test_the_models_are_placed_and_the_space_reports_itself(host: Host) -> None:
    assert Lender.asked[0] == "/startup-report"
    assert "Traceback" not in host.log.read_text()


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ((503, {}), "gpu_refused"),
        ((401, {}), "gpu_refused"),
        ((500, {}), "gpu_refused"),
        ((429, {"left": 3, "wait": 3600}), "gpu_quota"),
        ((429, {"left": 300, "wait": -1}), "gpu_refused"),
    ],
)
def test_what_is_refused_is_done_on_the_cpu(
    host: Host, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, dict[str, Any]], note: str
) -> None:
    """Every answer of the interface that lends nothing: nobody free, an expired token, a fault, no quota left, too long."""
    monkeypatch.setattr(Lender, "answer", answer)
    before = len(Lender.asked)
    report = adapted(host, before)
    assert report["notes"] == [text(f"note.{note}")]
    assert [len(result["steps"]) for result in report["results"]] == [13, 1]
    (asked,) = Lender.asked[before:]
    assert asked.startswith("/schedule?") and "durationSeconds=" in asked


def test_a_gpu_that_is_lent_and_does_not_work_is_no_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is forked for it, which finds no CUDA, says so and gives the GPU back."""
    grant = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "MIG-1", "allowToken": "token"}
    monkeypatch.setattr(Lender, "answer", (200, grant))
    before = len(Lender.asked)
    report = adapted(host, before)
    assert report["notes"] == [text("note.gpu_refused")]
    assert [len(result["steps"]) for result in report["results"]] == [13, 1]
    asked = [path.partition("?")[0] for path in Lender.asked[before:]]
    assert asked[0] == "/schedule" and asked[-1] == "/release"
