"""A monkey at a page: presses, types, draws, uploads and goes from tab to tab at random, and is asked what it saw."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from playwright.sync_api import Error, Page

TYPED = (
    "",
    "a",
    "where is my card",
    "<b>x</b>",
    "\U0001f600" * 9,
    "9" * 40,
    "-1",
    "1e99",
    "中文",
    "x\n" * 30,
    "a,b\tc",
)
KEYS = ("Tab", "Enter", "Escape", "ArrowDown", "ArrowUp", "Backspace", "Space", "End", "PageDown", "Delete")
FIELDS = "textarea:visible, input:visible:not([type=file])"
PRESSED = "button:visible, label:visible, [role=tab]:visible, [role=option]:visible, summary:visible, svg:visible, canvas:visible"
SHORT = 700  # milliseconds that it waits for what does not let itself be pressed
SHOWN = "Traceback (most recent call last)"


class Monkey:
    """What it does follows from its seed and from what the page shows."""

    def __init__(self, page: Page, seed: int, folder: Path) -> None:
        self.page, self.chance, self.did = page, Random(seed), list[str]()
        self.failures: list[str] = []
        self.files = _files(folder)
        page.on(
            "response",
            lambda said: self.failures.append(f"{said.status} of {said.url}") if said.status >= 500 else None,
        )
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.on("console", lambda said: self._complained(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: dialog.dismiss())

    def _complained(self, said: str) -> None:
        """What the browser says of an answer in the 400s is that something was refused, as it may be."""
        if not said.startswith("Failed to load resource: the server responded with a status of 4"):
            self.failures.append(said)

    def play(self, seconds: float, few: int) -> None:
        """Goes on for so long, and for a few acts at the least."""
        end = time.monotonic() + seconds
        while len(self.did) < few or time.monotonic() < end:
            act = self.chance.choice(
                (self.press, self.press, self.press, self.type, self.key, self.upload, self.click, self.tab)
            )
            self.did.append(act.__name__)
            try:
                act()
            except Error as error:  # what was there is so no longer, or lies beneath something else
                if self.page.is_closed():
                    raise
                self.did[-1] += f" ({type(error).__name__})"
            if SHOWN in (self.page.text_content("body") or ""):
                self.failures.append(f"a traceback is shown after {self.did[-5:]}")

    def _one(self, what: str) -> int | None:
        count = self.page.locator(what).count()
        return self.chance.randrange(count) if count else None

    def press(self) -> None:
        if (number := self._one(PRESSED)) is not None:
            self.page.locator(PRESSED).nth(number).click(timeout=SHORT, no_wait_after=True)

    def type(self) -> None:
        if (number := self._one(FIELDS)) is not None:
            self.page.locator(FIELDS).nth(number).fill(self.chance.choice(TYPED), timeout=SHORT)

    def key(self) -> None:
        self.page.keyboard.press(self.chance.choice(KEYS))

    def upload(self) -> None:
        if (number := self._one("input[type=file]")) is not None:
            self.page.locator("input[type=file]").nth(number).set_input_files(
                self.chance.choice(self.files), timeout=SHORT
            )

    def click(self) -> None:
        """Anywhere in sight; sometimes it draws a line from there."""
        size = self.page.viewport_size or {"width": 1000, "height": 800}
        self.page.mouse.move(self.chance.random() * size["width"], self.chance.random() * size["height"])
        self.page.mouse.down()
        if self.chance.random() < 0.5:
            self.page.mouse.move(self.chance.random() * size["width"], self.chance.random() * size["height"], steps=4)
        self.page.mouse.up()
        self.page.mouse.wheel(0, self.chance.choice((-900, 0, 300, 900)))

    def tab(self) -> None:
        tabs = self.page.locator("#tabs").get_by_role("tab")
        tabs.nth(self.chance.randrange(max(1, tabs.count()))).click(timeout=SHORT)


def _files(folder: Path) -> list[Path]:
    """A table, and files that are none."""
    said = {
        "good.csv": b"text,label\none lamp,a\ntwo soups,b\n",
        "bad.csv": b"\xff\xfe\x00",
        "empty.json": b"",
        "task.json": b'{"support": []}',
        "not.zip": b"PK\x03\x04 no",
        "not.png": b"\x89PNG\r\n",
        "not.xlsx": b"PK",
    }
    for name, content in said.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in said]
