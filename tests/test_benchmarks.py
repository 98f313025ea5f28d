"""The floor's arithmetic, against counts by hand on a model small enough to count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import protocol, report, unlike
from benchmarks.drawings import digits
from benchmarks.floor import Rate, Sizes, operations
from benchmarks.latency import N_QUERY, N_WAY, SHOTS, measure, table, task_contents
from benchmarks.runs import WAYS, ink, modified_hausdorff, runs
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.features import Features
from meta_demo.data.drawing.glyphs import glyph_source
from meta_demo.data.sampler import Fixed, Sampler
from meta_demo.data.source import Source
from meta_demo.modalities.base import Content
from meta_demo.ui import benchmark_tab

# The tiny encoder: width 16, three layers, 24 inner units.
D, P = 16, 4 * 16 * 16 + 2 * 16 * 24
SUPPORT, QUERY = [3, 5], [4]
TOKENS, SQUARES = 8, 9 + 25
LAYER = 2 * P * TOKENS + 4 * D * SQUARES  # one layer forward on the support set
QUERY_LAYER = 2 * P * 4 + 4 * D * 16
# Backwards through two layers: to all weights, to all that was read except by the lowest three maps, through attention.
TWO_BACK = 2 * (2 * P) * TOKENS + 2 * (2 * P - 3 * D * D) * TOKENS + 2 * 8 * D * SQUARES
TOP = {"scope": "last_n", "last_n": 2}


def test_sizes(tiny: Backbone) -> None:
    assert Sizes.of(tiny) == Sizes(dim=16, layers=3, layer_weights=P) and P == 1792


@pytest.mark.parametrize(
    ("name", "knobs", "expected"),
    [
        ("protonet", TOP, (3 * LAYER, 0, 3 * QUERY_LAYER)),
        ("anil", TOP | {"inner_steps": 7}, (3 * LAYER, 0, 3 * QUERY_LAYER)),
        ("maml", TOP | {"inner_steps": 0}, (LAYER, 2 * LAYER, 3 * QUERY_LAYER)),
        ("maml", TOP | {"inner_steps": 4}, (LAYER, 5 * 2 * LAYER + 4 * TWO_BACK, 3 * QUERY_LAYER)),
        ("finetune", {"inner_steps": 1, "scope": "head"}, (3 * LAYER, 0, 3 * QUERY_LAYER)),
    ],
)
def test_operations(tiny: Backbone, name: str, knobs: dict[str, object], expected: tuple[int, int, int]) -> None:
    cls = REGISTRY[name]
    counted = operations(cls(tiny, cls.Config.from_dict(knobs)), SUPPORT, QUERY)
    assert tuple(counted[phase] for phase in ("features", "adapt", "predict")) == expected


def test_operations_of_low_rank_factors(tiny: Backbone) -> None:
    """Rank 2 in the last layer: six maps with in + out = 4 x 32 + 2 x 40 numbers per rank; their full weights want no gradient."""
    maml = REGISTRY["maml"]
    low = 2 * (4 * 32 + 2 * 40)
    config = maml.Config(scope="lora", last_n=1, lora_rank=2, inner_steps=1)  # type: ignore[call-arg]
    counted = operations(maml(tiny, config), SUPPORT, QUERY)
    forward = LAYER + 2 * low * TOKENS
    backward = 2 * (low + P - 3 * D * D) * TOKENS + 8 * D * SQUARES + 2 * low * TOKENS
    assert counted == {
        "features": 2 * LAYER,
        "adapt": 2 * forward + backward,
        "predict": 3 * QUERY_LAYER + 2 * low * 4,
    }


@pytest.mark.parametrize("modality", ["text", "picture"])
@pytest.mark.parametrize("shots", SHOTS)
def test_the_tasks_are_as_they_are_called(shots: int, modality: str) -> None:
    texts = task_contents(shots, modality)
    sentences = texts.support + texts.query
    assert (len(texts.support), len(texts.query), len(set(sentences))) == (N_WAY * shots, N_QUERY, len(sentences))
    examples = texts.labelled(Features((), 0, len(texts.support)), torch.zeros(1))
    assert examples.y.sum(0).tolist() == [shots] * N_WAY


@pytest.mark.slow
def test_every_algorithm_has_a_row(tiny_of: type) -> None:
    backbone = tiny_of(num_hidden_layers=4)
    rows = measure(backbone, 1)
    assert [(row["k_shot"], row["algorithm"]) for row in rows] == [
        (k, name) for k in SHOTS for name in sorted(REGISTRY)
    ]
    assert all(phase["seconds"] > 0 and phase["rate"] > 0 for row in rows for phase in row["phases"].values())
    for row, line in zip(rows, table(rows).splitlines()[2:], strict=True):
        floors = [phase["floor"] for phase in row["phases"].values()]
        assert min(floors) > 0 or not REGISTRY[row["algorithm"]].adapts_body
        assert line.count("x)") == 1 + sum(floor > 0 for floor in floors)


def test_the_rate_is_the_median_of_its_samples(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three samples that take 1, 9 and 2 seconds: all weights of three layers times 30 rows in 2 seconds."""
    rate = Rate(tiny, 30)
    clock = iter([0, 1, 10, 19, 20, 22])
    monkeypatch.setattr("benchmarks.floor.time.perf_counter", lambda: next(clock))
    for _ in range(3):
        rate.sample()
    assert rate.median == 2 * 30 * 3 * P / 2


def test_the_mean_over_folds_and_its_interval() -> None:
    """Of independent tasks: the root of the summed squares over the number of folds."""
    frozen, trained = [(0.8, 0.003), (0.9, 0.004)], [(0.9, 0.004), (0.92, 0.003)]
    difference, named, unlabelled = (
        [(0.1, 0.006), (0.02, 0.008)],
        [(0.95, 0.0), (0.97, 0.0)],
        [(0.92, 0.003), (0.94, 0.004)],
    )
    names = ("frozen", "trained", "difference", "named", "unlabelled")
    figures = [
        dict(zip(names, own, strict=True)) for own in zip(frozen, trained, difference, named, unlabelled, strict=True)
    ]
    folds = [{"data set": "CLINC150", "fold": 2 - i, "shots": [{"tasks": 600} | f] * 2} for i, f in enumerate(figures)]
    mean, _, *rows = protocol.table(folds)
    assert mean[:2] == ["CLINC150", "mean"]
    assert mean[3:] == [
        1200,
        "85.0 ± 0.2 %",
        "91.0 ± 0.2 %",
        "+6.0 ± 0.5",
        "93.0 ± 0.2 %",
        "96.0 ± 0.0 %",
        protocol.PUBLISHED["CLINC150", 1],
    ]
    assert [row[1] for row in rows] == ["1", "2", "1", "2"] and rows[1][4] == "80.0 ± 0.3 %"


def test_a_table_is_written_between_its_marks(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- x -->\nold\n<!-- /x -->\nafter\n")
    report.into_readme("x", ["a", "b"], [["one", 2]], readme)
    assert readme.read_text() == "before\n<!-- x -->\n| a | b |\n| --- | --- |\n| one | 2 |\n<!-- /x -->\nafter\n"


def test_a_word_among_numbers_stands_where_they_stand() -> None:
    """The mean of all folds, in a column of their numbers."""
    measured = benchmark_tab.Table(
        title="t", command="c", machine="m", date="d", columns=["set", "fold"], rows=[["a", "mean"], ["a", "1"]]
    )
    shown = benchmark_tab.page([measured], "en")
    assert shown.count('<td class="number">') == 2 and '<th scope="row" class="number">' not in shown


def test_runs_have_one_person_for_the_examples_and_another_for_the_queries() -> None:
    alphabet = glyph_source(0, 1, 24, 3)
    people = {picture: who for drawings in alphabet.classes.values() for who, picture in enumerate(drawings)}
    made = list(runs(alphabet, 8))
    assert made == list(runs(alphabet, 8)) and made[0] != made[1]
    for episode in made:
        assert len(episode.labels) == WAYS and [row.label for row in episode.query] == list(episode.labels)
        (shown,), (asked,) = ({people[row.content] for row in side} for side in (episode.support, episode.query))
        assert shown != asked
        assert all(row.content in alphabet.classes[row.label or ""] for row in episode.support + episode.query)
    assert len({tuple(people[row.content] for row in (e.support[0], e.query[0])) for e in made}) > 2


def test_the_baseline_of_runs_is_the_modified_hausdorff_distance() -> None:
    """Of both sides, the larger mean distance to the nearest ink of the other."""
    run = next(runs(glyph_source(0, 1, 24, 3), 1))

    def apart(a: Content, b: Content) -> float:
        each = np.linalg.norm(ink(a)[:, None] - ink(b), axis=-1)
        return float(max(each.min(0).mean(), each.min(1).mean()))

    table = [[apart(asked.content, shown.content) for shown in run.support] for asked in run.query]
    right = float(np.mean(np.argmin(table, 1) == range(WAYS)))
    assert modified_hausdorff(run) == right > 1 / WAYS
    assert modified_hausdorff(replace(run, query=run.support)) == 1


def test_digits_are_dark_on_light_and_none_twice() -> None:
    source = digits(5)
    pictures = [picture for shown in source.classes.values() for picture in shown]
    assert (sorted(source.classes), len(set(pictures))) == (list("0123456789"), 50)
    for picture in pictures:
        grey = np.asarray(picture.image().convert("L"))
        assert grey.min() < 60 and grey.max() > 240 and np.median(grey) > 128


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.data())
def test_area_under_the_curve_counts_pairs(scores: list[int], data: st.DataObject) -> None:
    own = data.draw(st.integers(1, len(scores) - 1))
    pairs = [(a > b) + (a == b) / 2 for a in scores[:own] for b in scores[own:]]
    assert unlike.auroc(scores, own) == pytest.approx(sum(pairs) / len(pairs))


def test_strangers_are_of_classes_that_a_task_has_not(tiny: Backbone) -> None:
    classes = {f"class {c}": tuple(f"text {c} {i}" for i in range(10)) for c in range(12)}
    sampler = Sampler([Source("x", classes)], Fixed(5, 3, 5))
    for task, strangers in unlike.with_strangers(sampler, 3):
        theirs = {label for label, texts in classes.items() if {*texts} & {*strangers}}
        assert (len(strangers), len(theirs), theirs & {*task.labels}) == (25, 5, set())
    algorithm = REGISTRY["maml"](tiny, REGISTRY["maml"].Config(inner_steps=1))  # type: ignore[call-arg]
    found = unlike.measured(algorithm.requires_grad_(False).eval(), sampler, 2)
    assert {name: len(figures) for name, figures in found.items()} == {"maml": 2, "maml, adapted embedding": 2}
