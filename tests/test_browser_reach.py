"""What is in reach, by mouse, keyboard, address and screen reader: addresses of tabs, a way past everything, buttons in sight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import SLOW, Open, adapt, all_algorithms, open_tab, without
from playwright.sync_api import Locator, Page, expect

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.ui.side import discover

LAPTOP = {"viewport": {"width": 1366, "height": 768}}
SHOWN = "[role=tab][aria-selected=true]"


def faults(page: Page) -> list[str]:
    """What axe-core says against the page as it is."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)  # what fades has faded
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def in_sight(part: Locator) -> bool:
    """Whether a part is within the window, whole."""
    return bool(
        part.evaluate(
            "e => { const r = e.getBoundingClientRect();"
            " return r.top >= 0 && r.left >= 0 && r.bottom <= innerHeight && r.right <= innerWidth; }"
        )
    )


@contextmanager
def another(page: Page) -> Iterator[Page]:
    """A second page of the same visitor, on which nothing has been done."""
    fresh = page.context.new_page()
    fresh.set_default_timeout(SLOW)
    yield fresh
    fresh.close()


def test_a_tab_has_an_address_and_the_way_back_goes_through_them(visit: Open) -> None:
    page = visit()
    plain = page.url
    page.get_by_role("tab", name="Meta-train").click()
    expect(page).to_have_url(f"{plain}#train")
    page.get_by_role("tab", name="Benchmark").click()
    expect(page).to_have_url(f"{plain}#benchmark")
    page.go_back()
    expect(page.locator(SHOWN)).to_have_attribute("data-tab-id", "train")
    page.go_back()
    expect(page.locator(SHOWN)).to_have_attribute("data-tab-id", "playground")
    assert page.url == plain
    page.evaluate("() => { location.hash = '#learn'; }")
    expect(page.locator(SHOWN)).to_have_attribute("data-tab-id", "learn")
    with another(page) as linked:
        linked.goto(f"{plain}#benchmark")
        expect(linked.locator(SHOWN)).to_have_attribute("data-tab-id", "benchmark")
        assert linked.url == f"{plain}#benchmark"


def test_an_address_of_no_tab_shows_the_first(visit: Open) -> None:
    page = visit("#nowhere")
    expect(page.locator(SHOWN)).to_have_attribute("data-tab-id", "playground")


def test_the_first_stop_of_the_keyboard_leads_past_everything(visit: Open) -> None:
    page = visit()
    open_tab(page, 1)
    page.locator("#header .skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator(SHOWN)).to_have_attribute("data-tab-id", "playground")
    expect(page.locator("#start")).to_be_focused()
    with another(page) as fresh:
        fresh.goto(page.url)
        expect(fresh.locator("#model-status .ready")).to_be_visible()
        fresh.keyboard.press("Tab")
        expect(fresh.locator("#header .skip")).to_be_focused()


STOP = "e => e.id || e.getAttribute('href') || e.name || e.dataset.tabId || e.className || e.getAttribute('aria-label') || e.tagName"


def test_all_three_steps_are_in_sight_and_a_few_keys_away(visit: Open) -> None:
    """On a laptop, as the page opens, on each side; the choices of a group and the tabs are one stop each, which arrows go through."""
    page = visit(address="", **LAPTOP)
    for parts in (
        ("#picture-cards .pad-paper", "#start", "#try-pad .pad-paper"),
        ("#cards textarea", "#start", "#sentence textarea"),
    ):
        for part in (*parts, *(f"#steps > .sheet:nth-child({n}) h2" for n in (1, 2, 3))):
            expect(page.locator(part).first).to_be_visible()
            assert in_sight(page.locator(part).first), part
        page.locator("#modality label").first.click()
    page.locator("#header .skip").focus()
    stops = []
    while (at := page.evaluate(f"({STOP})(document.activeElement)")) != "#start" or not stops:
        stops.append(at)
        assert len(stops) < 15, stops
        page.keyboard.press("Tab")
    assert stops[1:5] == ["tour-go", "tour-leave", "playground", "modality"] and {"kind", "shots"} <= {*stops}
    expect(page.locator("#past .skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#start")).to_be_focused()
    page.locator("#shots input:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#shots input").nth(3)).to_be_checked()
    page.get_by_role("tab").first.focus()
    page.keyboard.press("End")
    expect(page.get_by_role("tab").last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(SHOWN)).to_have_attribute("data-tab-id", "playground")


def test_adapt_and_try_stay_in_sight_on_a_laptop(visit: Open) -> None:
    """Before anything is done, and anywhere along the curves; nothing of what is tried stands beside its column."""
    page = visit(**LAPTOP)
    assert in_sight(page.locator("#start"))
    without(page, "Fine-tuning")
    adapt(page)
    column = page.locator("#steps > .sheet").last
    assert column.evaluate("e => e.scrollWidth <= e.clientWidth")
    page.locator("#curves").scroll_into_view_if_needed()
    assert in_sight(page.locator("#start"))
    assert in_sight(page.locator("#sentence textarea"))
    expect(page.locator("#stop")).to_have_text("Stop")


def test_the_paper_stays_under_the_pen_when_answers_come(visit: Open) -> None:
    page = visit(**LAPTOP)
    page.locator("#modality label").nth(1).click()
    paper = page.locator("#try-pad .pad-paper")
    expect(paper).to_be_visible()
    paper.scroll_into_view_if_needed()
    before = paper.bounding_box()
    column = page.locator("#steps > .sheet").last
    column.evaluate(
        "e => { const more = document.createElement('div'); more.style.height = '2000px'; e.append(more); }"
    )
    assert paper.bounding_box() == before


def test_the_list_of_algorithms_shows_those_that_are_chosen_and_all_on_demand(visit: Open) -> None:
    page = visit()
    boxes, more = page.locator("#algorithms .wrap > label"), page.locator("#picker .more")
    expect(boxes.locator("visible=true")).to_have_count(3)
    expect(more).to_have_attribute("aria-expanded", "false")
    all_algorithms(page)
    expect(boxes.locator("visible=true")).to_have_count(len(REGISTRY))
    page.locator("#algorithms").get_by_label("ANIL", exact=True).check()
    more.click()
    expect(boxes.locator("visible=true")).to_have_count(4)
    levels = "all => [...new Set(all.map(title => getComputedStyle(title).zIndex))]"
    assert page.locator("#steps [data-testid=block-info]").evaluate_all(levels) == ["auto"], "over the sticky buttons"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_any_state(visit: Open, scheme: str) -> None:
    """As it opens, with every algorithm in sight, adapted, refused, on each side and each tab."""
    page = visit("?__theme=dark" if scheme == "dark" else "", color_scheme=scheme, **LAPTOP)
    found = {"opening": faults(page)}
    all_algorithms(page)
    found["all algorithms"] = faults(page)
    without(page, "Fine-tuning")
    adapt(page)
    found["adapted"] = faults(page)
    page.click(".cards-clear")
    page.click("#start")
    expect(page.locator("#message [role=alert]")).to_be_visible(timeout=SLOW)
    found["refused"] = faults(page)
    for place in range(1, page.locator("#tabs").get_by_role("tab").count()):
        open_tab(page, place)
        page.wait_for_timeout(1500)
        found[f"tab {place}"] = faults(page)
    open_tab(page, 0)
    for place in range(1, len([*discover()])):
        page.locator("#modality label").nth(place).click()
        expect(page.locator("#modality input").nth(place)).to_be_checked()
        page.wait_for_timeout(1500)
        found[f"side {place}"] = faults(page)
    assert {state: said for state, said in found.items() if said} == {}
