"""The chart of accuracy against seconds, and the sentence above it, follow from what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

import meta_demo.algorithms  # noqa: F401  (registers every algorithm)
from benchmarks import frontier as measuring
from meta_demo.ui import benchmark_tab
from meta_demo.ui.frontier import LETTER, PANEL, Point, _box, _meet, _places, figure, front, sentence, spots
from meta_demo.ui.words import title


def point(algorithm: str, seconds: float, accuracy: float, gain: float = 0.0, shots: int = 1) -> Point:
    found = {"algorithm": algorithm, "start": "plain", "shots": shots, "tasks": 300, "seconds": seconds}
    return Point.model_validate(found | {"accuracy": (accuracy, 0.01), "gain": (gain, 0.01)})


POINTS = [
    point("protonet", 0.05, 0.84),
    point("maml", 0.6, 0.87, 0.03),
    point("anil", 0.1, 0.83, -0.005),
    point("finetune", 0.9, 0.81, -0.03),
    point("nearest", 0.04, 0.7, -0.14),
    point("protonet", 0.06, 0.95, shots=5),
]


def test_the_front_is_what_no_other_beats_in_both() -> None:
    best = [p.algorithm for p in front(POINTS[:5])]
    assert best == ["nearest", "protonet", "maml"]
    assert front([]) == []
    one, other = POINTS[0], POINTS[0].model_copy(update={"seconds": POINTS[0].seconds * 1.04, "accuracy": (0.99, 0.01)})
    assert front([one, other]) == [other], "clocks do not tell them apart"


def test_the_sentence_counts_those_beyond_their_interval() -> None:
    said = sentence(POINTS, "en")
    assert said.startswith("In 1-shot tasks MAML is right most often: 87.0% ± 1.0% in 0.60 seconds.")
    assert "Of 5 algorithms, 1 are beyond their interval better" in said and "and 2 worse" in said
    assert "1-shot" in sentence(POINTS, "zh") and sentence([], "en") == ""


def test_each_point_is_drawn_with_its_interval_in_the_panel_of_its_shots() -> None:
    drawn = figure(POINTS, "en").to_plotly_json()
    marks = [trace for trace in drawn["data"] if trace["mode"] != "lines"]
    assert len(marks) == len(POINTS)
    assert [trace["xaxis"] for trace in marks] == ["x"] * 5 + ["x2"]
    named = {
        trace["text"][0].split("<")[0].strip() for trace in marks if "text" in trace["mode"] and trace["xaxis"] == "x"
    }
    assert named == {"Nearest neighbour", "Prototypical networks", "MAML"}
    assert marks[1]["error_y"]["array"] == (0.01,) or marks[1]["error_y"]["array"] == [0.01]
    assert "87.0% ± 1.0% on 300 tasks" in marks[1]["hovertemplate"] and "+3.0 ± 1.0" in marks[1]["hovertemplate"]


def test_names_of_neighbours_stand_on_sides_where_they_do_not_meet() -> None:
    """Two that are as fast and as often right, with a crowd of others to one side."""
    near = [point("maml", 0.60, 0.870), point("reptile", 0.56, 0.869)]
    crowd = [point(name, 0.62 + 0.01 * i, 0.868) for i, name in enumerate(("fomaml", "boil", "imaml"))]
    everything = [point("nearest", 0.04, 0.7), *crowd, *near]
    found = spots(everything, near, "en")
    at = _places(everything)
    boxes = [_box(*at[p.algorithm], LETTER * len(title(p.algorithm, "en")), found[p.algorithm]) for p in near]
    assert not _meet(*boxes)
    assert all(left >= 0 and right <= PANEL[0] for left, right, _, _ in boxes), "nor beyond the panel"
    assert found["maml"][0] != "middle right", "where the crowd is"


def test_what_is_measured_is_what_the_page_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The difference task by task, and the mean of sources as it follows for all tasks, also those that a slow method was not given."""
    monkeypatch.setattr("benchmarks.report.RESULTS", tmp_path)
    mine, frozen = (
        {"a": [1.0, 0.5, 0.75], "b": [0.5, 0.5, 0.5]},
        {"a": [0.5, 0.25, 0.25, 1.0], "b": [0.5, 0.5, 0.5, 0.0]},
    )
    found = measuring.point("maml", "plain", 1, mine, frozen)
    assert found["gain"][0] == pytest.approx((1.25 / 3) / 2) and found["tasks"] == 6
    assert found["accuracy"][0] == pytest.approx((0.5 + 0.375) / 2 + found["gain"][0])
    assert found["accuracy"][1] == found["gain"][1] and found["each"]["a"][0] == 0.75
    measuring.write([found | {"seconds": 0.25}])
    (table,) = benchmark_tab.read_tables(tmp_path)
    assert table.points == [Point.model_validate(found | {"seconds": 0.25})] and table.order < 0
    assert json.loads((tmp_path / "frontier.json").read_text())["rows"][0][:4] == ["maml", "plain", 1, 6]
    with pytest.raises(ValidationError):
        Point.model_validate(found)
