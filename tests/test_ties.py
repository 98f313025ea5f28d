"""What the page is told of lines between tokens."""

from __future__ import annotations

import base64
import html
import json
import re

import numpy as np
import pytest

from meta_demo.ui.ties import FINE, ties


@pytest.mark.parametrize("difference", [False, True])
def test_weights_are_told_to_a_part_in_thousands_and_names_cannot_be_markup(difference: bool) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.dirichlet(np.ones(7), 7).astype(np.float32) - difference * rng.dirichlet(np.ones(7), 7)
    names = ["‹start›", "<b>", '"quoted"', "&", "我", "… 9 more", "x"]
    shown = ties(matrix, names, difference=difference)
    assert "<b>" not in shown and (" data-difference" in shown) == difference
    told = {key: html.unescape(said) for key, said in re.findall(r'data-(\w+)="([^"]*)"', shown)}
    assert json.loads(told["names"]) == names
    cells = np.frombuffer(base64.b64decode(told["weights"]), "<u2").reshape(7, 7).astype(float)
    top = float(told["top"])
    assert top == pytest.approx(np.abs(matrix).max(), rel=1e-5)
    np.testing.assert_allclose((2 * cells / FINE - 1) * top, matrix, atol=top / 1000)
