"""The exponential moving average: the mean of its first closes, then moving by 2 / (period + 1)."""

from __future__ import annotations

from market.indicators import mean
from market.indicators.operand import UNDEFINED, N, where

SEED = 0.0
"""The state before the first value, which replaces it."""


def first_index(period: int) -> int:
    """The 0-based bar at which the average is defined first."""
    return period - 1


def step(average: N, value: N, count: N, period: int) -> tuple[N, N]:
    """The average after its ``count``-th value, as state and as reading."""
    average = mean.step(average, value, count, period, 2.0 / (period + 1))
    return average, where(count > first_index(period), average, UNDEFINED)
