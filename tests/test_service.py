"""The service: snapshots, seeds, threads, stopping, divergence, and a cache that may forget."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from tiny_models import QUERY, SMALL, SUPPORT, saved_model

from meta_demo.algorithms.base import Algorithm
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Example, make_episode
from meta_demo.learning import checkpoint
from meta_demo.serving.requests import NOT_TRAINED, Request
from meta_demo.serving.service import Service

NAMES = ("charged", "delivery", "login")
EPISODE = make_episode([Example(t, NAMES[c]) for t, c in SUPPORT], [Example(t, NAMES[c]) for t, c in QUERY])
ALL = tuple(sorted(REGISTRY))
STEPS = 3  # of each inner loop: further ones are as these
LOOPS = tuple(name for name in ALL if any(k.name == "inner_steps" for k in REGISTRY[name].Config.knobs()))
REQUEST = Request(EPISODE, algorithms=ALL, knobs={name: {"inner_steps": STEPS} for name in LOOPS})


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """Every algorithm, on a model so small that all of them together take little: what the service does knows nothing of sizes."""
    folder = saved_model(tmp_path_factory.mktemp("tiny"), "bert", **SMALL | {"num_hidden_layers": 6})
    return replace(REQUEST, model=str(folder))


def figures(snapshots):
    return [(s.algorithm, s.step, s.support_loss, s.query_loss, s.outputs.tobytes()) for s in snapshots]


def test_snapshots_arrive_side_by_side(service, everything):
    snapshots = list(service.adapt_stream(everything))
    ahead = next(s for s in snapshots if s.step == 1)  # there is a curve before all have begun
    assert snapshots.index(ahead) == 1 + next(place for place, s in enumerate(snapshots) if s.steps)
    begun = [s for s in snapshots if s is not ahead][: len(ALL)]
    assert [s.algorithm for s in begun] == list(ALL) and all(s.step == 0 for s in begun)
    for name in ALL:
        own = [s for s in snapshots if s.algorithm == name]
        assert [s.step for s in own] == list(range(own[0].steps + 1))
        assert own[-1].last and not any(s.last for s in own[:-1])
    for s in snapshots:
        assert s.outputs.shape == (3, 3)
        np.testing.assert_allclose(s.outputs.sum(1), 1, rtol=1e-5)
        assert (s.support_score.count, s.query_score.count) == (6, 3)


@pytest.mark.slow
def test_equal_requests_equal_bits(everything):
    first, second = (Service(torch.device("cpu")) for _ in range(2))
    bundled = replace(REQUEST, algorithms=("maml", "protonet"))  # of whose products several threads share the sums
    for request in (everything, bundled):
        assert figures(first.adapt_stream(request)) == figures(second.adapt_stream(request))


def test_a_second_run_comes_from_the_cache(service, everything, monkeypatch):
    expected = figures(service.adapt_stream(everything))
    for cls in REGISTRY.values():
        monkeypatch.setattr(cls, "adapt", lambda *_: pytest.fail("adapted again"))
    assert figures(service.adapt_stream(everything)) == expected


def test_a_forgetful_cache_changes_nothing(service, everything):
    """With room for nothing every state is computed again, to the same bits."""
    forgetful = Service(torch.device("cpu"), cache_bytes=0)
    texts = ["money is missing", "the courier has not come"]
    assert figures(forgetful.adapt_stream(everything)) == figures(service.adapt_stream(everything))
    for a, b in zip(forgetful.predict(everything, texts, 2), service.predict(everything, texts, 2), strict=True):
        assert a.outputs.tobytes() == b.outputs.tobytes()
        assert a.leaned.kind == b.leaned.kind and a.leaned.counts.tobytes() == b.leaned.counts.tobytes()


@pytest.mark.slow
def test_threads_neither_disturb_each_other_nor_the_weights(everything):
    """Twelve adaptations of three kinds at once, and predictions beside them: every result is the lone one's, to the bit."""
    fresh = Service(torch.device("cpu"), cache_bytes=0)
    base = {n: p.clone() for n, p in fresh.backbone(everything.model).model.named_parameters()}
    requests = [
        replace(everything, algorithms=(name,), seed=seed) for seed in range(4) for name in ("maml", "finetune", "anil")
    ]
    alone = [figures(fresh.adapt_stream(r)) for r in requests]
    lone_prediction = fresh.predict(requests[0], ["late parcel"])[0].outputs.tobytes()
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(lambda r=r: figures(fresh.adapt_stream(r))) for r in requests]
        predictions = [pool.submit(fresh.predict, requests[0], ["late parcel"]) for _ in range(4)]
        assert [run.result() for run in runs] == alone
        assert {p.result()[0].outputs.tobytes() for p in predictions} == {lone_prediction}
    for name, p in fresh.backbone(everything.model).model.named_parameters():
        assert torch.equal(p, base[name])


def test_seeds_count_where_chance_does(service):
    lora = replace(REQUEST, algorithms=("maml",), knobs={"maml": {"scope": "lora"}}, checkpoint="none")
    one, again, other = (figures(service.adapt_stream(replace(lora, seed=seed))) for seed in (0, 0, 1))
    assert one == again != other


def test_of_a_trained_start_nothing_is_left_to_chance_and_nothing_is_made_twice(service, monkeypatch):
    request = replace(REQUEST, algorithms=("maml", "protonet"))
    expected = figures(service.adapt_stream(request))
    monkeypatch.setattr(checkpoint, "start", None)  # whoever loads it again calls nothing
    assert figures(service.adapt_stream(replace(request, seed=7))) == expected


def test_stopping_between_steps(service):
    """Closing the stream ends the work; what was seen stands, and the next run is whole."""
    request = replace(REQUEST, algorithms=("finetune",), knobs={"finetune": {"inner_steps": 6, "inner_lr": 1e-4}})
    stream = service.adapt_stream(request)
    seen = figures(islice(stream, 3))
    stream.close()
    whole = figures(service.adapt_stream(request))
    assert len(whole) == 7 and whole[:3] == seen


def test_divergence_is_caught_named_and_survived(service):
    wild = {"scope": "last_n", "inner_lr": 1e6, "head_lr": 1e6, "inner_steps": 20}
    request = replace(REQUEST, algorithms=("maml",), knobs={"maml": wild}, checkpoint="none")
    snapshots = list(service.adapt_stream(request))
    bad, good = snapshots[-1], snapshots[-2]
    assert bad.error is not None and bad.last
    assert f"step {good.step + 1}" in str(bad.error) and "maml" in str(bad.error)
    assert bad.step == good.step and bad.support_loss == good.support_loss
    assert np.isfinite(bad.outputs).all()
    assert np.isfinite(service.predict(request, ["hello"])[0].outputs).all()
    report, errors = service.report(request)
    assert len(errors) == 1 and json.loads(json.dumps(report, allow_nan=False))


def test_the_report_is_the_contract(service, everything):
    report, errors = service.report(everything)
    assert not errors
    assert report.keys() == {"model", "device", "objective", "labels", "notes", "results"}
    assert report["objective"] == "classes"
    assert [note.split(":")[0] for note in report["notes"]] == ["Heads differ"]
    assert report["labels"] == list(NAMES) and report["device"] == "cpu" and report["model"] == everything.model
    assert [r["algorithm"] for r in report["results"]] == list(ALL)
    for result in report["results"]:
        assert result.keys() == {"algorithm", "checkpoint", "predictions", "steps", "seconds"}
        assert result["seconds"].keys() == {"features", "adapt", "predict"}
        for prediction in result["predictions"]:
            best = max(prediction["probabilities"], key=prediction["probabilities"].get)
            assert prediction["label"] == best and sum(prediction["probabilities"].values()) == pytest.approx(
                1, abs=1e-5
            )
        for step in result["steps"]:
            assert step.keys() == {"step", "support_loss", "support_accuracy", "query_loss", "query_accuracy"}


def test_without_a_checkpoint_it_says_so(service):
    plain = replace(REQUEST, algorithms=("anil", "finetune", "maml", "protonet"), checkpoint="none")
    assert {s.checkpoint for s in service.adapt_stream(plain)} == {NOT_TRAINED} == {"not meta-trained"}


def test_it_is_said_where_heads_differ_and_can_be_mended(service):
    both = replace(REQUEST, algorithms=("anil", "finetune", "maml", "protonet"))
    (said,) = [note.message() for note in service.notes(both) if note.name == "heads_differ"]
    assert "class means for anil, maml, one vector for all classes for finetune." in said
    for alike in (
        replace(both, knobs={"finetune": {"head": "prototypes"}}),
        replace(both, algorithms=("anil", "maml", "protonet")),
    ):
        assert not any(note.name == "heads_differ" for note in service.notes(alike))


def test_queries_without_labels(service):
    episode = make_episode(EPISODE.support, [Example("what now"), Example("parcel lost", "delivery")])
    snapshot = next(iter(service.adapt_stream(replace(REQUEST, episode=episode, algorithms=("protonet",)))))
    assert snapshot.query_score.count == 1 and snapshot.outputs.shape == (2, 3)
    bare = make_episode(EPISODE.support)
    snapshot = next(iter(service.adapt_stream(replace(REQUEST, episode=bare, algorithms=("protonet",)))))
    assert snapshot.query_score is None and snapshot.outputs.shape == (0, 3)


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [0, 1, 3])
def test_queries_without_labels_are_predicted_once(everything, labelled, monkeypatch):
    """After the last step, as nobody sees them before; those with a label after each, and all where somebody asks for that."""
    query = [Example(t, NAMES[c] if place < labelled else None) for place, (t, c) in enumerate(QUERY)]
    request = replace(everything, episode=make_episode(EPISODE.support, query), algorithms=("maml",))
    asked, predict = [], Algorithm.predict
    monkeypatch.setattr(Algorithm, "predict", lambda self, s, x: (asked.append(x.count), predict(self, s, x))[1])
    watched = figures(Service(torch.device("cpu")).adapt_stream(replace(request, each_step=True)))
    steps = len(watched)
    assert asked == [3] * steps and steps > 2
    asked.clear()
    seen = Service(torch.device("cpu"))
    found = figures(seen.adapt_stream(request))
    assert asked == [labelled] * (steps - 1) * bool(labelled) + [3]
    assert found[-1] == watched[-1] and found == figures(seen.adapt_stream(request)), "the same from what was kept"
    for one, other in zip(found, watched, strict=True):
        assert one[:3] == other[:3] and one[3] == (other[3] and pytest.approx(other[3], rel=1e-5))


def test_prediction_leans_on_the_right_example(service):
    (prediction,) = service.predict(replace(REQUEST, algorithms=("protonet",)), ["I forgot my password"])
    assert prediction.outputs.argmax() == 2
    assert EPISODE.support[int(prediction.leaned.counts.argmax())].content == "I forgot my password"


def test_attention_changes_where_the_body_adapts(service, everything):
    for name in ALL:
        before, after = service.attention(everything, name, "a second payment")
        np.testing.assert_allclose(after.sum(-1), 1, rtol=1e-5)
        body_moves = (
            REGISTRY[name].adapts_body and "attention_changes_where_the_body_adapts" not in REGISTRY[name].exempt
        )
        assert (np.abs(after[-1] - before[-1]).max() > 1e-6) == body_moves
        assert np.array_equal(after[:3], before[:3])  # the frozen prefix
        start, _ = service.attention(everything, name, "a second payment", 0)
        assert np.array_equal(start, before)


@pytest.mark.parametrize(("name", "step", "passes"), [("protonet", None, 1), ("maml", 0, 1), ("maml", None, 2)])
def test_what_has_not_changed_is_looked_at_once(service, everything, monkeypatch, name, step, passes):
    looked, attentions = [], Backbone.attentions
    monkeypatch.setattr(Backbone, "attentions", lambda *given: looked.append(given) or attentions(*given))
    service.attention(replace(everything, algorithms=(name,)), name, "a second payment", step)
    assert len(looked) == passes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"algorithms": ("magic",)}, "magic"),
        ({"algorithms": ()}, "at least one"),
        ({"knobs": {"maml": {"inner_steps": -1}}, "algorithms": ("maml",)}, "inner_steps"),
        ({"knobs": {"maml": {"inner_steps": 2.5}}, "algorithms": ("maml",)}, "whole"),
        ({"knobs": {"maml": {"inner_lr": float("nan")}}, "algorithms": ("maml",)}, "inner_lr"),
        ({"knobs": {"maml": {"scope": "everything"}}, "algorithms": ("maml",)}, "last_n"),
        ({"knobs": {"maml": {"speed": 3}}, "algorithms": ("maml",)}, "speed"),
        ({"checkpoint": "nowhere"}, "nowhere"),
    ],
)
def test_wrong_requests_are_refused_in_words(service, change, words):
    with pytest.raises(UserError, match=words):
        next(iter(service.adapt_stream(replace(REQUEST, **change))))


def test_long_inputs_are_noted(service):
    episode = make_episode([*EPISODE.support, Example("word " * 5000, "login")])
    (note, *_) = service.notes(replace(REQUEST, episode=episode, algorithms=("protonet",)))
    assert "256" in note.message() and "5002" in note.message("zh")


@pytest.mark.parametrize("value", ["gpu", "cuda:9", "tpu"])
def test_a_device_that_is_not_there(monkeypatch, value):
    monkeypatch.setenv("META_DEMO_DEVICE", value)
    with pytest.raises(UserError, match=value):
        Service()
