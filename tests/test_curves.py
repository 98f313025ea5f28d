"""Curves: how a point is read, tasks without end, values in their own units, a head of the model's own, and the page's sheet."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.processes import exact
from meta_demo.backbones.loading import load_backbone, suited
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Example, make_episode
from meta_demo.data.reading.tasks import parse_episode
from meta_demo.data.sampler import TEST, VALID, Fixed, Sampler
from meta_demo.data.samples import load_sample
from meta_demo.data.sources import hold_out, load_source
from meta_demo.data.waves import FAMILIES, NOISE, covariance
from meta_demo.learning import checkpoint
from meta_demo.modalities.base import MODALITIES
from meta_demo.modalities.curve import page as curves
from meta_demo.modalities.curve.content import Point
from meta_demo.modalities.inputs import HEAD, head_of, save_head
from meta_demo.objectives.numbers import Numbers
from meta_demo.serving.alike import first_alike
from meta_demo.serving.requests import Request
from meta_demo.serving.service import Service

SINES = load_source("builtin:sines")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("curves", CPU, Cache(1 << 20))


# --- a point as tokens


def test_a_point_is_sixteen_sines_and_cosines_in_four_tokens(backbone):
    inputs = backbone.inputs
    first, mask = inputs.batch([inputs.encode(Point(1.25)).key], 5)
    expected = [f(2 * math.pi * k * 1.25 / 20) for k in range(1, 9) for f in (math.sin, math.cos)]
    assert first.shape == (1, 4, 1, 4) and mask.shape == (1, 5)
    np.testing.assert_allclose(first[0, :, 0].T.flatten(), expected, atol=1e-6)
    assert inputs.names() == ["CLS", "20 · 10", "6.67 · 5", "4 · 3.33", "2.86 · 2.5"]


def test_the_model_is_small_and_its_attention_is_over_its_tokens(backbone):
    assert sum(p.numel() for p in backbone.model.parameters()) * 4 < 1e6
    maps = backbone.attentions(Point(0.5), {})
    assert maps.shape == (2, 4, 5, 5)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 4, 5))


def test_the_bundled_model_answers_with_its_own_head(backbone):
    assert float(backbone.head.norm()) > 0.1
    algorithm = checkpoint.start(backbone, "maml", None, {}, 0)
    assert algorithm.config.head == "shared" and algorithm.config.scope == "model"
    torch.testing.assert_close(algorithm.shared.detach(), backbone.head)
    assert checkpoint.start(backbone, "maml", None, {"scope": "head"}, 0).config.scope == "head"
    assert suited("minilm", "maml", ["scope"]) == {}


def test_plain_is_the_mean_of_all_sines(backbone):
    """Of A sin(x - phase), A uniform to 5 and phase to pi: the mean is -(5.1 / 2)(2 / pi) cos x."""
    x = torch.linspace(-4.5, 4.5, 19)
    z = backbone.forward(backbone.features([Point(float(v)) for v in x], 0), {})
    assert float((z @ backbone.head + 2.55 * 2 / math.pi * x.cos()).square().mean()) < 0.15


def test_a_head_is_kept_beside_a_model(tmp_path: Path):
    save_head(torch.tensor([1.0, -2.0]), tmp_path)
    assert [file.name for file in (tmp_path / HEAD).iterdir()] == ["model.safetensors"]
    torch.testing.assert_close(head_of(str(tmp_path)), torch.tensor([1.0, -2.0]))
    assert head_of(str(tmp_path / "nowhere")) is None


# --- sources without end


def test_finns_sines():
    for index in range(50):
        rows = SINES.tasks(np.random.default_rng(index), 40)
        x, y = (np.array(side) for side in zip(*((row.content.x, row.label) for row in rows), strict=True))
        assert (np.abs(x) <= 5).all()
        (a, b), error, *_ = np.linalg.lstsq(np.stack([np.sin(x), np.cos(x)], 1), y, rcond=None)
        assert float(error.sum()) < 1e-18  # A sin(x - phase) = A cos(phase) sin x - A sin(phase) cos x
        assert 0.1 <= math.hypot(a, b) <= 5 and 0 <= math.atan2(-b, a) <= math.pi


def test_the_other_families_are_what_they_are_called():
    x = np.linspace(-5, 5, 201)
    line, triangle, damped = (FAMILIES[name](np.random.default_rng(1))(x) for name in ("lines", "triangles", "damped"))
    assert np.abs(np.diff(line, 2)).max() < 1e-12 and np.abs(line).max() <= 5
    slopes = np.abs(np.diff(triangle))
    assert np.median(slopes) == pytest.approx(slopes.max())
    assert np.abs(damped[150:]).max() < np.abs(damped[:63]).max()


@pytest.mark.slow
def test_functions_of_a_gaussian_process_go_together_as_it_says():
    """Over 4000 functions; and its exact posterior, of the benchmark, has the textbook's form."""
    x = np.array([-4.0, -3.2, 0.0, 4.93])
    drawn = np.array([FAMILIES["gaussian"](np.random.default_rng(i))(x) for i in range(4000)])
    assert np.abs(drawn.T @ drawn / len(drawn) - covariance(x, x)).max() < 0.4
    task = Sampler([load_source("builtin:gaussian")], Fixed(2, 6, 5), 0).draw(3)
    a, b = (np.array([row.content.x for row in side]) for side in (task.support, task.query))
    noisy = covariance(a, a) + NOISE["gaussian"] ** 2 * np.eye(len(a))
    gain = np.linalg.solve(noisy, covariance(a, b)).T
    mean, spread = exact(task)
    np.testing.assert_allclose(mean, gain @ [row.label for row in task.support], atol=1e-7)
    variance = np.diag(covariance(b, b) - gain @ covariance(a, b)) + NOISE["gaussian"] ** 2
    np.testing.assert_allclose(spread, np.sqrt(variance), atol=1e-6)


def test_tasks_are_drawn_by_seed_stream_and_index_and_none_twice():
    shape = Fixed(5, 4, 3)
    first = Sampler([SINES], shape, 1).draw(7)
    assert first == Sampler([load_source("builtin:sines")], shape, 1).draw(7)
    assert (len(first.support), len(first.query)) == (4, 3)
    others = [
        Sampler([SINES], shape, 1).draw(8),
        Sampler([SINES], shape, 1, VALID).draw(7),
        Sampler([SINES], shape, 1, TEST).draw(7),
    ]
    assert len({episode.support for episode in (first, *others)}) == 4
    assert hold_out([SINES], 0) == ([SINES], [SINES])
    assert SINES.sha256 != load_source("builtin:lines").sha256


def test_one_shot_is_too_few_and_an_unknown_family_names_the_others():
    with pytest.raises(UserError, match=r"at least|2"):
        Sampler([SINES], Fixed(5, 1, 3))
    with pytest.raises(UserError, match="sines"):
        load_source("builtin:cosines")


# --- values


def test_values_of_curves_are_in_their_own_units():
    points = make_episode([Example(Point(0.0), 3.0), Example(Point(1.0), 5.0)])
    assert points.objective == Numbers(0.0, 1.0)
    said = make_episode([Example("a", 3.0), Example("b", 5.0)])
    assert said.objective == Numbers(4.0, 1.0)


@pytest.mark.parametrize("x", ["0.5", None, float("nan"), float("inf"), True])
def test_what_is_no_number_is_refused(x):
    with pytest.raises(UserError, match=r"support\[0\]\.x is .* should be a"):
        parse_episode({"support": [{"x": x, "value": 1.0}, {"x": 1.0, "value": 2.0}]})


def test_a_cell_that_is_no_number_is_refused():
    with pytest.raises(UserError, match=r"a\.csv, 3 is inf and should be a number"):
        MODALITIES["curve"].read("inf", "a.csv, 3")


def test_points_far_away_are_told_of():
    (note,) = MODALITIES["curve"].notes([Point(0.0), Point(7.5), Point(-6.0)])
    assert note.message().startswith("2 of the points, such as x = 7.5, lie outside -5 to 5")
    assert MODALITIES["curve"].notes([Point(-5.0), Point(5.0)]) == []


def test_samples_are_curves():
    assert {load_sample(name).modality for name in ("five-of-a-sine", "ten-of-a-sine", "six-of-a-line")} == {"curve"}


# --- the sheet


@pytest.fixture(scope="module")
def sheet():
    made = curves.CurvesSheet()
    made.service = Service(CPU)
    return {f.__name__: f for f in made._functions()}


def test_every_curve_from_both_starts_as_service_and_loop_have_it(sheet, backbone):
    points = [[-3.0, 1.0], [0.0, -2.0], [2.0, 1.5]]
    found = sheet["fit"]({"points": points, "algorithms": ["maml", "reptile"], "lang": "en"})
    assert [(c["algorithm"], c["start"]) for c in found["curves"]] == [
        ("maml", "trained"), ("reptile", "trained"), ("maml", "plain"), ("reptile", "plain")
    ]  # fmt: skip
    plain = found["curves"][2]
    assert plain["values"] == found["curves"][3]["values"]  # the same from there, computed once
    assert len(plain["values"]) == curves.STEPS + 1 and len(plain["values"][0]) == len(found["grid"]) == curves.FINE
    z = backbone.forward(backbone.features([Point(x) for x in found["grid"]], 0), {})
    np.testing.assert_allclose(plain["values"][0], (z @ backbone.head).tolist(), atol=1e-3)
    z = backbone.forward(backbone.features([Point(x) for x, _ in points], 0), {})
    np.testing.assert_allclose(
        plain["residuals"][0], ((z @ backbone.head) - torch.tensor([1.0, -2.0, 1.5])).tolist(), atol=2e-3
    )


def test_what_has_no_start_of_its_own_is_drawn_from_the_plain_one_alone(sheet):
    """A plain curve is never called meta-trained."""
    found = sheet["fit"]({"points": [[-3.0, 1.0], [2.0, 1.5]], "algorithms": ["matching", "maml"], "lang": "en"})
    assert [(c["algorithm"], c["start"]) for c in found["curves"]] == [
        ("maml", "trained"), ("maml", "plain"), ("matching", "plain")
    ]  # fmt: skip
    assert [curves._described(name)["trained"] for name in ("matching", "maml")] == [False, True]


def test_while_a_point_is_dragged_the_step_that_is_drawn_is_all_there_is(sheet):
    asked = {
        "points": [[-3.0, 1.0], [0.0, -2.0], [2.0, 1.5]],
        "algorithms": ["maml", "matching"],
        "lang": "en",
        "steps": 2,
    }
    whole = sheet["fit"]({**asked, "band": ["maml", "plain"]})["curves"]
    drawn = sheet["fit"]({**asked, "band": ["maml", "plain"], "only": True})["curves"]
    # a matching network takes no step, and has no start of its own
    assert [len(c["values"]) for c in whole] == [3, 3, 1]
    for curve, at_last in zip(whole, drawn, strict=True):
        for key in ("values", "residuals"):  # abreast, so that the last of three digits may be another
            np.testing.assert_allclose(at_last[key], curve[key][-1:], atol=1.1e-3)
        for key in ("low", "high"):
            assert at_last[key] == curve[key][-1:]
        banded = (curve["algorithm"], curve["start"]) == ("maml", "plain")
        assert all((ends is not None) == banded for ends in (*curve["low"], *curve["high"]))
    assert not any(ends for c in sheet["fit"](asked)["curves"] for ends in c["low"])


@pytest.mark.slow
def test_a_sketch_answers_as_a_prediction_and_keeps_nothing():
    """From both starts, one that diverges among them, and some that do not go abreast."""
    service, episode = Service(CPU), curves.spelled([[-3.0, 1.0], [0.0, -2.0], [2.0, 1.5]])
    names = ("anil", "cavia", "finetune", "fomaml", "kernel", "maml", "tmaml")
    wild = {"inner_steps": 8, "inner_lr": 1e6, "head_lr": 1e6}  # ends early, with the last good state
    knobs = {**curves._longer(names, 8), "fomaml": wild}
    requests = [
        Request(episode, "curves", names, knobs=knobs, checkpoint=start, intervals=False) for start in ("auto", "none")
    ]
    contents = [Point(float(x)) for x in np.linspace(-5, 5, 7)]
    before = service.sketch(requests, contents, 8)
    size = service.cache.size
    assert [[p.algorithm for p in found] for found in before] == [list(names)] * 2
    assert service.sketch(requests, contents, 8)[0][0].outputs.tobytes() == before[0][0].outputs.tobytes()
    assert service.cache.size == size
    for request, found in zip(requests, before, strict=True):
        for sketched, predicted in zip(found, service.predict(request, contents, 8, similar=False), strict=True):
            assert (sketched.algorithm, sketched.step) == (predicted.algorithm, predicted.step)
            np.testing.assert_allclose(sketched.outputs, predicted.outputs, rtol=1e-4, atol=1e-5)
    assert before[0][names.index("fomaml")].step < 8
    assert service.cache.size > size, "a prediction is kept"


@pytest.mark.slow
def test_what_is_taken_for_alike_does_the_same_from_a_plain_start():
    """What is computed once is drawn for each."""
    service, episode = Service(CPU), curves.spelled([[-3.0, 1.0], [0.0, -2.0], [2.0, 1.5], [4.0, 0.5]])
    contents, names = [Point(float(x)) for x in np.linspace(-5, 5, 7)], curves.able()
    request = Request(
        episode, "curves", tuple(names), knobs=curves._longer(names, 4), checkpoint="none", intervals=False
    )
    found = {p.algorithm: p.outputs[:, 0] for p in service.predict(request, contents, 4, similar=False)}
    first = {name: first_alike(name, names, "curves") for name in names}
    for one, other in itertools.combinations(names, 2):
        alike = np.allclose(found[one], found[other], rtol=1e-3, atol=1e-4)
        assert alike or first[one] != first[other], (one, other)
    assert {name for name in names if first[name] == "fomaml"} >= {"maml", "reptile", "maml_pp", "meta_lstm"}


def test_attention_before_and_after(sheet):
    asked = {
        "points": [[0.0, 1.0], [1.0, 2.0]],
        "algorithm": "maml",
        "start": "trained",
        "x": 0.5,
        "step": 1,
        "lang": "zh",
    }
    found = sheet["attend"](asked)
    assert found["places"][found["first"]] == "第 2 层，各头平均" and len(found["places"]) == len(found["before"]) == 10
    np.testing.assert_allclose(np.array(found["after"]).sum(-1), 1, atol=1e-5)
    assert found["before"] != found["after"]
    assert "problem" in sheet["attend"]({**asked, "x": None})


def test_a_sample_is_points_of_its_curve(sheet):
    found = sheet["sample"]({"family": "sines", "number": 3, "count": 5})
    xs, ys = found["truth"]
    assert len(found["points"]) == 5
    for x, y in found["points"]:
        assert np.interp(x, xs, ys) == pytest.approx(y, abs=0.05)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], "no examples yet|point"),
        ([[0, 1]], "one|another"),
        ([[0, 1], [1, math.inf]], "number"),
        ([[0, 1]] * 101, "at most 100"),
    ],
)
def test_points_that_make_no_task_are_one_sentence(sheet, points, words):
    import re

    found = sheet["fit"]({"points": points, "algorithms": ["maml"], "lang": "en"})
    assert re.search(words, found["problem"], re.IGNORECASE), found
