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


def test_an_earlier_comparison_is_set_beside_this_one_where_it_asked_the_same(visit: Open) -> None:
    page = visit()
    control, said = (
        page.get_by_label(text("page.compare.earlier.label")),
        page.locator("#compare-earlier [role=status]"),
    )
    for names, shots in ((CHEAP, 3), (("protonet", "nearest"), 3), (("protonet", "nearest"), 2)):
        choose(page, *names)
        if shots == 2:
            page.locator("#shots").get_by_label("2", exact=True).check()
            expect(page.locator("#cards .card-count").first).to_have_text("2", timeout=SLOW)
        open_tab(page, COMPARE)
        page.click("#compare-start")
        rows = page.locator("#compare-table tbody tr[data-done]")
        expect(page.locator(f"#compare-table tr[data-algorithm={names[1]}][data-done]")).to_be_visible(timeout=SLOW)
        expect(rows).to_have_count(len(names), timeout=SLOW)
        expect(page.locator("#compare-stop")).to_be_disabled(timeout=SLOW)
        if names == CHEAP:
            expect(page.locator("#compare-earlier")).to_be_hidden()
        elif shots == 3:
            expect(control.locator("option")).to_have_count(2)
            assert "SimpleShot" in control.locator("option").nth(1).inner_text()
            control.select_option(index=1)
            expect(said.locator("tbody tr")).to_have_count(1)  # who is in both
            right = page.locator("#compare-table tr[data-algorithm=protonet]").get_attribute("data-right") or ""
            share = f"{right.count('1')}/{len(right)}"
            expect(said.locator("tbody tr")).to_contain_text(share)
            expect(said.locator("tbody td").last).to_have_text("+0 points: 0 more right, 0 no longer")
        open_tab(page, PLAYGROUND)
    open_tab(page, COMPARE)
    expect(control.locator("option")).to_have_count(3)
    control.select_option(index=1)
    expect(said).to_have_text(text("page.compare.earlier.other"))
