"""A sheet: a side of the page that shares nothing with the others but the switch at the top, and lays out all of itself.

For a modality to which cards of classes do not fit. Sheets are found in the folder of their modality, in `page.py`, as other sides are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gradio as gr

from meta_demo.data.episode import Episode
from meta_demo.modalities.base import MODALITIES
from meta_demo.serving.service import Service
from meta_demo.ui.side import discover


class Sheet(ABC):
    """One modality's sheet on one page. What it asks for while it is shown, it asks of `service`."""

    name: ClassVar[str]  # the modality's
    service: Service  # the page's, known from when the page is whole

    def __init__(self) -> None:
        self.parts: list[gr.components.Component] = []  # what a task that was uploaded elsewhere fills

    @abstractmethod
    def lay_out(self) -> None:
        """All that stands on it, to be called where it shall stand."""

    @abstractmethod
    def filled(self, episode: Episode) -> dict[Any, Any]:
        """What `parts` shall hold to show a task; raises UserError where they cannot."""


SHEETS: dict[str, type[Sheet]] = {}


def register(cls: type[Sheet]) -> type[Sheet]:
    """Class decorator: makes a sheet known under the name of its modality."""
    SHEETS[cls.name] = cls
    return cls


def sheets() -> list[type[Sheet]]:
    """The sheets of all modalities that have one, in the order of the modalities."""
    discover()  # imports them
    return [SHEETS[name] for name in MODALITIES if name in SHEETS]
