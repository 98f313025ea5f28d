"""Intervals: no accuracy is shown without one."""

from __future__ import annotations

from math import sqrt

Z95 = 1.959964


def wilson(accuracy: float, count: int) -> tuple[float, float]:
    """95 % score interval of a fraction counted on `count` examples (Wilson 1927): stays sensible at 0, 1 and small counts."""
    centre = accuracy + Z95**2 / (2 * count)
    spread = Z95 * sqrt(accuracy * (1 - accuracy) / count + Z95**2 / (4 * count**2))
    scale = 1 + Z95**2 / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
