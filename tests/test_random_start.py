"""`--checkpoint random`: the same architecture with weights that nobody has trained, every one of them in scope."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
import torch

from meta_demo.backbones.loading import load_backbone
from meta_demo.cli import main
from meta_demo.core.cache import Cache
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.learning import checkpoint
from meta_demo.serving.requests import AT_RANDOM, NOT_TRAINED, Request
from meta_demo.serving.service import Service
from meta_demo.ui.endpoint import adapt_endpoint

CPU = torch.device("cpu")
TASK = {
    "support": [{"value": 3.5, "x": 0.3}, {"value": -1.0, "x": 1.2}, {"value": 0.5, "x": 2.2}],
    "query": [{"x": 0.7}, {"x": 1.9}],
}
REQUEST = Request(parse_episode(TASK), "curves", ("maml",), checkpoint="random", knobs={"maml": {"inner_steps": 2}})


def values(service: Service, request: Request) -> list[float]:
    (result,) = service.report(request)[0]["results"]
    return [p["value"] for p in result["predictions"]]


@pytest.mark.slow
def test_equal_seeds_give_equal_bits_and_the_pretrained_model_is_kept_apart():
    service = Service(CPU)
    plain = replace(REQUEST, checkpoint="none")
    before, first = values(service, plain), values(service, REQUEST)
    assert first == values(service, REQUEST) == values(Service(CPU), REQUEST)
    assert first != before and first != values(service, replace(REQUEST, seed=1))
    assert values(service, plain) == before == values(Service(CPU), plain)


def test_its_weights_are_the_architectures_own_random_ones():
    own, fresh = (load_backbone("curves", CPU, Cache(1 << 20), scratch=s) for s in (None, 4))
    with torch.random.fork_rng():
        torch.manual_seed(4)
        wanted = type(fresh.model)(fresh.model.config).state_dict()
    found = fresh.model.state_dict()
    assert found.keys() == own.model.state_dict().keys() and fresh.hash != own.hash
    assert all(torch.equal(found[name], w) for name, w in wanted.items())


def test_every_weight_is_in_scope_unless_a_knob_says_otherwise(minilm):
    for name in ("maml", "tmaml", "protonet", "cavia"):
        assert checkpoint.start(minilm, name, None, {}, 0, scratch=True).config.scope == "model"
    assert checkpoint.start(minilm, "maml", None, {"scope": "lora"}, 0, scratch=True).config.scope == "lora"
    assert checkpoint.start(minilm, "maml", None, {}, 0).config.scope == "lora"
    assert checkpoint.start(minilm, "nearest", None, {}, 0, scratch=True)


def test_it_is_said_where_it_started_from():
    report, _ = Service(CPU).report(replace(REQUEST, algorithms=("maml", "anil"), checkpoints={"anil": "none"}))
    assert [r["checkpoint"] for r in report["results"]] == [AT_RANDOM, NOT_TRAINED]
    assert [
        note
        for note in report["notes"]
        if note.startswith("maml started from random weights in the architecture of curves (seed 0)")
    ]
    assert not any("random" in note for note in Service(CPU).report(replace(REQUEST, checkpoint="none"))[0]["notes"])


@pytest.mark.slow
def test_the_command_line_takes_it_beside_the_others(tmp_path, capsys):
    task, out = tmp_path / "task.json", tmp_path / "out.json"
    task.write_text(json.dumps(TASK))
    said = ["--algorithms", "maml", "--maml.inner-steps", "2", "--json", str(out), "--model", "curves"]
    assert main(["adapt", str(task), *said, "--checkpoint", "random"]) == 0
    assert [p["value"] for p in json.loads(out.read_text())["results"][0]["predictions"]] == values(
        Service(CPU), REQUEST
    )
    assert "random weights" in capsys.readouterr().err
    sines = [
        "evaluate",
        "builtin:sines",
        "--k-shot",
        "5",
        "--n-query",
        "5",
        "--episodes",
        "3",
        "--checkpoint",
        "none,random",
    ]
    assert main([*sines, *said]) == 0
    told = json.loads(out.read_text())
    assert [r["checkpoint"] for r in told["results"]] == [NOT_TRAINED, AT_RANDOM]
    assert told["results"][0]["mse"] != told["results"][1]["mse"]
    assert any("random weights" in note for note in told["notes"])


def test_the_api_takes_it_and_says_so():
    ask = adapt_endpoint(Service(CPU))
    found = asyncio.run(ask(TASK, "curves", ["maml"], 0, "random", {"maml": {"inner_steps": 2}}))
    assert [p["value"] for p in found["results"][0]["predictions"]] == values(Service(CPU), REQUEST)
    assert found["results"][0]["checkpoint"] == AT_RANDOM and any("random weights" in note for note in found["notes"])
