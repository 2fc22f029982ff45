"""Wilder's average true range: how far a bar reaches from the close before it, in prices."""

from __future__ import annotations

from market.indicators import mean
from market.indicators.operand import UNDEFINED, N, where

SEED = 0.0


def first_index(period: int) -> int:
    """The 0-based bar at which the range is defined first; the first bar has no true range."""
    return period


def step(average: N, high: N, low: N, previous_close: N, count: N, period: int) -> tuple[N, N]:
    """The average range after the ``count``-th bar, as state and as reading."""
    top = where(high > previous_close, high, previous_close)
    bottom = where(low < previous_close, low, previous_close)
    reach = where(count > 1.0, top - bottom, 0.0)
    average = mean.step(average, reach, count - 1, period, 1.0 / period)
    return average, where(count > first_index(period), average, UNDEFINED)
