"""Labels are names of classes: cross-entropy, accuracy, probabilities."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from meta_demo.core.errors import Note, UserError
from meta_demo.core.heads import prototype_head, shared_head
from meta_demo.core.intervals import mean_interval, wilson
from meta_demo.core.objective import Cell, Grades, Objective, Row, Score, register
from meta_demo.core.strings import clean_name, looks, shorten
from meta_demo.words import words

MAX_CLASSES = 50
MAX_NAME = 80  # characters
BINS = 15
LEAST = 1e-12  # a probability whose logarithm is still a number


@register("classes")
@dataclass(frozen=True)
class Classes(Objective):
    """N classes by name, in the order in which they appear; outputs are logits [B, N], targets one-hot rows."""

    names: tuple[str, ...]
    key, label, rank = "label", str, 0
    title, measure_title = words("classes", "类别"), words("accuracy", "准确率")
    figure_title = measure_title
    algorithms = ("maml", "protonet", "finetune")
    measure = figure = "accuracy"
    per_task = "accuracies"
    rises = True

    @classmethod
    def of(cls, labels: Sequence[str]) -> Self:
        return cls(tuple(dict.fromkeys(labels)))

    @classmethod
    def clean(cls, label: str) -> str | None:
        return clean_name(label) or None

    @classmethod
    def read(cls, cells: Sequence[Cell]) -> tuple[list[str], list[Note]]:
        return [clean_name(str(cell.said)) for cell in cells], []

    @classmethod
    def check(cls, support: Sequence[Row], query: Sequence[Row]) -> None:
        """Refuses classes without an example or with a doubtful name, contradictions, and queries of classes that are not there."""
        shown = [row for row in support if not row.blank]
        for row in shown:
            if row.label is None:
                raise UserError("example_no_label", text=shorten(row.said))
        named = list(dict.fromkeys(row.label for row in support if row.label is not None))
        labels = list(dict.fromkeys(row.label for row in shown))
        _check_names(named)
        _check_classes(named, labels)
        _check_contradictions(shown)
        for row in query:
            if row.label not in (None, *labels):
                names = shorten(", ".join(labels), 200)
                raise UserError("query_label", text=shorten(row.said), label=shorten(row.label), labels=names)

    @property
    def width(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.names

    def encode(self, labels: Sequence[str], like: Tensor) -> Tensor:
        places = {name: i for i, name in enumerate(self.names)}
        return torch.eye(self.width, dtype=like.dtype, device=like.device)[[places[label] for label in labels]]

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy: the mean over rows of -sum_n y_n log p_n, in nats -> []."""
        return -(y * out.log_softmax(-1)).sum(-1).mean()

    def shown(self, out: Tensor, spread: Tensor | None = None) -> Tensor:  # noqa: ARG002 (probabilities say how sure they are)
        """Probabilities [B, N]."""
        return out.softmax(-1)

    def from_average(self, p: Tensor) -> Tensor:
        """The logarithms of averaged one-hot rows, which are probabilities already."""
        return p.clamp_min(LEAST).log()

    def head(self, z: Tensor, y: Tensor, scale: Tensor) -> dict[str, Tensor]:
        """The prototypes' own layer (Triantafillou et al. 2020, section 3)."""
        return prototype_head(z, y, scale)

    def shared_head(self, vector: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The same vector for every class (Ye & Chao 2022, UNICORN-MAML)."""
        return shared_head(vector, y.shape[1])

    def line(self, answer: dict[str, Any]) -> str:
        return f"{answer['label']:<24} {max(answer['probabilities'].values()):6.1%}"

    def grades(self, out: Tensor, y: Tensor, spread: Tensor | None = None) -> list[tuple[float, ...]]:  # noqa: ARG002
        """The confidence of each answer, and 1 where it is right [B, 2]: numbers that are not finite are never right."""
        return list(zip(out.softmax(-1).amax(-1).tolist(), _right(out, y).to(out.dtype).tolist(), strict=True))

    def score(self, out: Tensor, y: Tensor) -> Score:
        """The fraction that is right, with Wilson's interval."""
        fraction = float(_right(out, y).double().mean())
        return Score(fraction, *wilson(fraction, len(y)), len(y))

    @classmethod
    def task_score(cls, grades: Grades) -> float:
        return sum(right for _, right in grades) / len(grades)

    @classmethod
    def summary(cls, tasks: Sequence[Grades]) -> dict[str, Any]:
        """Accuracy over tasks with `ci95`, the accuracy of each task, and the calibration error over all queries."""
        accuracies = [cls.task_score(grades) for grades in tasks]
        accuracy, ci95 = mean_interval(accuracies)
        every = [grade for grades in tasks for grade in grades]
        return {
            "accuracy": accuracy,
            "ci95": ci95,
            "calibration_error": calibration_error(*zip(*every, strict=True)),
            "accuracies": accuracies,
        }

    @classmethod
    def told(cls, figure: float) -> str:
        return f"{figure:.1%}"

    @classmethod
    def differs(cls, pair: dict[str, Any]) -> str:
        """The difference as a person reads it, in points of a hundred."""
        return f"{pair['difference'] * 100:+.1f} ± {pair['ci95'] * 100:.1f}"

    def answers(self, shown: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        """The likeliest class of each, and every class's probability."""
        return [
            {
                "label": self.names[int(np.argmax(row))],
                "probabilities": dict(zip(self.names, map(float, row), strict=True)),
            }
            for row in shown
        ]


def _check_names(names: Sequence[str]) -> None:
    """Refuse class names that are too long, or that differ only in capitals."""
    for name in names:
        if len(name) > MAX_NAME:
            raise UserError("long_label", label=shorten(name), count=len(name), limit=MAX_NAME)
    check_spelling(names)


def check_spelling(names: Sequence[str]) -> None:
    """Refuse class names that differ only in capitals, or in characters that look alike."""
    spelled: dict[str, str] = {}
    for name in names:
        other = spelled.setdefault(looks(name), name)
        if other != name and other.casefold() == name.casefold():
            raise UserError("label_spelling", label=shorten(other), other=shorten(name))
        if other != name:
            raise UserError("label_alike", label=shorten(other), other=shorten(name))


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


def _check_contradictions(support: Sequence[Row]) -> None:
    """Refuse one sentence, whatever its capitals, under two labels."""
    seen: dict[Hashable, str] = {}
    for row in support:
        other = seen.setdefault(row.key, row.label)
        if other != row.label:
            raise UserError("two_labels", text=shorten(row.said), label=shorten(other), other=shorten(row.label))


def _right(out: Tensor, y: Tensor) -> Tensor:
    """Whether each row's class comes first [B]; numbers that are not finite are never right."""
    return (out.argmax(-1) == y.argmax(-1)) & out.isfinite().all(-1)


def calibration_error(confidences: Sequence[float], right: Sequence[float]) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3): over 15 equal bins of confidence, each bin's distance between its mean
    confidence and its accuracy, weighted by its share of the queries.
    """
    confidence, correct = np.asarray(confidences), np.asarray(right, dtype=float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))
