"""Letters of fonts as drawings: shapes thinned to a pen's strokes, scripts told apart, one letter in several fonts, and bad folders."""

from __future__ import annotations

import builtins
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from meta_demo.core.errors import UserError
from meta_demo.data.drawing.centrelines import centre_lines
from meta_demo.data.drawing.fonts import LEAST, font_source
from meta_demo.data.sources import check_apart, hold_out, load_source

Line = list[tuple[int, int]]


def drawn(*lines: Line, width: int = 12, side: int = 120) -> np.ndarray:
    """Lines through their points with a thick round pen, as an array of bool."""
    page = Image.new("L", (side, side), 0)
    pen, r = ImageDraw.Draw(page), width / 2
    for line in lines:
        pen.line(line, fill=255, width=width)
        for x, y in line:
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(page) > 127


def ring(cx: int, cy: int, r: int) -> Line:
    return [(round(cx + r * np.cos(t)), round(cy + r * np.sin(t))) for t in np.linspace(0, 2 * np.pi, 60)]


@pytest.mark.parametrize(
    ("lines", "strokes"),
    [
        ([[(20, 60), (100, 60)]], 1),  # a bar
        ([[(20, 60), (100, 60)], [(60, 20), (60, 100)]], 2),  # a cross: both go straight on
        ([[(20, 30), (100, 30)], [(60, 30), (60, 100)]], 2),  # a T
        ([[(20, 20), (20, 100), (100, 100)]], 1),  # a corner
        ([ring(60, 60, 40)], 1),
        ([ring(60, 40, 20), [(60, 60), (60, 110)]], 2),  # a ring on a stick
        ([[(20, 20), (100, 100)], [(100, 20), (20, 100)]], 2),  # an X
        ([[(20, 20), (20, 100)], [(100, 20), (100, 100)]], 2),  # two that do not meet
        ([[(60, 60)]], 1),  # a dot
        ([], 0),
    ],
)
def test_a_shape_has_the_strokes_that_drew_it(lines, strokes):
    shape = drawn(*lines)
    found = centre_lines(shape)
    assert len(found) == strokes
    again = Image.new("L", shape.shape[::-1], 0)
    pen = ImageDraw.Draw(again)
    for stroke in found:
        assert all(shape[round(y), round(x)] for x, y in stroke)  # on the ink
        assert all(np.abs(b - a).max() < 13 for a, b in pairwise(stroke))  # without jumps
        pen.line([tuple(p) for p in stroke], fill=255, width=14, joint="curve")
        for x, y in (stroke[0], stroke[-1]):
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), fill=255)
    assert (
        shape & ~(np.asarray(again) > 127)
    ).sum() <= 0.02 * shape.sum()  # a pen along them covers it, but for a corner


LETTERS = [  # each a few lines on a square of 1000
    [[(100, 500), (900, 500)], [(500, 100), (500, 900)]],
    [[(100, 100), (900, 100)], [(500, 100), (500, 900)]],
    [[(100, 100), (100, 900), (900, 900)]],
    [[(100, 900), (500, 100), (900, 900)]],
    [[(100, 100), (900, 100), (900, 900), (100, 900), (100, 100)]],
    [[(100, 100), (900, 900)], [(900, 100), (100, 900)]],
    [[(100, 100), (900, 100), (100, 900), (900, 900)]],
    [[(100, 100), (100, 900)], [(100, 500), (900, 500)], [(900, 100), (900, 900)]],
    [[(100, 900), (100, 100), (900, 100), (900, 900)]],
    [[(500, 100), (100, 500), (500, 900), (900, 500), (500, 100)]],
    [[(100, 100), (500, 900), (900, 100)], [(100, 900), (900, 900)]],
    [[(100, 100), (900, 300), (100, 500), (900, 700), (100, 900)]],
    [[(100, 100), (100, 900)], [(500, 100), (500, 900)], [(900, 100), (900, 900)]],
    [[(100, 100), (900, 100)], [(100, 500), (900, 500)], [(100, 900), (900, 900)], [(500, 100), (500, 900)]],
]


def font(
    path: Path, start: int, letters: list[list[Line]], *, weight: int = 400, pen: int = 80, lean: float = 0
) -> None:
    """A font with one letter a code point from `start` on; `lean`: sideways for each unit up."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    names = [".notdef", *(f"g{i}" for i in range(len(letters)))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({start + i: f"g{i}" for i in range(len(letters))})
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    for name, lines in zip(names[1:], letters, strict=True):
        outline = TTGlyphPen(None)
        for a, b in ((a, b) for line in lines for a, b in pairwise(line)):
            along = np.array(b, float) - a
            along *= pen / 2 / np.linalg.norm(along)
            side = np.array([-along[1], along[0]])
            corners = [a - along - side, b + along - side, b + along + side, a - along + side]
            for i, (x, y) in enumerate(corners):
                (outline.lineTo if i else outline.moveTo)((round(x + lean * (1000 - y)), round(1000 - y)))
            outline.closePath()
        glyphs[name] = outline.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2(usWeightClass=weight)
    builder.setupPost()
    builder.save(path)


THAI, KHMER, LATIN = 0x0E01, 0x1780, 0x0061


@pytest.fixture
def fonts(tmp_path):
    font(tmp_path / "a.ttf", THAI, LETTERS)
    font(tmp_path / "b.ttf", THAI, LETTERS[:13], lean=0.3)
    font(tmp_path / "bold.ttf", THAI, LETTERS, weight=700)
    font(tmp_path / "c.ttf", KHMER, [*LETTERS, LETTERS[0]])  # the last looks like the first
    font(tmp_path / "few.ttf", LATIN, LETTERS[: LEAST - 1])
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    (tmp_path / "readme.txt").write_text("not a font either")
    return tmp_path


def test_scripts_are_groups_and_letters_classes(fonts):
    source = load_source(f"fonts:{fonts}")
    assert sorted(source.groups) == ["Khmer", "Thai"] and source.modality == "picture"
    assert [len(source.groups[script]) for script in ("Khmer", "Thai")] == [14, 14]
    assert list(source.classes)[-14] == "Thai/ก thai character ko kai"
    assert {len(drawings) for drawings in source.classes.values()} == {14}


@pytest.mark.slow
def test_drawings_are_equal_by_font_and_differ_by_hand(fonts):
    first, second = (font_source(fonts, "x", instances=3) for _ in range(2))
    for label in list(first.classes)[::5]:
        assert list(first.classes[label]) == list(second.classes[label]) and len(set(first.classes[label])) == 3
    assert first.sha256 == second.sha256
    (fonts / "a.ttf").unlink()
    assert font_source(fonts, "x", instances=3).sha256 != first.sha256


def test_a_letter_is_drawn_after_each_font_that_has_it(fonts):
    rng, still = np.random.default_rng(0), np.random.default_rng(0)
    strokes = font_source(fonts, "x").classes["Thai/ก thai character ko kai"]._strokes
    upright, leaning = (np.concatenate(strokes(number, which)) for number, which in ((0, rng), (1, still)))
    assert np.abs(upright - leaning).max() > 0.05  # a cross that leans
    alone = font_source(fonts, "x").classes["Khmer/ក khmer letter ka"]._strokes
    assert np.array_equal(*(np.concatenate(alone(number, np.random.default_rng(0))) for number in (0, 1)))


def test_letters_go_through_all_that_other_sources_do(fonts):
    source = load_source(f"fonts:{fonts}")
    train, valid = hold_out([source], 0)
    check_apart(train, valid)
    with pytest.raises(UserError, match="Thai"):
        check_apart([source], [source.only(list(source.classes)[-3:], "x")])


def test_damaged_fonts_are_passed_over(fonts):
    whole = (fonts / "a.ttf").read_bytes()
    for i in range(1, 20):
        (fonts / f"cut{i}.ttf").write_bytes(whole[: i * len(whole) // 20])
        (fonts / f"torn{i}.ttf").write_bytes(whole[: i * 30] + bytes(40) + whole[i * 30 + 40 :])
    source = font_source(fonts, "x", instances=2)
    assert sorted(source.groups) == ["Khmer", "Thai"]
    assert all(list(drawings) for drawings in source.classes.values())


def test_bad_folders_are_told_in_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="There is no folder"):
        load_source(f"fonts:{tmp_path / 'nowhere'}")
    with pytest.raises(UserError, match="twelve letters"):
        load_source(f"fonts:{tmp_path}")
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("skimage"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="pip install fonttools scikit-image"):
        load_source(f"fonts:{tmp_path}")
