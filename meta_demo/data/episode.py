"""An episode - the labelled examples of one task and its queries - and the one check that every episode passes.

Here: from rows or from the page's cards to a clean `Episode`, or a `UserError` that says what to mend.
Not here: JSON (`tasks.py`), files (`readers.py`), features and tensors (`core`), truncating long sentences (the model does that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import meta_demo.objectives  # noqa: F401  (registers every objective)
from meta_demo.core.errors import Note, UserError
from meta_demo.core.lazy import lazy
from meta_demo.core.objective import Objective, Row, objective_among, objective_of
from meta_demo.core.strings import clean_name, shorten
from meta_demo.modalities.base import BLANK, MODALITIES, Content, identity, is_blank, modality_among, modality_of

MAX_SUPPORT = 2000  # examples
MAX_QUERY = 5000  # examples
MAX_UNLABELLED = 5000  # examples


@dataclass(frozen=True)
class Example:
    """One input, such as a sentence or a picture, and its label where that is known: the name of its class, or a number."""

    content: Content
    label: Any = None


@dataclass(frozen=True)
class Episode:
    """One task: the examples to learn from and the ones to be asked about. Make it with the functions below."""

    support: tuple[Example, ...]
    query: tuple[Example, ...] = ()
    unlabelled: tuple[Content, ...] = ()  # inputs that nobody labelled, for methods that learn from them too
    notes: tuple[Note, ...] = field(default=(), compare=False)  # what a person should know of how it was read
    source: str = ""  # the name of what it was drawn from

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in order of first appearance in the support set; none where labels are no classes."""
        return self.objective.labels

    @lazy
    def objective(self) -> Objective:
        """What a label of this task is."""
        labels = [row.label for row in self.support if row.label is not None]
        units = MODALITIES[self.modality].units
        return objective_among(labels).of(labels) if units is None else objective_among(labels).measured(labels, units)

    @property
    def modality(self) -> str:
        """The name of the one modality that all examples are of."""
        return modality_among([row.content for row in self.support]).name


def make_episode(
    support: Sequence[Example],
    query: Sequence[Example] = (),
    unlabelled: Sequence[Content] = (),
    notes: Sequence[Note] = (),
) -> Episode:
    """The check that every episode passes, wherever it comes from: cleaned rows, or a UserError.

    Support rows that are blank, a pad without ink among them, and exact repeats under one label are dropped, and so are unlabelled
    inputs that are blank or stand there twice. Queries stay one for one, so that answers line up with questions; a blank one is
    refused.
    """
    check_counts(len(support), len(query), len(unlabelled))
    learned, asked = ([_cleaned(row) for row in rows] for rows in (support, query))
    shown = dict.fromkeys(row for row in learned if not is_blank(row.content))
    others = {identity(c): c for c in (modality_of(c).clean(c) for c in unlabelled) if not is_blank(c)}
    objective = objective_among([row.label for row in (*learned, *asked)])
    for index, row in enumerate(asked):
        if is_blank(row.content):
            raise UserError("blank_query", where=f"query[{index}]")
    objective.check(list(map(_judged, dict.fromkeys(learned))), list(map(_judged, asked)))
    episode = Episode(tuple(shown), tuple(asked), tuple(others.values()), tuple(notes))
    _check_modality(episode)
    return episode


def check_counts(support: int, query: int, unlabelled: int = 0) -> None:
    """Refuse more examples than a task may have."""
    if support > MAX_SUPPORT:
        raise UserError("too_many_support", count=support, limit=MAX_SUPPORT)
    if query > MAX_QUERY:
        raise UserError("too_many_queries", count=query, limit=MAX_QUERY)
    if unlabelled > MAX_UNLABELLED:
        raise UserError("too_many_unlabelled", count=unlabelled, limit=MAX_UNLABELLED)


def episode_from_cards(cards: Sequence[tuple[str, Sequence[Content]]], query: Sequence[Example] = ()) -> Episode:
    """The episode that the page's cards spell, each a class's name and its examples."""
    support: list[Example] = []
    names: set[str] = set()
    for said, examples in cards:
        name = clean_name(said)
        shown = next((e for e in examples if modality_of(e).clean(e) != BLANK), None)
        if not name and shown is not None:
            raise UserError("card_no_name", text=shorten(shown))
        if name in names:
            raise UserError("card_twice", label=shorten(name))
        if name:
            names.add(name)
            support += [Example(e, name) for e in examples or [BLANK]]  # none at all: the check names the class
    return make_episode(support, query)


def _cleaned(row: Example) -> Example:
    label = None if row.label is None else objective_of(row.label).clean(row.label)
    return Example(modality_of(row.content).clean(row.content), label)


def _judged(row: Example) -> Row:
    """A clean example as its objective checks it."""
    return Row(identity(row.content), str(row.content), is_blank(row.content), row.label)


def _check_modality(episode: Episode) -> None:
    """Refuse inputs of several modalities, such as sentences and pictures, in one task."""
    shown: dict[str, Content] = {}  # modality -> the first of its inputs
    for content in [*(row.content for row in (*episode.support, *episode.query)), *episode.unlabelled]:
        shown.setdefault(modality_of(content).name, content)
    if len(shown) > 1:
        one, two = [name for name in MODALITIES if name in shown][:2]
        kinds = {"firsts": MODALITIES[one].nouns, "others": MODALITIES[two].nouns}
        raise UserError("task_mixed", first=shorten(shown[one]), other=shorten(shown[two]), **kinds)
