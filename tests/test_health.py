"""Whoever runs the page sees how it is: `/healthz`, `/metrics`, and no visitor's word in either."""

from __future__ import annotations

import json
import logging
import re
import urllib.request
from dataclasses import replace
from typing import Any

import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from meta_demo import __version__
from meta_demo.core.errors import UserError
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.serving import journal, meter
from meta_demo.serving.requests import Request
from meta_demo.serving.service import BEGUN, Service
from meta_demo.ui.health import health_routes
from meta_demo.ui.proxy import BehindProxy

SECRET = "bouillabaisse"
TASK = {
    "support": [{"text": f"{SECRET} one", "label": f"{SECRET}-a"}, {"text": f"{SECRET} two", "label": f"{SECRET}-b"}],
    "query": [{"text": f"{SECRET} three"}],
}


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/demo/healthz", "/demo/metrics"])
def test_both_are_there_behind_a_proxys_path_too(path: str) -> None:
    service = Service(torch.device("cpu"), cache_bytes=0)
    app = Starlette(routes=health_routes(service), middleware=[Middleware(BehindProxy, "/demo")])
    answer = TestClient(app).get(path)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    if path.endswith("healthz"):
        said = {"status": "ok", "version": __version__, "models": [], "other_models": 0, "device": "cpu"}
        assert answer.json() == said


def test_a_model_beyond_the_list_is_counted_and_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(torch.device("cpu"), cache_bytes=0)
    monkeypatch.setattr(service, "loaded", lambda: {"minilm", f"/home/{SECRET}/model"})
    said = TestClient(Starlette(routes=health_routes(service))).get("/healthz")
    assert SECRET not in said.text and said.json()["models"] == ["minilm"] and said.json()["other_models"] == 1


def samples(said: str) -> dict[tuple[str, str], float]:
    """The numbers of an answer of `/metrics` by name and kind; raises where it is not the format of Prometheus."""
    return {
        (sample.name, sample.labels.get("kind", "")): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    }


def read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        said: str = answer.read().decode()
    return said


def test_an_event_is_a_line_of_json_without_a_word_of_a_visitors(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waited says from where; who failed or left, why."""
    caplog.set_level(logging.INFO, journal.__name__)
    request = Request(parse_episode(TASK), algorithms=("protonet",))
    others = [service.heavy.enter(f"v{number}") for number in range(BEGUN)]
    turn, wrong = service.heavy.enter("me"), service.heavy.enter("other")
    for other in others:
        other.leave()
    service.history(request, turn)
    with pytest.raises(UserError):
        service.history(replace(request, seed=-1), wrong)
    left = service.adapt_stream(request)
    next(left)
    left.close()
    meter.count(UserError("seed", value=SECRET, limit=1))
    events = [json.loads(record.getMessage()) for record in caplog.records if record.name == journal.__name__]
    whole, gone, told = events
    assert whole["event"] == "adapt" and whole["place"] == 1 and whole["ms"] >= 0 <= whole["waited_ms"]
    assert gone["error"] == "left" and gone["place"] == 0
    assert told["event"] == "told" and told["error"] == "seed" and SECRET not in caplog.text


def test_a_running_page_counts_and_repeats_no_word(page_url: str) -> None:
    before = samples(read(f"{page_url}metrics"))
    client = Client(page_url, verbose=False)
    wrong: dict[str, Any] = {"algorithms": [SECRET]}
    client.predict(TASK, "minilm", ["protonet"], api_name="/adapt")
    with pytest.raises(AppError):
        client.predict(TASK, api_name="/adapt", **wrong)
    said = read(f"{page_url}metrics")
    after = samples(said)

    def grew(name: str, kind: str) -> float:
        return after[name, kind] - before.get((name, kind), 0)

    assert grew("meta_demo_run_seconds_count", "adapt") >= 1
    assert grew("meta_demo_errors_total", "algorithm_unknown") >= 1
    assert after["meta_demo_cache_bytes", ""] > 0
    health = json.loads(read(f"{page_url}healthz"))
    assert health["status"] == "ok" and "minilm" in health["models"]
    assert not re.search(SECRET, said + json.dumps(health))
