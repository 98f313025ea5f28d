"""Several at once, in real browsers: they take turns, and who presses again gets the new run in the place of the old."""

from __future__ import annotations

from browsing import SLOW, Open, enter, without
from playwright.sync_api import Page, expect

STEP = "document.querySelector('.run[data-algorithm=finetune]')?.dataset.step >= {}"


def many_steps(page: Page, count: int) -> None:
    """Fine-tuning alone moves, for so many steps."""
    without(page, "MAML")
    page.click("#knobs > button")
    page.click("#knobs-finetune > summary")
    steps(page, count)


def steps(page: Page, count: int) -> None:
    enter(page.locator("#knobs-finetune").get_by_role("spinbutton", name="Inner steps"), count)


def test_who_presses_again_gets_the_new_run_and_others_go_on(visit: Open) -> None:
    one, other = visit(), visit()
    for page in (one, other):
        many_steps(page, 50)
        page.click("#start")
    for page in (one, other):
        page.wait_for_function(STEP.format(2), timeout=SLOW)
    ran = one.locator(".run[data-algorithm=finetune]")
    assert int(ran.get_attribute("data-step") or 0) < 50, "they did not take turns"
    steps(one, 3)
    one.click("#start")
    expect(ran).to_have_attribute("data-step", "3", timeout=SLOW)
    expect(one.locator("#summary .summary")).to_be_visible()
    expect(one.locator(".prediction")).to_have_count(2)
    expect(one.locator("#message .alert")).to_have_count(0)
    expect(other.locator(".run[data-algorithm=finetune]")).to_have_attribute("data-step", "50")
    expect(other.locator(".prediction")).to_have_count(2)
