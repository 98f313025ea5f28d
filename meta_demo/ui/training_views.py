"""The Meta-train tab as markup: how far the outer loop is, and what came of it. Pure functions; every visitor string is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from meta_demo.data.episode import Episode
from meta_demo.learning.outer import Progress
from meta_demo.learning.recipe import Recipe
from meta_demo.modalities.picture.content import Picture
from meta_demo.ui.palette import class_colour, mark
from meta_demo.ui.pictures import THUMBNAIL, url_of
from meta_demo.ui.views import notice, swatch
from meta_demo.ui.words import title
from meta_demo.words import text

GALLERY_CLASSES, GALLERY_SHOTS = 10, 3


def waiting(recipe: Recipe, lang: str) -> str:
    """Before the first figure is there."""
    return notice(text("page.train.measuring", lang, episodes=recipe.plan.valid_episodes, ways=recipe.valid_ways))


def gallery(episode: Episode, lang: str) -> str:
    """The pictures of one task as it is sampled: what each class is learned from, class by class; nothing for sentences."""
    if episode.modality != "picture":
        return ""
    shown: dict[str, list[str]] = {label: [] for label in episode.labels[:GALLERY_CLASSES]}
    for example in episode.support:
        row = shown.get(example.label or "")
        if row is not None and len(row) < GALLERY_SHOTS and isinstance(example.content, Picture):
            row.append(f'<img src="{url_of(example.content, THUMBNAIL)}" alt="{escape(example.label or "")}">')
    rows = "".join(
        f'<span style="--k:{class_colour(i)}" title="{escape(label)}">{"".join(images)}</span>'
        for i, (label, images) in enumerate(shown.items())
    )
    ways = text("page.train.gallery", lang, ways=len(episode.labels), shown=len(shown))
    return f'<p class="caption">{ways}</p><div class="gallery">{rows}</div>'


def progress(history: Sequence[Progress], recipe: Recipe, lang: str) -> str:
    """Step, rate, remaining time, loss and the best validation so far."""
    last = history[-1]
    where = [text("page.run.step", lang, step=last.step, steps=last.steps)]
    if last.step:
        where.append(text("page.train.rate", lang, seconds=last.seconds / last.step))
    if 0 < last.step < last.steps:
        unit = "minutes" if last.remaining > 90 else "seconds"
        where.append(text(f"page.train.{unit}_left", lang, minutes=last.remaining / 60, seconds=last.remaining))
    loss = next((p.loss for p in reversed(history) if p.loss is not None), None)
    figures = _figure("loss", f"{loss:.3f}", "", lang) if loss is not None else ""
    accuracy, low, high = best(history)
    about = text("page.train.on", lang, episodes=recipe.plan.valid_episodes, ways=recipe.valid_ways)
    small = f"{text('page.run.interval', lang, low=low, high=high)}, {text('page.train.at', lang, step=last.best_step)}"
    figures += _figure("valid", f"{accuracy:.1%}", f"{about} <small>{small}</small>", lang)
    return (
        f'<section class="run training" data-step="{last.step}" style="--c:{mark(recipe.algorithm).colour}">'
        f"<header>{swatch(recipe.algorithm)}<strong>{title(recipe.algorithm, lang)}</strong>"
        f'<span class="where">{" · ".join(where)}</span></header>'
        f'<div class="bar"><i style="width:{100 * last.step / last.steps:.1f}%"></i></div>'
        f'<div class="figures">{figures}</div></section>'
    )


def outcome(history: Sequence[Progress], recipe: Recipe, lang: str) -> str:
    """What came of it, in plain sentences: against the start it set out from, on the same tasks."""
    last, (accuracy, low, high) = history[-1], best(history)
    first, first_low, first_high = _interval(history[0])
    values: dict[str, float] = {
        "episodes": recipe.plan.valid_episodes,
        "ways": recipe.valid_ways,
        "step": last.best_step,
    }
    values |= {"first": first, "first_low": first_low, "first_high": first_high}
    key = "page.train.outcome" if last.best_step else "page.train.outcome.none"
    lines = [text(key, lang, accuracy=accuracy, low=low, high=high, **values)]
    if last.best_step:
        lines.append(text("page.run.overlap", lang))
    if last.step < last.steps:
        lines.insert(0, text("page.train.stopped", lang, step=last.step, steps=last.steps))
    return f'<ul class="summary">{"".join(f"<li>{line}</li>" for line in lines)}</ul>'


def best(history: Sequence[Progress]) -> tuple[float, float, float]:
    """Accuracy of the best validation so far, with its 95 % interval."""
    return _interval(next(p for p in history if p.valid and p.step == history[-1].best_step))


def _interval(measured: Progress) -> tuple[float, float, float]:
    accuracy, ci95 = measured.valid or (measured.best, 0.0)
    return accuracy, max(0.0, accuracy - ci95), min(1.0, accuracy + ci95)


def _figure(kind: str, value: str, about: str, lang: str) -> str:
    return f'<span class="figure {kind}"><em>{text(f"page.train.{kind}", lang)}</em> <b>{value}</b> {about}</span>'
