"""How answers are judged: Brier score, confusion and reliability, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, confusion_matrix

from meta_demo.data.episode import Example, make_episode
from meta_demo.serving.compare import ONE, Row, plan
from meta_demo.serving.judged import BINS, ENOUGH, brier, calibration, confusion, reliability
from meta_demo.serving.requests import Learner

NAMES = ("charged", "delivery", "login")


def judged(count: int, seed: int = 0):
    """A learner's answers to `count` examples of three classes, drawn by chance; what was true, and what it said."""
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 3
    places = plan(make_episode([Example(f"sentence {i}", NAMES[c]) for i, c in enumerate(truth)]))
    shown = rng.dirichlet([0.7] * 3, count).astype(np.float32)
    answers = dict(enumerate(shown))
    right = {i: bool(p.argmax() == truth[i]) for i, p in answers.items()}
    return Row(Learner("x"), "", ONE, 1, 1, answers, right), places, truth, shown


def test_the_brier_score_is_scikit_learns():
    row, places, truth, shown = judged(40)
    assert brier(row, places) == pytest.approx(brier_score_loss(truth, shown, labels=[0, 1, 2]), abs=1e-6)


def test_a_sure_and_right_answer_scores_0_and_a_sure_and_wrong_one_2():
    _, places, truth, _ = judged(6)
    sure = np.eye(3, dtype=np.float32)
    for turn, score in ((0, 0.0), (1, 2.0)):
        answers = {i: sure[(c + turn) % 3] for i, c in enumerate(truth)}
        assert brier(Row(Learner("x"), "", ONE, 1, 1, answers, dict.fromkeys(answers, turn == 0)), places) == score
    assert brier(Row(Learner("x"), "", ONE, 1), places) is None


def test_the_confusion_is_scikit_learns():
    row, places, truth, shown = judged(50, 1)
    assert confusion(row, places) == confusion_matrix(truth, shown.argmax(1), labels=[0, 1, 2]).tolist()
    assert confusion(Row(Learner("x"), "", ONE, 1), places) == [[0] * 3] * 3


def test_the_reliability_is_scikit_learns_calibration_curve():
    row, _, truth, shown = judged(80, 2)
    sure, right = shown.max(1), shown.argmax(1) == truth
    expected = calibration_curve(right, sure, n_bins=BINS)
    found = reliability(row)
    np.testing.assert_allclose([one.right for one in found], expected[0])
    np.testing.assert_allclose([one.sure for one in found], expected[1], rtol=1e-6)
    assert sum(one.count for one in found) == 80 and all(one.low <= one.sure <= one.high for one in found)
    assert all(one.interval[0] <= one.right <= one.interval[1] for one in found)


def test_calibration_needs_enough_answers():
    assert calibration(judged(ENOUGH - 1)[0]) is None
    row, *_ = judged(99)
    sure = np.asarray([p.max() for p in row.answers.values()])
    every = Row(row.learner, "", ONE, 1, 1, dict.fromkeys(range(99), row.answers[0]), dict.fromkeys(range(99), True))
    assert calibration(every) == pytest.approx(1 - float(sure[0]))
