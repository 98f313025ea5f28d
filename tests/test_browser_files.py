"""Files in a real browser: columns that are chosen, points that go to their own side, and a drop of all sorts."""

from __future__ import annotations

from pathlib import Path

from browsing import SLOW, Open, cards, choose, open_tab, upload
from playwright.sync_api import expect
from test_browser_pictures import CARDS, count, drop, picture_file
from test_columns_page import ODD, TICKETS

ALERT = "#message [role=alert]"


def test_columns_are_chosen_and_the_same_file_is_read_again(visit: Open, tmp_path: Path) -> None:
    page = visit()
    (tmp_path / "tickets.csv").write_text(TICKETS)
    (tmp_path / "odd.csv").write_text(ODD)
    upload(page, tmp_path / "tickets.csv")
    picker = page.locator("#columns .columns")
    expect(picker).to_be_visible()
    expect(page.locator("#column-text")).to_have_value("Body")
    expect(page.locator("#notice")).to_contain_text("“Category” was taken for the label")
    page.locator("#column-text").select_option("Subject")
    expect(page.locator(".card-examples").first).to_have_value("about a parcel\nabout a letter")
    page.locator("#column-label").select_option("stars")
    expect(page.locator(".card")).to_have_count(4)
    page.locator("#column-numbers").check()
    expect(page.locator(".value-number")).to_have_count(4)
    expect(page.locator("#column-label")).to_have_value("stars")
    page.locator("#column-label").select_option("Category")
    expect(page.locator(ALERT)).to_contain_text("“delivery” for a value")
    expect(page.locator(".value-number")).to_have_count(4)

    upload(page, tmp_path / "odd.csv")
    expect(page.locator(ALERT)).to_contain_text("only aa, bb, cc")
    expect(page.locator(".value-number")).to_have_count(4)
    page.locator("#column-text").select_option("bb")
    page.locator("#column-label").select_option("cc")
    expect(page.locator(".card")).to_have_count(2)
    assert cards(page) == ["d", "b"]
    expect(page.locator(ALERT)).to_have_count(0)
    choose(page, "#sample", "News headlines")
    expect(picker).not_to_be_visible()


def test_columns_of_training_examples_are_chosen(visit: Open, tmp_path: Path) -> None:
    page = visit()
    open_tab(page, 2)
    expect(page.locator("#train-start")).to_be_visible()
    picker = page.locator("#train-columns .columns")
    expect(picker).not_to_be_visible()
    words = ("apple", "pear", "plum", "fig")
    rows = [f"{i},a text on {word} {i},{word},{i % 5}" for word in words for i in range(8)]
    (tmp_path / "mine.csv").write_text("\n".join(["nr,aa,bb,cc", *rows]))
    upload(page, tmp_path / "mine.csv", "#train-upload")
    expect(page.locator(ALERT)).to_contain_text("only nr, aa, bb, cc")
    expect(picker).to_be_visible()
    page.locator("#train-column-text").select_option("aa")
    page.locator("#train-column-label").select_option("bb")
    boxes = page.locator("#train-sources")
    expect(boxes).to_contain_text("mine.csv · 4 classes, 32 examples")
    expect(page.locator(ALERT)).to_have_count(0)
    page.locator("#train-column-label").select_option("cc")
    expect(boxes).to_contain_text("mine.csv · 5 classes, 32 examples")
    expect(page.locator("#train-column-text")).to_have_value("aa")
    page.locator("#tabs").get_by_role("tab").nth(0).click()
    expect(page.locator("#columns .columns")).not_to_be_visible()


def test_points_are_shown_on_their_own_side(visit: Open, tmp_path: Path) -> None:
    page = visit()
    table = tmp_path / "curve.csv"
    table.write_text("x,value\n-3,1.5\n-1,-0.5\n0,0.5\n4,-2\n")
    upload(page, table)
    expect(page.locator(".curves-paper .dots > *")).to_have_count(4, timeout=SLOW)
    expect(page.locator("#modality input:checked")).to_have_value("curve")
    expect(page.locator("#steps")).not_to_be_visible()
    page.locator("#modality label").nth(0).click()
    expect(page.locator(".card").first).to_be_visible()
    assert "flights" in cards(page)


def test_a_mixed_drop_takes_the_pictures_and_names_the_rest(visit: Open, tmp_path: Path) -> None:
    page = visit()
    page.locator("#modality label").nth(1).click()
    expect(page.locator(f"{CARDS} .thumb").first).to_be_visible(timeout=SLOW)
    page.click(f"{CARDS} .cards-clear")
    expect(count(page, 0)).to_have_text("0")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "broken.png").write_text("hello")
    card = page.locator(f"{CARDS} .picture-card").first
    drop(page, card, picture_file(tmp_path, "1.png"), tmp_path / "notes.txt", tmp_path / "broken.png")
    expect(count(page, 0)).to_have_text("1")
    left = card.locator(".left-out")
    expect(left).to_contain_text("“notes.txt”")
    expect(left).to_contain_text("broken.png")
    page.wait_for_timeout(1500)  # an edit that is told takes the page's message away, and not this
    expect(left).to_be_visible()
    drop(page, card, picture_file(tmp_path, "2.png"))
    expect(count(page, 0)).to_have_text("2")
    expect(left).to_have_count(0)

    page.locator("#modality label").nth(0).click()
    expect(page.locator("#cards .card").first).to_be_visible(timeout=SLOW)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"text,label\nred,{name}\nblue,other\n")
    drop(page, page.locator("#cards .cards"), tmp_path / "a.csv", tmp_path / "b.csv")
    expect(page.locator("#cards .card")).to_have_count(2)
    assert cards(page)[0] == "a.csv"
    expect(page.locator("#cards .left-out")).to_contain_text("“b.csv”")
