"""Moving average convergence divergence: fast average less slow one, and its own average."""

from __future__ import annotations

from typing import Generic, NamedTuple

from market.indicators import ema
from market.indicators.operand import UNDEFINED, N, where


class State(NamedTuple, Generic[N]):
    """The two averages of the close, and the average of their difference; in prices."""

    fast: N
    slow: N
    signal: N


class Value(NamedTuple, Generic[N]):
    """The line, its signal, and the histogram between them; in prices."""

    line: N
    signal: N
    histogram: N


SEED = State(ema.SEED, ema.SEED, ema.SEED)


def line_first_index(slow: int) -> int:
    """The 0-based bar at which the line is defined first."""
    return ema.first_index(slow)


def signal_first_index(slow: int, signal: int) -> int:
    """The 0-based bar at which signal and histogram are defined first."""
    return line_first_index(slow) + ema.first_index(signal)


def step(
    state: State[N], close: N, count: N, *, fast: int, slow: int, signal: int
) -> tuple[State[N], Value[N]]:
    """The line and its signal after the ``count``-th close.

    Each average is seeded by its own first closes, the signal by the mean of the line's first
    defined values. (talib.MACD starts the fast average late, together with the slow one.)
    """
    fast_average, _ = ema.step(state.fast, close, count, fast)
    slow_average, _ = ema.step(state.slow, close, count, slow)
    line = fast_average - slow_average
    average, shown = ema.step(state.signal, line, count - line_first_index(slow), signal)
    value = Value(
        line=where(count > line_first_index(slow), line, UNDEFINED),
        signal=shown,
        histogram=line - shown,
    )
    return State(fast_average, slow_average, average), value
