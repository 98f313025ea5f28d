"""Earlier runs laid over the curves of the present one: what the browser is told of a run, and the control that chooses among them.

The browser keeps the runs, as many as it has room for in the picture's control (`scripts/earlier.js`); the session on the server none.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.serving.requests import PLAIN, Request
from meta_demo.ui.markup import tag
from meta_demo.ui.scripts import script
from meta_demo.ui.session import Run
from meta_demo.ui.starts import BOTH, THREE, TRAINED
from meta_demo.ui.words import title
from meta_demo.words import LANGUAGES, catalogue, text

WORDS = ("label", "none", "examples", "said", "ended", "apart")


def earlier() -> gr.HTML:
    """The control beneath the curves; nobody sees it before there are two runs."""
    said = {lang: {key: catalogue()[f"page.earlier.{key}"][lang] for key in WORDS} for lang in LANGUAGES}
    how = {
        "js_on_load": script("parts", "kept", "earlier"),
        "words": said,
        "apply_default_css": False,
        "elem_id": "earlier",
    }
    return gr.HTML(None, html_template=tag("div", cls="earlier", hidden=True), **how)


def told(run: Run, lang: str) -> dict[str, Any]:
    """What is known of a run where others are laid over it."""
    kind = run.request.episode.objective.name
    return {"id": run.spelling, "kind": kind, "whole": run.whole, "facts": facts(run.request, lang)}


def facts(asked: Request, lang: str) -> dict[str, str]:
    """What tells a run from another, in words: its name is made of what changed."""
    episode = asked.episode
    counts = {"support": len(episode.support), "query": len(episode.query)}
    return {
        "model": asked.model,
        "origin": f"{text('page.origin', lang)}: {text(f'page.origin.{_origin(asked)}', lang)}",
        "shots": text("page.earlier.counts", lang, **counts),
        "algorithms": ", ".join(title(name, lang) for name in asked.algorithms),
        "seed": f"{text('page.seed', lang)} {asked.seed}",
        "knobs": _knobs(asked, lang),
    }


def _origin(asked: Request) -> str:
    """Where the learners of a request start from, as the page's control says it."""
    if asked.also:
        return THREE if any(who.random for who in asked.also) else BOTH
    return PLAIN if all(start == PLAIN for start in asked.checkpoints.values()) else TRAINED


def _knobs(asked: Request, lang: str) -> str:
    """The knobs that a visitor changed."""
    titles = {name: {k.name: k.said(lang) for k in REGISTRY[name].Config.knobs()} for name in asked.knobs}
    each = [
        f"{title(name, lang)}, {titles[name].get(knob, knob)}: {value}"
        for name, knobs in asked.knobs.items()
        for knob, value in knobs.items()
    ]
    return "; ".join(each) or text("page.earlier.untouched", lang)
