"""Ink in the middle, wherever it was drawn; models that do not ask for it see the picture as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from meta_demo.backbones.loading import load_backbone
from meta_demo.core.cache import Cache
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.framing import framed

pytestmark = pytest.mark.many


def drawn(x: int, y: int, w: int, h: int, *, ink: int = 0, paper: int = 255, side: int = 200) -> Image.Image:
    """A cross in a box."""
    image = Image.new("L", (side, side), paper)
    pen = ImageDraw.Draw(image)
    for line in ((x, y, x + w, y + h), (x + w, y, x, y + h), (x, y, x + w, y)):
        pen.line(line, fill=ink, width=3)
    return image


def ends(image: Image.Image, paper: int = 255) -> list[float]:
    """First and last column and row with ink, as parts of the sides."""
    ink = np.abs(np.asarray(image.convert("L"), dtype=int) - paper) > 64
    found = [np.flatnonzero(ink.any(axis)) for axis in (0, 1)]
    return [edge / side for places, side in zip(found, image.size, strict=True) for edge in (places[0], places[-1] + 1)]


@pytest.mark.parametrize("box", [(20, 30, 100, 100), (90, 80, 100, 100), (10, 10, 170, 170), (140, 20, 50, 50)])
def test_a_drawing_is_the_same_wherever_and_however_large(box):
    assert ends(framed(drawn(*box), 0.8)) == pytest.approx([0.1, 0.9, 0.1, 0.9], abs=0.03)


@pytest.mark.parametrize("paper", [0, 40, 230])
def test_paper_has_the_colour_of_the_edge(paper):
    image = framed(drawn(20, 30, 60, 60, ink=128, paper=paper), 0.5)
    assert image.getpixel((0, 0)) == paper
    assert ends(image, paper) == pytest.approx([0.25, 0.75, 0.25, 0.75], abs=0.03)


def test_half_of_a_lopsided_shape_is_evened_out():
    left, right, top, bottom = ends(framed(drawn(20, 60, 160, 40), 0.8))
    assert right - left == pytest.approx(0.8, abs=0.03)
    assert (bottom - top) / (right - left) == pytest.approx((43 / 163) ** 0.5, abs=0.03)
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.02) and (top + bottom) / 2 == pytest.approx(0.5, abs=0.02)


def test_a_dot_stays_small():
    left, right, top, bottom = ends(framed(drawn(150, 20, 4, 4), 0.8))
    assert right - left < 0.25 and bottom - top < 0.25


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_without_ink_nothing_changes(mode):
    blank = Image.new(mode, (50, 30), 200 if mode == "L" else (200, 210, 220))
    assert framed(blank, 0.8) is blank
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    assert framed(photo, 0.8).size == pytest.approx((75, 61), abs=2)


def test_only_a_model_whose_processor_asks_for_it_frames(vision_folder):
    near, far = (Picture.of(drawn(x, y, 80, 80)) for x, y in ((20, 20), (100, 95)))
    for name, alike in (("glyph-vit", True), (str(vision_folder), False)):
        inputs = load_backbone(name, torch.device("cpu"), Cache(1 << 20)).inputs
        pixels, _ = inputs.batch([near, far], 1)
        assert torch.equal(pixels[0], pixels[1]) == alike
