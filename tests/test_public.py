"""A host that strangers use: which models and starts they may name, what they are told, what is logged, and how it ends."""

from __future__ import annotations

import json
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
import torch
from browsing import SENTENCES, SLOW, adapt, choose, open_tab, without
from conftest import UNOPENED, Host, serving
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from meta_demo.core.errors import UserError, trace_of
from meta_demo.learning import checkpoint
from meta_demo.serving.admission import Admission
from meta_demo.serving.service import Service
from meta_demo.ui.guard import told
from meta_demo.ui.headers import policy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TASK = {
    "support": [{"text": "I lost my card", "label": "card"}, {"text": "send money to my sister", "label": "transfer"}],
    "query": [{"text": "where is my card"}],
}
SECRET = "zanzibar-4711"
CATALOGUE_ONLY = Admission(public=True, any_model=False)
HUB_TOO = Admission(public=True, any_model=True)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("public")
    (folder / "temporary").mkdir()
    with serving(folder / "log.txt", UNOPENED, SPACE_ID="me/demo", TMPDIR=str(folder / "temporary")) as found:
        yield found


@pytest.fixture(scope="module")
def client(host: Host) -> Client:
    return Client(host.url, verbose=False)


def refused(client: Client, model: str) -> str:
    with pytest.raises(AppError) as error:
        client.predict(TASK, model, ["protonet"], api_name="/adapt")
    return str(error.value)


def test_a_folder_a_missing_one_and_any_other_model_are_told_the_same(client: Client, vision_folder: Path) -> None:
    asked = ["/etc", "/no/such/folder", str(vision_folder), "checkpoints/minilm", "../..", "owner/name", "a\nb"]
    answers = {refused(client, model) for model in asked}
    assert len(answers) == 1
    assert "minilm" in (answer := answers.pop()) and "/" not in answer


@pytest.mark.parametrize(
    "name", ["/etc", "checkpoints/minilm", "meta_demo/core", "../a", "abc", "a/b/c", "~/x", "a/b\n", "a/../b"]
)
def test_where_any_model_may_be_named_a_folder_still_may_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError) as error:
        HUB_TOO.check_model(name)
    assert error.value.name == "model_public_hub" and name not in str(error.value)


def test_what_may_be_named() -> None:
    for name in ("minilm", "glyph-vit", "curves", "minilm#none"):
        CATALOGUE_ONLY.check_model(name)
    for name in ("intfloat/e5-base", "owner/name#query"):
        HUB_TOO.check_model(name)
    Admission().check_model("/etc")  # the owner's own machine: loading says what is wrong with it
    with pytest.raises(UserError, match="list only"):
        CATALOGUE_ONLY.check_model("owner/name")


def test_a_service_asks_before_it_loads(vision_folder: Path) -> None:
    with pytest.raises(UserError, match="list only"):
        Service(torch.device("cpu"), admission=CATALOGUE_ONLY).backbone(str(vision_folder))


@pytest.mark.parametrize("name", ["/etc", "..", "../minilm", "a/b"])
def test_a_models_name_leads_to_no_folder_beside_our_starts(name: str, tmp_path: Path) -> None:
    (tmp_path / "maml").mkdir()
    (tmp_path / "maml" / checkpoint.CARD).write_text((checkpoint.SHIPPED / "minilm/maml" / checkpoint.CARD).read_text())
    assert checkpoint.shipped(str(tmp_path), "maml") is None
    assert checkpoint.shipped(name, "maml") is None
    assert checkpoint.shipped("minilm", "maml") == checkpoint.SHIPPED / "minilm" / "maml"


def test_no_answer_holds_a_path(client: Client) -> None:
    report: dict[str, Any] = client.predict(TASK, "minilm", ["protonet"], 0, api_name="/adapt")
    assert [result["checkpoint"] for result in report["results"]] == ["checkpoints/minilm/protonet"]
    assert str(ROOT) not in json.dumps(report)
    error = UserError("checkpoint_damaged", folder=ROOT / "checkpoints" / "minilm" / "maml")
    assert str(ROOT) in str(error)
    assert str(ROOT) not in told(error, "en") and "minilm/maml" in told(error, "zh")


def test_what_a_visitor_wrote_is_not_logged(host: Host) -> None:
    """A call with too few values, one with values of a wrong kind, and a name with a line of its own."""
    before = len(host.log.read_text())
    for data in (
        [{"support": [{"text": SECRET, "label": SECRET}]}],
        [TASK, f"x\nERROR {SECRET}"],
        SECRET,
        [[SECRET]] * 9,
    ):
        call(host, data)
    logged = host.log.read_text()[before:]
    assert SECRET not in logged
    events = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    assert {"event": "told", "error": "api_few"}.items() <= events[0].items(), logged


def call(host: Host, data: Any) -> str:
    """What the API says to a call with `data` for values."""
    body = json.dumps({"data": data}).encode()
    request = urllib.request.Request(f"{host.url}gradio_api/call/adapt", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            event = json.loads(answer.read())["event_id"]
        with urllib.request.urlopen(f"{host.url}gradio_api/call/adapt/{event}", timeout=60) as answer:
            return answer.read().decode()
    except (OSError, HTTPException) as error:
        return str(error)


def test_a_log_names_the_kind_and_the_place_of_an_error_and_none_of_its_words() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        said = trace_of(error)
    assert said.startswith("ValueError\n") and "test_public.py" in said and SECRET not in said


def test_every_answer_says_what_browsers_may_do(host: Host) -> None:
    nonces = set()
    for path in ("", "config", "plotly.min.js", "no/such/path"):
        request = urllib.request.Request(host.url + path)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        body, said = answer.read(), answer.headers
        assert (said["x-content-type-options"], said["referrer-policy"]) == (
            "nosniff",
            "strict-origin-when-cross-origin",
        )
        assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in said["content-security-policy"]
        assert "'unsafe-inline'" not in said["content-security-policy"].partition("script-src")[2].partition(";")[0]
        nonces.add(nonce := said["content-security-policy"].partition("'nonce-")[2].partition("'")[0])
        assert (path != "") or body.count(b"<script") == body.count(f'<script nonce="{nonce}"'.encode()) > 3
    assert len(nonces) == 4


def test_elsewhere_nobody_may_frame_the_page() -> None:
    assert "frame-ancestors 'self'" in policy("x", space=False) and "huggingface" not in policy("x", space=False)


def test_the_page_keeps_to_its_own_policy(browser: Browser, host: Host) -> None:
    """A tour of every tab and kind of input; the browser tells each thing that the policy forbids, and there is none."""
    context = browser.browser.new_context(viewport={"width": 1600, "height": 1000})
    page = context.new_page()
    page.add_init_script(
        "window.forbidden = []; document.addEventListener('securitypolicyviolation',"
        " e => window.forbidden.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`))"
    )
    page.goto(host.url + SENTENCES)
    expect(page.locator("#model-status .ready")).to_be_visible(timeout=SLOW)
    without(page, "Fine-tuning")
    adapt(page)
    page.get_by_role("tab", name="Benchmark").click()
    page.get_by_role("tab", name="Meta-train").click()
    expect(page.locator("#train-off")).to_contain_text("switched off on this server")
    expect(page.locator("#train-start")).to_have_count(0)
    open_tab(page, 0)
    choose(page, "#look-algorithm", "MAML")
    assert page.evaluate("window.forbidden") == []
    page.evaluate(
        "const a = document.createElement('div'); a.innerHTML = '<img src=x onerror=\"window.ran = 1\">';"
        "document.body.append(a)"
    )
    page.wait_for_function("window.forbidden.length > 0")
    assert page.evaluate("window.ran") is None, "what text smuggles in does not run"
    context.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_in_the_midst_of_adapting(tmp_path: Path, number: signal.Signals) -> None:
    """Within two seconds, with no word of a crash, and with every temporary file gone: an upload was one of them."""
    (temporary := tmp_path / "temporary").mkdir()
    with serving(tmp_path / "log.txt", UNOPENED, TMPDIR=str(temporary)) as host:
        upload(host, b"text,label\na,b\n")
        assert list(temporary.rglob("*.csv")), "the upload lies in the temporary folder"
        knobs = {"maml": {"inner_steps": 50, "scope": "all"}}
        many = {"support": [{"text": f"word {i} " * 30, "label": str(i % 4)} for i in range(60)], "query": []}
        threading.Thread(target=call, args=(host, [many, "minilm", ["maml"], 0, "none", knobs]), daemon=True).start()
        time.sleep(3)
        started = time.monotonic()
        host.process.send_signal(number)
        assert host.process.wait(10) == 0
        assert time.monotonic() - started < 2
    assert [*temporary.iterdir()] == []
    logged = host.log.read_text()
    assert not any(word in logged for word in ("Traceback", "Fatal", "terminate", "abort"))


def upload(host: Host, content: bytes) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n' + content + b"\r\n--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    urllib.request.urlopen(urllib.request.Request(f"{host.url}gradio_api/upload", body, kind), timeout=30).read()
