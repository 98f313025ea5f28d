"""Intervals: no figure is shown without one."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from statistics import fmean, stdev

Z95 = 1.959964


def wilson(accuracy: float, count: int) -> tuple[float, float]:
    """95 % score interval of a fraction counted on `count` examples (Wilson 1927): stays sensible at 0, 1 and small counts."""
    centre = accuracy + Z95**2 / (2 * count)
    spread = Z95 * sqrt(accuracy * (1 - accuracy) / count + Z95**2 / (4 * count**2))
    scale = 1 + Z95**2 / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval: 1.96 standard errors; infinite where one of the values is."""
    if inf in values:
        return inf, inf
    spread = stdev(values) if len(values) > 1 else 0.0
    return fmean(values), Z95 * spread / len(values) ** 0.5


def small_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval by Student's distribution, as it takes for a handful; infinite for one value."""
    if len(values) < 2:
        return fmean(values), inf
    from scipy.special import stdtrit  # slow to import

    return fmean(values), float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / len(values) ** 0.5


def ratio_interval(above: Sequence[float], below: Sequence[float]) -> tuple[float, float]:
    """The ratio of two sums over tasks, and half the width of its 95 % interval by the delta method (Cochran 1977, section 2.11)."""
    total, count = sum(below), len(below)
    ratio = sum(above) / total
    squares = sum((a - ratio * b) ** 2 for a, b in zip(above, below, strict=True))
    return ratio, Z95 * sqrt(squares * count / (count - 1)) / total if count > 1 else 0.0


def paired_interval(wins: int, losses: int, count: int) -> tuple[float, float]:
    """95 % interval of a difference of two accuracies on the same `count` examples, of which one alone was right on `wins` and the other
    alone on `losses`: exact given how many those are (Clopper & Pearson 1934), so that it excludes zero where McNemar's exact test does.
    Where they are none, what they may be of all such examples bounds it on either side.
    """
    differing = wins + losses
    if not differing:
        most = _upper(0, count)
        return -most, most
    low = 1 - _upper(losses, differing)
    high = _upper(wins, differing)
    return (2 * low - 1) * differing / count, (2 * high - 1) * differing / count


def _upper(successes: int, trials: int) -> float:
    """The chance with which no more than `successes` in `trials` come in 2.5 % of all cases."""
    from scipy.special import betaincinv  # slow to import

    return 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 0.975))
