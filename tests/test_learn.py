"""The Learn tab: what it draws is computed and true, and every algorithm has its place in it."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from meta_demo.algorithms.lesson import PARTS, Lesson
from meta_demo.algorithms.registry import REGISTRY
from meta_demo.ui.frontier import Point
from meta_demo.ui.learn import linear, loops
from meta_demo.ui.learn.drawing import drawing
from meta_demo.ui.learn.equation import equation
from meta_demo.ui.learn.lessons import introduction, lessons
from meta_demo.words import LANGUAGES, words


def lesson(**parts: tuple[str, ...]) -> Lesson:
    said = words("said")
    return Lesson(said, said, "x", said, said, said, **parts)


def lost(start: loops.Points) -> float:
    """The mean loss of all tasks after the inner loop."""
    apart = [loops.inner(start, centre)[-1] - centre for centre in loops.CENTRES]
    return float(np.mean([0.5 * d @ loops.VALLEY @ d for d in apart]))


def test_the_outer_step_of_the_picture_goes_down_the_meta_gradient() -> None:
    for each in loops.rounds():
        tiny = 1e-4
        slope = [(lost(each.start + tiny * e) - lost(each.start - tiny * e)) / (2 * tiny) for e in np.eye(2)]
        moved = each.after - each.start
        assert np.allclose(moved / np.linalg.norm(moved), -np.array(slope) / np.linalg.norm(slope), atol=1e-6)


def test_what_is_said_of_the_picture_is_so() -> None:
    made = loops.rounds()
    losses = [lost(each.start) for each in made] + [lost(made[-1].after)]
    steps = [float(np.linalg.norm(each.after - each.start)) for each in made]
    assert losses == sorted(losses, reverse=True)
    assert steps == sorted(steps, reverse=True), "each outer step is smaller"
    ends = [np.linalg.norm(loops.inner(start, loops.NEW)[-1] - loops.NEW) for start in (loops.FIRST, made[-1].after)]
    assert ends[1] < 0.4 * ends[0]
    assert all(0 < x < loops.WIDTH and 0 < y < loops.HEIGHT for each in made for way in each.ways for x, y in way)


def test_a_drawing_says_which_parts_are_learned_and_moved() -> None:
    drawn = drawing(lesson(learned=("layers", "rule"), moved=("layers", "head")), "en")
    assert drawn.count('class="part both"') == 1
    assert drawn.count('class="part learned"') == 1
    assert drawn.count('class="part moved"') == 1
    assert "learned over many tasks: update rule." in drawn
    assert 'class="part both"' not in drawing(lesson(), "en")


def test_a_part_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"“heart” is no part of a learner; the parts: layers"):
        lesson(moved=("heart",))


def test_an_equation_is_mathematics_and_its_source_is_read_aloud() -> None:
    made = equation(r"\theta < 1")
    assert "<math" in made
    assert "\\" not in made.split(">", 1)[1]
    assert 'aria-label="\\theta &lt; 1"' in made


class Balance(HTMLParser):
    """Whether every element that opens is closed in its turn."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(markup)
        assert not self.open

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in ("br", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_algorithm_stands_on_the_tab_with_what_was_measured(lang: str) -> None:
    point = Point(
        algorithm="maml", start="plain", shots=1, tasks=9, accuracy=(0.8, 0.01), gain=(0.02, 0.01), seconds=2.5
    )
    made = lessons([point], lang)
    Balance(made)
    Balance(introduction(lang))
    for name, cls in REGISTRY.items():
        assert f'id="lesson-{name}"' in made
        assert cls.lesson is None or f">{cls.lesson.outer[lang]}<" in made.replace("&#x27;", "'").replace("&amp;", "&")
    assert made.count("80.0% ± 1.0%") == 1
    assert "+2.0 ± 1.0" in made


def test_every_part_has_a_name_in_every_language() -> None:
    for name in PARTS:
        for lang in LANGUAGES:
            assert PARTS[name][lang] in drawing(lesson(learned=(name,)), lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_attention_and_the_gradient_step_are_the_same_numbers(lang: str) -> None:
    """Both columns of the table, to all digits that are shown; and they are what one computes by hand."""
    made = linear.sheet(lang)
    Balance(made)
    cells = [float(cell.split("<")[0]) for cell in made.split("<td>")[1:]]
    for x, (before, by_gradient, by_attention, truth) in zip(
        linear.QUESTIONS, zip(*[iter(cells)] * 4, strict=True), strict=True
    ):
        slope = linear.RATE / 4 * sum(a * y for a, y in linear.EXAMPLES)
        height = linear.RATE / 4 * sum(y for _, y in linear.EXAMPLES)
        assert (before, truth) == (0, 2 * x - 1)
        assert by_gradient == by_attention == pytest.approx(slope * x + height, abs=1e-12)
