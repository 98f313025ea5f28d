"""The map as a visitor meets it."""

from __future__ import annotations

from browsing import SLOW, Open, adapt, slide
from playwright.sync_api import expect


def test_points_move_with_the_slider_and_what_is_tried_stands_among_them(visit: Open) -> None:
    page = visit()
    expect(page.locator("#map-empty .empty")).to_be_visible()
    expect(page.locator("#plane")).to_be_hidden()
    adapt(page)
    points = page.locator("#plane .plane-point")
    expect(points).to_have_count(15, timeout=SLOW)
    page.fill("#sentence textarea", "Is there a tram to the beach?")
    expect(page.locator("#plane .plane-tried")).to_be_visible()
    said = page.locator("#plane .summary")
    expect(said).to_contain_text("stands nearest to the centre of")
    assert page.locator("#plane svg").get_attribute("aria-label") == said.inner_text()

    def where() -> list[str]:
        return points.evaluate_all("all => all.map(e => e.style.transform)")

    after = where()
    slide(page, "#step", 0)
    expect(said).to_contain_text("At step 0,")
    before = where()
    assert all(one != other for one, other in zip(before, after, strict=True))
    ends = page.locator("#plane .plane-trail").evaluate_all("all => all.map(e => e.getTotalLength())")
    assert ends == [0] * 15
    page.click("#map-algorithm input")
    page.get_by_role("option", name="Prototypical networks").click()
    expect(said).to_contain_text("Adapting moves nothing here")
