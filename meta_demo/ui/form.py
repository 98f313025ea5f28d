"""A form of the page: all that is done otherwise for one objective - how labelled examples are collected, and how answers are shown.

Forms are found in the folder of their objective, in `page.py`; the page around them knows none of them by name. What is collected
crosses the wire as the value of one component for each side of the page (`cards.py`), and says itself whose it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import meta_demo.objectives  # noqa: F401  (registers every objective)
from meta_demo.core.objective import OBJECTIVES, Objective, Score
from meta_demo.data.episode import Episode, Example
from meta_demo.serving.attention import Array
from meta_demo.serving.requests import Snapshot
from meta_demo.ui.markup import Html
from meta_demo.ui.side import Side

Spelled = tuple[
    Any, ...
]  # what was collected, as it was sent: compared at every change, decoded only where somebody adapts to it


@dataclass(frozen=True)
class Answer:
    """An answer as it is shown, and in short: `top` is what it comes to, for whoever reads the markup."""

    top: str
    shown: Html
    brief: Html


@dataclass(frozen=True)
class Loose:
    """An example as it was typed, in the shape of no form: what it is labelled under the name of each form that it has been in, the last
    of them last. A label without an example is one too."""

    item: str
    labels: Mapping[str, str]
    held_out: bool = False

    def label(self, form: str) -> str:
        """What it was labelled in a form; where it has not been in there, what it is labelled now."""
        return self.labels.get(form, ["", *self.labels.values()][-1])

    def others(self, form: str) -> dict[str, str]:
        """What it was labelled in others, where that is something else."""
        own = self.label(form)
        return {name: label for name, label in self.labels.items() if name != form and label != own}


class Form(ABC):
    """One objective's part of the page; it holds nothing."""

    name: ClassVar[str]  # the objective's
    element: ClassVar[str]  # the class of the element in which it collects
    taught: ClassVar[str] = ""  # the key of what one does to teach, where that is no longer what the side says
    words: ClassVar[tuple[str, ...]]  # keys below page.card of what is said there
    dealt_by_shots: ClassVar[bool] = False  # whether a visitor says how many examples of each label are learned from
    named: ClassVar[bool] = False  # whether labels are names, which can count as examples

    # --- collecting: the value of a component ---

    @abstractmethod
    def scripts(self, side: Side[Any]) -> tuple[str, ...]:
        """What runs in the element, on top of the side's own; none where the side cannot collect such labels."""

    @abstractmethod
    def limits(self) -> dict[str, int]:
        """How much may be collected."""

    @abstractmethod
    def collected(self, episode: Episode, side: Side[Any]) -> Any:
        """An episode as the component holds it."""

    @abstractmethod
    def owns(self, value: Any) -> bool:
        """Whether a component's value is this form's."""

    @abstractmethod
    def sound(self, value: Any, side: Side[Any]) -> bool:
        """Whether a value that is this form's is one that its scripts can show."""

    @abstractmethod
    def spelled(self, value: Any, side: Side[Any]) -> Spelled:
        """What the value says, as it was sent."""

    @abstractmethod
    def episode(self, said: Spelled, side: Side[Any]) -> Episode:
        """The episode that is spelled; raises UserError."""

    def dealt(self, value: Any, shots: int, side: Side[Any]) -> Any:  # noqa: ARG002
        """The same with `shots` examples of each class to learn from, and the others held out."""
        return value

    @abstractmethod
    def loosened(self, value: Any, side: Side[Any]) -> list[Loose]:
        """All that was typed, for another form to gather."""

    @abstractmethod
    def gathered(self, rows: Sequence[Loose], side: Side[Any]) -> Any:
        """What was typed in another form as a component's value: nothing is lost, and what it was labelled there goes along."""

    def colours(self, value: Any) -> dict[str, int]:  # noqa: ARG002
        """The place in the palette of each label that has a colour of its own."""
        return {}

    # --- showing ---

    @abstractmethod
    def figure(self, score: Score) -> Html:
        """A score, small, without its interval."""

    @abstractmethod
    def interval(self, score: Score, lang: str) -> str:
        """The interval of a score."""

    @abstractmethod
    def difference(self, mean: float, half: float, lang: str) -> str:
        """By how much two scores differ, with half the width of its interval where that is finite."""

    @abstractmethod
    def outcome(self, score: Score, first: Score | None, last: Snapshot, algorithm: str, lang: str) -> str:
        """What an algorithm came to on the held-out examples, from what it was at the start, in a sentence."""

    @abstractmethod
    def answer(self, row: Array, episode: Episode, colours: dict[str, int], lang: str) -> Answer:
        """One answer, as the objective shows it."""

    @abstractmethod
    def label(self, example: Example, colours: dict[str, int]) -> tuple[str, str]:
        """What an example is labelled, and the colour that goes with it."""

    @abstractmethod
    def axis(self) -> dict[str, Any]:
        """The axis of a panel of scores."""

    def loss_title(self, which: str) -> str:
        """The key of what the panel of losses on `which` set is called."""
        return f"page.chart.{which}_loss"

    trained: ClassVar[str] = (
        ""  # the ending of the keys of what is said of a training, where labels make another difference
    )

    @abstractmethod
    def training_axis(self, values: Sequence[tuple[float, float]]) -> dict[str, Any]:
        """The axis of the figures of a training, each with half its interval."""

    @abstractmethod
    def bounded(self, value: float) -> float:
        """A figure within what it can be."""

    bars: ClassVar[bool] = False  # whether a score's interval is drawn as well as said

    @property
    def objective(self) -> type[Objective]:
        return OBJECTIVES[self.name]


FORMS: dict[str, Form] = {}


def register(cls: type[Form]) -> type[Form]:
    """Class decorator: makes a form known under the name of its objective."""
    FORMS[cls.name] = cls()
    return cls


@cache
def forms() -> Sequence[Form]:
    """The forms of all objectives that have one, in the order of the objectives."""
    for objective in OBJECTIVES.values():
        page = f"{objective.__module__}.page"
        if find_spec(page):
            import_module(page)
    return [FORMS[name] for name in OBJECTIVES if name in FORMS]


def form_of(value: Any) -> Form:
    """The form whose value a component holds; the first where that is nobody's."""
    return next((form for form in forms() if form.owns(value)), forms()[0])


def form_for(objective: str) -> Form:
    """The form of an objective."""
    return next(form for form in forms() if form.name == objective)
