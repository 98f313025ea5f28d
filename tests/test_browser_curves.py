"""The sheet of curves in a browser: it opens adapted, points are set, moved and removed by pointer and keyboard, the slider bends."""

from __future__ import annotations

import re

from browsing import SLOW, Open
from playwright.sync_api import Page, expect

from meta_demo.words import text


def opened(visit: Open, **how) -> Page:
    return shown(visit(**how))


def shown(page: Page) -> Page:
    page.click("#modality label:nth-of-type(3)")
    expect(page.locator(".curves-map").first).to_be_visible(timeout=SLOW)
    return page


def lines(page: Page) -> list[str]:
    return page.locator(".curves-paper .lines path").evaluate_all("all => all.map(p => p.getAttribute('d'))")


def redrawn(page: Page, before: list[str]) -> list[str]:
    page.wait_for_function(
        "before => [...document.querySelectorAll('.curves-paper .lines path')].map(p => p.getAttribute('d')).join() !== before",
        arg=",".join(before),
        timeout=SLOW,
    )
    return lines(page)


def test_a_sample_is_adapted_from_both_starts_once_somebody_looks(visit: Open) -> None:
    """No point is no mistake, and no start is no figure."""
    page = visit()
    asked = "performance.getEntriesByType('resource').filter(one => one.name.includes('component_server')).length"
    assert page.evaluate(asked) == 0, "nobody has looked yet"
    page = shown(page)
    assert page.evaluate(asked) > 0
    assert page.locator("#bench").is_hidden()
    assert page.locator(".curves-paper circle").count() == 5
    assert len(lines(page)) == 4 and page.locator(".curves-paper .truth path").count() == 1
    trained, plain = (
        float(page.locator(f".curves-table tr:has(#curves-maml) td.{start}").inner_text())
        for start in ("trained", "plain")
    )
    assert trained < plain / 3
    page.check("#curves-matching")
    row = page.locator(".curves-table tr:has(#curves-matching)")
    expect(row.locator("td.trained")).to_have_text("–")
    expect(row.locator("td.plain")).to_have_text(re.compile(r"\d"))
    page.locator(".curves-clear").click()
    expect(page.locator(".curves-paper .lines path")).to_have_count(0)
    expect(page.locator(".curves-note")).to_have_text(text("page.curves.none"))
    expect(page.locator(".curves-map")).to_have_count(0)
    page.click("#modality label:nth-of-type(1)")
    expect(page.locator("#bench")).to_be_visible()
    expect(page.locator("#sheet-curve")).to_be_hidden()


def test_points_are_set_moved_and_removed_and_the_slider_bends(visit: Open) -> None:
    """By keyboard alone, by pointer, and all at once, which is one sentence."""
    page = opened(visit)
    before = lines(page)
    page.focus(".curves-paper")
    for key in ("ArrowRight", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    dots = page.locator(".curves-paper circle")
    assert dots.count() == 6 and dots.last.get_attribute("aria-label").startswith("Point at x 0.1, value 0.5.")
    now = redrawn(page, before)
    dots.last.focus()
    page.keyboard.press("ArrowLeft")
    assert dots.last.get_attribute("aria-label").startswith("Point at x 0, value 0.5.")
    now = redrawn(page, now)
    page.keyboard.press("Delete")
    assert dots.count() == 5

    before, paper = redrawn(page, now), page.locator(".curves-paper").bounding_box()
    assert paper
    page.mouse.click(paper["x"] + paper["width"] * 0.5, paper["y"] + paper["height"] * 0.25)
    assert dots.count() == 6
    now = redrawn(page, before)
    dot = dots.last.bounding_box()
    assert dot
    page.mouse.move(dot["x"] + 5, dot["y"] + 5)
    page.mouse.down()
    page.mouse.move(dot["x"] + 40, dot["y"] + 90, steps=4)
    page.mouse.up()
    assert dots.count() == 6
    now = redrawn(page, now)
    dots.last.click()
    assert dots.count() == 5
    now = redrawn(page, now)

    page.focus("#curves-step")
    page.keyboard.press("ArrowRight")
    redrawn(page, now)
    page.click(".curves-clear")
    expect(page.locator(".curves-note")).to_be_visible(timeout=SLOW)
    assert dots.count() == 0 and lines(page) == []


def test_it_fits_a_phone(visit: Open) -> None:
    page = opened(visit, width=380)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
