"""Made-up alphabets: equal by seed, drawn when looked at, told apart by eye; distortions that keep a task what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from meta_demo.core.errors import UserError
from meta_demo.core.examples import Examples, Task
from meta_demo.core.features import Features, Group
from meta_demo.data.drawing.alphabets import UNLIKE, Style, letters, style
from meta_demo.data.drawing.glyphs import draw, glyph, glyph_source
from meta_demo.data.drawing.strokes import POINTS, chain
from meta_demo.data.sampler import Fixed, Sampler
from meta_demo.data.sources import check_apart, hold_out, load_source
from meta_demo.modalities.picture.distortions import _fields, _moved, _symmetry, distorted
from meta_demo.objectives.classes import Classes


def test_equal_seeds_draw_equal_pictures_whatever_was_looked_at_before():
    first, second = glyph_source(3, 2, 4, 5), glyph_source(3, 9, 9, 9)
    label = list(first.classes)[5]
    list(second.classes["alphabet000/character00"])
    assert first.classes[label][3] == second.classes[label][3]
    assert first.classes[label][3] != glyph_source(4, 2, 4, 5).classes[label][3]
    assert first.sha256 != second.sha256


def test_a_picture_is_drawn_once_and_only_when_looked_at(monkeypatch):
    drawn = []
    real = glyph_source.__globals__["draw"]
    monkeypatch.setitem(glyph_source.__globals__, "draw", lambda *a: drawn.append(1) or real(*a))
    source = glyph_source(0, 3, 4, 5)
    episode = Sampler([source], Fixed(3, 1, 2)).draw(0)
    assert source.size == 60 and len(drawn) == len(episode.support + episode.query) == 9
    Sampler([source], Fixed(3, 1, 2)).draw(0)
    assert len(drawn) == 9


def test_drawings_are_a_sequence():
    drawings = glyph(0, 0, 0, 4)
    assert len(drawings) == 4 and drawings[-1] == drawings[3] and drawings[1:3] == [drawings[1], drawings[2]]
    assert list(drawings) == drawings[:]
    with pytest.raises(IndexError):
        drawings[4]


def test_every_picture_is_a_drawing_and_no_two_are_equal():
    pictures = [p for drawings in glyph_source(1, 4, 6, 3).classes.values() for p in drawings]
    ink = [1 - p.array().mean() / 255 for p in pictures]
    assert len(set(pictures)) == len(pictures)
    assert min(ink) > 0.01 and max(ink) < 0.4


def test_no_drawing_leaves_the_paper():
    """Not even a character as large as the paper, by the hastiest of many hands."""
    whole = [np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])]
    strokes = [np.linspace(*ends, POINTS) for ends in whole]
    for seed in range(200):
        pixels = draw(strokes, np.random.default_rng(seed)).array()
        assert pixels.min() == 0
        assert min(side.min() for side in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])) > 64  # at most grazed


def test_pictures_of_a_character_resemble_each_other_more_than_those_of_others():
    """Nearest neighbour by blurred pixels, one example of each of 20 characters: far above chance without any learning."""
    source = glyph_source(2, 1, 20, 2)
    first, second = ([_blurred(drawings[i]) for drawings in source.classes.values()] for i in range(2))
    nearest = [int(np.argmin([np.linalg.norm(a - b) for b in first])) for a in second]
    assert np.mean(np.array(nearest) == np.arange(20)) > 0.3


@pytest.mark.parametrize("alphabet", range(12))
def test_characters_of_an_alphabet_are_told_apart_by_their_ink(alphabet):
    made = letters(5, alphabet, 24)
    assert min(a.unlike(b) for i, a in enumerate(made) for b in made[:i]) > UNLIKE
    assert letters(5, alphabet, 7) == made[:7]
    assert all(letter.unlike(letter) == 0 and letter.ink.min() >= 0 and letter.ink.max() <= 1 for letter in made)


def test_a_relative_has_one_part_more_less_or_otherwise():
    cursive = next(s for a in range(50) if (s := style(0, a)).cursive)
    for kind in (cursive, replace(cursive, cursive=False)):
        close = [kind_of_change(kind, seed) for seed in range(40)]
        assert np.mean(close) > 0.85  # the others are the whole character turned


def kind_of_change(kind: Style, seed: int) -> bool:
    """Whether all parts but one of a character are those of the character that it was made from."""
    first = replace(kind, kin=0.0, mirror=0.0, strokes=3.0).letter((), np.random.default_rng([seed, 0]))
    second = replace(kind, kin=1.0).letter((first,), np.random.default_rng([seed, 1]))
    shared = sum(any(part is other for other in first.parts) for part in second.parts)
    return shared >= len(first.parts) - 1


def test_a_chain_goes_on_from_where_it_was_and_stays_on_its_line():
    rise = np.array([[0.0, 0.0], [0.2, 1.0]])
    stroke = chain([rise] * 5)
    steps = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
    assert stroke.shape == (POINTS, 2) and steps.max() < 0.2
    assert stroke[-1] == pytest.approx([1.0, 1.0]) and stroke[:, 1].min() >= 0 and stroke[:, 1].max() <= 1


def _blurred(picture):
    from PIL import ImageFilter

    return np.asarray(picture.image().filter(ImageFilter.GaussianBlur(4)), dtype=float)


def test_the_source_has_a_name_for_every_seed():
    assert load_source("builtin:glyphs").classes.keys() == load_source("builtin:glyphs:7").classes.keys()
    with pytest.raises(UserError, match="glyphs"):
        load_source("builtin:glyphs:x")


def test_other_seeds_are_apart_and_the_same_characters_are_not():
    check_apart([glyph_source(0)], [glyph_source(1)])
    (train,), (valid,) = hold_out([glyph_source(0, 2, 10, 3)], seed=0)
    check_apart([train], [valid])
    with pytest.raises(UserError, match="alphabet000/character00"):
        check_apart([glyph_source(0)], [glyph_source(0)])


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distort(pixels: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    return _moved(pixels, *_fields(len(pixels), strength, generator))


def test_distorting_depends_on_the_generator_alone():
    pixels = torch.rand(6, 3, 20, 24)
    assert torch.equal(distort(pixels, 1.0, rng(1)), distort(pixels, 1.0, rng(1)))
    assert not torch.allclose(distort(pixels, 1.0, rng(1)), distort(pixels, 1.0, rng(2)), atol=0.01)
    assert torch.allclose(distort(pixels, 0.0, rng()), pixels, atol=1e-5)


def test_a_stronger_distortion_moves_more():
    dot = torch.zeros(64, 1, 33, 33)
    dot[:, :, 16, 26] = 1
    away = [(dot - distort(dot, strength, rng())).abs().sum() for strength in (0.02, 0.2, 1.0)]
    assert away[0] < away[1] < away[2]


def test_a_distorted_task_is_turned_as_a_whole():
    """All eight symmetries occur, the same for support and query."""
    pixels = torch.arange(9.0).view(1, 1, 3, 3)
    features = Features((Group(torch.tensor([0]), pixels, torch.ones(1, 1), None),), 0, 1)
    examples = Examples(features, torch.ones(1, 1), Classes(("a",)))
    seen = set()
    for seed in range(60):
        (task,) = distorted([Task(examples, examples)], 0.0, [rng(seed)])
        support, query = (side.x.groups[0].first for side in (task.support, task.query))
        assert torch.allclose(support, query, atol=1e-4) and task.support.y is examples.y
        seen.add(tuple(support.round().int().flatten().tolist()))
    assert len(seen) == 8


def test_tasks_distorted_together_are_each_as_alone():
    def task(count: int) -> Task:
        pixels = torch.rand(count, 3, 20, 20, generator=rng(count))
        groups = [Group(torch.arange(k), pixels[:k], torch.ones(k, 1), None) for k in (count - 1, count)]
        sides = (Features((g,), 0, len(g.first)) for g in groups)
        return Task(*(Examples(x, torch.ones(x.count, 1), Classes(("a",))) for x in sides))

    tasks = [task(2), task(4), task(3)]
    together = distorted(tasks, 0.8, [rng(i) for i in range(3)])
    for i, (own, moved) in enumerate(zip(tasks, together, strict=True)):
        (alone,) = distorted([own], 0.8, [rng(i)])
        for side in ("support", "query"):
            a, b = (getattr(t, side).x.groups[0].first for t in (alone, moved))
            assert len(a) == len(getattr(own, side).x.groups[0].first)
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("number", range(8))
def test_a_symmetry_turns_places_as_pixels_are_turned(number):
    pixels = torch.rand(1, 1, 6, 6)
    turned = pixels.rot90(number % 4, (-2, -1))
    turned = turned.flip(-1) if number >= 4 else turned
    field = torch.cat([_symmetry(number), torch.zeros(2, 1)], 1)[None]
    torch.testing.assert_close(_moved(pixels, field, torch.zeros(1, 2, 5, 5)), turned, rtol=0, atol=1e-5)
