"""One example is known by one mark in the grid of a comparison, on the map and in its card."""

from __future__ import annotations

import zlib

from test_compare_page import FOUND, PLACES
from test_plane_page import SIDE, travel

from meta_demo.core.marks import mark_of
from meta_demo.data.episode import Example
from meta_demo.modalities.picture.content import Picture
from meta_demo.ui import plane
from meta_demo.ui.compare.grid import grid
from meta_demo.ui.pictures import url_of
from meta_demo.ui.scripts import script
from meta_demo.ui.side import SIDES

PICTURES = SIDES["picture"]()


def test_a_mark_is_how_many_bytes_and_their_checksum():
    assert mark_of("") == "0-0" and mark_of("123456789") == "9-cbf43926", "the check value of CRC-32"
    assert mark_of("你好") == f"6-{zlib.crc32('你好'.encode()):x}" != mark_of("您好")


def test_the_grid_and_the_map_carry_the_marks_of_what_the_cards_hold():
    shown = grid(FOUND.rows, PLACES, SIDE, {}, "en")
    rows = PLACES.examples
    marks = [mark_of(row.content) for row in rows]
    assert all(shown.count(f'data-example="{mark}"') == 1 for mark in marks) and len({*marks}) == 24
    assert shown.count('class="pick"') == 24 and 'data-said="class 0: sentence &lt;0&gt;"' in shown
    assert plane.drawn(travel(2, 24, 2), rows, {}, PLACES.objective.labels, SIDE)["marks"] == marks


def test_choosing_asks_the_server_nothing():
    program = script("parts", "picked", "reveal", "grid") + script("plane")
    assert "trigger(" not in program and "server." not in program


def test_a_picture_is_known_by_the_url_that_its_card_holds():
    drawing = Picture(2, 2, "L", bytes([0, 90, 180, 255]))
    assert PICTURES.mark(drawing) == mark_of(url_of(drawing)), "a card of a sample is made so"
    other = url_of(drawing).replace("image/png", "image/PNG")
    (read,) = PICTURES.read([(other, "a pad")])
    assert read == drawing and PICTURES.mark(read) == mark_of(other) != PICTURES.mark(drawing)
    assert Example(read, "a") == Example(drawing, "a"), "two that look the same are the same"
