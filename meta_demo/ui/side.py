"""A side of the page: all that is done otherwise for one modality, and the components that only it needs.

What a card collects and how, what is tried, how examples are shown and what attention is drawn on. Sides are found in the folder of
their modality, in `page.py`; the page around them knows none of them by name, nor do they know each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar, Generic, TypeVar

import gradio as gr

from meta_demo.backbones.loading import DEFAULT, SUGGESTED
from meta_demo.core.files import UPLOAD
from meta_demo.core.marks import mark_of
from meta_demo.data.reading.tasks import bounded, foresee
from meta_demo.data.samples import sample_names
from meta_demo.modalities.base import MODALITIES
from meta_demo.serving.attention import Array
from meta_demo.ui.look import Map
from meta_demo.ui.markup import Html
from meta_demo.ui.starts import TRAINED
from meta_demo.ui.words import label

C = TypeVar("C")  # what the modality calls an example
Drawn = tuple[Sequence[str], Array, dict[Any, Any]]  # what tokens are called, the share each receives, and what to show


class Side(ABC, Generic[C]):
    """One modality's side of one page. It is made with the page and owns its `parts`, which stay as they are while they are hidden."""

    name: ClassVar[str]  # the modality's
    opens: ClassVar[bool] = False  # whether it is what the page opens on
    first_sample: ClassVar[str]  # small, so that the first Adapt is quick, and easy to judge for anybody
    origin: ClassVar[str] = TRAINED  # where the learners start from until a visitor says otherwise
    greets: ClassVar[
        dict[str, tuple[str, str]]
    ] = {}  # language -> model and sample for visitors who speak it, where both are there
    nearest: ClassVar[int]  # how many of the closest examples are shown
    named: ClassVar[bool] = False  # whether the name of a class can count as an example of it
    scratch: ClassVar[bool] = (
        False  # whether a start from random weights says something: its model was trained by nobody else
    )
    gallery: ClassVar[bool] = False  # whether examples of a training are worth looking at
    cards_id: ClassVar[str]  # the element that holds the cards
    inside: ClassVar[tuple[str, ...]]  # the scripts of a card's inside
    rows: ClassVar[tuple[str, ...]] = ()  # the scripts of a list of examples with a number each, where it can have one
    worded: ClassVar[bool] = False  # whether an example has words, of which some decide
    functions: ClassVar[tuple[Callable[..., Any], ...]] = ()  # what a card may ask the server

    def __init__(self) -> None:
        self.parts: list[gr.components.Component] = []
        self.cards: gr.HTML
        self.tried: gr.components.Component
        self.next: tuple[gr.Button, gr.HTML] | None = None  # what asks which of these to label, and where that is said
        self.lines: gr.Textbox | None = None  # where examples that nobody labelled stand, if the side collects them

    # --- what there is ---

    def greeting(self, lang: str) -> tuple[str, str]:
        """The model and the sample that a visitor of this language meets first."""
        model, sample = self.greets.get(lang, ("", ""))
        there = model in [name for _, name in self.models()]
        return (model, sample) if there else (self.model, self.first_sample)

    @property
    def model(self) -> str:
        """The model that the side opens with."""
        return DEFAULT[self.name]

    def models(self) -> list[tuple[Any, str]]:
        """The models to choose from, with their titles."""
        return [(label(f"model.{m.name}"), m.name) for m in SUGGESTED if m.modality == self.name]

    def samples(self) -> list[tuple[Any, str]]:
        """The sample tasks to choose from, with their titles."""
        return [(label(f"sample.{name}"), name) for name in sample_names(self.name)]

    # --- components ---

    @abstractmethod
    def lay_out_tried(self, *, shown: bool) -> None:
        """Where something new is shown to be recognised, as `tried`; nothing is there yet."""

    def lay_out_lines(self, *, shown: bool) -> None:
        """Where examples that nobody labelled are collected, as `lines`, if the side can."""

    def lay_out_beside(self, *, shown: bool) -> None:
        """What stands below the controls of attention, if anything."""

    @abstractmethod
    def lay_out_map(self, *, shown: bool) -> None:
        """What attention is drawn on."""

    def own(self, part: Any) -> Any:
        """`part`, which is shown only while this side is."""
        self.parts.append(part)
        return part

    @property
    def heavy(self) -> list[gr.components.Component]:
        """What may hold much, and is sent to the server only while this side is shown."""
        return [self.cards, self.tried, *([self.lines] if self.lines else [])]

    def placed(self, shown: bool) -> dict[Any, Any]:
        """All parts shown or hidden."""
        return {part: gr.update(visible=visible(shown)) for part in self.parts}

    # --- cards: a class's examples as strings, and how a card holds them ---

    @abstractmethod
    def card_words(self, lang: str) -> dict[str, str]:
        """What is said inside a card of this side alone."""

    @abstractmethod
    def held(self, items: Sequence[str]) -> Any:
        """Examples as the card's script takes them."""

    @abstractmethod
    def items(self, held: Any) -> list[str]:
        """The examples of a card, without those where nothing is."""

    def unlabelled(self, values: Mapping[Any, Any]) -> tuple[str, ...]:
        """The examples that nobody labelled, as strings."""
        return tuple(self.items(values.get(self.lines))) if self.lines else ()

    @abstractmethod
    def written(self, content: C) -> str:
        """An example as a string."""

    def mark(self, content: C) -> str:
        """What an example is known by in the browser: the mark of what its card holds."""
        return mark_of(self.written(content))

    def read(self, items: Sequence[tuple[str, str]]) -> list[C]:
        """The examples in strings, each with where it stands, for messages; raises UserError, before any is decoded where they are too
        many or too large."""
        modality = MODALITIES[self.name]
        foresee([(modality, item) for item, _ in items])
        found: list[Any] = list(bounded((modality.read(item, where) for item, where in items), UPLOAD))
        return found

    # --- try and look ---

    @property
    @abstractmethod
    def moved(self) -> list[Callable[..., Any]]:
        """The events that follow a change of what is tried."""

    @property
    def chosen(self) -> list[Callable[..., Any]]:
        """The events that say which token was chosen on what attention is drawn on, if one can be."""
        return []

    @abstractmethod
    def content_of(self, value: Any) -> C | None:
        """What is to be recognised, of the value of `tried`; None when there is nothing."""

    @abstractmethod
    def example(self, content: C, name: str) -> Html:
        """An example of the class `name`, small."""

    def undrawable(self, inputs: Any) -> str | None:  # noqa: ARG002
        """The key of the sentence that says why attention of such `inputs` cannot be drawn, where that is so."""
        return None

    @abstractmethod
    def draw(self, shown: Map, content: C, inputs: Any) -> Drawn:
        """A map of attention over `content`, as a model with these `inputs` sees it."""

    def small(self, maps: Array, row: int | None, inputs: Any) -> Array:  # noqa: ARG002
        """Maps [layers, heads, L, L] as they look among many, when the token `row` looks or all do -> [layers, heads, rows, columns]."""
        return maps


def visible(shown: bool) -> bool | str:
    """What is not shown stays in the page, with all that was typed there."""
    return shown or "hidden"


def opening_side(sides: Iterable[Side[Any]]) -> Side[Any]:
    """The one of `sides` that the page opens on."""
    return sorted(sides, key=lambda side: not side.opens)[0]


SIDES: dict[str, type[Side[Any]]] = {}


def register(cls: type[Side[Any]]) -> type[Side[Any]]:
    """Class decorator: makes a side known under the name of its modality."""
    SIDES[cls.name] = cls
    return cls


def discover() -> list[type[Side[Any]]]:
    """The sides of all modalities that have one, in the order of the modalities."""
    for modality in MODALITIES.values():
        page = f"{type(modality).__module__.rpartition('.')[0]}.page"
        if find_spec(page):
            import_module(page)
    return [SIDES[name] for name in MODALITIES if name in SIDES]
