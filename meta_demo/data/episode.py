"""An episode - the labelled examples of one task and its queries - and the one check that every episode passes.

Here: from rows or from the page's cards to a clean `Episode`, or a `UserError` that says what to mend.
Not here: JSON (`tasks.py`), files (`readers.py`), features and tensors (`core`), truncating long sentences (the model does that).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from meta_demo.core.errors import Note, UserError
from meta_demo.core.objective import Objective
from meta_demo.core.strings import clean_name, shorten
from meta_demo.modalities.base import BLANK, MODALITIES, Content, identity, is_blank, modality_among, modality_of
from meta_demo.objectives.classes import Classes

MAX_CLASSES = 50
MAX_NAME = 80  # characters
MAX_SUPPORT = 2000  # examples
MAX_QUERY = 5000  # examples
MAX_UNLABELLED = 5000  # examples


@dataclass(frozen=True)
class Example:
    """One input, such as a sentence or a picture, and its class where that is known."""

    content: Content
    label: str | None = None


@dataclass(frozen=True)
class Episode:
    """One task: the examples to learn from and the ones to be asked about. Make it with the functions below."""

    support: tuple[Example, ...]
    query: tuple[Example, ...] = ()
    unlabelled: tuple[Content, ...] = ()  # inputs that nobody labelled, for methods that learn from them too
    notes: tuple[Note, ...] = field(default=(), compare=False)  # what a person should know of how it was read

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in order of first appearance in the support set."""
        return tuple(dict.fromkeys(row.label for row in self.support if row.label is not None))

    @property
    def objective(self) -> Objective:
        """What a label of this task is."""
        return Classes.of([row.label for row in self.support if row.label is not None])

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

    Support rows that are blank, a pad without ink among them, and exact repeats within a class are dropped, and so are unlabelled
    inputs that are blank or stand there twice. Queries stay one for one, so that answers line up with questions; a blank one is
    refused.
    """
    check_counts(len(support), len(query), len(unlabelled))
    given = Episode(tuple(_cleaned(row) for row in support), tuple(_cleaned(row) for row in query))
    shown = dict.fromkeys(row for row in given.support if not is_blank(row.content))
    others = {identity(c): c for c in (modality_of(c).clean(c) for c in unlabelled) if not is_blank(c)}
    episode = Episode(tuple(shown), given.query, tuple(others.values()), tuple(notes))
    for row in episode.support:
        if row.label is None:
            raise UserError("example_no_label", text=shorten(row.content))
    _check_names(given.labels)
    _check_classes(given.labels, episode.labels)
    _check_contradictions(episode.support)
    _check_query(episode)
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
    return Example(modality_of(row.content).clean(row.content), clean_name(row.label or "") or None)


def _check_names(names: Sequence[str]) -> None:
    """Refuse class names that are too long, or that differ only in capitals."""
    for name in names:
        if len(name) > MAX_NAME:
            raise UserError("long_label", label=shorten(name), count=len(name), limit=MAX_NAME)
    check_spelling(names)


def check_spelling(names: Sequence[str]) -> None:
    """Refuse class names that differ only in capitals."""
    spelled: dict[str, str] = {}
    for name in names:
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            raise UserError("label_spelling", label=shorten(other), other=shorten(name))


def _check_classes(named: Sequence[str], shown: Sequence[str]) -> None:
    """Refuse a class without an example, and too few or too many classes."""
    if not named:
        raise UserError("no_support")
    for label in named:
        if label not in shown:
            raise UserError("class_no_example", label=shorten(label))
    if len(shown) == 1:
        raise UserError("one_class", label=shorten(shown[0]))
    if len(shown) > MAX_CLASSES:
        raise UserError("too_many_classes", count=len(shown), limit=MAX_CLASSES)


def _check_contradictions(support: Sequence[Example]) -> None:
    """Refuse one sentence, whatever its capitals, under two labels."""
    seen: dict[Hashable, str | None] = {}
    for row in support:
        other = seen.setdefault(identity(row.content), row.label)
        if other != row.label:
            labels = {"label": shorten(other or ""), "other": shorten(row.label or "")}
            raise UserError("two_labels", text=shorten(row.content), **labels)


def _check_query(episode: Episode) -> None:
    """Refuse a blank query, and one whose label no support example has."""
    known = {None, *episode.labels}
    for index, row in enumerate(episode.query):
        if is_blank(row.content):
            raise UserError("blank_query", where=f"query[{index}]")
        if row.label not in known:
            names = shorten(", ".join(episode.labels), 200)
            raise UserError("query_label", text=shorten(row.content), label=shorten(row.label or ""), labels=names)


def _check_modality(episode: Episode) -> None:
    """Refuse inputs of several modalities, such as sentences and pictures, in one task."""
    shown: dict[str, Content] = {}  # modality -> the first of its inputs
    for content in [*(row.content for row in (*episode.support, *episode.query)), *episode.unlabelled]:
        shown.setdefault(modality_of(content).name, content)
    if len(shown) > 1:
        one, two = [name for name in MODALITIES if name in shown][:2]
        kinds = {"firsts": MODALITIES[one].nouns, "others": MODALITIES[two].nouns}
        raise UserError("task_mixed", first=shorten(shown[one]), other=shorten(shown[two]), **kinds)
