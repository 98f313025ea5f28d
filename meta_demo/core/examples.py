"""Examples and tasks as an algorithm takes them: features with their targets, and the objective that made those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from meta_demo.core.features import Features
from meta_demo.core.objective import Objective


@dataclass(frozen=True)
class Examples:
    """B labelled inputs: their features, and their targets y [B, O]."""

    x: Features
    y: Tensor
    objective: Objective

    def __len__(self) -> int:
        """B: an input may be looked at several times, and its label stands once."""
        return len(self.y)

    def those(self, places: Sequence[int]) -> Examples:
        """Some of them, with all their looks; where no class is left empty, classes keep their columns."""
        looks = self.x.count // len(self)
        rows = [looks * place + look for place in places for look in range(looks)]
        return Examples(self.x.taken(rows), self.y[list(places)], self.objective)

    def __add__(self, other: Examples) -> Examples:
        """Both lists, one after the other; their targets are those of one task."""
        if self.objective != other.objective:
            raise ValueError("examples of two tasks cannot be joined")
        return Examples(self.x + other.x, torch.cat([self.y, other.y]), self.objective)


@dataclass(frozen=True)
class Task:
    """One few-shot task. `unlabelled` are inputs that nobody labelled, and `source` is where the task was drawn from."""

    support: Examples
    query: Examples
    unlabelled: Features | None = None
    source: str = ""
    labels: tuple[str, ...] = ()
