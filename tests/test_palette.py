"""Marks: thirty algorithms are told apart without their colours, and on paper of either theme; a new one changes no other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from meta_demo.algorithms.families import family_title
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.objective import OBJECTIVES
from meta_demo.ui import theme
from meta_demo.ui.palette import CLASS_COLOURS, TONES, Mark, algorithm_names, class_colour, mark, mark_of

FAMILIES = {
    "gradient": "maml fomaml reptile anil finetune tmaml meta_sgd maml_pp imaml boil cavia baseline_pp",
    "metric": "protonet kernel soft_kmeans matching siamese relation r2d2 simpleshot feat",
    "baseline": "linear_probe nearest",
    "memory": "mann attention",
    "generated": "generated",
    "rule": "meta_lstm learned_optimizer learned_loss",
    "hierarchy": "shared_hierarchy",
    "multitask": "multitask",
}
MARKS = {name: mark_of(name, family) for family, names in FAMILIES.items() for name in names.split()}
# Machado, Oliveira & Fernandes 2009: how linear red, green and blue look to somebody without one kind of cones.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (one, other))
    return light[1] / light[0]


def test_thirty_algorithms_are_told_apart_by_dash_and_marker_alone() -> None:
    assert len(MARKS) >= 30
    assert len({(m.dash, m.symbol) for m in MARKS.values()}) == len(MARKS)
    assert len({(m.dash, m.glyph) for m in MARKS.values()}) == len(MARKS)


@pytest.mark.parametrize("family", FAMILIES)
def test_within_a_family_every_marker_is_another(family: str) -> None:
    glyphs = [MARKS[name].glyph for name in FAMILIES[family].split()]
    assert len({*glyphs}) == len(glyphs)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_those_that_are_chosen_at_first_have_different_markers(objective: str) -> None:
    first = OBJECTIVES[objective].algorithms
    assert len({MARKS[name].glyph for name in first}) == len(first)


@pytest.mark.parametrize("blind", BLIND)
def test_what_looks_alike_without_some_cones_differs_otherwise(blind: str) -> None:
    def alike(one: Mark, other: Mark) -> bool:
        seen = [np.clip(np.array(BLIND[blind]) @ linear(m.colour), 0, 1) ** (1 / 2.4) for m in (one, other)]
        return bool(np.linalg.norm(seen[0] - seen[1]) < 0.12)

    pairs = [(a, b) for a, b in combinations(MARKS.values(), 2) if alike(a, b)]
    assert pairs, "the circle has neighbours"
    assert all(a.dash != b.dash or a.symbol != b.symbol for a, b in pairs)


@pytest.mark.parametrize("colour", TONES)
@pytest.mark.parametrize("paper", ["body_background_fill", "background_fill_primary", "background_fill_secondary"])
@pytest.mark.parametrize("dark", ["", "_dark"])
def test_every_tone_is_seen_on_the_papers_of_both_themes(colour: str, paper: str, dark: str) -> None:
    assert contrast(colour, theme.SURFACES[paper + dark]) >= 3


def test_a_new_algorithm_changes_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: mark(name) for name in algorithm_names()}
    monkeypatch.setitem(REGISTRY, "aaa", type("Aaa", (REGISTRY["maml"],), {}))
    monkeypatch.setitem(REGISTRY, "aab", type("Aab", (REGISTRY["maml"],), {"family": "a new one"}))
    assert (algorithm_names()[0], algorithm_names()[-1]) == ("aaa", "aab"), "a family that nobody knows comes last"
    assert family_title(REGISTRY["aab"].family, "zh") == "a new one"
    assert {name: mark(name) for name in before} == before


def test_marks_follow_from_the_registered_family() -> None:
    assert {name: mark(name) for name in algorithm_names()} == {n: MARKS[n] for n in algorithm_names()}


def test_the_algorithms_of_today_have_a_colour_each() -> None:
    six = ("maml", "fomaml", "reptile", "anil", "protonet", "finetune")
    assert len({mark(name).colour for name in six}) == len(six)
    assert len(set(CLASS_COLOURS)) == len(CLASS_COLOURS)
    assert class_colour(0) == class_colour(len(CLASS_COLOURS))
