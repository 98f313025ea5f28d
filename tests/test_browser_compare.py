"""The Compare tab as a visitor meets it."""

from __future__ import annotations

from browsing import SLOW, Open, all_algorithms, open_tab
from playwright.sync_api import Page, expect

from meta_demo.words import text

PLAYGROUND, COMPARE = 0, 1
CHEAP = ("protonet", "simpleshot")


def choose(page: Page, *names: str) -> None:
    page.locator("#algorithms input:checked").first.wait_for()
    all_algorithms(page)
    for box in page.locator("#algorithms input").all():
        box.set_checked(box.get_attribute("name") in names)


def test_a_table_and_who_answered_what(visit: Open) -> None:
    page = visit()
    choose(page, *CHEAP)
    open_tab(page, COMPARE)
    expect(page.locator("#compare-table .empty")).to_be_visible()
    page.click("#compare-start")
    table = page.locator("#compare-table table")
    expect(table.locator("tr[data-done]")).to_have_count(len(CHEAP), timeout=SLOW)
    expect(page.locator("#compare-stop")).to_be_disabled(timeout=SLOW)
    for name in CHEAP:
        row = table.locator(f"tr[data-algorithm={name}]")
        expect(row.locator("td").first).to_contain_text("one of each class left out")
        expect(row.locator("td").nth(4)).to_contain_text("s")
    grid = page.locator("#compare-grid table")
    left = grid.locator("tbody tr").count()
    assert left > 10 and f"/{left} " in table.locator("td").first.inner_text()
    wrong = grid.locator("tbody td.wrong").count()
    right = [
        int(cell.split("/")[0].split()[-1]) for cell in table.locator("tbody tr td:nth-child(2)").all_inner_texts()
    ]
    assert sum(right) + wrong == left * len(CHEAP)
    sorted_by(page, "Seconds")
    drawn_anew = "e => { const box = e.querySelector('.compared').parentElement; box.innerHTML = box.innerHTML + ' '; }"
    for button in (page.locator("#compare-table thead button").nth(2), table.locator(".closer").last):
        button.focus()
        page.locator("#compare-table").evaluate(drawn_anew)
        expect(button).to_be_focused()
    expect(page.locator("#confusion caption")).to_be_visible(timeout=SLOW)
    table.get_by_role("button", name="SimpleShot").click()
    expect(page.locator("#confusion caption")).to_contain_text("SimpleShot", timeout=SLOW)
    expect(table.locator("[aria-pressed=true]")).to_have_text("SimpleShot")
    expect(page.locator("#reliability .main-svg").first).to_be_visible()

    open_tab(page, PLAYGROUND)
    page.click(".cards-clear")
    open_tab(page, COMPARE)
    expect(page.locator("#compare-notice")).to_contain_text("has changed since", timeout=SLOW)
    page.click("#compare-start")
    expect(page.locator("#message [role=alert]")).to_have_text(text("error.no_support", "en"), timeout=SLOW)


def sorted_by(page: Page, heading: str) -> None:
    page.locator("#compare-table").get_by_role("button", name=heading).click()
    expect(page.locator("#compare-table th[aria-sort=ascending]")).to_contain_text(heading)
    place = page.locator("#compare-table th[aria-sort]").evaluate("e => e.cellIndex")
    cells = page.locator(f"#compare-table tbody tr > :nth-child({place + 1})")
    figures = cells.evaluate_all("all => all.map(e => Number(e.dataset.sort))")
    assert figures == sorted(figures)


def test_curves_are_refused_in_a_sentence(visit: Open) -> None:
    page = visit()
    page.locator("#modality label").last.click()
    open_tab(page, COMPARE)
    page.click("#compare-start")
    expect(page.locator("#compare-notice")).to_have_text(text("page.compare.curves", "en"), timeout=SLOW)


def test_it_can_be_stopped(visit: Open) -> None:
    page = visit()
    choose(page, "protonet", "maml", "finetune")
    open_tab(page, COMPARE)
    page.click("#compare-start")
    expect(page.locator("tr[data-algorithm=maml] progress")).to_be_visible(timeout=SLOW)
    page.click("#compare-stop")
    expect(page.locator("#compare-notice")).to_contain_text("Stopped", timeout=SLOW)
    expect(page.locator("#compare-stop")).to_be_disabled()
