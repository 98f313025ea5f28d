"""What the browser tests share: a visitor with a browser, and what visitors do. At the end no page may have logged an error."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that shows a clock
    "--use-fake-ui-for-media-stream",
]
BLANK = "about:blank"
SENTENCES = "?side=text"  # the address of the side that most tests are about; the page itself opens on drawings
SLOW = 90_000  # milliseconds: cores that others keep busy
expect.set_options(timeout=SLOW)  # what is awaited comes when it comes
Open = Callable[..., Page]
Glyph = list[list[tuple[float, float]]]


@dataclass
class Visitor:
    """A page of the browser, which one visitor after the other uses, and what it has complained of."""

    page: Page
    complaints: list[str]
    busy: bool = False


class Visitors:
    """Pages that stay open: whoever comes next loads the page anew, with nothing stored, and its scripts are compiled already."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.known: dict[str, list[Visitor]] = {}

    def enter(self, base: str, how: dict[str, Any]) -> Visitor:
        alike = self.known.setdefault(repr((base, sorted(how.items()))), [])  # what else is asked is complained of
        visitor = next((one for one in alike if not one.busy), None)
        if not visitor:
            alike.append(visitor := self._new(base, how))
        visitor.busy = True
        return visitor

    def _new(self, base: str, how: dict[str, Any]) -> Visitor:
        page = self.browser.new_context(**how).new_page()
        page.set_default_timeout(SLOW)
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: said.append(str(e)))
        page.on("request", lambda r: said.append(f"asked {r.url}") if not local(r.url, base) else None)
        return Visitor(page, said)

    def leave(self, visitor: Visitor) -> list[str]:
        """What was wrong."""
        page = visitor.page
        marked = page.locator("span.error", has_text="Error").count()
        found = [*visitor.complaints, *["a handler failed: Gradio marks its components with “Error”"] * bool(marked)]
        page.unroute_all()
        # a page that is left writes what was typed last
        if page.url != BLANK:
            page.evaluate(
                "() => { Storage.prototype.setItem = () => {}; localStorage.clear(); sessionStorage.clear(); }"
            )
        page.context.clear_cookies()
        page.mouse.move(0, 0)
        page.goto(BLANK)
        visitor.complaints.clear()  # also what Gradio said of streams that ended with the page
        visitor.busy = False
        return found


@contextmanager
def launched() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


def visits(visitors: Visitors, page_url: str) -> Iterator[Open]:
    here: list[Visitor] = []

    def open_page(
        path: str = "", locale: str = "en-US", width: int = 1600, address: str = SENTENCES, **more: Any
    ) -> Page:
        visitor = visitors.enter(page_url, {"locale": locale, "viewport": {"width": width, "height": 1000}, **more})
        here.append(visitor)
        page = visitor.page
        page.goto(page_url + joined(address, path))
        seen(page.locator("#cards .card" if address else ".card").first)
        seen(page.locator("#model-status .ready", has_not_text="glyph-vit" if address else None))
        return page

    yield open_page
    complaints = [said for visitor in here for said in visitors.leave(visitor)]
    assert complaints == [], complaints


def joined(address: str, path: str) -> str:
    """An address with what a test says of it, which may begin with questions of its own."""
    return address + (path.replace("?", "&", 1) if address else path)


def local(url: str, page_url: str) -> bool:
    return url.startswith((page_url, "data:", "blob:"))


def seen(part: Locator) -> None:
    """Waits for a part that takes a while; `expect` would read the whole page, for its message, whenever it looks in vain."""
    part.wait_for(timeout=SLOW)


def adapt(page: Page) -> None:
    page.click("#start")
    seen(page.locator("#summary .summary"))
    seen(page.locator("#heatmap .main-svg").first)


def answers(page: Page) -> dict[str, tuple[str, str]]:
    """Each algorithm's predicted class and its probability, read off the page."""
    rows = page.locator(".prediction").evaluate_all(
        "all => all.map(e => [e.dataset.algorithm, e.dataset.top, e.querySelector('.answer b').textContent])"
    )
    return {name: (top, probability) for name, top, probability in rows}


def choose(page: Page, field: str, option: str) -> None:
    page.click(f"{field} input")
    page.get_by_role("option", name=option, exact=True).click()


def slide(page: Page, field: str, value: int) -> None:
    page.locator(f"{field} input[type=number]").fill(str(value))
    page.locator(f"{field} input[type=number]").press("Enter")


def draw(page: Page, pad: Locator, glyph: Glyph) -> None:
    """Draws strokes, whose points are shares of the pad's width and height."""
    pad.scroll_into_view_if_needed()
    area = pad.bounding_box()
    assert area
    for stroke in glyph:
        places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for x, y in places[1:]:
            page.mouse.move(x, y, steps=5)
        page.mouse.up()


def enter(field: Locator, value: int) -> None:
    """Types a number, again where a fold that has just opened draws its numbers once more over what was typed at once."""
    for _ in range(5):
        field.fill(str(value))
        field.press("Enter")
        field.page.wait_for_timeout(200)
        if field.input_value() == str(value):
            return
    raise AssertionError(f"{value} does not stay")


def heatmap(page: Page) -> dict[str, Any]:
    figure = "#heatmap .chart"
    return page.eval_on_selector(figure, "e => ({z: e.data[0].z, zmin: e.data[0].zmin})")


def upload(page: Page, path: Path, button: str = "#upload") -> None:
    page.locator(f"input[type=file]:has(+ {button})").set_input_files(path)


def without(page: Page, *algorithms: str) -> None:
    """Leaves algorithms out, by their titles."""
    for title in algorithms:
        page.locator("#algorithms").get_by_label(title, exact=True).uncheck()


def all_algorithms(page: Page) -> None:
    """Unfolds the list of algorithms."""
    if page.locator("#picker .more").get_attribute("aria-expanded") == "false":
        page.click("#picker .more")


def slowly(page: Page, address: str, seconds: float) -> None:
    """From now on whatever is asked of an address takes so much longer."""

    def wait(route: Route) -> None:
        time.sleep(seconds)
        route.continue_()

    page.route(address, wait)


def open_tab(page: Page, place: int) -> None:
    page.locator("#tabs").get_by_role("tab").nth(place).click()


def cards(page: Page) -> list[str]:
    return page.locator(".card-name").evaluate_all("all => all.map(e => e.value)")
