"""The Status tab, for whoever runs the page: who waits, how long work takes, what visitors were told, and memory. No visitor's word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from prometheus_client import Metric

from meta_demo.core.cache import MB
from meta_demo.serving import meter
from meta_demo.serving.service import Service
from meta_demo.ui.markup import Html, tag, together
from meta_demo.ui.words import request_language
from meta_demo.words import text

EVERY = 3  # seconds, while somebody looks
QUEUES = ("heavy", "light")


@dataclass(frozen=True)
class Times:
    """How often something took how long: the mean, and about the 95th percentile, in seconds."""

    count: int
    mean: float
    high: float


def lay_out() -> tuple[gr.HTML, gr.Timer]:
    """The sheet, and the clock that fills it again while it is looked at."""
    return gr.HTML("", elem_id="status", padding=False), gr.Timer(EVERY, active=False)


def wire(tabs: gr.Tabs, tab: gr.Tab, sheet: gr.HTML, clock: gr.Timer, service: Service) -> None:
    """The clock goes while the tab is shown, and asks for the sheet alone."""
    how: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}

    def fill(request: gr.Request) -> Html:
        return show(service, request)

    others = [other.select for other in tabs.children if isinstance(other, gr.Tab) and other is not tab]
    gr.on(others, lambda: gr.Timer(active=False), None, clock, **how)
    tab.select(lambda: gr.Timer(active=True), None, clock, **how)
    tab.select(fill, None, sheet, **how)
    clock.tick(fill, None, sheet, **how)


def show(service: Service, request: gr.Request) -> Html:
    """The sheet as it stands now."""
    lang = request_language(request)
    ran, waited = _times(meter.RUN.collect()), _times(meter.WAIT.collect())
    rows = [[_name("run", kind, lang), *_figures(found)] for kind, found in sorted(ran.items())]
    rows += [[_name("wait", kind, lang), *_figures(found)] for kind, found in sorted(waited.items())]
    told = [[kind, f"{count:,}"] for kind, count in _errors()]
    return tag(
        "div",
        tag("h2", text("page.status", lang)),
        tag("div", _now(service, lang), cls="figures"),
        _table("page.status.times", ("kind", "count", "mean", "high"), rows, lang),
        _table("page.status.errors", ("error", "count"), told, lang),
        tag("p", text("page.status.about", lang, seconds=EVERY), cls="note"),
        cls="sheet measured status",
    )


def _now(service: Service, lang: str) -> list[Html]:
    """What is so at this moment: places, bytes."""
    queues = {"heavy": service.heavy, "light": service.light}
    said = [(kind, f"{queue.waiting} + {len(queue) - queue.waiting}") for kind, queue in queues.items()]
    said.append(("cache", f"{service.cache.size / MB:,.0f} / {service.cache.limit / MB:,.0f} MB"))
    if resident := meter.resident():
        said.append(("memory", f"{resident / MB:,.0f} MB"))
    return [tag("span", tag("em", text(f"page.status.{key}", lang)), " ", tag("b", value)) for key, value in said]


def _table(title: str, columns: Iterable[str], rows: list[list[str]], lang: str) -> Html:
    """A titled table; one sentence where there is nothing yet."""
    if not rows:
        return together(tag("h3", text(title, lang)), tag("p", text("page.status.none", lang), cls="note"))
    kinds = ["", *["number"] * (len(rows[0]) - 1)]
    head = [
        tag("th", text(f"page.status.{name}", lang), scope="col", cls=kind)
        for name, kind in zip(columns, kinds, strict=True)
    ]
    body = [
        tag("tr", tag("th", row[0], scope="row"), [tag("td", value, cls="number") for value in row[1:]]) for row in rows
    ]
    table = tag("table", tag("thead", tag("tr", head)), tag("tbody", body))
    label = text(title, lang)
    return together(tag("h3", label), tag("div", table, cls="table-box", tabindex=0, role="region", aria_label=label))


def _name(what: str, kind: str, lang: str) -> str:
    return text(f"page.status.{what}", lang, kind=text(f"page.status.kind.{kind}", lang))


def _figures(found: Times) -> list[str]:
    return [f"{found.count:,}", f"{found.mean:.2f} s", f"≤ {found.high:g} s"]


def _errors() -> list[tuple[str, int]]:
    """What visitors were told, by its name, the most frequent first."""
    found = [(s.labels["kind"], int(s.value)) for m in meter.ERRORS.collect() for s in m.samples if "_total" in s.name]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _times(metrics: Iterable[Metric]) -> dict[str, Times]:
    """Of each kind that a histogram has seen, how long it took; the percentile is the end of the bucket in which it lies."""
    found = {}
    for metric in metrics:
        for kind in {sample.labels["kind"] for sample in metric.samples}:
            mine = [sample for sample in metric.samples if sample.labels["kind"] == kind]
            said = {sample.name.rsplit("_", 1)[1]: sample.value for sample in mine if "le" not in sample.labels}
            ends = [(float(sample.labels["le"]), sample.value) for sample in mine if "le" in sample.labels]
            if count := int(said["count"]):
                found[kind] = Times(count, said["sum"] / count, _percentile(ends, 0.95 * count))
    return found


def _percentile(ends: list[tuple[float, float]], rank: float) -> float:
    """The least end of a bucket up to which there are `rank`; the last finite one where it lies beyond."""
    finite = [(end, count) for end, count in sorted(ends) if end != float("inf")]
    return next((end for end, count in finite if count >= rank), finite[-1][0])
