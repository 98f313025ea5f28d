"""What the Compare tab shows of a comparison, without a browser: both starts, the judged columns, and one learner looked at closely."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from meta_demo.core.intervals import small_interval
from meta_demo.data.episode import Example, make_episode
from meta_demo.modalities.text.page import TextSide
from meta_demo.serving.compare import ONE, Row, plan
from meta_demo.serving.judged import BINS, brier
from meta_demo.serving.repeats import Shots, Steady
from meta_demo.serving.requests import PLAIN, Learner, Request
from meta_demo.ui.compare import earlier, repeats
from meta_demo.ui.compare.closer import Found, confused, reliable
from meta_demo.ui.compare.table import table

TRAINED, PLAINLY = Learner("maml"), Learner("maml", PLAIN)
PLACES = plan(make_episode([Example(f"sentence <{i}>", f"class {i % 2}") for i in range(24)]))


def row(who: Learner, wrong: int) -> Row:
    """Sure of every answer, and wrong on the first few."""
    shown = np.eye(2, dtype=np.float32) * 0.8 + 0.1
    right = {i: i >= wrong for i in range(24)}
    answers = {i: shown[i % 2 if right[i] else 1 - i % 2] for i in range(24)}
    return Row(who, "", ONE, 1, 1, answers, right)


FOUND = Found(
    (TRAINED, PLAINLY), {TRAINED: row(TRAINED, 2), PLAINLY: row(PLAINLY, 14)}, PLACES, {"class 0": 3, "class 1": 1}
)


def test_both_starts_of_an_algorithm_have_a_row_and_a_name():
    shown = table(FOUND.learners, FOUND.rows, PLACES, "en")
    assert "MAML · meta-trained" in shown and "MAML · plain" in shown
    assert shown.count("<tr") == 3 and shown.count("data-done") == 2
    assert shown.count('class="best"') == 1 and shown.index('class="best"') < shown.index("MAML · plain</button>")
    assert f"{brier(FOUND.rows[TRAINED], PLACES):.2f}" in shown


def test_none_is_marked_where_an_interval_holds_zero():
    close = {**FOUND.rows, PLAINLY: row(PLAINLY, 4)}
    shown = table(FOUND.learners, close, PLACES, "en")
    assert 'class="best"' not in shown and "cannot be told apart" in shown


def test_the_table_fills_as_it_comes():
    shown = table(FOUND.learners, {TRAINED: replace(FOUND.rows[TRAINED], rounds=9)}, PLACES, "en")
    assert "data-done" not in shown and "<progress" in shown and "Comparing" in shown


def test_a_confusion_names_the_commonest_mistake():
    shown = confused(FOUND, PLAINLY, "en")
    assert "taken for “class 1”, 7 times" in shown or "taken for “class 0”, 7 times" in shown
    assert shown.count('class="hit"') == 2 and shown.count('class="miss"') == 2
    assert "No example" in confused(replace(FOUND, rows={PLAINLY: row(PLAINLY, 0)}), PLAINLY, "en")


def test_a_reliability_diagram_counts_its_bins_and_says_where_they_are_few():
    (even, points), layout = reliable(FOUND, TRAINED, "en").to_dict().values()
    assert points["x"] == [0.9] and points["text"] == ["n=24"] and even["x"] == [0, 1]
    assert points["y"] == [round(22 / 24, 4)] and layout["xaxis"]["dtick"] == 1 / BINS
    assert "right 92% of 24" in layout["meta"] and "few" not in layout["annotations"][1]["text"]
    few = replace(FOUND.rows[TRAINED], right=dict.fromkeys(range(5), True))
    under = reliable(replace(FOUND, rows={TRAINED: few}), TRAINED, "en").layout.annotations[1].text
    assert "fewer than" in under


SHOTS = Shots({(TRAINED, 1): (0.5, 0.7), (TRAINED, 5): (0.9, 0.9), (PLAINLY, 1): (0.4,)})


def test_accuracy_against_shots_is_a_line_with_intervals_for_each_learner():
    traces, layout = repeats.needed(SHOTS, FOUND.learners, "en").to_dict().values()
    assert [t["name"] for t in traces] == ["MAML · meta-trained", "MAML · plain"]
    assert traces[0]["x"] == [1, 5] and traces[0]["y"] == [0.6, 0.9] and traces[1]["error_y"]["array"] == [0]
    assert traces[0]["error_y"]["array"][0] == round(small_interval([0.5, 0.7])[1], 4)
    assert "over 2 of" in layout["annotations"][1]["text"] and layout["xaxis"]["tickvals"] == [1, 5]
    said = repeats.follows(SHOTS, FOUND.learners, "en")
    assert "with 5 of each class 90% ± 0%" in said and "with 1 of each class 40% (one draw)" in said


def test_steadiness_says_how_many_answers_change_and_between_what_accuracy_moves():
    found = {
        TRAINED: Steady(12, {"order": (0, 2), "seed": (1,)}, (0.5, 0.75, 0.5, 0.5)),
        PLAINLY: Steady(12, {}, (0.25,)),
    }
    shown = repeats.steadiness(found, FOUND.learners, "en")
    assert (
        "changes at most 2 of 12 answers (tried: 2)" in shown and "changes at most 1 of 12 answers (tried: 1)" in shown
    )
    assert "50% – 75%" in shown and "25% – 25%" in shown and "In 3 repetitions" not in shown
    assert "in 3 repetitions, of 12 answers" in shown


def test_what_an_earlier_comparison_is_told_by_says_whether_it_asked_the_same():
    """And is small: the browser keeps a few of them."""
    side = TextSide()
    episode = make_episode(PLACES.examples)
    one, same, other = (
        json.loads(earlier.told(Request(episode, "minilm", names), places, made, side, "en"))
        for names, places, made in (
            (("maml",), PLACES, "a" * 64),
            (("maml", "protonet"), PLACES, "b" * 64),
            (("maml",), plan(make_episode(PLACES.examples[:20])), "c" * 64),
        )
    )
    assert one["asked"] == same["asked"] != other["asked"] and len({one["id"], same["id"], other["id"]}) == 3
    assert [key for key in one["facts"] if one["facts"][key] != same["facts"][key]] == ["algorithms"]
    shown = table(FOUND.learners, FOUND.rows, PLACES, "en", json.dumps(one))
    assert "data-run=" in shown and 'data-learner="maml plain"' in shown
    assert 'data-right="' + "0" * 14 + "1" * 10 + '"' in shown, "of each example that was asked, in their order"
    assert len(json.dumps(one)) < 600
    assert "data-right" not in table(FOUND.learners, {TRAINED: replace(FOUND.rows[TRAINED], rounds=9)}, PLACES, "en")
