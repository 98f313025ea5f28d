"""Markup: pure functions from data to HTML, made of `tag`s alone. No components, no computing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from meta_demo.algorithms.registry import REGISTRY
from meta_demo.core.errors import Note
from meta_demo.data.broad.kinds import OFFERED
from meta_demo.data.episode import Episode
from meta_demo.data.samples import sample_names
from meta_demo.data.scales import NUMBERS
from meta_demo.data.sources import GLYPHS, pack_names
from meta_demo.serving.requests import AT_RANDOM, NOT_TRAINED, Learner, Prediction, Snapshot
from meta_demo.serving.turns import Place
from meta_demo.ui import decided, scores, unlike
from meta_demo.ui.form import form_for
from meta_demo.ui.learners import called, start_of
from meta_demo.ui.markup import Html, tag, together
from meta_demo.ui.palette import algorithm_names, mark
from meta_demo.ui.scores import score
from meta_demo.ui.side import Side
from meta_demo.ui.starts import is_own
from meta_demo.ui.words import named, title
from meta_demo.words import LANGUAGES, catalogue, text

STEPS = {
    "teach": 1,
    "adapt": 2,
    "try": 3,
    "map": 4,
    "look": 5,
    "train": 1,
    "watch": 2,
}  # heading -> its number in its tab
SIDED = ("teach", "try", "look")  # headings that say something else on every side of the page
HINTS = (
    "compare.about",
    "compare.repeats",
    "train.upload.about",
    "train.privacy",
    "train.download.about",
    "train.bring.about",
)

TERMS = {
    "curves": ("task", "support", "shots", "held_out", "inner_step", "start", "nats", "interval"),
    "compare": ("leave_one_out", "held_out", "inner_step", "start", "interval", "calibration"),
    "train": ("task", "start", "shots", "inner_step", "held_out", "nats", "interval"),
}  # where words of the field stand -> those that stand there, in the order in which a visitor meets them
EMPTY = ("run", "try", "map", "look", "train", "compare")


def composed(sides: Sequence[str], sheets: Sequence[str]) -> dict[str, dict[str, str]]:
    """Markup and titles that Gradio picks by language in the browser: key -> language -> text."""
    entries = {
        "html.header": _per_language(header),
        "html.about": _per_language(about),
    }
    entries |= {f"html.{s}": {lang: heading(s, lang) for lang in LANGUAGES} for s in STEPS if s not in SIDED}
    entries |= {f"html.{s}.{m}": {lang: heading(s, lang, m) for lang in LANGUAGES} for s in SIDED for m in sides}
    entries |= {f"html.sheet.{m}": {lang: sheet_heading(m, lang) for lang in LANGUAGES} for m in sheets}
    entries |= {f"html.{k}.empty": {lang: empty(f"page.{k}.empty", lang) for lang in LANGUAGES} for k in EMPTY}
    entries |= {f"html.{k}": {lang: hint(f"page.{k}", lang) for lang in LANGUAGES} for k in HINTS}
    entries |= {f"html.terms.{place}": {lang: terms(place, lang) for lang in LANGUAGES} for place in TERMS}
    entries["html.upload.about"] = _per_language(files)
    entries["html.past"] = _per_language(past)
    entries["html.train.off"] = {lang: empty("page.train.off", lang) for lang in LANGUAGES}
    for kind, names in (("sample", sample_names()), ("pack", (*pack_names(), NUMBERS, *OFFERED, GLYPHS))):
        entries |= {f"{kind}.{n}": {lang: named(kind, n, lang) for lang in LANGUAGES} for n in names}
    entries |= {f"algorithm.{name}": {lang: cls.said(lang) for lang in LANGUAGES} for name, cls in REGISTRY.items()}
    return entries


def _per_language(make: Callable[[str], str]) -> dict[str, str]:
    return {lang: make(lang) for lang in LANGUAGES}


def header(lang: str) -> Html:
    """A way past everything to the button that adapts, the page's name, what it is for, and what becomes of a visitor's examples."""
    skip, name, lead, privacy = (text(f"page.{key}", lang) for key in ("skip", "title", "lead", "privacy"))
    way = tag("a", skip, cls="skip", href="#start")
    return together(way, tag("h1", name), tag("p", lead, cls="lead"), tag("p", privacy, cls="privacy"))


def past(lang: str) -> Html:
    """A way past the examples to the button that adapts."""
    return tag("a", text("page.past", lang), cls="skip", href="#start")


def files(lang: str) -> Html:
    """Which files can be read, folded away."""
    about = tag("p", text("page.upload.about", lang), cls="hint")
    return tag("details", tag("summary", text("page.upload.which", lang)), about, cls="folded-hint")


def heading(step: str, lang: str, modality: str = "", key: str = "") -> Html:
    """A step's number and name, and what one does there: with a `modality`, where that makes a difference, or what stands under `key`."""
    number = tag("span", str(STEPS[step]), cls="number")
    about = text(key or (f"page.{step}.about.{modality}" if modality else f"page.{step}.about"), lang)
    return together(tag("h2", number, text(f"page.{step}", lang)), tag("p", about))


def sheet_heading(modality: str, lang: str) -> Html:
    """What a sheet is called, and what one does there."""
    return together(tag("h2", text(f"page.modality.{modality}", lang)), tag("p", text(f"page.sheet.{modality}", lang)))


def about(lang: str) -> Html:
    """What each algorithm does, folded away."""
    rows: list[Html] = []
    for name in algorithm_names():
        said, paper = REGISTRY[name].about.get(lang, ""), tag("cite", REGISTRY[name].paper)
        rows += [tag("dt", swatch(name), " ", title(name, lang)), tag("dd", said, " ", paper)]
    return tag("details", tag("summary", text("page.algorithms.about", lang)), tag("dl", rows))


def terms(place: str, lang: str) -> Html:
    """What the words of the field mean that stand in a place, folded away beneath it."""
    kinds = (("dt", ""), ("dd", ".means"))
    rows = [tag(kind, text(f"term.{term}{end}", lang)) for term in TERMS[place] for kind, end in kinds]
    return tag("details", tag("summary", text("page.terms", lang)), tag("dl", rows), cls="terms")


def swatch(algorithm: str) -> Html:
    """The algorithm's marker in its colour."""
    style = mark(algorithm)
    return tag("span", style.glyph, cls="swatch", style=f"color:{style.colour}", aria_hidden="true")


def alert(message: str) -> Html:
    """What went wrong; nothing for an empty message."""
    return tag("div", message, cls="alert", role="alert") if message else Html()


def notice(*messages: str) -> Html:
    """What is good to know, a paragraph each; nothing where there is nothing to say."""
    rows = [tag("p", message) for message in messages if message]
    return tag("div", rows, cls="notice", role="status") if rows else Html()


def outdated(message: str) -> Html:
    """That what is shown is of something else by now: the page takes the colours from it as long as this is said."""
    return tag("div", notice(message), cls="outdated")


def waiting(place: Place, lang: str) -> Html:
    """Where somebody stands in the queue."""
    if place.seconds is None:
        return notice(text("page.run.waiting", lang, place=place.number))
    return notice(text("page.run.waiting_about", lang, place=place.number, seconds=max(1, round(place.seconds))))


def notes(found: Sequence[Note], lang: str) -> Html:
    """What a person should know of what was read, in words that fit a page: it has no flags."""
    own = [(note, f"page.note.{note.name}") for note in found]
    return notice(*(text(key, lang, **dict(n.values)) if key in catalogue() else n.message(lang) for n, key in own))


def empty(key: str, lang: str) -> Html:
    """What stands where nothing is yet."""
    return tag("div", text(key, lang), cls="empty")


def hint(key: str, lang: str) -> Html:
    """A small line of explanation."""
    return tag("p", text(key, lang), cls="hint")


def model_status(message: str, state: str) -> Html:
    """How the model is; `state` is loading, ready or failed."""
    return tag("p", tag("span", cls="dot"), message, cls=f"model {state}", role="status")


def run(history: dict[Learner, list[Snapshot]], lang: str) -> dict[str, Any]:
    """How far each learner is, and how well it does there: a card each, by names, so that of an update only what changed is sent."""
    cards = {f"{who.algorithm} {start_of(who)}": _run_card(steps[-1], lang) for who, steps in history.items()}
    return {"order": [*cards], "cards": cards}


def _run_card(s: Snapshot, lang: str) -> Html:
    width = 100 * s.step / s.steps if s.steps else 100
    seconds = text("page.run.seconds", lang, seconds=s.seconds["features"] + s.seconds["adapt"])
    head = [swatch(s.algorithm), tag("strong", title(s.algorithm, lang)), _badge(s.checkpoint, lang)]
    return tag(
        "section",
        tag("header", head, tag("span", f"{_where(s.step, s.steps, lang)} · {seconds}", cls="where")),
        tag("div", tag("i", style=f"width:{width:.1f}%"), cls="bar"),
        tag("div", [_figure(s, which, lang) for which in scores.SETS], cls="figures"),
        alert(s.error.message(lang)) if s.error else None,
        cls="run",
        data_algorithm=s.algorithm,
        data_plain=s.learner.plain or None,
        data_random=s.learner.random or None,
        data_step=s.step,
        style=f"--c:{mark(s.algorithm).colour}",
    )


def _where(step: int, steps: int, lang: str) -> str:
    """How far an algorithm of so many steps is."""
    return text("page.run.step", lang, step=step, steps=steps) if steps else text("page.run.at_once", lang)


def _badge(checkpoint: str, lang: str) -> Html:
    """Whether an algorithm started meta-trained, and by whom."""
    trained = checkpoint not in (NOT_TRAINED, AT_RANDOM)
    if checkpoint == AT_RANDOM:
        return tag("span", text("page.run.random", lang), cls="badge", title=text("page.run.random.about", lang))
    said = text("page.run.trained" if trained else "page.run.not_trained", lang)
    if trained and is_own(checkpoint):
        said += f" · {text('page.run.yours', lang)}"
    why = text("page.run.trained.about" if trained else "page.run.plain.about", lang)
    return tag("span", said, cls="badge trained" if trained else "badge", title=why)


def _figure(s: Snapshot, which: str, lang: str) -> Html | None:
    """A score with its count, and with its interval where it is of examples that were held out."""
    found = score(s, which)
    if found is None:
        return None
    form = form_for(s.objective)
    small = tag("small", form.interval(found, lang)) if which == "query" else None
    return tag(
        "span", tag("em", text(f"page.run.{which}", lang)), " ", form.figure(found), small, cls=f"figure {which}"
    )


def summary(history: dict[Learner, list[Snapshot]], lang: str) -> Html:
    """The outcome in plain sentences, best first, for eyes and screen readers alike."""
    scored = [(found, steps) for steps in history.values() if (found := score(steps[-1], "query"))]
    if not scored:
        return tag("p", text("page.run.no_query", lang), cls="summary")
    rises = form_for(scored[0][1][0].objective).objective.rises
    lines = []
    for found, steps in sorted(scored, key=lambda pair: -pair[0].value if rises else pair[0].value):
        last = steps[-1]
        first = score(steps[0], "query")
        form, name = form_for(last.objective), called(last.learner, history, lang)
        lines.append(form.outcome(found, first, last, name, lang))
    if len(lines) > 1:
        lines.append(text("page.run.overlap", lang))
    return tag("ul", [tag("li", line) for line in lines], cls="summary")


def predictions(
    found: Sequence[Prediction],
    episode: Episode,
    side: Side[Any],
    colours: dict[str, int],
    steps: dict[Learner, int],
    lang: str,
) -> Html:
    """All answers to one input in short; then each algorithm's, whether that is unlike all classes, and which examples decided it."""
    form = form_for(episode.objective.name)
    blocks, verdicts = [], []
    for p in found:
        answer = form.answer(p.outputs[0], episode, colours, lang)
        where, name = tag("span", _where(p.step, steps[p.learner], lang), cls="where"), called(p.learner, steps, lang)
        verdicts.append(tag("li", swatch(p.algorithm), tag("span", name), " ", answer.brief))
        blocks.append(
            tag(
                "section",
                tag("header", swatch(p.algorithm), tag("strong", name), where),
                unlike.beside(p.belonging, lang),
                answer.shown,
                decided.bars(p.leaned, episode.support, side, colours, lang),
                cls="prediction",
                data_algorithm=p.algorithm,
                data_plain=p.learner.plain or None,
                data_random=p.learner.random or None,
                data_top=answer.top,
                data_unlike=bool(p.belonging and p.belonging.unlike(0)),
                data_step=p.step,
                style=f"--c:{mark(p.algorithm).colour}",
            )
        )
    short = tag("ul", verdicts, cls="verdicts") if len(verdicts) > 1 else None
    return tag("div", short, blocks, unlike.unable(found, lang), cls="predictions")
