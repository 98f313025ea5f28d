"""Classes on the page: a card each, and answers as a bar for every class."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from meta_demo.core.objective import Score
from meta_demo.core.strings import clean
from meta_demo.data.episode import Episode, Example, check_counts, episode_from_cards
from meta_demo.modalities.base import Content, is_blank
from meta_demo.objectives.classes import MAX_CLASSES
from meta_demo.serving.attention import Array
from meta_demo.serving.requests import Snapshot
from meta_demo.ui.form import Answer, Form, Loose, Spelled, register
from meta_demo.ui.markup import Html, tag, together
from meta_demo.ui.palette import class_colour
from meta_demo.ui.side import Side
from meta_demo.words import text

Cards = list[dict[str, Any]]  # {"name", "examples", "held_out", "colour"}
SHOWN_CLASSES = 10


@register
class ClassesForm(Form):
    """A card for each class: its name, its examples, and those that are held out to measure by."""

    name, element = "classes", "cards"
    words = ("name", "held_out", "classes", "measured", "add", "remove", "clear", "one_file")
    dealt_by_shots = named = True

    def scripts(self, side: Side[Any]) -> tuple[str, ...]:
        return ("drop", *side.inside, "cards")

    def limits(self) -> dict[str, int]:
        return {"classes": MAX_CLASSES}

    def collected(self, episode: Episode, side: Side[Any]) -> Cards:
        """One card per class; labelled queries become its held-out examples."""

        def held(rows: Sequence[Example], label: str) -> Any:
            return side.held([side.written(row.content) for row in rows if row.label == label])

        return [
            {
                "name": label,
                "examples": held(episode.support, label),
                "held_out": held(episode.query, label),
                "colour": index,
            }
            for index, label in enumerate(episode.labels)
        ]

    def owns(self, value: Any) -> bool:
        return isinstance(value, list)

    def sound(self, value: Any, side: Side[Any]) -> bool:
        held = type(side.held(()))
        kinds: dict[str, type] = {"name": str, "examples": held, "held_out": held, "colour": int}
        return len(value) <= MAX_CLASSES and all(
            isinstance(card, dict) and all(isinstance(card.get(key), kind) for key, kind in kinds.items())
            for card in value
        )

    def dealt(self, value: Cards, shots: int, side: Side[Any]) -> Cards:
        """The same cards with the first `shots` of each class's inputs as examples, and the others held out."""
        every = [[*side.items(card["examples"]), *side.items(card["held_out"])] for card in value]
        return [
            card | {"examples": side.held(items[:shots]), "held_out": side.held(items[shots:])}
            for card, items in zip(value, every, strict=True)
        ]

    def loosened(self, value: Any, side: Side[Any]) -> list[Loose]:
        found = []
        for card in _cards(value):
            name, others = str(card.get("name") or ""), card.get("others")
            parts = [(side.items(card.get(part)), part == "held_out") for part in ("examples", "held_out")]
            for items, held_out in parts:
                found += [Loose(i, {**_remembered(others, i), self.name: name}, held_out) for i in items]
            if name and not any(items for items, _ in parts):
                found.append(Loose("", {self.name: name}))
        return found

    def gathered(self, rows: Sequence[Loose], side: Side[Any]) -> Cards:
        """A card for each label, in the order in which they come; numbers go along unseen, by example. Two blank cards of nothing."""
        said = [row for row in rows if row.item.strip() or row.label(self.name)]
        names = list(dict.fromkeys(row.label(self.name) for row in said)) or ["", ""]

        def card(name: str, colour: int) -> dict[str, Any]:
            own = [row for row in said if row.label(self.name) == name and row.item.strip()]
            learned, held = ([row.item for row in own if row.held_out is out] for out in (False, True))
            others = {_short(row.item): row.others(self.name) for row in own if row.others(self.name)}
            held_all = {"examples": side.held(learned), "held_out": side.held(held)}
            return {"name": name, **held_all, "colour": colour, "others": others}

        return [card(name, colour) for colour, name in enumerate(names)]

    def spelled(self, value: Any, side: Side[Any]) -> Spelled:
        """Of every class its name, its examples, and its held-out ones."""
        rows = _cards(value)
        return tuple(
            (
                clean(str(row.get("name") or "")),
                tuple(side.items(row.get("examples"))),
                tuple(side.items(row.get("held_out"))),
            )
            for row in rows
        )

    def episode(self, said: Spelled, side: Side[Any]) -> Episode:
        """The episode that the cards spell, held-out examples as labelled queries; raises UserError."""
        cards = [[(name, row[part]) for name, *row in said] for part in (0, 1)]
        check_counts(*(sum(len(items) for _, items in some) for some in cards))
        given = [
            (item, f"{name} {place}") for some in cards for name, items in some for place, item in enumerate(items, 1)
        ]
        read = iter(side.read(given))

        def contents(items: Sequence[str]) -> list[Content]:
            return [content for _, content in zip(items, read, strict=False) if not is_blank(content)]

        learned, query = ([(name, contents(items)) for name, items in some] for some in cards)
        return episode_from_cards(learned, [Example(content, name) for name, some in query for content in some])

    def colours(self, value: Any) -> dict[str, int]:
        """A card keeps its colour when others come and go."""
        found: dict[str, int] = {}
        for card in value:
            colour = card.get("colour")
            found[clean(str(card.get("name", "")))] = colour if isinstance(colour, int) else len(found)
        return found

    def figure(self, score: Score) -> Html:
        return together(tag("b", f"{score.value:.0%}"), f" {_right(score)}/{score.count} ")

    def interval(self, score: Score, lang: str) -> str:
        return text("page.run.interval", lang, low=score.low, high=score.high)

    def difference(self, mean: float, half: float, lang: str) -> str:
        key = "page.gap.points" if math.isfinite(half) else "page.gap.points.once"
        return text(key, lang, mean=100 * mean, half=100 * half)

    def outcome(self, score: Score, first: Score | None, last: Snapshot, algorithm: str, lang: str) -> str:
        values: dict[str, object] = {"right": _right(score), "count": score.count, "accuracy": score.value}
        values |= {"low": score.low, "high": score.high, "algorithm": algorithm}
        if last.steps:
            values |= {"step": last.step, "first": first.value if first else 0.0}
        return text("page.run.summary" if last.steps else "page.run.summary.at_once", lang, **values)

    def answer(self, row: Array, episode: Episode, colours: dict[str, int], lang: str) -> Answer:
        """The likeliest class, and a bar for each."""
        top = episode.labels[int(row.argmax())]
        style = f"--k:{class_colour(colours[top])}"
        likely = tag("b", f"{row.max():.0%}")
        said = tag("p", top, " ", likely, cls="answer", style=style)
        brief = tag("span", top, " ", likely, cls="brief", style=style)
        return Answer(top, together(said, _bars(row, episode.labels, colours, lang)), brief)

    def label(self, example: Example, colours: dict[str, int]) -> tuple[str, str]:
        return example.label or "", class_colour(colours[example.label or ""])

    def training_axis(self, values: Sequence[tuple[float, float]]) -> dict[str, Any]:
        lowest = min((value - half for value, half in values), default=0.0)
        least = max(0.0, np.floor(lowest * 10 - 0.5) / 10)
        return {"range": [least, 1.02], "tickformat": ".0%", "nticks": 6}

    def bounded(self, value: float) -> float:
        return min(1.0, max(0.0, value))

    def axis(self) -> dict[str, Any]:
        return {"range": [-0.04, 1.05], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}


def _cards(value: Any) -> Cards:
    """The cards of a component's value."""
    return [card for card in value if isinstance(card, dict)] if isinstance(value, list) else []


def _short(item: str) -> str:
    """What an example is remembered by: a picture is long."""
    return hashlib.blake2b(item.encode(), digest_size=8).hexdigest()


def _remembered(others: Any, item: str) -> dict[str, str]:
    """What an example of a card was labelled in other forms."""
    known = others.get(_short(item)) if isinstance(others, dict) else None
    return {str(name): str(said) for name, said in known.items()} if isinstance(known, dict) else {}


def _right(score: Score) -> int:
    """How many of the examples were right."""
    return round(score.value * score.count)


def _bars(row: Array, labels: Sequence[str], colours: dict[str, int], lang: str) -> Html:
    """One bar per class in the order of the cards; of many classes only the likeliest."""
    likely = sorted(np.argsort(-row, kind="stable")[:SHOWN_CLASSES].tolist())
    bars = [_bar(labels[i], float(row[i]), class_colour(colours[labels[i]])) for i in likely]
    hidden = len(labels) - len(likely)
    more = tag("p", text("page.try.more", lang, count=hidden), cls="more") if hidden else None
    return together(tag("div", bars, cls="probs"), more)


def _bar(label: str, share: float, colour: str) -> Html:
    name, track = tag("span", label, cls="name", title=label), tag("span", tag("i"), cls="track")
    value = tag("span", f"{share:.1%}", cls="value")
    return tag("div", name, track, value, cls="prob", style=f"--k:{colour};--p:{share:.4f}")
