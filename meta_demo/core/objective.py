"""What a label is: the contract of an objective, and the registry of those there are.

An objective is made from a task's support labels, and owns all that is said of labels: how they are read and checked, how they are
encoded, the loss, the score with its interval, and how an answer is shown. Its own folder is in `meta_demo/objectives`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from meta_demo.core.errors import Note, UserError
from meta_demo.words import Words

Grades = Sequence[tuple[float, ...]]  # of each answer, what is kept to sum up many


@dataclass(frozen=True)
class Score:
    """How good answers are: a figure counted on `count` examples, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Row:
    """An example as an objective judges it: what tells its input from others, how a message quotes it, whether nothing is there
    to learn from, and its label, None where it has none."""

    key: Hashable
    said: str
    blank: bool
    label: Any


@dataclass(frozen=True)
class Cell:
    """A label as it stands in a table: a string, or what a workbook or JSON knows to be a number; `file` and `row` say where."""

    said: Any
    file: str
    row: int


class Objective(ABC):
    """What a label is. O is the number of outputs: one for each class, or one for each number."""

    name: ClassVar[str]
    title: ClassVar[Words]  # what labels are: classes, numbers
    key: ClassVar[str]  # what a label stands under in a task's JSON, and the column of a table
    label: ClassVar[type[Any] | tuple[type[Any], ...]]  # the Python types of a label
    said: ClassVar[Any] = str  # the JSON type of what stands under `key`
    rank: ClassVar[int] = 100  # lower ones are listed first; the first is meant where no label says which
    least: ClassVar[int] = 1  # examples that a group of a source gives a task to learn from, at the least
    pooled: ClassVar[bool] = (
        False  # whether the examples of a source's group have labels of their own, and make a task by themselves
    )
    algorithms: ClassVar[tuple[str, ...]]  # those that are asked where nobody names others
    measure: ClassVar[str]  # what the score is called in JSON: `support_accuracy`
    measure_title: ClassVar[Words]  # and elsewhere
    figure: ClassVar[str]  # what the figure of many tasks is called in JSON: accuracy
    figure_title: ClassVar[Words]  # and elsewhere
    per_task: ClassVar[str]  # and that of each of them: accuracies
    rises: ClassVar[bool]  # whether a larger score is the better one
    has_intervals: ClassVar[bool] = False  # whether `spread` makes one of each answer

    # --- labels ---

    @classmethod
    @abstractmethod
    def of(cls, labels: Sequence[Any]) -> Self:
        """The objective of a task whose support set has these labels, in this order."""

    @classmethod
    def measured(cls, labels: Sequence[Any], units: tuple[float, float]) -> Self:  # noqa: ARG003
        """The same where numbers are measured in `units`, a mean and a scale, whatever the support set has."""
        return cls.of(labels)

    @classmethod
    def clean(cls, label: Any) -> Any:
        """A label in the one form that everything else sees; None where nothing is said."""
        return label

    @classmethod
    @abstractmethod
    def read(cls, cells: Sequence[Cell]) -> tuple[list[Any], list[Note]]:
        """The labels in a table's column, none of them blank, and what a person should know of how they were read.

        Raises UserError that names the row.
        """

    @classmethod
    @abstractmethod
    def check(cls, support: Sequence[Row], query: Sequence[Row]) -> None:
        """Raises UserError where these labels make no task, one without a label in `support` among them."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes, where it has any."""
        return ()

    def notes(self, count: int) -> list[Note]:  # noqa: ARG002
        """What a person should know of how answers are made from `count` examples."""
        return []

    # --- tensors ---

    @property
    @abstractmethod
    def width(self) -> int:
        """The number of outputs O."""

    @abstractmethod
    def encode(self, labels: Sequence[Any], like: Tensor) -> Tensor:
        """Labels as targets [B, O], in the dtype and on the device of `like`."""

    @abstractmethod
    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """The mean loss of outputs [B, O] against targets [B, O] -> []."""

    @abstractmethod
    def from_average(self, p: Tensor) -> Tensor:
        """The outputs [B, O] of a method that averages targets: `p` [B, O] is that average."""

    @abstractmethod
    def head(self, z: Tensor, y: Tensor, scale: Tensor) -> dict[str, Tensor]:
        """The linear layer, `head.weight` [O, D] and `head.bias` [O], that a look at the support's embeddings z [S, D] gives."""

    @abstractmethod
    def shared_head(self, vector: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The linear layer that one learned vector [D] gives, whatever the task; y [S, O] are the support's targets."""

    # --- answers ---

    def spread(self, out: Tensor, y: Tensor, *, left_out: bool) -> Tensor | None:  # noqa: ARG002
        """What makes an interval of an answer, from the outputs [S, O] for the support; None where answers have none.

        `left_out`: each was made without its own example; otherwise they are those of the start.
        """
        return None

    @abstractmethod
    def shown(self, out: Tensor, spread: Tensor | None = None) -> Tensor:
        """Outputs [B, O] as a person reads them, such as probabilities; `spread` is what makes an interval where there is one."""

    @abstractmethod
    def answers(self, shown: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        """What `adapt --json` says of each answer, given what is `shown` of it."""

    @abstractmethod
    def line(self, answer: dict[str, Any]) -> str:
        """An answer, one of `answers`, as the command line prints it."""

    # --- scores ---

    @abstractmethod
    def score(self, out: Tensor, y: Tensor) -> Score:
        """How good outputs [B, O] are, on the B examples of one task."""

    @abstractmethod
    def grades(self, out: Tensor, y: Tensor, spread: Tensor | None = None) -> list[tuple[float, ...]]:
        """What is kept of each answer to sum up many of them: a row of numbers for each of the B outputs [B, O]."""

    @classmethod
    @abstractmethod
    def task_score(cls, grades: Grades) -> float:
        """The figure of one task from the grades of its queries."""

    @classmethod
    @abstractmethod
    def summary(cls, tasks: Sequence[Grades]) -> dict[str, Any]:
        """The figures of many tasks from each one's grades, as `evaluate --json` has them; `ci95` is half an interval's width."""

    @classmethod
    @abstractmethod
    def told(cls, figure: float) -> str:
        """A score, or the figure of many tasks, as a person reads it."""

    @classmethod
    @abstractmethod
    def differs(cls, pair: dict[str, Any]) -> str:
        """The `difference` of two figures, with its `ci95`, as a person reads it."""

    @classmethod
    def better(cls, score: float, than: float | None) -> bool:
        """Whether a score is better than another one; anything is better than none."""
        return than is None or (score > than if cls.rises else score < than)


OBJECTIVES: dict[str, type[Objective]] = {}  # by name, in the order in which they are listed


def register(name: str) -> Callable[[type[Objective]], type[Objective]]:
    """Class decorator: makes an objective known under `name`. Raises ValueError when there is one of that name or key."""

    def add(cls: type[Objective]) -> type[Objective]:
        if name in OBJECTIVES or cls.key in {other.key for other in OBJECTIVES.values()}:
            raise ValueError(f"two objectives are called {name}, or stand under {cls.key}")
        cls.name = name
        found = sorted([*OBJECTIVES.values(), cls], key=lambda objective: (objective.rank, objective.name))
        OBJECTIVES.clear()
        OBJECTIVES.update({objective.name: objective for objective in found})
        return cls

    return add


def objective_of(label: Any) -> type[Objective]:
    """The objective that `label` is a label of."""
    for objective in OBJECTIVES.values():
        if isinstance(label, objective.label):
            return objective
    raise TypeError(f"{type(label).__name__} is no label of {', '.join(OBJECTIVES)}")


def objective_among(labels: Sequence[Any]) -> type[Objective]:
    """The objective of `labels`, of which some may be None: all of one, or UserError; without any, the first there is."""
    shown = {objective_of(label): label for label in reversed(labels) if label is not None}
    if len(shown) > 1:
        one, two = [objective for objective in OBJECTIVES.values() if objective in shown][:2]
        said = {"first": one.key, "other": two.key, "label": shown[one], "value": shown[two]}
        raise UserError("labels_mixed", **said)
    return next(iter(shown), next(iter(OBJECTIVES.values())))
