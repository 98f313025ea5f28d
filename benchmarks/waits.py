"""How long somebody at a browser waits, beside what the same work takes where no page is: medians of several rounds, in seconds.

    python -m benchmarks.waits [--rounds 7] [--ways 5] [--shots 5] [--no-write]

Starts the page on a free port of the loopback device, and a browser. Each round uploads a task that nobody has asked for, presses Adapt
with the algorithms that are chosen at first, and tries sentences: from the press to the first curve and to the end, from a key to the
answers and to the map of attention. Beside them another such task over the API, which is what the command line computes.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import tyro
from playwright.sync_api import Page, sync_playwright

from benchmarks import report
from benchmarks.asked import examples, work
from benchmarks.hosted import host, load
from benchmarks.wire import answer, browser
from meta_demo.objectives.classes import Classes

TRIED = ("where has it gone", "a table for two", "it says that I paid twice")
PATIENCE = 120_000  # milliseconds
SETTLED = 1500  # after an adaptation, until all that follows it is there
# Resolves with the milliseconds from an act until each part holds something, having held something else than before.
TIMED = """([act, parts]) => new Promise((resolve) => {
  const reads = Object.entries(parts).map(([name, part]) => [name, new Function(`return ${part}`)]);
  const before = new Map(reads.map(([name, read]) => [name, read()])), moved = new Set(), found = {};
  const begun = performance.now();
  const look = () => {
    for (const [name, read] of reads) {
      const now = read();
      if (now !== before.get(name)) moved.add(name);
      if (!(name in found) && moved.has(name) && now) found[name] = performance.now() - begun;
    }
    if (Object.keys(found).length === reads.length) { clearInterval(again); watch.disconnect(); resolve(found); }
  };
  const watch = new MutationObserver(look), again = setInterval(look, 50);
  watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  new Function(act)();
})"""
PRESS = "document.querySelector('#start').click()"
CURVES = "(document.querySelector('#curves .chart')?.data || []).map((line) => line.y?.length || 0)"
PARTS = {
    "the first curve": f"Math.max(0, ...{CURVES}) > 1 ? 'drawn' : ''",
    "the end": "document.querySelector('#summary .summary')?.textContent || ''",
    "answers": "[...document.querySelectorAll('#predictions .prediction')].map((e) => e.textContent).join()",
    "the map of attention": "JSON.stringify(document.querySelector('#heatmap .chart')?.data?.[0]?.z) || ''",
}
COLUMNS = {"what": "项目", "seconds": "秒", "beside": "对照", "seconds there": "对照秒数", "times": "倍数"}
TITLE = {"en": "What somebody at the page waits for", "zh": "页面上的人要等待多久"}


def main(rounds: int = 7, ways: int = 5, shots: int = 5, *, write: bool = True) -> None:
    """Print the medians, and write the table.

    Args:
        rounds: tasks that are adapted to
        ways: classes of each
        shots: examples of each class
        write: whether the table in benchmarks/results is written anew
    """
    before = load()
    with host() as page, sync_playwright() as playwright:
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        window = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        seen = window.new_page(viewport={"width": 1366, "height": 768})
        seen.set_default_timeout(PATIENCE)
        seen.goto(f"{page.url}?side=text")
        seen.wait_for_selector("#cards .card")
        seen.wait_for_selector("#model-status .ready")
        taken = [one(seen, page.url, number, ways, shots) for number in range(rounds + 1)][1:]
        window.close()
    found = {name: median(each[name] for each in taken) for name in taken[0]}
    alone = found.pop("alone")
    rows: list[list[Any]] = [[name, f"{seconds:.3f}", "", "", ""] for name, seconds in found.items()]
    for row in rows:
        if row[0] == "the end":
            row[2:] = ["the same without a page", f"{alone:.3f}", f"{found['the end'] / alone:.2f}"]
        print(" | ".join(map(str, row)))
    loads = [before, load()]
    print("programs that wanted a processor, before and after:", loads)
    if write:
        said: dict[str, Any] = {"title": TITLE, "notes": notes(rounds, ways, shots, loads), "order": report.MEMORY}
        report.write("waits", "python -m benchmarks.waits", COLUMNS, rows, **said)


def one(page: Page, url: str, number: int, ways: int, shots: int) -> dict[str, float]:
    """Seconds of a round."""
    given(page, examples(number, ways, shots))
    adapted = timed(page, PRESS, "the first curve", "the end")
    page.wait_for_timeout(SETTLED)
    typed: dict[str, list[float]] = {}
    for tried in TRIED:
        typing = (
            "const box = document.querySelector('#sentence textarea');"
            f"box.value = {f'{tried} {number}'!r}; box.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        )
        for name, took in timed(page, typing, "answers", "the map of attention").items():
            typed.setdefault(name, []).append(took)
        page.wait_for_timeout(SETTLED)
    begun = time.perf_counter()
    task, model, _, seed, start, knobs = work(1000 + number, ways, shots)
    answer(browser(), url, [task, model, [*Classes.algorithms], seed, start, knobs], PATIENCE / 1000)
    alone = time.perf_counter() - begun
    seconds = {name: took / 1000 for name, took in adapted.items()}
    return seconds | {f"from a key to {name}": median(each) / 1000 for name, each in typed.items()} | {"alone": alone}


def timed(page: Page, act: str, *parts: str) -> dict[str, float]:
    """Milliseconds from an act until each of these parts is there anew."""
    found: dict[str, float] = page.evaluate(TIMED, [act, {name: PARTS[name] for name in parts}])
    return found


def given(page: Page, classes: dict[str, list[str]]) -> None:
    """A table of these examples is on the cards."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([text, label] for label, said in classes.items() for text in said)
        file.flush()
        page.locator("input[type=file]:has(+ #upload)").set_input_files(Path(file.name))
        last = [*classes][-1]
        page.wait_for_function(
            "name => [...document.querySelectorAll('#cards .card-name')].some((e) => e.value === name)", arg=last
        )
    page.wait_for_timeout(SETTLED)


def notes(rounds: int, ways: int, shots: int, loads: list[float]) -> dict[str, str]:
    """What stands beneath the table."""
    before, after = loads
    return {
        "en": f"Medians of {rounds} tasks, {ways}-way {shots}-shot, in Chromium on the machine of the page. Programs that wanted a "
        f"processor, in the mean of a minute: {before} before, {after} after.",
        "zh": f"{rounds} 个任务（{ways} 类、每类 {shots} 条示例）的中位数，Chromium 与页面在同一台机器上。一分钟内等待处理器的程序平均数："
        f"之前 {before}，之后 {after}。",
    }


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.waits")
