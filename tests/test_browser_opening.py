"""The page at first sight, in a browser: adapted already, and one drawing away from an answer."""

from __future__ import annotations

import re
import time

import pytest
from browsing import SLOW, Open, draw
from playwright.sync_api import Page, expect
from test_health import read, samples

from meta_demo.words import text

PAD = "#try-pad .pad-paper"
BORDER = f"() => document.querySelector('{PAD}').getAnimations().length"
ADAPTED = ("meta_demo_run_seconds_count", "adapt")
FISH = [
    [
        (0.14, 0.38),
        (0.38, 0.58),
        (0.58, 0.66),
        (0.78, 0.58),
        (0.86, 0.5),
        (0.78, 0.42),
        (0.58, 0.34),
        (0.38, 0.42),
        (0.14, 0.62),
        (0.14, 0.38),
    ]
]


def first_sight(visit: Open, page_url: str, **how: object) -> Page:
    """The page once what it opens with has been adapted, which takes the server a while after it began."""
    until = time.monotonic() + 4 * SLOW / 1000
    while time.monotonic() < until and not samples(read(f"{page_url}metrics")).get(ADAPTED):
        time.sleep(0.5)
    page = visit(address="", **how)
    expect(page.locator("#runs .run").first).to_be_visible()
    return page


def cursor_stands_at(page: Page, step: str | None) -> None:
    """A line in each panel of the curves stands at that step."""
    page.wait_for_function(
        "step => { const lines = document.querySelector('#curves .chart').layout?.shapes || [];"
        " return lines.length === 2 && lines.every(line => String(line.x0) === step); }",
        arg=step,
        timeout=SLOW,
    )


def test_three_doodles_are_taught_and_a_drawing_is_known_when_the_pen_lifts(visit: Open, page_url: str) -> None:
    page = first_sight(visit, page_url)
    expect(page.locator("#picture-cards .cards-total")).to_contain_text("3 classes · 3 pictures")
    expect(page.locator("#curves .main-svg").first).to_be_visible()
    expect(page.locator("#predictions")).to_contain_text(text("page.try.blank.picture"))
    assert page.evaluate(BORDER) == 1, "the empty pad invites"
    expect(page.locator(".looked")).to_be_hidden()
    expect(page.locator("#steps-bar")).to_be_hidden()
    draw(page, page.locator(PAD), FISH)
    expect(page.locator(".prediction")).to_have_count(3)
    for who in ("maml", "protonet"):
        expect(page.locator(f".prediction[data-algorithm={who}]")).to_have_attribute("data-top", "fish")
    expect(page.locator(".looked")).to_contain_text(text("page.pad.looked"))
    assert page.evaluate(BORDER) == 0
    expect(page.locator("#notice")).not_to_contain_text(text("page.run.changed"))
    steps = page.locator("#step input[type=range]")
    end = steps.get_attribute("max")
    cursor_stands_at(page, end)
    page.locator("#walk .walk").press("Enter")
    expect(page.locator("#walk .walk")).to_contain_text(text("page.walk.pause"))
    expect(page.locator(".prediction[data-algorithm=finetune]")).to_have_attribute("data-step", re.compile("^[0-5]$"))
    expect(page.locator("#walk .walk")).to_contain_text(text("page.walk.play"))
    expect(page.locator(".prediction[data-algorithm=finetune]")).to_have_attribute("data-step", end or "")
    assert steps.input_value() == end
    cursor_stands_at(page, end)
    page.locator(".looked").click()
    expect(page.locator("#overlay canvas")).to_be_in_viewport()
    page.locator("#try-pad .pad-erase").click()
    expect(page.locator(".looked")).to_be_hidden()


@pytest.mark.parametrize("how", [{"width": 380, "locale": "zh-CN", "color_scheme": "dark"}])
def test_it_keeps_still_and_fits_a_telephone(visit: Open, page_url: str, how: dict[str, object]) -> None:
    page = first_sight(visit, page_url, reduced_motion="reduce", **how)
    assert page.evaluate(BORDER) == 0
    steps = page.locator("#steps-bar button")
    expect(steps).to_have_text(["1 教", "2 适应", "3 试"])
    expect(steps.first).to_have_attribute("aria-current", "step")
    steps.last.click()
    expect(page.locator(PAD)).to_be_in_viewport()
    expect(steps.last).to_have_attribute("aria-current", "step")
    draw(page, page.locator(PAD), FISH)
    expect(page.locator(".looked")).to_contain_text(text("page.pad.looked", "zh"))
    page.locator("#walk .walk").click()
    expect(page.locator("#step input[type=range]")).to_have_value("0")  # a jump, not a walk
    page.wait_for_timeout(1500)
    assert page.locator("#step input[type=range]").input_value() == "0"
    cursor_stands_at(page, "0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
