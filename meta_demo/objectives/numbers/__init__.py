"""Labels are numbers: squared error on values standardised by the support set, answers with an interval where one is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, sqrt
from statistics import fmean, pstdev
from typing import Any, Self

import torch
from torch import Tensor

from meta_demo.core.errors import Note, UserError
from meta_demo.core.intervals import mean_interval, ratio_interval
from meta_demo.core.objective import Cell, Grades, Objective, Row, Score, register
from meta_demo.core.strings import shorten
from meta_demo.objectives.numbers.cells import read_cells
from meta_demo.words import words

MOST = 1e100  # in magnitude: squares of such values are numbers still
FEWEST = 3  # examples from which an interval can be guessed


@register("numbers")
@dataclass(frozen=True)
class Numbers(Objective):
    """One number an example. Outputs [B, 1] are values less the support's `mean`, in units of its `scale`."""

    mean: float
    scale: float
    key, label, said, rank = "value", (float, int), float, 1
    least, pooled = 2, True
    title, measure_title = words("numbers", "数值"), words("RMSE", "均方根误差")
    figure_title = words("mean squared error", "均方误差")
    algorithms = ("maml", "kernel", "finetune")
    measure, figure, per_task = "rmse", "mse", "errors"
    rises, has_intervals = False, True

    # --- labels ---

    @classmethod
    def of(cls, labels: Sequence[float]) -> Self:
        """Mean and standard deviation of the support; values that are all the same are in units of 1."""
        return cls(fmean(labels), pstdev(labels) or 1.0)

    @classmethod
    def measured(cls, labels: Sequence[float], units: tuple[float, float]) -> Self:  # noqa: ARG003
        return cls(*units)

    @classmethod
    def clean(cls, label: float) -> float:
        return float(label)

    @classmethod
    def read(cls, cells: Sequence[Cell]) -> tuple[list[float], list[Note]]:
        """Numbers with a decimal point, or a column that reads with decimal commas from top to bottom."""
        return read_cells(cells)

    @classmethod
    def check(cls, support: Sequence[Row], query: Sequence[Row]) -> None:
        """Refuses values that are no finite numbers, or so few or so much alike that there is nothing to learn."""
        for row in support:
            if row.blank and row.label is not None:
                raise UserError("value_blank", value=f"{row.label:g}")
            if not row.blank and row.label is None:
                raise UserError("example_no_value", text=shorten(row.said))
        learned = [row for row in support if not row.blank]
        for row in (*learned, *query):
            if row.label is not None and not abs(row.label) <= MOST:
                raise UserError("value_size", text=shorten(row.said), value=f"{row.label:g}")
        if not learned:
            raise UserError("no_values")
        if len(learned) == 1:
            raise UserError("one_value", text=shorten(learned[0].said))
        if len({row.label for row in learned}) == 1:
            raise UserError("values_equal", count=len(learned), value=f"{learned[0].label:g}")

    def notes(self, count: int) -> list[Note]:
        """What values are measured in, and how their intervals come about."""
        by = (("mean", f"{self.mean:.4g}"), ("scale", f"{self.scale:.4g}"))
        said = Note("own_units") if (self.mean, self.scale) == (0, 1) else Note("standardised", by)
        return [said, Note("value_intervals") if count >= FEWEST else Note("no_intervals", (("least", FEWEST),))]

    # --- tensors ---

    @property
    def width(self) -> int:
        return 1

    def encode(self, labels: Sequence[float], like: Tensor) -> Tensor:
        standard = [[(value - self.mean) / self.scale] for value in labels]
        return torch.tensor(standard, dtype=like.dtype, device=like.device).reshape(-1, 1)

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """The mean squared error of standardised values -> []."""
        return (out - y).square().mean()

    def from_average(self, p: Tensor) -> Tensor:
        """An average of standardised values is one itself."""
        return p

    def head(self, z: Tensor, y: Tensor, scale: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """A layer that answers with the support's mean, whatever the input."""
        return {"head.weight": z.new_zeros(1, z.shape[1]), "head.bias": y.mean(0)}

    def shared_head(self, vector: Tensor, y: Tensor) -> dict[str, Tensor]:
        """What the vector says of an input, on top of the mean that values are standardised by."""
        return {"head.weight": vector[None], "head.bias": y.new_zeros(1)}

    # --- answers ---

    def spread(self, out: Tensor, y: Tensor, *, left_out: bool) -> Tensor | None:
        """Half the width of a 95 % interval in standardised units []: Student's t with one degree of freedom less than examples,
        times the root of the mean squared error where each example was left out, or times the standard error of a new value about
        the start's answers. None with fewer than three examples, NaN where an error is no number."""
        count = len(y)
        if count < FEWEST:
            return None
        squares = (out - y).detach().cpu().double().square().sum()
        variance = squares / count if left_out else squares / (count - 1) * (1 + 1 / count)
        from scipy.special import stdtrit  # slow to import

        half = torch.as_tensor(float(stdtrit(count - 1, 0.975)) * variance.sqrt())
        return half if bool(half.isfinite()) else torch.full_like(half, torch.nan)

    def shown(self, out: Tensor, spread: Tensor | None = None) -> Tensor:
        """Value and both ends of its interval in the labels' own units [B, 3], in double precision; the ends are NaN where no
        interval is known. `spread` is half the interval's width in standardised units, [] or [B, 1]."""
        out = out.detach().cpu().double()
        half = torch.full_like(out, torch.nan) if spread is None else spread.cpu().double().expand_as(out)
        return self.mean + self.scale * torch.cat([out, out - half, out + half], -1)

    def answers(self, shown: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
        """The value, and the ends of its interval; None where there is none."""
        names = ("value", "low", "high")
        return [{n: v if isfinite(v) else None for n, v in zip(names, row, strict=True)} for row in shown]

    def line(self, answer: dict[str, Any]) -> str:
        ends = "" if answer["low"] is None else f"[{answer['low']:.4g}, {answer['high']:.4g}]"
        return f"{answer['value']:10.4g}  {ends:<24}"

    # --- scores ---

    def score(self, out: Tensor, y: Tensor) -> Score:
        """The root of the mean squared error, in the labels' own units; its interval is that of the mean squared error."""
        errors = ((out - y).detach().cpu().double() * self.scale).square().flatten().tolist()
        mean, half = mean_interval(errors)
        return Score(sqrt(mean), sqrt(max(0.0, mean - half)), sqrt(mean + half), len(errors))

    def grades(self, out: Tensor, y: Tensor, spread: Tensor | None = None) -> list[tuple[float, ...]]:
        """The value of each answer, the true one, and half the width of its interval [B, 3], in the labels' own units."""
        value, true = self.shown(out, spread), self.shown(y)
        return list(zip(value[:, 0].tolist(), true[:, 0].tolist(), (value[:, 2] - value[:, 0]).tolist(), strict=True))

    @classmethod
    def task_score(cls, grades: Grades) -> float:
        """The mean squared error of one task; infinite where it diverged."""
        error = fmean((value - true) ** 2 for value, true, _ in grades)
        return error if isfinite(error) else inf

    @classmethod
    def summary(cls, tasks: Sequence[Grades]) -> dict[str, Any]:
        """Mean squared error over tasks with `ci95`, the error of each task, R squared, and the coverage of the intervals.

        R squared is 1 - the squared errors / the squared distances to the mean of each task's own queries; None where these do not
        differ. The coverage is the part of the queries whose true value lies in its interval; None where there is none. `diverged`
        counts tasks whose answers are no numbers any more: with one of these, there is no mean.
        """
        errors = [cls.task_score(grades) for grades in tasks]
        diverged = errors.count(inf)
        within = [error * len(grades) for error, grades in zip(errors, tasks, strict=True)]
        around = [pstdev(true for _, true, _ in grades) ** 2 * len(grades) for grades in tasks]
        ratio = ratio_interval(within, around) if any(around) and not diverged else None
        inside = [[abs(value - true) <= half for value, true, half in g if not isnan(half)] for g in tasks]
        covered = mean_interval([fmean(task) for task in inside if task]) if any(inside) else (None, None)
        mse, ci95 = (None, None) if diverged else mean_interval(errors)
        return {
            "mse": mse,
            "ci95": ci95,
            "r2": 1 - ratio[0] if ratio else None,
            "r2_ci95": ratio[1] if ratio else None,
            "coverage": covered[0],
            "coverage_ci95": covered[1],
            "diverged": diverged,
            "errors": [None if error == inf else error for error in errors],
        }

    @classmethod
    def told(cls, figure: float) -> str:
        return f"{figure:.4g}"

    @classmethod
    def differs(cls, pair: dict[str, Any]) -> str:
        return f"{pair['difference']:+.4g} ± {pair['ci95']:.2g}"
