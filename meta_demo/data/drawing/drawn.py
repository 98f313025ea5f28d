"""Sample tasks of pictures, drawn by code when they are asked for: shapes, arrows, faces, icons, textures, lights, letters.

Here: what each class looks like. Not here: the hand and the paper (`sheet.py`), how letters are made up (`alphabets.py`).
Every picture is drawn anew from a seed made of its task, class and number: the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import numpy as np

from meta_demo.data.drawing.glyphs import glyph_source
from meta_demo.data.drawing.sheet import Rng, Sheet, arc, polygon
from meta_demo.data.episode import Episode, Example
from meta_demo.modalities.picture.content import Picture

SHOTS, QUERIES = 8, 6  # of each class
LETTERS = "made-up-letters"
LETTERS_SEED = 982  # of no alphabet that a bundled checkpoint was trained on
Drawing = Callable[[Sheet, Rng], None]


def drawn_names() -> list[str]:
    """The names of all tasks in here."""
    return sorted([*_TASKS, LETTERS])


def drawn_task(name: str) -> Episode:
    """The task called `name`, with `SHOTS` examples and `QUERIES` labelled queries of each class."""
    if name == LETTERS:
        letters = glyph_source(LETTERS_SEED, alphabets=1, per_alphabet=6, instances=SHOTS + QUERIES).classes.values()
        rows = {f"letter {number}": list(pictures) for number, pictures in enumerate(letters, 1)}
    else:
        rows = {label: [_drawn(name, label, i) for i in range(SHOTS + QUERIES)] for label in _TASKS[name]}
    support = [Example(picture, label) for label, pictures in rows.items() for picture in pictures[:SHOTS]]
    query = [Example(picture, label) for label, pictures in rows.items() for picture in pictures[SHOTS:]]
    return Episode(tuple(support), tuple(query))


def _drawn(task: str, label: str, number: int) -> Picture:
    rng = np.random.default_rng([crc32(f"{task}/{label}".encode()), number])
    sheet = Sheet(rng, turn=_TURNS.get(task, 0.12))
    _TASKS[task][label](sheet, rng)
    return sheet.picture(f"{label} {number + 1}")


# --- shapes, whichever way they are turned


def _circle(sheet: Sheet, rng: Rng) -> None:  # noqa: ARG001
    sheet.stroke(arc((0, 0), 0.75))


def _star(sheet: Sheet, rng: Rng) -> None:  # noqa: ARG001
    sheet.stroke(polygon(10) * np.tile([0.9, 0.38], 6)[:11, None])


def _shape(corners: int) -> Drawing:
    return lambda sheet, _: sheet.stroke(polygon(corners) * 0.85)


def _cross(sheet: Sheet, rng: Rng) -> None:  # noqa: ARG001
    sheet.stroke([(-0.8, 0), (0.8, 0)])
    sheet.stroke([(0, -0.8), (0, 0.8)])


# --- arrows


def _arrow(angle: float) -> Drawing:
    way = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def draw(sheet: Sheet, rng: Rng) -> None:
        barb = rng.uniform(0.3, 0.5)
        sheet.stroke(np.array([(-0.8, 0.0), (0.8, 0.0)]) @ way)
        sheet.stroke(np.array([(0.8 - barb, -barb), (0.8, 0.0), (0.8 - barb, barb)]) @ way)

    return draw


# --- faces


def _face(mouth: Drawing) -> Drawing:
    def draw(sheet: Sheet, rng: Rng) -> None:
        sheet.stroke(arc((0, 0), 0.85))
        for x in (-0.3, 0.3):
            sheet.dot((x, -0.25), rng.uniform(0.06, 0.1))
        mouth(sheet, rng)

    return draw


def _smile(sheet: Sheet, rng: Rng) -> None:
    sheet.stroke(arc((0, 0.05), rng.uniform(0.4, 0.5), 0.15 * np.pi, 0.85 * np.pi))


def _frown(sheet: Sheet, rng: Rng) -> None:
    sheet.stroke(arc((0, 0.75), rng.uniform(0.4, 0.5), 1.15 * np.pi, 1.85 * np.pi))


def _gasp(sheet: Sheet, rng: Rng) -> None:
    sheet.stroke(arc((0, 0.4), rng.uniform(0.15, 0.22)))


def _straight(sheet: Sheet, rng: Rng) -> None:
    sheet.stroke([(-rng.uniform(0.3, 0.45), 0.38), (rng.uniform(0.3, 0.45), 0.38)])


# --- icons


def _house(sheet: Sheet, rng: Rng) -> None:
    sheet.stroke([(-0.6, 0), (-0.6, 0.8), (0.6, 0.8), (0.6, 0)])
    sheet.stroke([(-0.8, 0.1), (0, -0.8), (0.8, 0.1)])
    x = rng.uniform(-0.3, 0.2)
    sheet.stroke([(x, 0.8), (x, 0.3), (x + 0.3, 0.3), (x + 0.3, 0.8)])


def _tree(sheet: Sheet, rng: Rng) -> None:  # noqa: ARG001
    sheet.stroke([(0, 0.9), (0, 0.1)])
    sheet.stroke(arc((0, -0.35), 0.5))


def _fish(sheet: Sheet, rng: Rng) -> None:  # noqa: ARG001
    sheet.stroke(arc((0, 0.6), 0.95, 1.22 * np.pi, 1.85 * np.pi))
    sheet.stroke(arc((0, -0.6), 0.95, 0.15 * np.pi, 0.78 * np.pi))
    sheet.stroke([(-0.6, -0.12), (-0.9, -0.4), (-0.9, 0.4), (-0.6, 0.12)])
    sheet.dot((0.45, -0.1), 0.06)


def _boat(sheet: Sheet, rng: Rng) -> None:  # noqa: ARG001
    sheet.stroke([(-0.8, 0.4), (-0.5, 0.8), (0.5, 0.8), (0.8, 0.4), (-0.8, 0.4)])
    sheet.stroke([(0, 0.4), (0, -0.8), (0.6, 0.15), (0, 0.2)])


def _sun(sheet: Sheet, rng: Rng) -> None:
    sheet.stroke(arc((0, 0), 0.38))
    rays = int(rng.integers(7, 11))
    for ray in polygon(rays)[:-1]:
        sheet.stroke([ray * 0.55, ray * 0.9])


# --- textures


def _stripes(sheet: Sheet, rng: Rng) -> None:
    for x in np.arange(-1.6, 1.6, rng.uniform(0.28, 0.42)):
        sheet.stroke([(x, -1.6), (x, 1.6)])


def _grid(sheet: Sheet, rng: Rng) -> None:
    for x in np.arange(-1.6, 1.6, rng.uniform(0.35, 0.5)):
        sheet.stroke([(x, -1.6), (x, 1.6)])
        sheet.stroke([(-1.6, x), (1.6, x)])


def _dots(sheet: Sheet, rng: Rng) -> None:
    step, size = rng.uniform(0.35, 0.5), rng.uniform(0.07, 0.11)
    for x in np.arange(-1.6, 1.6, step):
        for y in np.arange(-1.6, 1.6, step):
            sheet.dot((x, y), size)


def _waves(sheet: Sheet, rng: Rng) -> None:
    t, high, often = np.linspace(-1.6, 1.6, 60), rng.uniform(0.08, 0.14), rng.uniform(6, 10)
    for y in np.arange(-1.6, 1.6, rng.uniform(0.35, 0.5)):
        sheet.stroke(np.stack([t, y + high * np.sin(often * t)], 1))


def _scribble(sheet: Sheet, rng: Rng) -> None:
    sheet.stroke(rng.uniform(-1.7, 1.7, (int(rng.integers(26, 38)), 2)))


# --- lights: what differs is which of three lamps is on


def _light(lamp: int) -> Drawing:
    colours = ((214, 40, 40), (240, 170, 20), (30, 150, 70))

    def draw(sheet: Sheet, rng: Rng) -> None:  # noqa: ARG001
        sheet.stroke([(-0.4, -0.95), (0.4, -0.95), (0.4, 0.95), (-0.4, 0.95), (-0.4, -0.95)])
        for i, colour in enumerate(colours):
            sheet.dot((0, 0.58 * (i - 1)), 0.22, colour if i == lamp else (205, 205, 205))

    return draw


_TASKS: dict[str, dict[str, Drawing]] = {
    "shapes": {"circle": _circle, "triangle": _shape(3), "square": _shape(4), "star": _star, "cross": _cross},
    "arrows": {"right": _arrow(0), "down": _arrow(np.pi / 2), "left": _arrow(np.pi), "up": _arrow(-np.pi / 2)},
    "faces": {"happy": _face(_smile), "sad": _face(_frown), "surprised": _face(_gasp), "calm": _face(_straight)},
    "icons": {"house": _house, "tree": _tree, "fish": _fish, "boat": _boat, "sun": _sun},
    "doodles": {"tree": _tree, "fish": _fish, "sun": _sun},
    "textures": {"stripes": _stripes, "grid": _grid, "dots": _dots, "waves": _waves, "scribble": _scribble},
    "traffic-lights": {"stop": _light(0), "wait": _light(1), "go": _light(2)},
}
_TURNS = {"shapes": np.pi, "textures": 0.6}  # radians that a picture is turned by at most; 0.12 where nothing is said
