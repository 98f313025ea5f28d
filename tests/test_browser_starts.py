"""One algorithm from two starts in a real browser: both in one chart, the gap in words, both answers, and an end to the dealing."""

from __future__ import annotations

import re

from browsing import SLOW, Open, adapt, all_algorithms, choose, without
from playwright.sync_api import expect


def test_both_starts_in_one_chart_and_how_far_they_lie_apart(visit: Open) -> None:
    page = visit()
    all_algorithms(page)
    without(page, "MAML", "Fine-tuning")
    page.locator("#algorithms").get_by_label("Nearest neighbour", exact=True).check()
    expect(page.locator("#starts")).to_be_visible()
    page.locator("#origin").get_by_label("both").check()
    expect(page.locator("#starts")).not_to_be_visible()
    adapt(page)
    expect(page.locator(".run[data-algorithm=protonet]")).to_have_count(2)
    expect(page.locator(".run[data-algorithm=nearest]")).to_have_count(1)
    expect(page.locator(".prediction[data-algorithm=protonet]")).to_have_count(2, timeout=SLOW)
    expect(page.locator(".prediction[data-plain] header")).to_contain_text("plain")
    gap = page.locator("#gap")
    expect(gap).to_contain_text(re.compile("on the one deal that is drawn|deals of your own examples"), timeout=SLOW)
    expect(gap).to_contain_text("Nearest neighbour, run once")
    traces = page.eval_on_selector("#curves .chart", "e => e.data.map(t => [t.name, t.fill || ''])")
    assert ["", "toself"] in traces and "Prototypical networks · plain" in [name for name, _ in traces]
    choose(page, "#look-algorithm", "Prototypical networks · plain")
    expect(page.locator("#heatmap .chart")).to_have_attribute("aria-label", re.compile("· plain"))
    expect(gap).to_contain_text("deals of your own examples", timeout=SLOW)

    page.locator("#algorithms").get_by_label("Nearest neighbour", exact=True).uncheck()
    page.locator("#origin").get_by_label("plain").check()
    expect(gap).not_to_contain_text("being dealt anew")
    expect(page.locator("#stop")).to_be_disabled()
    adapt(page)
    expect(page.locator(".run[data-algorithm=protonet]")).to_have_count(1)
    expect(gap).not_to_be_visible()
