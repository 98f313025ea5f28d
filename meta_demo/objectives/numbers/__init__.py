"""Labels are numbers: squared error on values standardised by the support set, answers with an interval where one is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import fmean, pstdev
from typing import Any, Self

import torch
from torch import Tensor

from meta_demo.core.intervals import mean_interval
from meta_demo.core.objective import Objective, Score, register


@register("numbers")
@dataclass(frozen=True)
class Numbers(Objective):
    """One number an example. Outputs [B, 1] are values less the support's `mean`, in units of its `spread`."""

    mean: float
    spread: float
    measure = "rmse"
    rises = False

    @classmethod
    def of(cls, labels: Sequence[float]) -> Self:
        """Mean and standard deviation of the support; values that are all the same are in units of 1."""
        return cls(fmean(labels), pstdev(labels) or 1.0)

    @property
    def width(self) -> int:
        return 1

    def encode(self, labels: Sequence[float], like: Tensor) -> Tensor:
        standard = [[(value - self.mean) / self.spread] for value in labels]
        return torch.tensor(standard, dtype=like.dtype, device=like.device).reshape(-1, 1)

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """The mean squared error of standardised values -> []."""
        return (out - y).square().mean()

    def shown(self, out: Tensor, spread: Tensor | None = None) -> Tensor:
        """Value and both ends of its interval in the labels' own units [B, 3]; the ends are NaN where no interval is known.

        `spread` is half the interval's width in standardised units, [] or [B, 1].
        """
        half = torch.full_like(out, torch.nan) if spread is None else spread.expand_as(out)
        return self.mean + self.spread * torch.cat([out, out - half, out + half], -1)

    def from_average(self, p: Tensor) -> Tensor:
        """An average of standardised values is one itself."""
        return p

    def head(self, z: Tensor, y: Tensor, scale: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """A layer that answers with the support's mean, whatever the input."""
        return {"head.weight": z.new_zeros(1, z.shape[1]), "head.bias": y.mean(0)}

    def grades(self, out: Tensor, y: Tensor) -> list[tuple[float, ...]]:
        """Of each answer the value, and the true one, in the labels' own units."""
        both = self.mean + self.spread * torch.cat([out, y], -1)
        return [tuple(row) for row in both.tolist()]

    def score(self, out: Tensor, y: Tensor) -> Score:
        """The root of the mean squared error, in the labels' own units; its interval is that of the mean squared error."""
        errors = (self.spread * (out - y)).square().flatten().tolist()
        mean, half = mean_interval(errors)
        return Score(sqrt(mean), sqrt(max(0.0, mean - half)), sqrt(mean + half), len(errors))

    @classmethod
    def task_score(cls, grades: Sequence[tuple[float, ...]]) -> float:
        """The mean squared error of one task."""
        return fmean((value - true) ** 2 for value, true in grades)

    @classmethod
    def summary(cls, tasks: Sequence[Sequence[tuple[float, ...]]]) -> dict[str, Any]:
        """Mean squared error over tasks with `ci95`, R squared over all queries, and the error of each task."""
        errors = [cls.task_score(grades) for grades in tasks]
        mse, ci95 = mean_interval(errors)
        every = [grade for grades in tasks for grade in grades]
        centre = fmean(true for _, true in every)
        around = fmean((true - centre) ** 2 for _, true in every)
        within = fmean((value - true) ** 2 for value, true in every)
        return {"mse": mse, "ci95": ci95, "r2": 1 - within / around if around else float("nan"), "errors": errors}

    def answers(self, shown: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        """The value, and the ends of its interval; None where there is none."""
        return [
            {
                name: value if isfinite(value) else None
                for name, value in zip(("value", "low", "high"), row, strict=True)
            }
            for row in shown
        ]
