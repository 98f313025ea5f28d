"""Other ways to show a picture than a mouse and files: the camera, the clipboard, and a finger on a telephone."""

from __future__ import annotations

import re

import browsing
import pytest
from browsing import SLOW, Open
from playwright.sync_api import Locator, Page, expect

from meta_demo.words import text

CARDS = "#picture-cards"
TRY = "#try-pad .pad-paper"
LYING = "e => e.style.backgroundImage"  # what lies on a pad
COPY = """async colour => {
  const sheet = new OffscreenCanvas(40, 30);
  const context = sheet.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(5, 5, 20, 20);
  await navigator.clipboard.write([new ClipboardItem({"image/png": await sheet.convertToBlob()})]);
}"""


def drawings(visit: Open, **context: object) -> Page:
    """The side of pictures, with five blank cards."""
    page = visit(**context)
    page.locator("#modality label").nth(1).click()
    expect(page.locator(f"{CARDS} .thumb").first).to_be_visible(timeout=SLOW)
    expect(page.locator("#sample input")).not_to_have_value("")
    page.click("#try-pad .pad-erase")
    page.click(f"{CARDS} .cards-clear")
    expect(page.locator(f"{CARDS} .card-count").first).to_have_text("0")
    expect(page.locator("#sample input")).to_have_value("")  # what is there is no sample any more
    return page


def count(page: Page, card: int) -> Locator:
    return page.locator(f"{CARDS} .card-count").nth(card)


def shoot(page: Page, times: int = 1) -> None:
    """Takes pictures with the open camera and closes it."""
    page.wait_for_function("document.querySelector('dialog.camera video')?.videoWidth > 0")
    for _ in range(times):
        page.click(".camera-shoot")
    expect(page.locator(".camera-count")).to_have_text(str(times))
    page.get_by_role("button", name=text("page.pad.close", "en"), exact=True).click()
    expect(page.locator("dialog.camera")).to_have_count(0)


def test_the_camera_teaches_and_asks(visit: Open) -> None:
    page = drawings(visit)
    page.locator(f"{CARDS} .tool-camera").first.click()
    shoot(page, 2)
    expect(count(page, 0)).to_have_text("2")
    page.locator(f"{CARDS} .pad-paper").nth(1).click()
    expect(count(page, 1)).to_have_text("1")
    assert browsing.cards(page)[-5:-3] == ["A", "B"]
    page.locator(f"{CARDS} .tool-camera").first.click()
    page.wait_for_function("document.querySelector('dialog.camera video')?.videoWidth > 0")
    page.locator(".camera-shoot").hover()
    page.mouse.down()
    page.wait_for_function(
        "Number(document.querySelector('.camera-count').textContent) > 2"
    )  # a press that is held takes a row
    page.mouse.up()
    taken = int(page.locator(".camera-count").inner_text())
    page.get_by_role("button", name=text("page.pad.close", "en"), exact=True).click()
    expect(count(page, 0)).to_have_text(str(2 + taken))
    folded = page.locator(f"{CARDS} .card-folded").first
    folded.locator("summary").click()
    folded.locator(".pad-paper").click()  # held-out examples can be drawn
    expect(folded.locator("summary")).to_contain_text("(1)")
    expect(count(page, 0)).to_have_text(str(2 + taken))
    folded.locator(".tool-another").click()
    expect(folded.locator(".thumb")).to_have_count(1)
    browsing.without(page, "Fine-tuning", "MAML")
    page.click("#start")
    expect(page.locator("#summary .summary")).to_be_visible(timeout=SLOW)
    page.click("#try-pad .tool-camera")
    page.wait_for_function(
        "Number(document.querySelector('#try-pad .camera-count')?.textContent) > 1"
    )  # it answers all the time
    expect(page.locator(".prediction")).to_have_count(2, timeout=SLOW)  # from both starts
    page.locator(".camera-live input").uncheck()
    page.locator("#try-pad").get_by_role("button", name=text("page.pad.close", "en"), exact=True).click()
    expect(page.locator("dialog.camera")).to_have_count(0)
    assert page.locator(TRY).evaluate(LYING).startswith('url("data:image/jpeg')


def test_a_camera_that_is_refused_is_said_to_be(visit: Open) -> None:
    page = drawings(visit)
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('refused')); }")
    page.locator(f"{CARDS} .tool-camera").first.click()
    expect(page.locator("#message [role=alert]")).to_have_text(text("page.pad.no_camera", "en"))
    expect(page.locator("dialog.camera")).to_have_count(0)


def test_a_picture_is_pasted_where_the_pointer_is(visit: Open) -> None:
    page = drawings(visit, permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(COPY, "red")
    page.locator(f"{CARDS} .beside-pad").nth(1).hover()
    page.keyboard.press("Control+v")
    expect(count(page, 1)).to_have_text("1")
    expect(page.locator(f"{CARDS} .thumb")).to_have_count(1)
    page.locator(f"{CARDS} .card-name").nth(2).click()
    page.keyboard.press("Control+v")  # into a name goes text, and here is none
    page.evaluate(COPY, "blue")
    page.locator(TRY).hover()
    page.locator(TRY).focus()
    page.keyboard.press("Control+v")
    expect(page.locator(TRY)).to_have_attribute("style", re.compile("data:image"))
    assert [count(page, card).inner_text() for card in range(5)] == ["0", "1", "0", "0", "0"]


@pytest.mark.parametrize("place", [f"{CARDS} .pad-paper", TRY])
def test_a_finger_draws_and_the_page_stays(visit: Open, place: str) -> None:
    page = drawings(visit, width=380, has_touch=True, is_mobile=True)
    pad = page.locator(place).first
    pad.evaluate("e => e.scrollIntoView({block: 'center'})")
    area = pad.bounding_box()
    assert area
    lies = "e => Math.round(e.getBoundingClientRect().top)"  # not how far is scrolled: what appears above moves nothing on screen
    before = pad.evaluate(lies)
    blank = pad.evaluate("e => e.toDataURL()")
    finger = page.context.new_cdp_session(page)
    x, y = area["x"] + area["width"] / 2, area["y"] + 0.9 * area["height"]

    def touch(kind: str, *points: dict[str, float]) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for part in range(1, 9):
        touch("touchMove", {"x": x, "y": y - part * area["height"] / 10})
    touch("touchEnd")
    expect(page.locator(".pad.inked")).to_have_count(1)
    ink = pad.evaluate(
        """e => { const {data, width, height} = e.getContext("2d").getImageData(0, 0, e.width, e.height);
          const rows = [...Array(height).keys()].filter(y => data[4 * (y * width + width / 2) + 3]);
          return (rows[rows.length - 1] - rows[0]) / height; }"""
    )
    assert pad.evaluate("e => e.toDataURL()") != blank and ink == pytest.approx(0.8, abs=0.1)
    assert pad.evaluate(lies) == before
