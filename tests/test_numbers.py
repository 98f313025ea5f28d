"""Numbers as labels: how they are read, what is learned of them exactly, and what is said of the answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import in_turn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_readers import xlsx_bytes
from tiny_models import SUPPORT, make_values, tiny_backbone

from meta_demo.algorithms.metric.kernel import Kernel
from meta_demo.algorithms.registry import REGISTRY, able_to
from meta_demo.cli import main
from meta_demo.core.errors import UserError
from meta_demo.core.heads import linear
from meta_demo.core.objective import OBJECTIVES, Cell, objective_among
from meta_demo.data.episode import Example, make_episode
from meta_demo.data.reading.readers import read_episode
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.data.sampler import TEST, Fixed, Sampler, Variable
from meta_demo.data.samples import load_sample
from meta_demo.data.source import make_source
from meta_demo.data.sources import check_apart, hold_out, load_source
from meta_demo.learning.evaluate import follow, summary
from meta_demo.objectives.classes import Classes
from meta_demo.objectives.numbers import Numbers
from meta_demo.serving.requests import Request

BACKBONE = tiny_backbone()
TEXTS = [text for text, _ in SUPPORT]
VALUES = [3.0, -1.5, 0.25, 8.0, 2.0, 4.5]
ABLE = pytest.mark.parametrize("name", able_to("numbers"))


def column(*said: Any) -> tuple[list[float], list[str]]:
    """What a column says, and the notes on it."""
    values, notes = Numbers.read([Cell(cell, "a.csv", row) for row, cell in enumerate(said, 2)])
    return values, [note.name for note in notes]


# --- reading ---


@pytest.mark.parametrize(
    ("said", "values"),
    [
        (("3.5", "-2", "+0.5", ".5", "7."), [3.5, -2, 0.5, 0.5, 7]),
        (("1e12", "2.5E-3", "−4"), [1e12, 0.0025, -4]),
        (("0.125", "1.200"), [0.125, 1.2]),  # the first shows that a point before three digits is a decimal one
        (("12.3456", "1.200"), [12.3456, 1.2]),
        (("1200", "35"), [1200, 35]),
        ((1.125, 2, "3.5"), [1.125, 2, 3.5]),  # a workbook knows its numbers
        (("1.125", 2.5, "0.5"), [1.125, 2.5, 0.5]),
    ],
)
def test_a_column_with_decimal_points(said: Sequence[Any], values: list[float]) -> None:
    assert column(*said) == (values, [])


def test_a_column_with_decimal_commas_is_read_and_said_so() -> None:
    assert column("3,5", "1,200", "-7", "0,25") == ([3.5, 1.2, -7, 0.25], ["decimal_commas"])


@pytest.mark.parametrize(
    ("said", "name", "row"),
    [
        (("3.5", "many"), "value_word", 3),
        (("3.5", "4 %"), "value_word", 3),
        (("1_000", "2"), "value_word", 2),
        (("2", True), "value_word", 3),
        (("inf", "1"), "value_endless", 2),
        (("1", "-NaN"), "value_endless", 3),
        (("1", 1e400), "value_endless", 3),
        (("1", 10**400), "value_endless", 3),
        (("1", "1e999"), "value_endless", 3),
        (("3,5", "1.200"), "value_ambiguous", 2),
        (("1.5", "3,5"), "value_ambiguous", 3),
        (("1.200", "35"), "value_ambiguous", 2),
        (("1,200", "35"), "value_ambiguous", 2),
        (("1.200.000", "0.5"), "value_ambiguous", 2),
        (("1,200.50", "3"), "value_ambiguous", 2),
    ],
)
def test_what_is_no_number_or_could_be_two_is_refused(said: Sequence[Any], name: str, row: int) -> None:
    with pytest.raises(UserError) as caught:
        column(*said)
    assert (caught.value.name, caught.value.values["row"]) == (name, row)
    assert str(row) in caught.value.message("zh")


@given(st.lists(st.floats(-1e15, 1e15).filter(lambda x: abs(x) != 1), min_size=1))
def test_what_python_writes_is_read_back_or_refused(values: list[float]) -> None:
    try:
        assert column(*map(repr, values))[0] == values
    except UserError as error:
        assert error.name == "value_ambiguous"


def test_rows_without_a_value_are_queries_in_every_kind_of_table(tmp_path: Path) -> None:
    rows = [["the best", 4.5], ["the worst", 0], ["middling", None]]
    lines = "".join(json.dumps({"text": text, "value": value}) + "\n" for text, value in rows)
    cells = [[text, "" if value is None else str(value)] for text, value in rows]
    files = {
        "a.csv": "text,value\n" + "".join(",".join(row) + "\n" for row in cells),
        "a.tsv": "text\tvalue\n" + "".join("\t".join(row) + "\n" for row in cells),
        "a.jsonl": lines,
        "a.xlsx": xlsx_bytes([["text", "value"], *rows]),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        episode = read_episode(tmp_path / name)
        assert episode.support == (Example("the best", 4.5), Example("the worst", 0.0)), name
        assert episode.query == (Example("middling"),) and episode.objective == Numbers(2.25, 2.25)


def test_a_table_with_decimal_commas_tells_the_episode(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("text\tvalue\nx\t3,5\ny\t4\n")
    episode = read_episode(tmp_path / "a.tsv")
    assert [row.label for row in episode.support] == [3.5, 4]
    (note,) = episode.notes
    assert "“3,5” was read as 3.5" in note.message() and "3,5" in note.message("zh")


def test_a_column_without_any_value_is_said_to_have_none(tmp_path: Path) -> None:
    table = tmp_path / "none.csv"
    table.write_text("text,value\na cold day,\na warm day,\n")
    with pytest.raises(UserError) as refused:
        read_episode(table)
    assert refused.value.name == "no_values"
    table.write_text("text,label\na cold day,\na warm day,\n")
    with pytest.raises(UserError) as refused:
        read_episode(table)
    assert refused.value.name == "no_support"


def test_an_objective_is_found_by_what_a_label_is() -> None:
    task = parse_episode(
        {"support": [{"text": "x", "value": 1}, {"text": "y", "value": 2.5}], "query": [{"text": "z"}]}
    )
    assert task.objective == Numbers.of([1.0, 2.5]) and task.labels == ()
    assert isinstance(make_episode([Example("x", "a"), Example("y", "b")]).objective, Classes)
    assert list(OBJECTIVES) == ["classes", "numbers"] and objective_among([None]) is Classes
    with pytest.raises(UserError, check=lambda e: e.name == "labels_mixed"):
        objective_among(["a", None, 2.0])


def test_the_same_text_may_have_two_values_but_not_twice_the_same() -> None:
    episode = make_episode([Example("x", 1.0), Example("x", 2.0), Example("x", 1.0)])
    assert [row.label for row in episode.support] == [1.0, 2.0]


# --- exactness ---


def answers(
    name: str, scope: str | None, values: Sequence[float], order: Sequence[int] = range(6), **knobs: Any
) -> Any:
    """An algorithm's values for three queries after each step, and half the width of their interval, in the labels' own units."""
    cls = REGISTRY[name]
    known = {k.name for k in cls.Config.knobs()}
    steps = {cls.steps_knob: 3} if cls.steps_knob else {}  # further ones are as these
    given = {**cls.defaults.get("numbers", {}), **steps, "scope": scope, **knobs}
    algorithm = cls(BACKBONE, cls.Config(**{k: v for k, v in given.items() if k in known and v is not None}))
    task = make_values(algorithm, [TEXTS[i] for i in order], [values[i] for i in order])
    with torch.no_grad():
        states = list(algorithm.adapt(task.support))
        (spreads,) = algorithm.spreads([task.support], states[:1])
        shown = task.query.objective.shown
        each = zip(states, spreads, strict=True)
        return np.array([shown(algorithm.predict(s, task.query.x), spread).numpy() for s, spread in each])


def offers(name: str, scope: str) -> bool:
    """Whether a method may be asked to move that scope, or has none to choose."""
    choices = next((k.choices for k in REGISTRY[name].Config.knobs() if k.name == "scope"), None)
    return choices is None or scope in choices


SCOPED = [
    (name, scope)
    for name in able_to("numbers")
    for scope in ("head", "lora", "bias", "last_n", "all", "model")
    if offers(name, scope)
]


@pytest.mark.parametrize(
    ("name", "scope"),
    in_turn(SCOPED, lambda case: case[1] == "lora", is_quick=lambda case: case[0] in ("maml", "kernel")),
)
def test_permuting_shifting_and_scaling_values_does_so_to_the_answers(name: str, scope: str) -> None:
    plain = answers(name, scope, VALUES)
    assert np.isfinite(plain).all() and np.ptp(plain[-1, :, 0]) > 0
    np.testing.assert_allclose(answers(name, scope, VALUES, [3, 5, 0, 1, 4, 2]), plain, rtol=1e-8, atol=1e-8)
    moved = answers(name, scope, [10 * value - 700 for value in VALUES])
    np.testing.assert_allclose(moved, 10 * plain - 700, rtol=1e-8, atol=1e-8)
    negated = answers(name, scope, [-value for value in VALUES])
    np.testing.assert_allclose(negated, -plain[..., [0, 2, 1]], rtol=1e-8, atol=1e-8)
    given_otherwise = answers(name, scope, [VALUES[i] for i in (1, 0, 2, 3, 4, 5)])
    assert not np.allclose(given_otherwise[-1], plain[-1])


@ABLE
def test_every_method_begins_with_the_supports_mean_or_averages(name: str) -> None:
    if REGISTRY[name].steps_knob:
        scope = "head" if offers(name, "head") else None
        for head in ("prototypes", "shared"):
            np.testing.assert_allclose(answers(name, scope, VALUES, head=head)[0, :, 0], np.mean(VALUES), rtol=1e-12)
    else:
        assert (answers(name, "head", VALUES)[..., 0] > min(VALUES)).all()


def test_the_head_alone_trained_to_the_end_is_least_squares() -> None:
    """Gradient descent ends at the solution nearest to where it began; that of ridge regression without a penalty."""
    cls = REGISTRY["maml"]
    algorithm = cls(BACKBONE, cls.Config(scope="head", inner_steps=50, head_lr=0.45, momentum=0.98))
    object.__setattr__(algorithm.config, "inner_steps", 2_000)
    task = make_values(algorithm, TEXTS, VALUES)
    *_, last = algorithm.adapt(task.support)
    z = algorithm.embed({}, task.support.x).detach()
    inputs, y = torch.cat([z, torch.ones(6, 1, dtype=z.dtype)], 1), task.support.y[:, 0]
    begun = torch.cat([torch.zeros(z.shape[1], dtype=z.dtype), y.mean()[None]])
    solved = begun + torch.linalg.pinv(inputs) @ (y - inputs @ begun)
    found = torch.cat([last.tensors["head.weight"][0], last.tensors["head.bias"]])
    query = algorithm.embed({}, task.query.x).detach()
    torch.testing.assert_close(linear(z, last.tensors)[:, 0], y, rtol=0, atol=1e-4)
    torch.testing.assert_close(query @ found[:-1] + found[-1], query @ solved[:-1] + solved[-1], rtol=0, atol=2e-2)


@pytest.mark.parametrize("steps", [1, 4])
def test_maml_on_a_quadratic_has_the_known_jacobian(steps: int) -> None:
    """Squared error of a linear head is a quadratic with Hessian A: d phi_T / d theta = (I - alpha A)^T, to the power T."""
    cls, alpha = REGISTRY["maml"], 0.3
    algorithm = cls(BACKBONE, cls.Config(scope="head", head="shared", inner_steps=steps, head_lr=alpha, momentum=0.0))
    task = make_values(algorithm, TEXTS, VALUES)
    z = algorithm.embed({}, task.support.x).detach()
    inputs = torch.cat([z, torch.ones(6, 1, dtype=z.dtype)], 1)
    hessian = 2 * inputs.T @ inputs / 6
    expected = torch.matrix_power(torch.eye(17, dtype=z.dtype) - alpha * hessian, steps)[:, :16]
    *_, last = algorithm.adapt(task.support, graph=True)
    reached = torch.cat([last.tensors["head.weight"][0], last.tensors["head.bias"]])
    rows = [torch.autograd.grad(value, algorithm.shared, retain_graph=True)[0] for value in reached]
    torch.testing.assert_close(torch.stack(rows), expected, rtol=1e-9, atol=1e-11)

    (walked,) = torch.autograd.grad(algorithm.meta_loss(task), algorithm.shared)
    asked = torch.cat([algorithm.embed({}, task.query.x).detach(), torch.ones(3, 1, dtype=z.dtype)], 1)
    error = asked @ reached.detach() - task.query.y[:, 0]
    torch.testing.assert_close(walked, expected.T @ (2 * asked.T @ error / 3), rtol=1e-9, atol=1e-11)


def test_kernel_averages_by_hand() -> None:
    """Nadaraya-Watson and its leave-one-out answers, written out example by example, for numbers and for classes."""
    algorithm = Kernel(BACKBONE, Kernel.Config(scope="head", scale=3.0))
    task = make_values(algorithm, TEXTS, VALUES)
    (state,) = algorithm.adapt(task.support)
    z, asked = (algorithm.embed({}, side.x).detach() for side in (task.support, task.query))

    def average(point: Any, others: Sequence[int]) -> float:
        weights = [float(torch.exp(-3 * (point - z[i]).square().sum())) for i in others]
        return sum(w * float(task.support.y[i]) for w, i in zip(weights, others, strict=True)) / sum(weights)

    expected = torch.tensor([[average(point, range(6))] for point in asked], dtype=z.dtype)
    torch.testing.assert_close(algorithm.answer(state, asked).detach(), expected, rtol=1e-9, atol=1e-11)
    without = torch.tensor([[average(z[i], [j for j in range(6) if j != i])] for i in range(6)], dtype=z.dtype)
    torch.testing.assert_close(algorithm.left_out([task.support], [0])[0][0].detach(), without, rtol=1e-9, atol=1e-11)

    classes = Classes.of(["a", "b"])
    labels = classes.encode(["a", "a", "b", "b", "b", "a"], z)
    (state,) = algorithm.adapt(type(task.support)(task.support.x, labels, classes))
    weights = (-3 * torch.cdist(asked, z).square()).softmax(1)
    torch.testing.assert_close(
        algorithm.answer(state, asked).detach().softmax(1), weights @ labels, rtol=1e-9, atol=1e-11
    )


# --- intervals ---


def test_intervals_by_hand() -> None:
    objective = Numbers.of([1.0, 2.0, 4.0, 9.0])
    y = objective.encode([1.0, 2.0, 4.0, 9.0], torch.zeros(1, dtype=torch.float64))
    start = objective.spread(torch.zeros_like(y), y, left_out=False)
    low, high = stats.t.interval(0.95, 3, 4.0, np.std([1, 2, 4, 9], ddof=1) * np.sqrt(1 + 1 / 4))  # of a new value
    np.testing.assert_allclose(objective.shown(torch.zeros(1, 1), start)[0], [4.0, low, high], rtol=1e-9)
    left_out = objective.spread(y + torch.tensor([[0.1], [-0.2], [0.3], [0.0]]), y, left_out=True)
    assert float(left_out) == pytest.approx(stats.t.ppf(0.975, 3) * np.sqrt(0.14 / 4))
    assert objective.spread(y[:2], y[:2], left_out=False) is None
    assert objective.spread(y * torch.inf, y, left_out=True).isnan()
    assert objective.answers(objective.shown(torch.ones(1, 1)).tolist()) == [
        {"value": pytest.approx(objective.mean + objective.scale), "low": None, "high": None}
    ]


def test_left_out_answers_of_a_mean_give_students_interval_almost() -> None:
    """Both ways agree where both can be had: n / (n - 1) against (n + 1) / n under the root."""
    y = torch.randn(12, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    objective, mean = Numbers(0.0, 1.0), y.mean()
    one = objective.spread(mean.expand_as(y), y, left_out=False)
    other = objective.spread((y.sum() - y) / 11, y, left_out=True)
    assert float(other / one) == pytest.approx(np.sqrt((12 / 11) / (13 / 12)))


def test_values_of_a_million_millions_keep_their_digits(service: Any) -> None:
    values = [1e12, 1e12 + 1, 1e12 + 2, 1e12 + 4]
    episode = make_episode([Example(t, v) for t, v in zip(TEXTS, values, strict=False)], [Example(TEXTS[3], 1e12 + 4)])
    (result,) = service.report(Request(episode, algorithms=("kernel",)))[0]["results"]
    (prediction,) = result["predictions"]
    assert 1e12 + 3 < prediction["value"] < 1e12 + 4.5 and prediction["low"] < 1e12 + 4 < prediction["high"]
    assert result["steps"][0]["query_rmse"] < 1


@settings(max_examples=20)
@given(st.lists(st.floats(-1e99, 1e99), min_size=2, max_size=8).filter(lambda v: len(set(v)) > 1))
def test_any_values_give_finite_answers_or_a_refusal(values: list[float]) -> None:
    episode = make_episode([Example(f"text {i}", v) for i, v in enumerate(values)])
    algorithm = Kernel(BACKBONE, Kernel.Config(scope="head"))
    task = make_values(algorithm, [row.content for row in episode.support], [row.label for row in episode.support])
    (state,) = algorithm.adapt(task.support)
    shown = task.query.objective.shown(algorithm.predict(state, task.query.x), None)
    assert np.isfinite(shown[:, 0].numpy()).all()


# --- what is said ---


def test_the_report_is_the_contract(service: Any) -> None:
    sample = load_sample("stars")
    episode = make_episode(sample.support[:6], [*sample.query[:3], Example("never again")])
    names = ("anil", "kernel")
    report, errors = service.report(Request(episode, algorithms=names, checkpoint="none"))
    assert not errors and json.loads(json.dumps(report, allow_nan=False)) == report
    assert (report["objective"], report["labels"], len(report["notes"])) == ("numbers", [], 2)
    for result in report["results"]:
        assert [set(p) for p in result["predictions"]] == [{"value", "low", "high"}] * 4
        assert all(p["low"] < p["value"] < p["high"] for p in result["predictions"])
        assert {frozenset(step) for step in result["steps"]} == {
            frozenset({"step", "support_loss", "support_rmse", "query_loss", "query_rmse"})
        }
        last, own = result["steps"][-1], result["predictions"]
        errors = [(p["value"] - row.label) ** 2 for p, row in zip(own, episode.query[:3], strict=False)]
        assert last["query_rmse"] == pytest.approx(np.sqrt(np.mean(errors)), rel=1e-5)
        scale = np.std([row.label for row in episode.support])
        assert last["support_loss"] == pytest.approx((last["support_rmse"] / scale) ** 2, rel=1e-5)
    predicted = service.predict(Request(episode, algorithms=names, checkpoint="none"), ["never again"])
    for prediction, result in zip(predicted, report["results"], strict=True):
        np.testing.assert_allclose(prediction.outputs[0], list(result["predictions"][3].values()), rtol=1e-5)


def test_two_examples_have_no_interval_and_no_label_no_score(service: Any) -> None:
    episode = make_episode([Example("good", 5.0), Example("bad", 1.0)], [Example("fair")])
    report, _ = service.report(Request(episode, algorithms=("kernel",)))
    (result,) = report["results"]
    assert result["predictions"][0]["low"] is None and result["predictions"][0]["high"] is None
    assert result["steps"][0]["query_rmse"] is None and "no intervals" in report["notes"][1]


def test_who_cannot_do_numbers_is_named_with_those_who_can(service: Any) -> None:
    able = set(able_to("numbers"))
    assert {"anil", "kernel", "maml", "r2d2"} <= able and not {"boil", "protonet"} & able
    episode = make_episode([Example("good", 5.0), Example("bad", 1.0)])
    with pytest.raises(UserError) as caught:
        list(service.adapt_stream(Request(episode, algorithms=("maml", "protonet"))))
    assert str(caught.value).startswith("protonet cannot learn numbers: use one of anil, ")
    assert "数值" in caught.value.message("zh")


def test_a_start_trained_on_classes_is_not_taken_for_numbers(service: Any) -> None:
    episode = make_episode([Example("good", 5.0), Example("bad", 1.0)])
    (result,) = service.report(Request(episode, algorithms=("anil",)))[0]["results"]
    assert result["checkpoint"] == "not meta-trained"
    (result,) = service.report(Request(make_episode([Example("x", "a"), Example("y", "b")]), algorithms=("anil",)))[0][
        "results"
    ]
    assert result["checkpoint"].endswith("anil")


# --- many tasks ---


def test_the_figures_of_many_tasks_by_hand() -> None:
    tasks = [[(1.0, 2.0, 2.0), (3.0, 3.0, 2.0)], [(0.0, 4.0, 3.0), (5.0, 6.0, 3.0)]]
    figures = Numbers.summary(tasks)
    assert figures["errors"] == [0.5, 8.5] and figures["mse"] == 4.5
    assert figures["ci95"] == pytest.approx(1.959964 * np.std([0.5, 8.5], ddof=1) / np.sqrt(2))
    assert figures["r2"] == pytest.approx(1 - (1 + 17) / (0.5 + 2))
    assert figures["coverage"] == 0.75 and figures["diverged"] == 0
    ratio, below = 18 / 2.5, np.array([0.5, 2.0])
    residuals = np.array([1.0, 17.0]) - ratio * below
    assert figures["r2_ci95"] == pytest.approx(1.959964 * np.sqrt((residuals**2).sum() * 2) / 2.5)
    assert Numbers.summary([[(1.0, 2.0, float("nan"))] * 2] * 2)["coverage"] is None


def test_a_task_that_diverged_is_told_and_never_averaged_away() -> None:
    figures = Numbers.summary([[(1.0, 2.0, 1.0)], [(float("nan"), 2.0, 1.0)]])
    assert (figures["mse"], figures["diverged"], figures["errors"]) == (None, 1, [1.0, None])
    assert json.dumps(figures, allow_nan=False)
    assert not Numbers.better(Numbers.task_score([(float("nan"), 2.0, 1.0)]), 5.0)
    assert Numbers.better(4.0, Numbers.task_score([(float("nan"), 2.0, 1.0)]))


def test_tasks_of_numbers_are_drawn_from_one_group_each() -> None:
    source = load_source("builtin:numbers")
    assert len(source.classes) >= 30 and all(len(texts) >= 20 for texts in source.classes.values())
    assert (
        source.objective is Numbers
        and source.modality == "text"
        and source.size == sum(map(len, source.values.values()))
    )
    known = {
        text: (name, value)
        for name in source.classes
        for text, value in zip(source.classes[name], source.values[name], strict=True)
    }
    assert len(known) == source.size and all(0 <= value <= 10 for _, value in known.values())
    for shape in (Fixed(5, 7, 3), Variable(n_query=4)):
        sampler = Sampler([source], shape, seed=3, stream=TEST)
        for index in range(30):
            task = sampler.draw(index)
            rows = [*task.support, *task.query]
            assert len({known[row.content][0] for row in rows}) == 1 and len({row.content for row in rows}) == len(rows)
            assert all(row.label == known[row.content][1] for row in rows)
            assert (
                (len(task.support), len(task.query)) == (7, 3) if isinstance(shape, Fixed) else len(task.support) >= 2
            )
        assert sampler.draw(4) == sampler.draw(4) != sampler.draw(5)
    with pytest.raises(UserError, match="needs at least 2 examples"):
        Sampler([source], Fixed(5, 1, 3))


def test_groups_are_held_out_and_of_a_single_table_rows() -> None:
    source = load_source("builtin:numbers")
    (train,), (valid,) = hold_out([source], 0)
    assert len(valid.classes) == 8 and not set(train.classes) & set(valid.classes)
    assert valid.values.keys() == valid.classes.keys()
    table = make_source("a.csv", [Example(f"text {i}", float(i)) for i in range(50)])
    (train,), (valid,) = hold_out([table], 0)
    assert (train.size, valid.size) == (30, 20) and list(table.classes) == ["a.csv"]
    check_apart([train], [valid])
    assert all(
        text == f"text {value:.0f}" for text, value in zip(valid.classes["a.csv"], valid.values["a.csv"], strict=True)
    )
    assert train.sha256 != valid.sha256


def test_a_source_leaves_out_what_stands_there_with_two_values() -> None:
    rows = [Example("x", 1.0), Example("X", 2.0), Example("y", 3.0), Example("y", 3.0), Example("z", 4.0)]
    source = make_source("a.csv", rows)
    assert source.classes == {"a.csv": ("y", "z")} and source.values == {"a.csv": (3.0, 4.0)} and source.dropped == 3


@pytest.mark.slow
def test_evaluate_says_mse_r2_and_coverage_at_each_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    command = ["evaluate", "builtin:numbers", "--algorithms", "kernel,anil", "--checkpoint", "none", "--episodes", "6"]
    assert main([*command, "--steps", "0,2", "--k-shot", "4,8", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    assert content["objective"] == "numbers" and content["notes"] == []
    assert [(r["algorithm"], r["k_shot"], r["step"]) for r in content["results"]] == [
        (name, k, step) for k in (4, 8) for name, step in (("kernel", None), ("anil", 0), ("anil", 2))
    ]
    for row in content["results"]:
        assert row["n_way"] is None and row["episodes"] == 6 and "accuracy" not in row
        assert row["mse"] == pytest.approx(np.mean(row["errors"])) and 0.5 < row["coverage"] <= 1
        assert row["r2"] < 1 and row["ci95"] > 0 and row["r2_ci95"] > 0
    printed = capsys.readouterr().out
    assert "4 examples and 5 queries a task, 6 tasks" in printed and "values in their intervals" in printed


@pytest.mark.slow
def test_training_keeps_the_lowest_error_and_the_card_says_mse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "stars.csv"
    sample = load_sample("stars")
    table.write_text(
        "text,value\n" + "".join(f'"{row.content}",{row.label}\n' for row in (*sample.support, *sample.query))
    )
    command = ["train", "--source", str(table), "--algorithm", "anil", "--k-shot", "4", "--n-query", "3"]
    command += ["--steps", "2", "--valid-every", "1", "--valid-episodes", "4", "--output", str(tmp_path / "run")]
    assert main([*command, "--json", str(tmp_path / "out.json")]) == 0
    assert "best validation mean squared error" in capsys.readouterr().out
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert (
        card["objective"] == "numbers" and card["config"]["head_lr"] == REGISTRY["anil"].defaults["numbers"]["head_lr"]
    )
    found = [row["mse"] for row in card["validation"]]
    assert len(found) == 3 and json.loads((tmp_path / "out.json").read_text())["best"] == min(found)


@pytest.mark.parametrize(("name", "count"), [("anil", 2), ("maml", 1)])
def test_follow_counts_intervals_of_each_step_where_leaving_out_is_cheap_and_else_of_state_0(
    tiny: Any, name: str, count: int
) -> None:
    cls = REGISTRY[name]
    algorithm = cls(tiny, cls.Config(inner_steps=2, scope="lora")).requires_grad_(False)
    tasks = [Sampler([load_source("builtin:numbers")], Fixed(1, 5, 3), 0, TEST).draw(i) for i in range(3)]
    for after in follow(algorithm, tasks, (0, 2)):
        halves = {round(half, 9) for measured in after for _, _, half in measured.grades}
        assert len(halves) == count
    assert summary([after[0] for after in follow(algorithm, tasks, (0,))])["episodes"] == 3
