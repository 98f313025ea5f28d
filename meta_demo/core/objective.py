"""What a label is: the contract of an objective, and the registry of those there are.

An objective is made from a task's support labels, and owns all that is said of labels: how they are encoded, the loss, the score
with its interval, and how an answer is shown. Its own folder is in `meta_demo/objectives`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor


@dataclass(frozen=True)
class Score:
    """How good answers are: a figure counted on `count` examples, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    count: int


class Objective(ABC):
    """What a label is. O is the number of outputs: one for each class, or one for each number."""

    name: ClassVar[str]
    measure: ClassVar[str]  # what the score is called in JSON: `support_accuracy`
    rises: ClassVar[bool]  # whether a larger score is the better one

    @classmethod
    @abstractmethod
    def of(cls, labels: Sequence[Any]) -> Self:
        """The objective of a task whose support set has these labels, in this order."""

    @property
    @abstractmethod
    def width(self) -> int:
        """The number of outputs O."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes, where it has any."""
        return ()

    @abstractmethod
    def encode(self, labels: Sequence[Any], like: Tensor) -> Tensor:
        """Labels as targets [B, O], in the dtype and on the device of `like`."""

    @abstractmethod
    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """The mean loss of outputs [B, O] against targets [B, O] -> []."""

    @abstractmethod
    def shown(self, out: Tensor, spread: Tensor | None = None) -> Tensor:
        """Outputs [B, O] as a person reads them, such as probabilities; `spread` is what makes an interval where there is one."""

    @abstractmethod
    def from_average(self, p: Tensor) -> Tensor:
        """The outputs [B, O] of a method that averages targets: `p` [B, O] is that average."""

    @abstractmethod
    def head(self, z: Tensor, y: Tensor, scale: Tensor) -> dict[str, Tensor]:
        """The linear layer, `head.weight` [O, D] and `head.bias` [O], that a look at the support's embeddings z [S, D] gives."""

    @abstractmethod
    def grades(self, out: Tensor, y: Tensor) -> list[tuple[float, ...]]:
        """What is kept of each answer to sum up many of them: a row of numbers for each of the B outputs [B, O]."""

    @abstractmethod
    def score(self, out: Tensor, y: Tensor) -> Score:
        """How good outputs [B, O] are, on the B examples of one task."""

    @classmethod
    @abstractmethod
    def task_score(cls, grades: Sequence[tuple[float, ...]]) -> float:
        """The figure of one task from the grades of its queries."""

    @classmethod
    @abstractmethod
    def summary(cls, tasks: Sequence[Sequence[tuple[float, ...]]]) -> dict[str, Any]:
        """The figures of many tasks from each one's grades, as `evaluate --json` has them; `ci95` is half an interval's width."""

    @abstractmethod
    def answers(self, shown: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        """What `adapt --json` says of each answer, given what is `shown` of it."""

    @classmethod
    def better(cls, score: float, than: float | None) -> bool:
        """Whether a score is better than another one; anything is better than none."""
        return than is None or (score > than if cls.rises else score < than)


OBJECTIVES: dict[str, type[Objective]] = {}


def register(name: str) -> Callable[[type[Objective]], type[Objective]]:
    """Class decorator: makes an objective known under `name`. Raises ValueError when there is one of that name."""

    def add(cls: type[Objective]) -> type[Objective]:
        if name in OBJECTIVES:
            raise ValueError(f"two objectives are called {name}")
        cls.name = name
        OBJECTIVES[name] = cls
        return cls

    return add
