"""What a visitor made, in their own browser: it is there after a reload, apart from another tab's, and gone when it shall be."""

from __future__ import annotations

from browsing import Open
from playwright.sync_api import expect

from meta_demo.words import text


def test_a_draft_comes_back_is_not_overwritten_and_can_be_forgotten(visit: Open) -> None:
    page = visit()
    said, name = page.locator("#draft .draft-said"), page.locator("#cards .card-name").first
    name.fill("mine")
    expect(said).to_have_text(text("page.draft.kept"))
    page.fill("#sentence textarea", "what I tried")
    page.wait_for_function("() => Object.values(localStorage).some(kept => kept.includes('what I tried'))")
    other = page.context.new_page()  # another tab begins with it, and writes its own
    other.goto(page.url)
    named, heard = other.locator("#cards .card-name").first, other.locator("#draft .draft-said")
    expect(named).to_have_value("mine")
    expect(other.locator("#sentence textarea")).to_have_value("what I tried")
    expect(heard).to_contain_text(text("page.draft.restored", when="").rstrip(" ."))
    named.fill("the other's")
    other.wait_for_function('() => Object.values(localStorage).some(kept => kept.includes("the other\'s"))')
    expect(heard).to_have_text(text("page.draft.kept"))
    other.reload()
    expect(named).to_have_value("the other's")
    drafts = "() => Object.values(localStorage).map(kept => JSON.parse(kept)['text/cards'][0].name).sort()"
    assert page.evaluate(drafts) == ["mine", "the other's"]
    other.close()

    page.get_by_role("button", name=text("page.draft.forget")).click()
    expect(said).to_have_text(text("page.draft.forgotten"))
    assert page.evaluate("Object.keys(localStorage).filter(name => name.includes('draft'))") == []
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('QuotaExceededError'); }; }")
    name.fill("more")
    expect(said).to_have_text(text("page.draft.full"))
    leaves = "() => { const e = new Event('beforeunload', {cancelable: true}); window.dispatchEvent(e); return !e.defaultPrevented; }"
    assert not page.evaluate(leaves), "who leaves now loses it, and is asked"
