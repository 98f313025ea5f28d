"""Behind a reverse proxy: under a path, with two replicas, and with one that buffers or does not cut the path off. With a real nginx."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browsing import SENTENCES, SLOW, adapt
from conftest import UNOPENED, _free_port, serving
from playwright.sync_api import Browser, expect

from meta_demo.ui.proxy import BehindProxy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(not NGINX, reason="nginx is not installed")
TASK = {
    "support": [{"text": "I lost my card", "label": "card"}, {"text": "send money to my sister", "label": "transfer"}],
    "query": [{"text": "where is my card"}],
}
PLAIN = """
server {
    listen 8080;
    location /elsewhere/ { proxy_pass http://page-1:7860$request_uri; proxy_set_header X-Forwarded-Prefix /elsewhere; }
    location /cut/ { proxy_pass http://page-1:7860/; proxy_set_header X-Forwarded-Prefix /cut; proxy_set_header Host $http_host; }
}
"""  # as people write it: nothing is said of buffering, and one path is not cut off


@contextmanager
def nginx(folder: Path, site: str, pages: list[str]) -> Iterator[str]:
    """A real nginx with the configuration `site`, whose pages are at these addresses -> its own address."""
    port = _free_port()
    for place, page in enumerate(pages, 1):
        site = site.replace(f"page-{place}:7860", page)
    site = site.replace("listen 8080", f"listen 127.0.0.1:{port}").replace(
        "server_tokens off;", "add_header X-Replica $upstream_addr;"
    )
    site = site.replace("add_header Set-Cookie", "add_header X-Replica $upstream_addr; add_header Set-Cookie")
    (folder / "site.conf").write_text(site)
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
    whole += f"http {{\naccess_log off;\n{places}include {folder}/site.conf;\n}}\n"
    (folder / "nginx.conf").write_text(whole)
    assert NGINX
    running = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE)
    try:
        time.sleep(1)
        assert running.poll() is None, running.stderr and running.stderr.read()
        yield f"http://127.0.0.1:{port}/"
    finally:
        running.terminate()
        running.wait(10)


@pytest.fixture(scope="module")
def replicas(page_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Two pages, neither of which knows that there is a proxy: the one of all tests, and another."""
    with serving(tmp_path_factory.mktemp("replica") / "log.txt", UNOPENED, GRADIO_ROOT_PATH="") as host:
        yield [url.removeprefix("http://").rstrip("/") for url in (page_url, host.url)]


@pytest.fixture(scope="module")
def proxy(replicas: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nginx(tmp_path_factory.mktemp("nginx"), (ROOT / "deploy" / "nginx.conf").read_text("utf-8"), replicas) as url:
        yield url


def get(url: str, **headers: str) -> tuple[Any, str]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.headers, answer.read().decode()


def root_of(page: str) -> str:
    found = re.search(r'"root":\s?"([^"]*)"', page)
    assert found
    return found[1]


def called(base: str, cookie: str) -> tuple[str, dict[str, Any]]:
    """One call of the API by a program with a cookie -> the replica that answered, and its report."""
    where, headers = f"{base}gradio_api/call/adapt", {"Content-Type": "application/json", "Cookie": cookie}
    body = json.dumps({"data": [TASK, "minilm", ["protonet"], 0, "auto", {}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(where, body, headers), timeout=60) as answer:
        event, replica = json.load(answer)["event_id"], answer.headers["x-replica"]
    said, text = get(f"{where}/{event}", Cookie=cookie)
    assert said["x-replica"] == replica, "the second request of a call goes where the first one went"
    return replica, json.loads(text.rpartition("data: ")[2])[0]


@needs_nginx
def test_the_page_is_under_the_path_and_says_https(proxy: str) -> None:
    headers, page = get(f"{proxy}demo/", **{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "example.org"})
    assert root_of(page) == "https://example.org/demo"
    assert headers["strict-transport-security"] and headers["content-security-policy"]
    headers, page = get(f"{proxy}demo/")
    assert root_of(page) == f"{proxy}demo" and headers["strict-transport-security"] is None
    assert get(f"{proxy}demo")[1].count("<html") == 1, "without the slash one is led there"


@needs_nginx
def test_sessions_stick_and_calls_go_anywhere(proxy: str, replicas: list[str]) -> None:
    headers, _ = get(f"{proxy}demo/")
    cookie = headers["set-cookie"].partition(";")[0]
    seen = {
        get(f"{proxy}demo/{path}", Cookie=cookie)[0]["x-replica"] for path in ("", "config", "plotly.min.js", "config")
    }
    assert len(seen) == 1
    assert get(f"{proxy}demo/", Cookie=cookie)[0]["set-cookie"] is None
    answers = dict(called(f"{proxy}demo/", f"replica=visitor-{i}") for i in range(12))
    assert answers.keys() == {*replicas}, "both replicas answer"
    first, second = (report["results"][0]["predictions"] for report in answers.values())
    assert first == second, "and say the same"
    called(f"{proxy}demo/", "")  # a program without cookies finds its answer again


@needs_nginx
@pytest.mark.parametrize("path", ["demo/", "cut/"])
def test_a_visitor_behind_a_proxy_sees_every_step(
    proxy: str, replicas: list[str], tmp_path: Path, browser: Browser, path: str
) -> None:
    """With our configuration, and with one that would collect events, were it not asked to let them through."""
    seen = "window.seen = new Set(); new MutationObserver(() => window.seen.add([...document.querySelectorAll('.run')].map("
    seen += "r => r.dataset.step).join())).observe(document.body, {subtree: true, childList: true, attributes: true})"
    with nginx(tmp_path, PLAIN, replicas) as plain:
        base = (proxy if path == "demo/" else plain) + path
        page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
        outside: list[str] = []
        page.on("request", lambda r: None if r.url.startswith((base, "data:", "blob:")) else outside.append(r.url))
        page.goto(base + SENTENCES)
        expect(page.locator("#model-status .ready")).to_be_visible(timeout=SLOW)
        page.evaluate(seen)
        adapt(page)
        assert page.evaluate("window.seen.size") > 3, "steps come one by one"
        assert [url for url in outside if not url.endswith("manifest.json")] == []
        page.context.close()


@needs_nginx
@pytest.mark.parametrize("path", ["cut/", "elsewhere/"])
def test_a_proxy_as_people_write_it_works_too(replicas: list[str], tmp_path: Path, path: str) -> None:
    """It buffers unless it is asked not to, and of its two paths it cuts only one off."""
    with nginx(tmp_path, PLAIN, replicas) as url:
        assert root_of(get(url + path)[1]).endswith(path.rstrip("/"))
        called_at = f"{url}{path}"
        where = f"{called_at}gradio_api/call/adapt"
        body = json.dumps({"data": [TASK, "minilm", ["protonet"], 0, "auto", {}]}).encode()
        ask = urllib.request.Request(where, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(ask, timeout=60) as answer:
            event = json.load(answer)["event_id"]
        headers, said = get(f"{where}/{event}")
        assert "complete" in said and headers["cache-control"] == "no-store, no-transform"


CASES = [
    ("", "", "/a", "/a", None),
    ("/demo", "", "/demo/a", "/a", None),
    ("/demo", "", "/a", "/a", None),
    ("/demo", "/other", "/demo", "/", None),
    ("https://example.org/demo/", "", "/demo/a/b", "/a/b", None),
    ("/demo", "", "/demonstration", "/demonstration", None),
    ("", "/x/y", "/x/y/a", "/a", "example.org/x/y"),
    ("", "/x/y/", "/a", "/a", "example.org/x/y"),
    ("", "//evil.org", "/a", "/a", None),
    ("", "/a b", "/a", "/a", None),
    ("", "/<script>", "/a", "/a", None),
]


@pytest.mark.parametrize(("root_path", "header", "path", "expected", "host"), CASES)
def test_what_gradio_is_told_of_the_path(
    root_path: str, header: str, path: str, expected: str, host: str | None
) -> None:
    told: dict[str, Any] = {}

    async def inner(scope: Any, *_: Any) -> None:
        told.update(scope)

    headers = [(b"host", b"example.org"), (b"x-forwarded-prefix", header.encode())]
    scope = {"type": "http", "path": path, "raw_path": path.encode(), "headers": headers}
    with pytest.raises(StopIteration):  # nothing in there waits for anything
        BehindProxy(inner, root_path)(scope, None, None).send(None)
    assert (told["path"], told["raw_path"].decode()) == (expected, expected)
    assert dict(told["headers"]).get(b"x-forwarded-host", b"").decode() == (host or "")
