"""Alphabets of the world: letters of fonts as strokes, drawn anew by hands. One class a letter, one group a script.

Here: from a folder of fonts to a source of pictures. Not here: thinning a shape to strokes (`centrelines.py`), the hand (`glyphs.py`).
A letter that several fonts have is drawn after each of them: what designers of a script take to be the same letter.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_demo.core.errors import UserError
from meta_demo.data.drawing.alphabets import hausdorff
from meta_demo.data.drawing.centrelines import centre_lines
from meta_demo.data.drawing.glyphs import Drawings
from meta_demo.data.drawing.strokes import POINTS, Points, Rng, along, length
from meta_demo.data.source import Source

FONTS = (".ttf", ".otf", ".ttc")
SIZE = 160  # pixels of an em, from which strokes are taken
LARGEST = 0.75  # side of a letter on paper of side 1
ALPHABET = 36  # letters of a large script go into alphabets of about so many, in Unicode's order
SCRIPT = 320  # letters of one script, at most
LEAST = 12  # letters that are an alphabet, at least
STROKES, INK = 7, (0.9, 9.0)  # of a letter whose larger side is 1: enough to tell it by, not too much for a pen
UNLIKE = 0.13  # Hausdorff distance between two letters of a script, size evened out
ALIKE = (0.03, 0.45)  # of one letter in two fonts: neither the same outline nor something else at its place
REGULAR, WIDTH = range(350, 451), 5  # weight and width classes of OpenType's OS/2 table


@dataclass(frozen=True)
class Face:
    """A font file's first face and the letters it has."""

    path: Path
    letters: frozenset[str]


def font_source(folder: Path, name: str, instances: int = 14) -> Source:
    """Classes `script/letter` of all upright regular fonts in a folder, with `instances` drawings each, made when they are looked at.

    A script of more than 53 letters is several groups, `script 1/letter` and so on. Reading takes some 10 ms a letter. Needs
    fonttools and scikit-image. Raises UserError when they or the fonts are not there.
    """
    faces = _faces(folder)
    classes: dict[str, Drawings] = {}
    used: set[Path] = set()
    for script, letters in sorted(_scripts(faces).items()):
        known = _alphabet(letters, faces)
        count = max(1, round(len(known) / ALPHABET))
        for i, letter in enumerate(known if len(known) >= LEAST else ()):
            part = f" {i * count // len(known) + 1}" if count > 1 else ""
            label = f"{script}{part}/{letter.text} {unicodedata.name(letter.text, '').lower()}".rstrip()
            classes[label] = Drawings((4, ord(letter.text)), letter.strokes, instances, label)
            used.update(letter.fonts)
    if not classes:
        raise UserError("fonts_empty", folder=str(folder))
    told = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sorted(used)))
    return Source(name, classes, program=f"fonts {told.hexdigest()} x {instances}")


@dataclass(frozen=True)
class Letter:
    """A letter, the fonts that have it, and its strokes in the first of them."""

    text: str
    fonts: tuple[Path, ...]
    first: list[Points]

    def strokes(self, number: int, rng: Rng) -> list[Points]:
        """What the drawing of a number is drawn after: one font after the other, each a little wider or narrower."""
        strokes = self.first
        if place := number % len(self.fonts):
            other = _strokes(self.fonts[place], self.text)
            if _drawable(other) and ALIKE[0] < hausdorff(_evened(strokes), _evened(other)) < ALIKE[1]:
                strokes = other
        wide = np.exp(rng.normal(0, 0.12))
        return [stroke * LARGEST * (wide, 1 / wide) + 0.5 for stroke in strokes]


def _faces(folder: Path) -> list[Face]:
    """The upright regular fonts in a folder, by name, with their letters; of fonts that cannot be read, none."""
    try:
        import skimage.morphology  # noqa: F401
        from fontTools.ttLib import TTFont
    except ImportError as error:
        raise UserError("no_font_packages") from error
    if not folder.is_dir():
        raise UserError("fonts_folder", folder=str(folder))
    found = []
    for path in sorted({path.resolve() for path in folder.rglob("*") if path.suffix.lower() in FONTS}):
        try:
            with TTFont(path, fontNumber=0, lazy=True) as font:
                style: Any = font["OS/2"]
                upright = not style.fsSelection & 1 and style.usWidthClass == WIDTH
                codes = font.getBestCmap() or {} if upright and style.usWeightClass in REGULAR else {}
        except Exception:  # a damaged table makes fontTools raise almost anything
            continue
        letters = frozenset(filter(_is_letter, map(chr, codes)))
        if letters:
            found.append(Face(path, letters))
    return found


@cache
def _is_letter(character: str) -> bool:
    """A letter or digit of a script of its own, not one with an accent."""
    kind = unicodedata.category(character)
    return kind in ("Lo", "Ll", "Lu", "Nd", "Nl", "No") and not unicodedata.decomposition(character)


def _scripts(faces: Sequence[Face]) -> dict[str, list[str]]:
    """The letters of each script, in Unicode's order."""
    from fontTools import unicodedata as tables

    found: dict[str, list[str]] = defaultdict(list)
    for letter in sorted({letter for face in faces for letter in face.letters}):
        found[tables.script(letter)].append(letter)
    return {
        tables.script_name(code): letters for code, letters in found.items() if code not in ("Zyyy", "Zinh", "Zzzz")
    }


def _alphabet(letters: Sequence[str], faces: Sequence[Face]) -> list[Letter]:
    """The letters of a script that a pen can draw and an eye can tell apart; the first font is the one with most of the script."""
    script = frozenset(letters)
    faces = sorted((face for face in faces if face.letters & script), key=lambda face: -len(face.letters & script))
    known: list[Letter] = []
    shapes: list[NDArray[np.float64]] = []
    boxes = np.empty((SCRIPT, 4))
    for text in letters:
        fonts = [face.path for face in faces if text in face.letters]
        # Some fonts claim letters that they leave blank.
        while not (strokes := _strokes(fonts[0], text)) and fonts[1:]:
            del fonts[0]
        letter = Letter(text, tuple(fonts), strokes)
        if not _drawable(letter.first):
            continue
        shape = _evened(letter.first)
        box = np.concatenate([shape.min(0), shape.max(0)])  # two shapes are no more alike than their boxes
        near = np.flatnonzero(np.abs(boxes[: len(shapes)] - box).max(1) < UNLIKE)
        if all(hausdorff(shape, shapes[i]) >= UNLIKE for i in near):
            boxes[len(shapes)] = box
            known.append(letter)
            shapes.append(shape)
        if len(known) == SCRIPT:
            break
    return known


def _strokes(path: Path, letter: str) -> list[Points]:
    """The strokes of a letter in a font, around the origin, its larger side 1; none where it has no ink."""
    from PIL import Image, ImageDraw

    page = Image.new("L", (4 * SIZE, 4 * SIZE), 0)
    try:
        ImageDraw.Draw(page).text((2 * SIZE, 2 * SIZE), letter, font=_font(path), fill=255, anchor="mm")
    except OSError:  # a font that FreeType cannot draw
        return []
    box = page.getbbox()
    return _fitted(centre_lines(np.asarray(page.crop(box)) > 127)) if box else []


@cache
def _font(path: Path) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(path, SIZE, layout_engine=ImageFont.Layout.BASIC)


def _fitted(strokes: Sequence[Points]) -> list[Points]:
    """Strokes of POINTS points, without a pixel's steps, around the origin; the larger side of all of them is 1."""
    if not strokes:
        return []
    side = np.ptp(np.concatenate(strokes), axis=0).max()
    made = [
        _dot(s, side) if len(s) < 3 or np.ptp(s, axis=0).max() < 0.03 * side else along(_smooth(s)) for s in strokes
    ]
    ink = np.concatenate(made)
    low, high = ink.min(0), ink.max(0)
    return [(s - (low + high) / 2) / max(1.0, *(high - low)) for s in made]


def _smooth(stroke: Points, reach: int = 4) -> Points:
    """Every point moved to the mean of those up to `reach` pixels away; ends stay, rings stay rings."""
    ring = len(stroke) > 4 * reach and np.linalg.norm(stroke[0] - stroke[-1]) < 2
    if ring:
        around = np.pad(stroke, ((reach, reach), (0, 0)), mode="wrap")
    else:  # turned around its ends
        around = np.pad(
            stroke, ((reach, reach), (0, 0)), mode="reflect" if len(stroke) > reach else "symmetric", reflect_type="odd"
        )
    mean = np.mean([around[i : i + len(stroke)] for i in range(2 * reach + 1)], axis=0)
    return np.concatenate([mean, mean[:1]]) if ring else np.asarray(mean)


def _dot(stroke: Points, side: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, POINTS)
    return np.asarray(stroke.mean(0) + 0.03 * side * np.stack([np.sin(turn), np.cos(turn)], 1))


def _drawable(strokes: Sequence[Points]) -> bool:
    return 0 < len(strokes) <= STROKES and INK[0] < sum(map(length, strokes)) < INK[1]


def _evened(strokes: Sequence[Points]) -> NDArray[np.float64]:
    """Ink with half of a lopsided shape evened out, as `core/framing.py` does."""
    ink = np.concatenate([stroke[::4] for stroke in strokes])
    low, high = ink.min(0), ink.max(0)
    sides = np.maximum(high - low, 0.2)
    return np.asarray((ink - (low + high) / 2) / np.sqrt(sides * sides.max()))
