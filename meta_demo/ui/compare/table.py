"""The table of a comparison: a row for each learner, sorted by whatever heading is pressed (`scripts/compare.js`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meta_demo.core.objective import Score
from meta_demo.serving.compare import Plan, Row, best, difference, near
from meta_demo.serving.judged import ENOUGH, brier, calibration
from meta_demo.serving.requests import Learner, Snapshot
from meta_demo.ui import blocks
from meta_demo.ui.compare.earlier import answered
from meta_demo.ui.learners import called, start_of
from meta_demo.ui.markup import Child, Html, tag, together
from meta_demo.words import text

COLUMNS = ("learner", "own", "behind", "held_out", "steps", "seconds", "moved", "calibration")
FALLING = ("own", "behind", "held_out")  # where the largest comes first


Rows = Mapping[Learner, Row]


def table(learners: Sequence[Learner], rows: Rows, plan: Plan, lang: str, run: str = "") -> Html:
    """The table as far as it is filled, and above it what follows; `run` is what tells it from others."""
    known = [rows[who] for who in learners if who in rows]
    top = best(known) if len(known) == len(learners) else None
    won = top.learner if top and _others(top, known) and not near(top, known) else None
    head = tag("tr", [_heading(column, lang) for column in COLUMNS])
    names = {who: called(who, learners, lang) for who in learners}
    body = [
        _row(
            [_name(place, who, names[who]), *_cells(rows.get(who), top, plan, lang)],
            who == won,
            _known(who, names[who], rows.get(who), plan, lang),
        )
        for place, who in enumerate(learners)
    ]
    said = text("page.compare.title", lang, count=len(plan.asked))
    whole = tag("table", tag("caption", said), tag("thead", head), tag("tbody", body))
    return tag(
        "div",
        tag("p", _follows(known, top, names, len(plan.asked), lang), cls="follows", role="status"),
        tag("div", whole, cls="table-box", tabindex=0, role="region", aria_label=said),
        tag("p", text("page.compare.note", lang), cls="note"),
        cls="measured compared",
        data_run=run or None,
    )


def _heading(column: str, lang: str) -> Html:
    first = "down" if column in FALLING else "up"
    return tag("th", tag("button", text(f"page.compare.{column}", lang), type="button", data_first=first), scope="col")


def _follows(rows: Sequence[Row], top: Row | None, names: Mapping[Learner, str], count: int, lang: str) -> str:
    """What the table comes to, in a sentence."""
    if top is None or top.score is None:
        return text("page.compare.going", lang)
    score = top.score
    values = {"algorithm": names[top.learner], "right": sum(top.right.values()), "count": count}
    if not _others(top, rows):
        return text("page.compare.one", lang, **values, low=score.low, high=score.high)
    alike = ", ".join(names[row.learner] for row in near(top, rows))
    return text("page.compare.near" if alike else "page.compare.won", lang, **values, others=alike)


def _others(top: Row, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.learner != top.learner and not row.error]


def _name(place: int, who: Learner, name: str) -> Html:
    """A learner, who is looked at closely where somebody presses the name."""
    button = tag("button", name, type="button", cls="closer", data_place=place, aria_pressed="false")
    return tag("th", blocks.swatch(who.algorithm), " ", button, scope="row", data_sort=name)


def _row(cells: Sequence[Html], won: bool, known: Mapping[str, str | bool | None]) -> Html:
    return tag("tr", cells, cls="best" if won else "", **known)


def _known(who: Learner, name: str, row: Row | None, plan: Plan, lang: str) -> dict[str, str | bool | None]:
    """What scripts read off the row of a learner: who it is, whether it is done, and which answers were right."""
    done = bool(row and row.complete and not row.error)
    said = {"data_learner": f"{who.algorithm} {start_of(who)}", "data_name": name, "data_algorithm": who.algorithm}
    right = interval = None
    if row and done and row.score:
        right = answered(row, plan)
        interval = text("page.run.interval", lang, low=row.score.low, high=row.score.high)
    return {
        **said,
        "data_plain": who.plain,
        "data_done": done,
        "data_right": right,
        "data_interval": interval,
        "data_failed": bool(row and row.error),
    }


def _cells(row: Row | None, top: Row | None, plan: Plan, lang: str) -> list[Html]:
    """What is known of a learner so far."""
    if row is None:
        return [_cell("…") for _ in COLUMNS[1:]]
    if row.error:
        return [tag("td", row.error.message(lang), colspan=len(COLUMNS) - 1, cls="wide")]
    held = row.whole.query_score if row.whole else None
    return [
        _own(row, lang),
        _behind(row, top, lang),
        _cell(_score(held, lang) if held else text("page.compare.none", lang), held.value if held else None),
        *_work(row, lang),
        _calibration(row, plan, lang),
    ]


def _cell(said: Child, sort: float | None = None) -> Html:
    return tag("td", said, data_sort=sort)


def _score(score: Score, lang: str) -> Html:
    """A fraction, on how many, and its interval."""
    right = round(score.value * score.count)
    interval = text("page.run.interval", lang, low=score.low, high=score.high)
    return together(tag("b", f"{score.value:.0%}"), f" {right}/{score.count} ", tag("small", interval))


def _own(row: Row, lang: str) -> Html:
    """Accuracy on what it had not learned from, and how that was made."""
    how = text(f"page.compare.left.{row.left}", lang, done=row.done, count=row.rounds)
    said = _score(row.score, lang) if row.score else "…"
    going = None if row.complete else tag("progress", value=row.done, max=row.rounds, aria_label=how)
    return _cell([said, tag("span", how, cls="how"), going], row.score.value if row.score else None)


def _behind(row: Row, top: Row | None, lang: str) -> Html:
    """How far it is from the one that is right most often, with the interval of the pair."""
    if top is None:
        return _cell("…")
    if row is top:
        return _cell(tag("span", text("page.compare.most", lang), cls="most"), 0.0)
    found = difference(row, top)
    key = "page.compare.clear" if found.clear else "page.compare.unclear"
    said = f"{100 * found.value:+.0f} [{100 * found.low:+.0f}, {100 * found.high:+.0f}]"
    return _cell([said, tag("span", text(key, lang), cls="how")], found.value)


def _work(row: Row, lang: str) -> list[Html]:
    """Inner steps, seconds, and how many numbers moved."""
    whole: Snapshot | None = row.whole
    seconds = whole.seconds["features"] + whole.seconds["adapt"] if whole else None
    return [
        _cell(str(whole.steps) if whole else "…", whole.steps if whole else None),
        _cell("…" if seconds is None else text("page.run.seconds", lang, seconds=seconds), seconds),
        _cell("…" if row.moved is None else f"{row.moved:,}", row.moved),
    ]


def _calibration(row: Row, plan: Plan, lang: str) -> Html:
    """The Brier score and on how many answers, and the calibration error where they are enough for one."""
    score, error = brier(row, plan), calibration(row)
    if score is None:
        return _cell("…")
    how = text("page.compare.few", lang, count=ENOUGH)
    if error is not None:
        how = text("page.compare.ece", lang, error=error)
    return _cell([f"{score:.2f} ", tag("small", f"/ {len(row.right)}"), tag("span", how, cls="how")], score)
