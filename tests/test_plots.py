"""Figures are pure functions of snapshots and maps: the right traces, fixed colours, titles, and honest intervals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meta_demo.core.errors import UserError
from meta_demo.core.intervals import wilson
from meta_demo.core.objective import Score
from meta_demo.data.episode import Episode, Example
from meta_demo.data.source import Source
from meta_demo.learning.outer import Progress
from meta_demo.learning.plan import Plan
from meta_demo.learning.recipe import Recipe
from meta_demo.modalities.text.page import TextSide
from meta_demo.serving.leaned import SIMILARITY, Leaned
from meta_demo.serving.requests import NOT_TRAINED, Learner, Prediction, Snapshot
from meta_demo.ui import benchmark_tab, blocks, plots, training_blocks
from meta_demo.ui.curves import curves, losses
from meta_demo.ui.palette import class_colour, mark
from meta_demo.ui.words import title

MAML, PROTONET = Learner("maml"), Learner("protonet")


def snapshot(algorithm: str, step: int, steps: int, query: int = 20, error: UserError | None = None) -> Snapshot:
    return Snapshot(
        learner=Learner(algorithm),
        checkpoint=NOT_TRAINED,
        objective="classes",
        step=step,
        steps=steps,
        support_loss=1 / (step + 1),
        support_score=Score(0.5, *wilson(0.5, 8), 8),
        query_loss=0.7 if query else None,
        query_score=Score(0.75, *wilson(0.75, query), query) if query else None,
        outputs=np.zeros((query, 2), np.float32),
        seconds={"features": 0.1, "adapt": 0.2, "predict": 0.1},
        error=error,
    )


def history(query: int = 20) -> dict[Learner, list[Snapshot]]:
    return {
        MAML: [snapshot("maml", i, 3, query) for i in range(4)],
        PROTONET: [snapshot("protonet", 0, 0, query)],
    }


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("draw", [curves, losses])
def test_scores_and_losses_show_every_algorithm_in_two_titled_panels(draw: Any, lang: str) -> None:
    figure = draw(history(), lang)
    assert len(figure.data) == 4
    for name in ("maml", "protonet"):
        traces = [t for t in figure.data if t.legendgroup == name]
        assert {t.yaxis for t in traces} == {"y", "y2"}
        assert {t.line.color for t in traces} == {mark(name).colour}
        assert {t.line.dash for t in traces} == {mark(name).dash}
        assert [t.showlegend for t in traces].count(True) == (draw is curves)
    assert len(figure.layout.annotations) == 3 + (len(history()) if draw is curves else 0)
    assert figure.layout.annotations[0].text == figure.layout.meta
    assert draw is losses or any(
        "20" in a.text for a in figure.layout.annotations
    )  # an accuracy never appears without its count


def test_a_learner_without_steps_is_a_level_line_with_one_marker() -> None:
    trace = next(t for t in curves(history(), "en").data if t.legendgroup == "protonet")
    assert list(trace.x) == [0, 3]
    assert trace.y[0] == trace.y[1]
    assert list(trace.marker.size) == [7, 0]


def test_without_held_out_examples_only_the_support_is_drawn() -> None:
    figure = curves(history(query=0), "en")
    assert {t.yaxis for t in figure.data} == {"y"}
    assert {t.yaxis for t in losses(history(query=0), "en").data} == {"y"}


def test_the_axis_holds_still_while_steps_arrive() -> None:
    first = curves({MAML: history()[MAML][:1]}, "en")
    assert first.layout.xaxis.range == curves(history(), "en").layout.xaxis.range


def test_a_diverged_algorithm_keeps_its_last_good_step() -> None:
    diverged = snapshot("maml", 1, 3, error=UserError("diverged", algorithm="maml", step=2))
    steps = {MAML: [snapshot("maml", 0, 3), snapshot("maml", 1, 3), diverged]}
    assert list(curves(steps, "en").data[0].x) == [0, 1]
    (card,) = blocks.run(steps, "en")["cards"].values()
    assert 'role="alert"' in card


def test_heatmap_is_sequential_or_centred_at_zero_and_shows_text_as_text() -> None:
    matrix = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    plain = plots.heatmap(matrix, ["<b>a</b>", "b"], ("After", "layer 1"), difference=False, lang="en")
    assert plain.data[0].zmin == 0
    assert plain.layout.xaxis.ticktext[0] == "&lt;b&gt;a&lt;/b&gt;"
    assert [a.text for a in plain.layout.annotations] == ["After", "layer 1"]
    change = plots.heatmap(matrix - 0.5, ["a", "b"], ("Difference", ""), difference=True, lang="en")
    assert change.data[0].zmin == -change.data[0].zmax == pytest.approx(-0.25)


def test_wilson_interval() -> None:
    assert wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_every_query_accuracy_comes_with_count_and_interval() -> None:
    for shown in blocks.run(history(), "en")["cards"].values():
        assert "15/20" in shown
        assert "95 % interval 53% to 89%" in shown
    assert "15 of 20" in blocks.summary(history(), "en")


def test_visitor_text_is_escaped_in_predictions() -> None:
    evil = '<img src=x onerror="window.pwned=1">'
    found = [
        Prediction(MAML, 1, np.array([[0.9, 0.1]], np.float32), Leaned(SIMILARITY, np.array([[0.3, 0.2]], np.float32)))
    ]
    episode = Episode((Example(evil, evil), Example("x", "b")))
    shown = blocks.predictions(found, episode, TextSide(), {evil: 0, "b": 1}, {MAML: 3}, "en")
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert class_colour(0) in shown


def test_several_answers_stand_in_short_above_their_details() -> None:
    """One line each, in the order of what follows; a single answer needs no summary of itself."""
    evil = "<b>x"
    leaned = Leaned(SIMILARITY, np.array([[0.3, 0.2]], np.float32))
    first, second = (
        Prediction(who, 1, np.array([row], np.float32), leaned)
        for who, row in ((MAML, [0.9, 0.1]), (PROTONET, [0.2, 0.8]))
    )
    episode = Episode((Example("one", evil), Example("x", "b")))

    def shown(found: list[Prediction]) -> str:
        return str(blocks.predictions(found, episode, TextSide(), {evil: 0, "b": 1}, {MAML: 3, PROTONET: 0}, "en"))

    both = shown([first, second])
    brief = both[both.index('class="verdicts"') : both.index("<section")]
    assert re.findall(r"\d+%", brief) == ["90%", "80%"] and "&lt;b&gt;x" in brief and evil not in both
    assert brief.index(title("maml", "en")) < brief.index(title("protonet", "en"))
    assert "verdicts" not in shown([first])


RECIPE = Recipe([], [Source("x", {"a": (), "b": (), "c": ()})], Plan(steps=40, valid_episodes=50), "maml")


def outer(steps: int = 20, gain: float = 0.01) -> list[Progress]:
    """A run validated at every tenth step, each time `gain` better per step."""
    run = [Progress(0, 40, None, 0.0, 0.6, 0, (0.6, 0.05))]
    for step in range(1, steps + 1):
        valid = (0.6 + gain * step, 0.05) if step % 10 == 0 else None
        top = step - step % 10 if gain > 0 else 0
        run.append(Progress(step, 40, 2.0 / step, 2.0 * step, 0.6 + max(0.0, gain) * top, top, valid))
    return run


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_training_shows_the_loss_its_mean_and_validation_with_intervals(lang: str) -> None:
    figure = plots.training(outer(), RECIPE, lang)
    loss, mean, valid = figure.data
    assert len(loss.x) == len(mean.x) == 20
    assert mean.y[-1] == pytest.approx(np.mean(loss.y[-10:]))
    assert list(valid.x) == [0, 10, 20]
    assert list(valid.error_y.array) == [0.05] * 3
    assert "50" in valid.customdata[0], "an accuracy never appears without its count"
    assert figure.layout.xaxis.range == plots.training(outer(1), RECIPE, lang).layout.xaxis.range
    assert len(plots.training(outer(0), RECIPE, lang).data[0].x) == 0


def test_a_training_is_told_in_words() -> None:
    shown = training_blocks.progress(outer(), RECIPE, "en")
    assert "step 20 of 40 · 2.0 s per step · about 40 s left" in shown
    assert "80.0%</b> on 50 tasks of 3 classes <small>95 % interval 75% to 85%, at step 20" in shown
    ended = training_blocks.outcome(outer(), RECIPE, "en")
    assert "Stopped at step 20 of 40" in ended
    assert "80.0% validation accuracy (95 % interval 75.0% to 85.0%)" in ended
    assert "before training it was 60.0%" in ended
    assert "No step measured better" in training_blocks.outcome(outer(gain=-0.01), RECIPE, "en")


def test_benchmark_tables_are_escaped_and_broken_files_are_passed_over(tmp_path: Path) -> None:
    evil = "<img src=x>"
    table = {"title": {"en": evil, "zh": "标题"}, "command": "make <b>", "machine": evil, "date": "2026-08-01"}
    table |= {"columns": ["name", "accuracy"], "rows": [[evil, "91.2 ± 0.6"], ["plain", 88.5]], "notes": [evil, "two"]}
    (tmp_path / "a.json").write_text(json.dumps(table))
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text('{"rows": 3}')
    tables = benchmark_tab.read_tables(tmp_path)
    assert len(tables) == 1
    shown = benchmark_tab.page(tables, "en")
    assert "<img" not in shown and "<b>" not in shown
    assert '<th class="number" scope="col">accuracy</th>' in shown
    assert '<td class="number">91.2 ± 0.6</td>' in shown and '<td class="number">88.5</td>' in shown
    assert "标题" in benchmark_tab.page(tables, "zh")
    (tmp_path / "0.json").write_text(json.dumps(table | {"order": 1, "title": "memory"}))
    assert [t.title for t in benchmark_tab.read_tables(tmp_path)] == [table["title"], "memory"], (
        "by order, then by name"
    )
    opened = benchmark_tab.page(benchmark_tab.read_tables(tmp_path), "en")
    assert opened.count("<details") == 2 and opened.count(" open>") == 1, "the first, as no chart stands above"
    assert blocks.empty("page.benchmark.empty", "en") in benchmark_tab.page(
        benchmark_tab.read_tables(tmp_path / "no"), "en"
    )
