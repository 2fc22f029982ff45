"""The trend: the order of three averages and the slope of the shortest, after two closes agree."""

from __future__ import annotations

from typing import Generic, NamedTuple

from market.indicators.operand import UNDEFINED, N, where

SLOPE_BARS = 5
SLOPE_ATR_MIN = 0.1
"""What the short average must have moved over `SLOPE_BARS` bars, in average true ranges."""

UP, SIDEWAYS, DOWN = 1.0, 0.0, -1.0


class State(NamedTuple, Generic[N]):
    """The short average at the last five bars (newest first), the direction held and the last seen.

    ``direction`` is what is told, since the bar that starts at ``since_us`` (microseconds UTC,
    exact as a float until 2255); ``seen`` is what the last bar alone said.
    """

    short1: N
    short2: N
    short3: N
    short4: N
    short5: N
    direction: N
    seen: N
    since_us: N


class Value(NamedTuple, Generic[N]):
    """The direction and since when, as told, and the short average's move in true ranges."""

    direction: N
    since_us: N
    slope_atr: N


SEED = State(0.0, 0.0, 0.0, 0.0, 0.0, SIDEWAYS, SIDEWAYS, 0.0)


def first_index(short: int, medium: int, long: int, atr: int) -> int:
    """The 0-based bar at which the trend is known first, from the periods it rests on."""
    return max(short - 1 + SLOPE_BARS, medium - 1, long - 1, atr)


def step(
    state: State[N],
    *,
    short: N,
    medium: N,
    long: N,
    atr: N,
    start_us: N,
    count: N,
    first_index: int,
) -> tuple[State[N], Value[N]]:
    """The trend after the ``count``-th bar.

    Takes the averages as their states hold them, defined or not; all are from ``first_index`` on.
    The first known bar sets the direction; it changes when two closes in a row say the same.
    """
    move = short - state.short5
    least = SLOPE_ATR_MIN * atr
    rising = (short > medium) & (medium > long) & (move > least)
    falling = (short < medium) & (medium < long) & (0.0 - move > least)
    seen = where(rising, UP, where(falling, DOWN, SIDEWAYS))
    first, known = count == first_index + 1, count > first_index
    direction = where(first | (seen == state.seen), seen, state.direction)
    since_us = where(first | (direction != state.direction), start_us, state.since_us)
    slope = move / where(atr > 0.0, atr, 1.0)
    lags = (short, state.short1, state.short2, state.short3, state.short4)
    return State(*lags, direction, seen, since_us), Value(
        direction=where(known, direction, UNDEFINED),
        since_us=where(known, since_us, UNDEFINED),
        slope_atr=where(known & (atr > 0.0), slope, UNDEFINED),
    )
