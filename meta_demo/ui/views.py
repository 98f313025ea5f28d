"""Markup: pure functions from data to HTML. Every visitor string passes through `escape`; no components, no computing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.objective import Score
from meta_demo.data.episode import Episode, Example
from meta_demo.data.samples import sample_names
from meta_demo.data.sources import GLYPHS, pack_names
from meta_demo.modalities.picture.content import Picture
from meta_demo.serving.requests import NOT_TRAINED, Array, Prediction, Snapshot
from meta_demo.ui.palette import algorithm_names, class_colour, mark
from meta_demo.ui.pictures import THUMBNAIL, url_of
from meta_demo.ui.starts import is_own
from meta_demo.ui.words import named, title
from meta_demo.words import LANGUAGES, text

SHOWN_CLASSES = 10
NEAREST_SENTENCES, NEAREST_PICTURES = 2, 4
STEPS = {"teach": 1, "adapt": 2, "try": 3, "look": 4, "train": 1, "watch": 2}  # heading -> its number in its tab
HINTS = ("upload.about", "train.upload.about", "train.privacy", "train.download.about")
EMPTY = ("run", "try", "look", "train")


def composed() -> dict[str, dict[str, str]]:
    """Markup and titles that Gradio picks by language in the browser: key -> language -> text."""
    entries = {"html.header": _per_language(header), "html.about": _per_language(about)}
    entries |= {f"html.{s}": {lang: heading(s, lang) for lang in LANGUAGES} for s in STEPS}
    entries |= {f"html.{k}.empty": {lang: empty(f"page.{k}.empty", lang) for lang in LANGUAGES} for k in EMPTY}
    entries |= {f"html.{k}": {lang: hint(f"page.{k}", lang) for lang in LANGUAGES} for k in HINTS}
    entries["html.train.off"] = {lang: empty("page.train.off", lang) for lang in LANGUAGES}
    for kind, names in (("sample", sample_names()), ("pack", (*pack_names(), GLYPHS))):
        entries |= {f"{kind}.{n}": {lang: named(kind, n, lang) for lang in LANGUAGES} for n in names}
    for name, cls in REGISTRY.items():
        entries[f"algorithm.{name}"] = {lang: cls.said(lang) for lang in LANGUAGES}
        for k in cls.Config.knobs():
            entries[f"knob.{name}.{k.name}"] = {lang: k.said(lang) for lang in LANGUAGES}
            entries[f"knob.{name}.{k.name}.help"] = {lang: k.explained(lang) for lang in LANGUAGES}
    return entries


def _per_language(make: object) -> dict[str, str]:
    assert callable(make)
    return {lang: make(lang) for lang in LANGUAGES}


def header(lang: str) -> str:
    name, lead, privacy = (text(f"page.{key}", lang) for key in ("title", "lead", "privacy"))
    return f'<h1>{name}</h1><p class="lead">{lead}</p><p class="privacy">{privacy}</p>'


def heading(step: str, lang: str, modality: str = "text") -> str:
    number = f'<span class="number">{STEPS[step]}</span>'
    about = text(f"page.{step}.about" if modality == "text" else f"page.{step}.about.{modality}", lang)
    return f"<h2>{number}{text(f'page.{step}', lang)}</h2><p>{about}</p>"


def about(lang: str) -> str:
    """What each algorithm does, folded away."""
    rows = []
    for name in algorithm_names():
        words = REGISTRY[name].about.get(lang, "")
        paper = escape(REGISTRY[name].paper)
        rows.append(f"<dt>{swatch(name)} {escape(title(name, lang))}</dt><dd>{words} <cite>{paper}</cite></dd>")
    return f"<details><summary>{text('page.algorithms.about', lang)}</summary><dl>{''.join(rows)}</dl></details>"


def swatch(algorithm: str) -> str:
    style = mark(algorithm)
    return f'<span class="swatch" style="color:{style.colour}" aria-hidden="true">{style.glyph}</span>'


def alert(message: str) -> str:
    return f'<div class="alert" role="alert">{escape(message)}</div>' if message else ""


def notice(*messages: str) -> str:
    rows = "".join(f"<p>{escape(message)}</p>" for message in messages if message)
    return f'<div class="notice" role="status">{rows}</div>' if rows else ""


def empty(key: str, lang: str) -> str:
    return f'<div class="empty">{text(key, lang)}</div>'


def hint(key: str, lang: str) -> str:
    return f'<p class="hint">{text(key, lang)}</p>'


def model_status(message: str, state: str) -> str:
    """`state` is loading, ready or failed."""
    return f'<p class="model {state}" role="status"><span class="dot"></span>{escape(message)}</p>'


def run(history: dict[str, list[Snapshot]], lang: str) -> str:
    """How far each algorithm is, and how well it does there."""
    return f'<div class="runs">{"".join(_run_card(steps[-1], lang) for steps in history.values())}</div>'


def _run_card(s: Snapshot, lang: str) -> str:
    steps = text("page.run.step", lang, step=s.step, steps=s.steps) if s.steps else text("page.run.at_once", lang)
    trained = s.checkpoint != NOT_TRAINED
    badge = text("page.run.trained" if trained else "page.run.not_trained", lang)
    if trained and is_own(s.checkpoint):
        badge += f" · {text('page.run.yours', lang)}"
    why = text("page.run.trained.about" if trained else "page.run.plain.about", lang)
    width = 100 * s.step / s.steps if s.steps else 100
    figures = _figure("support", s.support_score, "", lang)
    if s.query_score:
        interval = text("page.run.interval", lang, low=s.query_score.low, high=s.query_score.high)
        figures += _figure("query", s.query_score, interval, lang)
    seconds = text("page.run.seconds", lang, seconds=s.seconds["features"] + s.seconds["adapt"])
    return (
        f'<section class="run" data-algorithm="{escape(s.algorithm)}" data-step="{s.step}" style="--c:{mark(s.algorithm).colour}">'
        f"<header>{swatch(s.algorithm)}<strong>{escape(title(s.algorithm, lang))}</strong>"
        f'<span class="badge{" trained" if trained else ""}" title="{escape(why)}">{badge}</span>'
        f'<span class="where">{steps} · {seconds}</span></header>'
        f'<div class="bar"><i style="width:{width:.1f}%"></i></div>'
        f'<div class="figures">{figures}</div>'
        f"{alert(s.error.message(lang)) if s.error else ''}</section>"
    )


def _figure(kind: str, score: Score, interval: str, lang: str) -> str:
    right, count = round(score.value * score.count), score.count
    small = f" <small>{interval}</small>" if interval else ""
    return (
        f'<span class="figure {kind}"><em>{text(f"page.run.{kind}", lang)}</em> '
        f"<b>{right / count:.0%}</b> {right}/{count}{small}</span>"
    )


def summary(history: dict[str, list[Snapshot]], lang: str) -> str:
    """The outcome in plain sentences, best first, for eyes and screen readers alike."""
    scored = [(score, steps) for steps in history.values() if (score := steps[-1].query_score)]
    if not scored:
        return f'<p class="summary">{text("page.run.no_query", lang)}</p>'
    lines = []
    for score, steps in sorted(scored, key=lambda item: -item[0].value):
        last, first = steps[-1], steps[0].query_score
        values: dict[str, object] = {
            "right": round(score.value * score.count),
            "count": score.count,
            "accuracy": score.value,
        }
        values |= {"low": score.low, "high": score.high, "algorithm": title(last.algorithm, lang)}
        if last.steps and first:
            values |= {"step": last.step, "first": first.value}
        lines.append(text("page.run.summary" if last.steps else "page.run.summary.at_once", lang, **values))
    if len(lines) > 1:
        lines.append(text("page.run.overlap", lang))
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="summary">{items}</ul>'


def predictions(
    found: Sequence[Prediction], episode: Episode, colours: dict[str, int], steps: dict[str, int], lang: str
) -> str:
    """Each algorithm's probabilities for one input, its answer, and the examples closest to it."""
    blocks, labels = [], episode.labels
    for p in found:
        row = p.outputs[0]
        top = labels[int(row.argmax())]
        total = steps[p.algorithm]
        where = text("page.run.step", lang, step=p.step, steps=total) if total else text("page.run.at_once", lang)
        blocks.append(
            f'<section class="prediction" data-algorithm="{escape(p.algorithm)}" data-top="{escape(top)}" data-step="{p.step}"'
            f' style="--c:{mark(p.algorithm).colour}">'
            f"<header>{swatch(p.algorithm)}<strong>{escape(title(p.algorithm, lang))}</strong>"
            f'<span class="where">{where}</span></header>'
            f'<p class="answer" style="--k:{class_colour(colours[top])}">{escape(top)} <b>{row.max():.0%}</b></p>'
            f"{_bars(row, labels, colours, lang)}{_nearest(p.similarity[0], episode.support, colours, lang)}</section>"
        )
    return f'<div class="predictions">{"".join(blocks)}</div>'


def _bars(row: Array, labels: Sequence[str], colours: dict[str, int], lang: str) -> str:
    """One bar per class in the order of the cards; of many classes only the likeliest."""
    likely = sorted(np.argsort(-row, kind="stable")[:SHOWN_CLASSES].tolist())
    bars = "".join(
        f'<div class="prob" style="--k:{class_colour(colours[labels[i]])};--p:{row[i]:.4f}">'
        f'<span class="name" title="{escape(labels[i])}">{escape(labels[i])}</span><span class="track"><i></i></span>'
        f'<span class="value">{row[i]:.1%}</span></div>'
        for i in likely
    )
    hidden = len(labels) - len(likely)
    more = f'<p class="more">{text("page.try.more", lang, count=hidden)}</p>' if hidden else ""
    return f'<div class="probs">{bars}</div>{more}'


def _nearest(row: Array, support: Sequence[Example], colours: dict[str, int], lang: str) -> str:
    count = NEAREST_PICTURES if isinstance(support[0].content, Picture) else NEAREST_SENTENCES
    items = "".join(_example(support[i], colours) for i in np.argsort(-row, kind="stable")[:count])
    return f'<div class="leaned"><em>{text("page.try.leaned_on", lang)}</em><ul>{items}</ul></div>'


def _example(example: Example, colours: dict[str, int]) -> str:
    name = escape(example.label or "")
    shown = escape(str(example.content))
    if isinstance(example.content, Picture):
        shown = f'<img src="{url_of(example.content, THUMBNAIL)}" alt="{name}">'
    return f'<li style="--k:{class_colour(colours[example.label or ""])}" title="{name}">{shown}</li>'
