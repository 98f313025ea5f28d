"""The Meta-train tab as markup: how far the outer loop is, and what came of it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from meta_demo.data.episode import Episode
from meta_demo.learning.outer import Progress
from meta_demo.learning.recipe import Beside, Recipe
from meta_demo.ui.blocks import notice, swatch
from meta_demo.ui.form import Form, form_for
from meta_demo.ui.markup import Child, Html, tag, together
from meta_demo.ui.palette import class_colour, mark
from meta_demo.ui.side import SIDES
from meta_demo.ui.words import title
from meta_demo.words import text

GALLERY_CLASSES, GALLERY_SHOTS = 10, 3
MEASURED = 2  # steps by which is said what all will cost


def waiting(recipe: Recipe, lang: str) -> Html:
    """Before the first figure is there."""
    return notice(text(f"page.train.measuring{_form(recipe).trained}", lang, **_counted(recipe)))


def gallery(episode: Episode, lang: str) -> Html:
    """One task as it is sampled, where its examples are best looked at: what each class is learned from, class by class."""
    if episode.modality not in SIDES or not (side := SIDES[episode.modality]()).gallery or not episode.labels:
        return together()
    shown: dict[str, list[Html]] = {label: [] for label in episode.labels[:GALLERY_CLASSES]}
    for example in episode.support:
        row = shown.get(example.label or "")
        if row is not None and len(row) < GALLERY_SHOTS:
            row.append(side.example(example.content, example.label or ""))
    rows = [
        tag("span", images, style=f"--k:{class_colour(i)}", title=label)
        for i, (label, images) in enumerate(shown.items())
    ]
    ways = text("page.train.gallery", lang, ways=len(episode.labels), shown=len(shown))
    return together(tag("p", ways, cls="caption"), tag("div", rows, cls="gallery"))


def progress(history: Sequence[Progress], recipe: Recipe, lang: str) -> Html:
    """Step, rate, remaining time, loss and the best validation so far."""
    last = history[-1]
    where = [text("page.run.step", lang, step=last.step, steps=last.steps)]
    if last.step:
        where.append(text("page.train.rate", lang, seconds=last.seconds / last.step))
    if 0 < last.step < last.steps:
        unit = "minutes" if last.remaining > 90 else "seconds"
        where.append(text(f"page.train.{unit}_left", lang, minutes=last.remaining / 60, seconds=last.remaining))
    loss = next((p.loss for p in reversed(history) if p.loss is not None), None)
    form, ending = _form(recipe), _form(recipe).trained
    mean, low, high = best(history, form)
    about = text(f"page.train.on{ending}", lang, **_counted(recipe))
    interval = text(f"page.train.interval{ending}", lang, low=low, high=high)
    small = f"{interval}, {text('page.train.at', lang, step=last.best_step)}"
    figures = [] if loss is None else [_figure("loss", f"{loss:.3f}", "", lang)]
    figures.append(
        _figure("valid", text(f"page.train.mean{ending}", lang, mean=mean), [about, " ", tag("small", small)], lang)
    )
    return tag(
        "section",
        tag(
            "header",
            swatch(recipe.algorithm),
            tag("strong", title(recipe.algorithm, lang)),
            tag("span", " · ".join(where), cls="where"),
        ),
        tag("div", tag("i", style=f"width:{100 * last.step / last.steps:.1f}%"), cls="bar"),
        tag("div", figures, cls="figures"),
        cls="run training",
        data_step=last.step,
        style=f"--c:{mark(recipe.algorithm).colour}",
    )


def forecast(history: Sequence[Progress], lang: str) -> Html:
    """What the whole training will cost, by its first steps, which are measured for it; nothing before, or where they are all."""
    measured = next((p for p in history if p.step >= MEASURED), None)
    if measured is None or measured.steps <= measured.step:
        return Html()
    each = measured.seconds / measured.step
    unit = "minutes" if each * measured.steps > 90 else "seconds"
    whole = text(f"page.train.forecast.{unit}", lang, minutes=each * measured.steps / 60, seconds=each * measured.steps)
    said = {"measured": measured.step, "each": each, "steps": measured.steps, "whole": whole}
    return notice(text("page.train.forecast", lang, **said))


def outcome(history: Sequence[Progress], recipe: Recipe, lang: str) -> Html:
    """What came of it, in plain sentences: against the start it set out from, on the same tasks."""
    last, form = history[-1], _form(recipe)
    mean, low, high = best(history, form)
    first, first_low, first_high = _interval(history[0], form)
    values: dict[str, float] = {**_counted(recipe), "step": last.best_step}
    values |= {"first": first, "first_low": first_low, "first_high": first_high}
    key = "page.train.outcome" if last.best_step else "page.train.outcome.none"
    lines = [text(f"{key}{form.trained}", lang, mean=mean, low=low, high=high, **values)]
    if last.best_step:
        lines.append(text("page.run.overlap", lang))
    if last.step < last.steps:
        lines.insert(0, text("page.train.stopped", lang, step=last.step, steps=last.steps))
    return tag("ul", [tag("li", line) for line in lines], cls="summary")


def beside(found: Beside, recipe: Recipe, lang: str) -> Html:
    """The new start beside the one it would replace, on the same tasks, in a sentence."""
    low, high = found.difference - found.ci95, found.difference + found.ci95
    better = recipe.objective.better(found.difference, 0.0)
    which = "same" if low <= 0 <= high else "better" if better else "worse"
    said = {"score": found.score, "difference": abs(found.difference), "ci95": found.ci95, "episodes": found.episodes}
    said |= {"points": 100 * abs(found.difference), "points_ci95": 100 * found.ci95}
    told = text(f"page.train.beside.{which}{_form(recipe).trained}", lang, **said)
    return tag("p", told, " ", tag("small", text("page.train.beside.about", lang)), cls="caption")


def best(history: Sequence[Progress], form: Form) -> tuple[float, float, float]:
    """The figure of the best validation so far, such as its accuracy, with its 95 % interval."""
    return _interval(next(p for p in history if p.valid and p.step == history[-1].best_step), form)


def _interval(measured: Progress, form: Form) -> tuple[float, float, float]:
    mean, ci95 = measured.valid or (measured.best, 0.0)
    return mean, form.bounded(mean - ci95), form.bounded(mean + ci95)


def _form(recipe: Recipe) -> Form:
    return form_for(recipe.objective.name)


def _counted(recipe: Recipe) -> dict[str, int]:
    """How many tasks a training is measured on, and of how many classes, where there are any."""
    return {"episodes": recipe.plan.valid_episodes, "ways": recipe.valid_ways}


def _figure(kind: str, value: str, about: Child, lang: str) -> Html:
    return tag(
        "span", tag("em", text(f"page.train.{kind}", lang)), " ", tag("b", value), " ", about, cls=f"figure {kind}"
    )
