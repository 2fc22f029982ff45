"""Windowed values: what exactly the last 20 bars say, the bar before them as their base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Generic, NamedTuple

from market.indicators import obv
from market.indicators.operand import UNDEFINED, N, square_root, where

PERIOD = 20
BARS = PERIOD + 1
"""Bars that go in: the period's, and the one before it as the base of the first change."""


class Window(NamedTuple, Generic[N]):
    """The last `BARS` bars by column, oldest first; where a series has fewer, any bar stands in."""

    high: Sequence[N]
    low: Sequence[N]
    close: Sequence[N]
    volume: Sequence[N]


class Value(NamedTuple, Generic[N]):
    """The companions for scoring, as `market.messages.indicators.Reading` describes them."""

    roc20: N
    sd20: N
    volume_sma20: N
    volume_sum20: N
    obv_change20: N
    cmf20: N


def step(window: Window[N], count: N) -> Value[N]:
    """The values at the window's last bar, the ``count``-th of its series.

    Changes need a bar before the period (first index 20), volumes do not (19). Sums run oldest
    first, one + after the other: library sums choose their own order and differ in the last bits.
    """
    changes, whole = count > PERIOD, count >= PERIOD
    volume = _sum(window.volume[1:])
    traded = whole & (volume > 0.0)
    flow = _money_flow(window) / where(volume > 0.0, volume, 1.0)
    return Value(
        roc20=where(changes, window.close[-1] / window.close[0] - 1.0, UNDEFINED),
        sd20=where(changes, _deviation_of_returns(window.close), UNDEFINED),
        volume_sma20=where(whole, volume * (1.0 / PERIOD), UNDEFINED),
        volume_sum20=where(whole, volume, UNDEFINED),
        obv_change20=where(changes, _signed_volume(window), UNDEFINED),
        cmf20=where(traded, flow, UNDEFINED),
    )


def _deviation_of_returns(close: Sequence[N]) -> N:
    """The sample standard deviation of 1-bar returns."""
    returns = [now / before - 1.0 for before, now in pairwise(close)]
    mean = _sum(returns) * (1.0 / PERIOD)
    variance: N = _sum((r - mean) * (r - mean) for r in returns) * (1.0 / (PERIOD - 1))
    return square_root(variance)


def _signed_volume(window: Window[N]) -> N:
    changes = (now - then for then, now in pairwise(window.close))
    return _sum(
        obv.signed(change, volume)
        for change, volume in zip(changes, window.volume[1:], strict=True)
    )


def _money_flow(window: Window[N]) -> N:
    """Each volume by where in its range the bar closed; never more than the volumes' own sum.

    Rounding keeps order: no pressure exceeds 1, no product its volume, no sum the other sum.
    """
    bars = zip(*(column[1:] for column in window), strict=True)
    flows: Iterator[N] = (_pressure(high, low, close) * volume for high, low, close, volume in bars)
    return _sum(flows)


def _pressure(high: N, low: N, close: N) -> N:
    """Where in its range a bar closed, from -1 (at the low) to 1; 0 without a range."""
    ranged = high > low
    place: N = (close - low - (high - close)) / where(ranged, high - low, 1.0)
    return place


def _sum(values: Iterable[N]) -> N:
    return reduce(add, values)
