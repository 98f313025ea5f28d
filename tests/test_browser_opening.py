"""The page at first sight, in a browser: adapted already, and one drawing away from an answer."""

from __future__ import annotations

import time

import pytest
from browsing import SLOW, Open
from playwright.sync_api import Page, expect

from meta_demo.words import text

PAD = "#try-pad .pad-paper"
BORDER = f"() => document.querySelector('{PAD}').getAnimations().length"
HOUSE = (((0.2, 0.45), (0.2, 0.9), (0.8, 0.9), (0.8, 0.45)), ((0.1, 0.5), (0.5, 0.1), (0.9, 0.5)))


def first_sight(visit: Open, **how: object) -> Page:
    """The page once what it opens with has been adapted, which takes the server a while after it began."""
    page, until = visit(address="", **how), time.monotonic() + 4 * SLOW / 1000
    while time.monotonic() < until and page.locator("#runs .run").count() == 0:
        page.wait_for_timeout(1500)
        if page.locator("#runs .run").count() == 0:
            page.reload()
            expect(page.locator("#model-status .ready")).to_be_visible()
            page.wait_for_timeout(1500)
    expect(page.locator("#runs .run").first).to_be_visible()
    return page


def draw_house(page: Page) -> None:
    pad = page.locator(PAD)
    pad.scroll_into_view_if_needed()
    area = pad.bounding_box()
    assert area
    for stroke in HOUSE:
        places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for x, y in places[1:]:
            page.mouse.move(x, y, steps=5)
        page.mouse.up()


def test_three_doodles_are_taught_and_a_drawing_is_known_when_the_pen_lifts(visit: Open) -> None:
    page = first_sight(visit)
    expect(page.locator("#picture-cards .cards-total")).to_contain_text("3 classes · 3 pictures")
    expect(page.locator("#curves .main-svg").first).to_be_visible()
    expect(page.locator("#predictions")).to_contain_text(text("page.try.blank.picture"))
    assert page.evaluate(BORDER) == 1, "the empty pad invites"
    expect(page.locator(".looked")).to_be_hidden()
    draw_house(page)
    expect(page.locator(".prediction")).to_have_count(3)
    for who in ("maml", "protonet"):
        expect(page.locator(f".prediction[data-algorithm={who}]")).to_have_attribute("data-top", "house")
    expect(page.locator(".looked")).to_contain_text(text("page.pad.looked"))
    assert page.evaluate(BORDER) == 0
    expect(page.locator("#notice")).not_to_contain_text(text("page.run.changed"))
    page.locator(".looked").click()
    expect(page.locator("#overlay canvas")).to_be_in_viewport()
    page.locator("#try-pad .pad-erase").click()
    expect(page.locator(".looked")).to_be_hidden()


@pytest.mark.parametrize("how", [{"width": 380, "locale": "zh-CN", "color_scheme": "dark"}])
def test_it_keeps_still_and_fits_a_telephone(visit: Open, how: dict[str, object]) -> None:
    page = first_sight(visit, reduced_motion="reduce", **how)
    assert page.evaluate(BORDER) == 0
    draw_house(page)
    expect(page.locator(".looked")).to_contain_text(text("page.pad.looked", "zh"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
