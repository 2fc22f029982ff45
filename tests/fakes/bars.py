"""The values that the imitated market is made of: ticks, and bars as aggregates of ticks.

Stamps are epoch seconds UTC, as both providers write them; prices are US dollars.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import msgspec


class Tick(msgspec.Struct, frozen=True):
    """One trade: the smallest thing that any served number is made of."""

    at_seconds: int
    price: float
    volume: int


class Bar(msgspec.Struct, frozen=True):
    """Open, high, low, close and volume of the ticks from `start_seconds` on."""

    start_seconds: int
    open: float
    high: float
    low: float
    close: float
    volume: int


def bar_of_ticks(ticks: Sequence[Tick]) -> Bar:
    """Aggregate at least one tick."""
    prices = [tick.price for tick in ticks]
    volume = sum(tick.volume for tick in ticks)
    return Bar(ticks[0].at_seconds, prices[0], max(prices), min(prices), prices[-1], volume)


def bar_of_bars(bars: Sequence[Bar]) -> Bar:
    """Aggregate at least one bar; equal to aggregating their ticks."""
    return Bar(
        start_seconds=bars[0].start_seconds,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=sum(bar.volume for bar in bars),
    )


def single(prices: Iterable[float]) -> list[float]:
    """Prices as Yahoo's charts print them: float32 widened (245.18 is 245.17999267578125)."""
    return array("f", prices).tolist()
