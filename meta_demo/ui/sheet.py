"""A sheet: a side of the page that shares nothing with the others but the switch at the top, and lays out all of itself.

For a modality to which cards of classes do not fit. Sheets are found in the folder of their modality, in `page.py`, as other sides are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gradio as gr

from meta_demo.data.episode import Episode
from meta_demo.learning.own_start import OwnStart
from meta_demo.modalities.base import MODALITIES
from meta_demo.serving.service import Service
from meta_demo.ui.side import discover


class Sheet(ABC):
    """One modality's sheet on one page. What it asks for while it is shown, it asks of `service`.

    Of a training on its tasks: the `model` that is trained, what a label is, `labels`, the name of an objective; the `sources` and the
    algorithm, `learner`, that are chosen at first, and the `knobs` that suit it where other values do than usually.
    """

    name: ClassVar[str]  # the modality's
    model: ClassVar[str]
    labels: ClassVar[str]
    sources: ClassVar[tuple[str, ...]]
    learner: ClassVar[str]
    knobs: ClassVar[Mapping[str, Any]] = {}
    service: Service  # the page's, known from when the page is whole

    def __init__(self) -> None:
        self.parts: list[gr.components.Component] = []  # what a task that was uploaded elsewhere fills
        self.collected: gr.HTML  # whose value is what a visitor made; `edit` follows each change

    @abstractmethod
    def lay_out(self) -> None:
        """All that stands on it, to be called where it shall stand."""

    @abstractmethod
    def filled(self, episode: Episode) -> dict[Any, Any]:
        """What `parts` shall hold to show a task; raises UserError where they cannot."""

    @abstractmethod
    def restored(self, value: Any) -> dict[Any, Any]:
        """What `parts` shall hold to show what a visitor made before, a value of `collected`; nothing where that is none."""

    @abstractmethod
    def using(self, own: Sequence[OwnStart]) -> dict[Any, Any]:
        """What `parts` shall hold to begin from the visitor's own starts, the last of each algorithm."""


SHEETS: dict[str, type[Sheet]] = {}


def register(cls: type[Sheet]) -> type[Sheet]:
    """Class decorator: makes a sheet known under the name of its modality."""
    SHEETS[cls.name] = cls
    return cls


def sheets() -> list[type[Sheet]]:
    """The sheets of all modalities that have one, in the order of the modalities."""
    discover()  # imports them
    return [SHEETS[name] for name in MODALITIES if name in SHEETS]
