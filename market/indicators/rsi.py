"""Wilder's relative strength index: the mean gain as a share of mean gain and loss, 0 to 100."""

from __future__ import annotations

from typing import Generic, NamedTuple

from market.indicators import mean
from market.indicators.operand import UNDEFINED, N, where


class State(NamedTuple, Generic[N]):
    """The mean gain and the mean loss of a bar, both >= 0; in prices."""

    gain: N
    loss: N


SEED = State(0.0, 0.0)


def first_index(period: int) -> int:
    """The 0-based bar at which the index is defined first: it needs ``period`` changes."""
    return period


def step(state: State[N], change: N, count: N, period: int) -> tuple[State[N], N]:
    """The index after the ``count``-th close, which moved by ``change`` (0 at the first one).

    Undefined while the series neither gains nor loses: TA-Lib says 0 there, others 50 or 100, and
    0 and 100 are calls to trade.
    """
    rise = where(change > 0.0, change, 0.0)
    fall = rise - change
    gain = mean.step(state.gain, rise, count - 1, period, 1.0 / period)
    loss = mean.step(state.loss, fall, count - 1, period, 1.0 / period)
    moving = gain + loss > 0.0
    index = 100.0 * (gain / where(moving, gain + loss, 1.0))
    defined = moving & (count > first_index(period))
    return State(gain, loss), where(defined, index, UNDEFINED)
