"""The page at first sight, in a browser: adapted already, and one drawing away from an answer."""

from __future__ import annotations

import re
import time

import pytest
from browsing import SLOW, Open, draw, without
from playwright.sync_api import Page, expect
from test_health import read, samples

from meta_demo.words import text

PAD = "#try-pad .pad-paper"
BORDER = f"() => document.querySelector('{PAD}').getAnimations().length"
ADAPTED = ("meta_demo_run_seconds_count", "adapt")
ARROW = [[(0.1, 0.5), (0.9, 0.5)], [(0.68, 0.28), (0.9, 0.5), (0.68, 0.72)]]  # to the right


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


def test_arrows_are_taught_from_both_starts_and_a_drawing_is_known_when_the_pen_lifts(
    visit: Open, page_url: str
) -> None:
    page = first_sight(visit, page_url)
    expect(page.locator("#picture-cards .cards-total")).to_contain_text("4 classes · 4 pictures")
    expect(page.locator("#curves .main-svg").first).to_be_visible()
    expect(page.locator("#origin input[value=both]")).to_be_checked()
    fills = page.eval_on_selector("#curves .chart", "e => e.data.map(trace => trace.fill).filter(Boolean)")
    assert fills == ["toself"] * 3, "what lies between the starts is shaded"
    expect(page.locator("#notice")).to_contain_text("MAML, 52 held out")
    expect(page.locator("#predictions")).to_contain_text(text("page.try.blank.picture"))
    assert page.evaluate(BORDER) == 1, "the empty pad invites"
    expect(page.locator(".looked")).to_be_hidden()
    expect(page.locator("#steps-bar")).to_be_hidden()
    draw(page, page.locator(PAD), ARROW)
    expect(page.locator(".prediction")).to_have_count(6)
    for who in ("maml", "protonet"):
        expect(page.locator(f".prediction[data-algorithm={who}]:not([data-plain])")).to_have_attribute(
            "data-top", "right"
        )
    expect(page.locator(".looked")).to_contain_text(text("page.pad.looked"))
    assert page.evaluate(BORDER) == 0
    expect(page.locator("#notice")).not_to_contain_text(text("page.run.changed"))
    steps = page.locator("#step input[type=range]")
    end = steps.get_attribute("max")
    cursor_stands_at(page, end)
    page.locator("#walk .walk").press("Enter")
    expect(page.locator("#walk .walk")).to_contain_text(text("page.walk.pause"))
    expect(page.locator(".prediction[data-algorithm=finetune]:not([data-plain])")).to_have_attribute(
        "data-step", re.compile("^[0-5]$")
    )
    expect(page.locator("#walk .walk")).to_contain_text(text("page.walk.play"))
    expect(page.locator(".prediction[data-algorithm=finetune]:not([data-plain])")).to_have_attribute(
        "data-step", end or ""
    )
    assert steps.input_value() == end
    cursor_stands_at(page, end)
    page.locator(".looked").click()
    expect(page.locator("#overlay canvas")).to_be_in_viewport()
    page.locator("#try-pad .pad-erase").click()
    expect(page.locator(".looked")).to_be_hidden()


def test_a_tour_of_a_minute_says_what_the_page_then_shows_and_is_offered_once(visit: Open, page_url: str) -> None:
    """By keys alone: chance, plain, meta-trained, your turn; Escape ends it, and the browser remembers."""
    page = first_sight(visit, page_url)
    tour, told, go = page.locator(".tour"), page.locator(".tour-told"), page.locator(".tour-go")
    expect(tour).to_contain_text(text("page.tour.invite"))
    for width in (1600, 1366, 1200, 380):
        page.set_viewport_size({"width": width, "height": 1000})
        invite, sides = page.locator(".tour-buttons").bounding_box(), page.locator("#modality").bounding_box()
        assert invite and sides, "both are in sight"
        beside = invite["x"] + invite["width"] <= sides["x"]
        assert beside or invite["y"] + invite["height"] <= sides["y"], "no button lies over another"
    page.set_viewport_size({"width": 1600, "height": 1000})
    go.press("Enter")
    expect(page.locator(".tour-title")).to_be_focused()
    expect(told).to_contain_text("On the cards: 4 classes · 4 pictures")
    expect(told).to_contain_text("4 classes is right 25 %")
    for origin, badge in (("none", text("page.run.not_trained")), ("trained", text("page.run.trained"))):
        go.press("Enter")
        expect(told.locator("li")).to_have_count(3, timeout=3 * SLOW)
        expect(page.locator(f"#origin input[value={origin}]")).to_be_checked()
        expect(page.locator("#curves")).to_have_class(re.compile("tour-lit"))
        for name in ("MAML", "Prototypical networks"):
            run = page.locator(".run", has_text=name)
            expect(run.locator(".badge")).to_have_text(badge)
            measured = " ".join(run.locator(".figure.query").inner_text().split()[2:4])  # after the words “held out”
            expect(told.locator("li", has_text=name)).to_contain_text(f"{name} · {badge}: {measured}")
        expect(go).to_be_enabled()
    page.keyboard.press("Escape")
    expect(told).to_be_empty()
    expect(page.locator(".tour-lit")).to_have_count(0)
    expect(go).to_be_focused()
    later = page.context.new_page()  # of the same browser
    later.set_default_timeout(SLOW)
    later.goto(page.url)
    expect(later.locator(".tour-go")).to_have_text(text("page.tour.take"))
    expect(later.locator(".tour")).not_to_contain_text(text("page.tour.invite"))
    later.close()


def test_an_earlier_run_is_laid_over_the_curves_and_named_by_what_changed(visit: Open, page_url: str) -> None:
    page = first_sight(visit, page_url)
    expect(page.locator("#earlier")).to_be_hidden()
    without(page, "Fine-tuning", "MAML")
    page.locator("#shots input").nth(1).check()
    control = page.get_by_label(text("page.earlier.label"))
    expect(control.locator("option")).to_have_count(2)
    expect(page.locator("#summary .summary li")).to_have_count(
        3
    )  # both starts of one algorithm, and that chance may differ
    page.wait_for_function("() => document.querySelector('#curves .chart').data.length === 5")
    before = page.eval_on_selector("#curves .chart", "e => e.data.length")
    name = control.locator("option").nth(1).inner_text()
    assert "4 examples, 52 to ask" in name and "MAML" in name and text("page.seed") not in name
    control.select_option(index=1)
    page.wait_for_function("count => document.querySelector('#curves .chart').data.length === count + 2", arg=before)
    faint = page.eval_on_selector("#curves .chart", "e => [e.data[0].name, e.data[0].yaxis, e.data[0].y.at(-1)]")
    assert faint[:2] == ["", "y2"] and 0 <= faint[2] <= 1
    said = page.locator("#earlier [role=status]")
    now = "/".join(page.locator(".run .figure.query").first.inner_text().split()[3:4])
    expect(said).to_contain_text(now)
    expect(said).to_contain_text(f"{52 * faint[2]:.0f}/52")
    control.select_option(index=0)
    page.wait_for_function("count => document.querySelector('#curves .chart').data.length === count", arg=before)
    expect(said).to_be_empty()


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
    draw(page, page.locator(PAD), ARROW)
    expect(page.locator(".looked")).to_contain_text(text("page.pad.looked", "zh"))
    page.locator("#walk .walk").click()
    expect(page.locator("#step input[type=range]")).to_have_value("0")  # a jump, not a walk
    page.wait_for_timeout(1500)
    assert page.locator("#step input[type=range]").input_value() == "0"
    cursor_stands_at(page, "0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
