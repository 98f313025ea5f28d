"""Evaluation: figures against their definitions, features computed once, pairs, and the command's contract."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_models import tiny_backbone

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.core.intervals import mean_interval
from meta_demo.data.episode import Episode, Example
from meta_demo.data.fingerprints import fingerprint, recognised
from meta_demo.data.names import spoken, with_names
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.sources import load_source
from meta_demo.learning import checkpoint
from meta_demo.learning.evaluate import Measured, evaluate, follow, paired, summary
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.picture.content import Picture
from meta_demo.objectives.classes import Classes, calibration_error

pytestmark = pytest.mark.many

SOURCE = load_source("builtin:sport")
EPISODES = [Sampler([SOURCE], Fixed(4, 2, 3), 0, TEST).draw(i) for i in range(5)]


def build(name: str, backbone=None, **knobs):
    cls = REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    mine = {k: v for k, v in {"last_n": 2, "lora_rank": 2, **knobs}.items() if k in known}
    return cls(backbone or tiny_backbone(), cls.Config(**mine)).eval()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_scores_are_what_adapting_and_predicting_give(name, tiny):
    algorithm = build(name, tiny, **{loops: 2} if (loops := REGISTRY[name].steps_knob) else {})
    scored = zip(follow(algorithm, EPISODES, range(99)), evaluate(algorithm, EPISODES), strict=True)
    for episode, (scores, at_end) in zip(EPISODES, scored, strict=True):
        task = to_task(algorithm, episode)
        states = list(algorithm.adapt(task.support))
        right = [algorithm.predict(s, task.query.x).argmax(1) == task.query.y.argmax(1) for s in states]
        assert [[bool(hit) for _, hit in m.grades] for m in scores] == [r.tolist() for r in right]
        assert [score.step for score in scores] == list(range(len(states)))
        assert scores[-1].score == at_end.score == pytest.approx(float(right[-1].float().mean()))


@pytest.mark.parametrize("name", [n for n, cls in sorted(REGISTRY.items()) if cls.learns and not cls.adapts_body])
def test_whole_outputs_equal_replaying_the_suffix(name):
    """Algorithms that leave the body alone get each text's last hidden states once; the figures are the same."""
    algorithm = build(name)
    with torch.no_grad():
        for p in algorithm.parameters():
            p.add_(0.05)
    texts = [row.content for row in EPISODES[0].support]
    whole = algorithm.features(texts)
    assert whole.boundary == algorithm.backbone.n_layers
    suffix = algorithm.backbone.features(texts, algorithm.boundary)
    torch.testing.assert_close(algorithm.embed({}, whole), algorithm.embed({}, suffix), rtol=1e-9, atol=1e-12)
    with torch.no_grad():
        next(algorithm.parameters()).mul_(2.0)  # changed weights: nothing stale
    torch.testing.assert_close(algorithm.embed({}, algorithm.features(texts)), algorithm.embed({}, suffix))


def test_intervals_against_numpy_and_pairs():
    a, b = np.array([0.2, 0.4, 0.9, 0.7]), np.array([0.1, 0.5, 0.7, 0.7])
    mean, half = mean_interval(a)
    assert mean == pytest.approx(0.55) and half == pytest.approx(1.959964 * a.std(ddof=1) / 2)
    difference, ci = paired(a, b)
    assert difference == pytest.approx(0.05) and ci == pytest.approx(1.959964 * (a - b).std(ddof=1) / 2)


def test_calibration_error_by_hand():
    """Two bins: 0.9 sure and half right, 0.3 sure and always right."""
    assert calibration_error([0.9, 0.9, 0.3, 0.3], [True, False, True, True]) == pytest.approx((0.4 * 2 + 0.7 * 2) / 4)
    assert calibration_error([1.0, 1.0], [True, True]) == 0.0


def test_a_summary_has_its_interval_and_its_count():
    scores = [
        Measured(3, Classes, [(0.9, 1.0), (0.6, 0.0)], 0.5, 0.1),
        Measured(3, Classes, [(0.8, 0.0), (0.7, 0.0)], 0.0, 0.3),
    ]
    figures = summary(scores)
    assert (figures["step"], figures["episodes"], figures["accuracy"]) == (3, 2, 0.25) and figures["ci95"] > 0
    assert figures["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.8 + 0.7) / 4)


@pytest.mark.slow
def test_the_command_writes_the_contract(tmp_path):
    out = tmp_path / "out.json"
    words = "evaluate builtin:sport --n-way 3,4 --k-shot 1 --n-query 2 --episodes 4 --algorithms protonet,anil"
    assert main([*words.split(), "--checkpoint", "none", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    keys = {
        "algorithm",
        "checkpoint",
        "n_way",
        "k_shot",
        "n_query",
        "episodes",
        "accuracy",
        "ci95",
        "calibration_error",
        "seconds_per_episode",
    }
    assert [(r["algorithm"], r["n_way"]) for r in content["results"]] == [
        ("protonet", 3),
        ("anil", 3),
        ("protonet", 4),
        ("anil", 4),
    ]
    for row in content["results"]:
        assert keys <= row.keys() and 0 <= row["accuracy"] <= 1 and len(row["accuracies"]) == 4
    assert len(content["pairs"]) == 2
    assert main([*words.split(), "--checkpoint", "none", "--json", str(tmp_path / "again.json")]) == 0
    again = json.loads((tmp_path / "again.json").read_text())
    assert [r["accuracies"] for r in again["results"]] == [r["accuracies"] for r in content["results"]]


def test_a_sweep_of_inner_steps_and_the_names_of_classes(tmp_path, capsys):
    out = tmp_path / "out.json"
    words = "evaluate builtin:sport --n-way 3 --n-query 2 --episodes 3 --algorithms anil,protonet --checkpoint none"
    assert main([*words.split(), "--steps", "0,2-3", "--names", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    rows = [(r["algorithm"], r["step"]) for r in content["results"]]
    assert rows == [("anil", 0), ("anil", 2), ("anil", 3), ("protonet", None)] and content["names"]
    assert [(p["first"]["step"], p["second"]["step"]) for p in content["pairs"]] == [(3, None)]
    said = capsys.readouterr().out.splitlines()
    assert said[1].split()[:3] == ["algorithm", "start", "step"] and len(said) == 7


def test_names_are_examples_of_their_own_class_and_say_nothing_of_the_queries():
    assert [spoken(label) for label in ("school/lost_property", "lostProperty", "a--b ")] == [
        "school lost property",
        "lost Property",
        "a b",
    ]
    episode = EPISODES[0]
    named = with_names(episode)
    assert named.query == episode.query and named.labels == episode.labels
    assert named.support[: len(episode.support)] == episode.support
    assert named.support[len(episode.support) :] == tuple(Example(spoken(name), name) for name in episode.labels)
    hidden = replace(episode, query=tuple(Example(row.content) for row in episode.query))
    assert with_names(hidden).support == named.support
    typed = Episode((Example("Card lost", "card_lost"), Example("x", "a-b"), Example("y", "a_b"), Example("z", "c")))
    assert [row.content for row in with_names(typed).support[4:]] == ["c"]
    picture = Episode((Example(Picture(1, 1, "L", b"0"), "a"), Example(Picture(1, 1, "L", b"1"), "b")))
    with pytest.raises(UserError, match="pictures"):
        with_names(picture)


def test_classes_that_were_trained_on_are_refused(tmp_path, capsys, minilm):
    cls = REGISTRY["protonet"]
    label = sorted(SOURCE.classes)[0]
    trained = {"name": SOURCE.name, "classes": {label: fingerprint(SOURCE.classes[label])}}
    checkpoint.save(cls(minilm, cls.Config(scope="head")), tmp_path / "made", sources=[trained])
    words = f"--algorithms protonet --checkpoint {tmp_path / 'made'}"
    drawn = "--episodes 2 --n-query 2 "
    renamed = tmp_path / "renamed.jsonl"
    rows = [{"text": t.upper(), "label": name[::-1]} for name, texts in SOURCE.classes.items() for t in texts]
    renamed.write_text("\n".join(map(json.dumps, rows)))
    episodes = tmp_path / "episodes.jsonl"
    tasks = [[[vars(row) for row in side] for side in (e.support, e.query)] for e in EPISODES]
    spelled = [[[{"text": row["content"], "label": row["label"]} for row in side] for side in task] for task in tasks]
    episodes.write_text("\n".join(json.dumps({"support": s, "query": q}) for s, q in spelled))
    for where, more in (("builtin:sport", drawn), (renamed, drawn), (episodes, "")):
        assert main(["evaluate", str(where), *(more + words).split()]) == 2
        assert f"“{label}”" in capsys.readouterr().err
    assert main(["evaluate", "builtin:sport", *(drawn + words).split(), "--seen-classes"]) == 0


def test_a_class_is_recognised_by_most_of_it_and_not_by_a_sentence_in_common():
    texts = [f"sentence {i}" for i in range(200)]
    known = {"trained": fingerprint(texts)}
    assert len(known["trained"]) == 128 and known["trained"] == fingerprint(texts[::-1])
    assert recognised(known, [t.title() for t in texts]) == ["trained"]
    assert recognised(known, [*texts[:120], *(f"other {i}" for i in range(1000))]) == ["trained"]
    assert recognised(known, [*texts[:3], *(f"other {i}" for i in range(1000))]) == []
    assert recognised({"empty": fingerprint([])}, texts) == []
    white, black = (Picture(2, 1, "L", bytes([shade] * 2), name=str(shade)) for shade in (255, 0))
    assert recognised({"white": fingerprint([white])}, [replace(white, name="w.png")]) == ["white"]
    assert recognised({"white": fingerprint([white])}, [black, "text"]) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--k-shot", "0"], "--k-shot is “0”"),
        (["--k-shot", "1,"], "whole numbers"),
        (["--steps", "5-2"], "whole numbers from 0"),
        (["--n-way", "11"], "10 classes, fewer than 11"),
        (["--k-shot", "20"], "has 14 examples"),
        (["--episodes", "1"], "--episodes is 1"),
        (["--algorithms", "magic"], "magic"),
        (["--checkpoint", "/no/such"], "card.json"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(more, words, capsys):
    assert main(["evaluate", "builtin:sport", "--algorithms", "protonet", *more]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
