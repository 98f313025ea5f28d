"""Takes the README's picture of a page that runs: `python docs/screenshot.py [URL]`, with the requirements of tests and a browser."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

SLOW = 60_000  # milliseconds
UNFOLD = """() => {  // what stays in a window's sight stands where it belongs in a picture of the whole page
  Object.assign(document.querySelector("#steps > .sheet:last-child").style, { position: "static", height: "auto" });
  document.querySelector("#buttons").style.position = "static";
}"""


def take(url: str, picture: Path) -> None:
    """Writes what the page shows once its first sample was adapted to."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(locale="en-US", viewport={"width": 1600, "height": 1000})
        page.goto(f"{url}?side=text")
        expect(page.locator("#model-status .ready")).to_be_visible(timeout=SLOW)
        page.click("#start")
        expect(page.locator("#summary .summary")).to_be_visible(timeout=SLOW)
        expect(page.locator("#heatmap .main-svg").first).to_be_visible(timeout=SLOW)
        page.evaluate(UNFOLD)
        page.mouse.move(0, 0)
        page.wait_for_timeout(2000)  # until nothing moves any more
        page.screenshot(path=picture, full_page=True)
        browser.close()
    with Image.open(picture) as whole:
        small = whole.convert("RGB").quantize(256)
    small.save(picture, optimize=True)


if __name__ == "__main__":
    take(*sys.argv[1:2] or ["http://127.0.0.1:7860"], Path(__file__).with_name("screenshot.png"))
