"""The map as a visitor meets it."""

from __future__ import annotations

import itertools
from pathlib import Path

from browsing import SLOW, Open, adapt, open_tab, slide, upload, without
from playwright.sync_api import expect
from test_browser_compare import COMPARE, PLAYGROUND, choose


def test_points_move_with_the_slider_and_what_is_tried_stands_among_them(visit: Open) -> None:
    page = visit()
    expect(page.locator("#map-empty .empty")).to_be_visible()
    expect(page.locator("#plane")).to_be_hidden()
    without(page, "Fine-tuning")
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


def test_names_of_classes_that_lie_together_are_not_written_over_each_other(visit: Open, tmp_path: Path) -> None:
    page = visit()
    table = tmp_path / "alike.csv"
    names = [f"parcels that came late of kind {n}" for n in range(9)]
    table.write_text(
        "text,label\n" + "".join(f"where is parcel {n}{i}?,{name}\n" for n, name in enumerate(names) for i in "ab")
    )
    upload(page, table)
    expect(page.locator("#cards .card")).to_have_count(len(names))
    choose(page, "protonet")
    page.click("#start")
    expect(page.locator("#plane .plane-point")).to_have_count(2 * len(names))
    written = page.locator("#plane .plane-centre text:visible")
    expect(written.first).to_be_visible()
    boxes = written.evaluate_all(
        "all => all.map(e => { const b = e.getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom]; })"
    )
    assert len(boxes) >= 4
    for one, other in itertools.combinations(boxes, 2):
        assert one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]


def test_an_example_is_highlighted_in_the_map_the_grid_and_its_card(visit: Open) -> None:
    """Chosen by keys in either place, and found again in the others."""
    page = visit()
    choose(page, "protonet")
    adapt(page)
    points = page.locator("#plane .plane-point")
    expect(points).to_have_count(15, timeout=SLOW)
    open_tab(page, COMPARE)
    page.click("#compare-start")
    expect(page.locator("#compare-table tr[data-done]")).to_have_count(1, timeout=SLOW)
    expect(page.locator("#compare-stop")).to_be_disabled(timeout=SLOW)
    row = page.locator("#compare-grid tbody tr").last
    row.locator(".pick").focus()
    page.keyboard.press("Enter")
    expect(row).to_have_class("split picked" if "split" in (row.get_attribute("class") or "") else "picked")
    expect(row.locator(".pick")).to_have_attribute("aria-pressed", "true")
    said = page.locator("#compare-grid .picked-said")
    expect(said).to_contain_text("highlighted in the grid of Compare, on the map, and in its card")
    label, example = row.locator(".of").inner_text(), row.locator(".pick").inner_text()

    open_tab(page, PLAYGROUND)
    card = page.locator("#cards .card.picked")
    expect(card).to_have_count(1)
    expect(card.locator(".card-name")).to_have_value(label)
    field = card.locator(".picked-line")
    expect(card).to_be_in_viewport()
    begin, high = field.evaluate(
        "e => [e.style.backgroundPosition.split(' ')[1], e.style.backgroundSize.split(' ')[1]].map(parseFloat)"
    )
    assert high > 0 and begin + high <= field.evaluate("e => e.scrollHeight")
    assert example in field.input_value().split("\n")
    picked = page.locator("#plane .plane-point.picked")
    expect(picked).to_have_count(1)
    assert (picked.get_attribute("aria-label") or "").startswith(f"{label}: ")

    points.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    expect(points.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(picked).to_have_count(1)
    expect(page.locator("#plane .picked-said")).to_contain_text("highlighted in the grid of Compare, on the map")
    expect(card).to_have_count(1)
    open_tab(page, COMPARE)
    expect(page.locator("#compare-grid tr.picked")).to_be_in_viewport(ratio=0.01)
