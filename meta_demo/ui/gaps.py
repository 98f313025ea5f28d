"""How far two starts of one algorithm lie apart: the visitor's examples are dealt anew in the background, and one sentence says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gradio as gr

from meta_demo.serving.gaps import DEALS, can_deal, gap, over_deals, scores_of
from meta_demo.serving.service import Service
from meta_demo.serving.turns import Gone
from meta_demo.ui.callers import visitor
from meta_demo.ui.form import form_for
from meta_demo.ui.guard import Updates, Values
from meta_demo.ui.learners import Twins, rivals, start_of
from meta_demo.ui.markup import Html, bare, tag
from meta_demo.ui.parts import Page
from meta_demo.ui.session import Gaps, Run
from meta_demo.ui.starts import BASELINE
from meta_demo.ui.words import request_language, title
from meta_demo.words import text

SURE = 5  # deals: fewer may agree by chance, and while more are to come nobody looks for the first that suits


class Dealing:
    """The handlers of what is measured after an adaptation from both starts."""

    def __init__(self, service: Service, page: Page) -> None:
        self.service, self.page = service, page

    def deal(self, values: Values, request: gr.Request) -> Iterator[Updates]:
        """What stands under the curves, surer with every deal. An adaptation that was not from both starts says nothing."""
        run, lang, step = values[self.page.run], request_language(request), _step(values, self.page)
        pairs = rivals(run.history) if run and not run.under_way else []
        if not pairs:
            return
        if not (run.typed and run.whole and _measured(run) and can_deal(run.typed)):
            yield self._said(run, Gaps(), step, lang)
            return
        known, stop = Gaps(going=not run.ended.is_set()), self.page.adapt.stop
        yield self._said(run, known, step, lang) | {stop: gr.Button(interactive=known.going)}
        if not known.going:
            return
        both = {one.algorithm for one, _ in pairs}
        asked = replace(run.request, algorithms=tuple(n for n in run.request.algorithms if n in both))
        deals = over_deals(self.service, asked, run.typed, run.finished, run.ended, visitor(request))
        try:
            for scores in deals:
                known = Gaps((*known.deals, scores), len(known.deals) + 1 < DEALS)
                if run.ended.is_set():
                    break
                yield self._said(run, known, step, lang)
        except Gone:
            raise
        except Exception:
            yield self._said(run, replace(known, going=False), step, lang) | {stop: gr.Button(interactive=False)}
            raise
        if run.replaced.is_set():
            return
        last = {}
        if run.ended.is_set():  # by somebody who may have seen less than was said meanwhile: the last word is said here
            last = self._said(run, replace(known, going=False), step, lang)
        yield last | {stop: gr.Button(interactive=False)}

    def move(self, values: Values, request: gr.Request) -> Updates:
        """The same at another step."""
        run, known = values[self.page.run], values[self.page.gaps]
        if run is None or known is None:
            return {}
        return self._said(run, known, _step(values, self.page), request_language(request))

    def halt(self, values: Values, request: gr.Request) -> Updates:
        """Something changed, or Stop was pressed: no more is dealt, and what was measured stays."""
        known: Gaps | None = values[self.page.gaps]
        run, lang = values[self.page.run], request_language(request)
        if run:
            run.ended.set()
        if known is None or not known.going:
            return {}
        ended = self._said(run, replace(known, going=False), _step(values, self.page), lang)
        return ended | {self.page.adapt.stop: gr.Button(interactive=False)}

    def _said(self, run: Run, known: Gaps, step: int, lang: str) -> Updates:
        """What is known, in words; nothing of a run that another has followed, which has cleared this already."""
        if run.replaced.is_set():
            return {}
        return {self.page.gaps: known, self.page.adapt.gap: sentences(run, known, step, lang)}


def sentences(run: Run, known: Gaps, step: int, lang: str) -> Html:
    """How far the starts of each algorithm lie apart after `step` steps, how sure that is, and who ran from one start alone."""
    lines = []
    pairs = rivals(run.history)
    if _measured(run):
        lines.append(headline(run, step, lang))
        lines += [_sentence(run, known, pair, step, lang) for pair in pairs]
        if known.going:
            lines.append(text("page.gap.going", lang, done=len(known.deals) + 1, count=DEALS))
        elif run.typed and not can_deal(run.typed):
            lines.append(text("page.gap.few", lang, count=DEALS))
    else:
        lines.append(text("page.gap.no_query", lang))
    alone = [title(who.algorithm, lang) for who in run.learners if all(who not in pair for pair in pairs)]
    if alone:
        lines.append(text("page.gap.alone", lang, algorithms=", ".join(alone)))
    return tag("div", tag("ul", [tag("li", line) for line in lines]), cls="gap", role="status")


def headline(run: Run, step: int, lang: str) -> str:
    """What one algorithm comes to from each of its starts, in figures: the first whose plain run is not the common yardstick."""
    pairs = rivals(run.history)
    trained = next((one for one, _ in pairs if one.algorithm != BASELINE), pairs[0][0])
    starts = [trained, *(other for one, other in pairs if one == trained)]
    shown = min(step, max(run.steps[who] for who in starts))
    form = form_for(run.request.episode.objective.name)
    ends = []
    for who in starts:
        good = [s.query_score for s in run.history[who] if s.query_score and s.error is None]
        found = good[min(shown, len(good) - 1)]
        figure = bare(form.figure(found))
        ends.append(text(f"page.gap.end.{start_of(who)}", lang, figure=figure, interval=form.interval(found, lang)))
    count = sum(example.label is not None for example in run.request.episode.query)
    values = {"algorithm": title(trained.algorithm, lang), "count": count, "step": shown}
    return text("page.gap.headline", lang, ends=text("page.gap.and", lang).join(ends), **values)


def opened(run: Run, lang: str) -> Html:
    """The same sentence alone: what the page opens with is dealt once."""
    return tag("p", headline(run, run.reached, lang), cls="story", role="status")


def _sentence(run: Run, known: Gaps, pair: Twins, step: int, lang: str) -> str:
    """What is known of one algorithm: from deals, or, before there are two, from the one that is drawn."""
    shown = min(step, max(run.steps[who] for who in pair))
    deals = known.deals if len(known.deals) > 1 else [{who: scores_of(run.history[who]) for who in pair}]
    mean, half = gap(deals, pair, shown)
    form = form_for(run.request.episode.objective.name)
    values = {
        "algorithm": title(pair[0].algorithm, lang),
        "other": text(f"page.gap.other.{start_of(pair[1])}", lang),
        "step": shown,
        "difference": form.difference(mean, half, lang),
    }
    if len(deals) == 1:
        return text("page.gap.once", lang, **values)
    if known.going or len(deals) < SURE:
        return text("page.gap.so_far", lang, count=len(deals), **values)
    better = (mean > 0) == form.objective.rises
    told = "none" if abs(mean) <= half else "better" if better else "worse"
    return text(f"page.gap.{told}", lang, count=len(deals), **values)


def _measured(run: Run) -> bool:
    """Whether anything was held out."""
    return any(example.label is not None for example in run.request.episode.query)


def _step(values: Values, page: Page) -> int:
    return int(values[page.trial.step] or 0)
