"""The Learn tab as a visitor meets it."""

from __future__ import annotations

from browsing import SLOW, Open, open_tab
from playwright.sync_api import expect

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.words import text

LEARN = 4


def test_a_lesson_sets_the_playground_up_and_its_picture_can_be_held(visit: Open) -> None:
    """Also from another side of the page, and for labels of another kind."""
    page = visit()
    for name in ("soft_kmeans", "kernel"):
        page.locator("#modality label").nth(1).click()
        expect(page.locator("#picture-cards")).to_be_visible(timeout=SLOW)
        open_tab(page, LEARN)
        lesson = page.locator(f"#lesson-{name}")
        lesson.locator("summary").click()
        lesson.get_by_role("button", name=text("learn.try", "en")).click()
        expect(page.locator("#notice")).to_contain_text(f"{REGISTRY[name].said('en')} is set up beside", timeout=SLOW)
        expect(page.locator("#algorithms").get_by_label(REGISTRY[name].said("en"), exact=True)).to_be_checked()
        expect(page.locator("#algorithms input:checked")).to_have_count(2)
        page.click("#start")
        expect(page.locator(f".run[data-algorithm={name}]")).to_be_visible(timeout=SLOW)
        expect(page.locator("#stop")).to_be_disabled(timeout=SLOW)

    open_tab(page, LEARN)
    pictures = page.locator(".loops .frame")
    expect(pictures.first).to_be_visible(timeout=SLOW)
    page.get_by_label(text("learn.loops.pause", "en")).check()
    states = "all => all.flatMap(e => e.getAnimations().map(a => a.playState))"
    assert set(pictures.evaluate_all(states)) == {"paused"}


def test_who_wants_no_motion_sees_the_end_of_it(visit: Open) -> None:
    page = visit(reduced_motion="reduce")
    open_tab(page, LEARN)
    expect(page.locator(".loops .frame").last).to_be_visible(timeout=SLOW)
    expect(page.locator(".loops .frame").first).to_be_hidden()
    expect(page.locator(".loops li").first).to_be_visible()
    expect(page.locator(".loops .pause")).to_be_hidden()
