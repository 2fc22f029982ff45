"""Support and resistance: prices where the market turned more than once, and how well they hold."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from market.bars import Columns, Prices
from market.messages.indicators import Level

WINDOW = 250
"""Closed bars that are looked at, the newest."""

SIDE_BARS = 5
"""Bars on each side that a pivot stands out from; so it is known only that many bars later."""

BANDWIDTH_ATR = 0.5
"""How far a level's other pivots may lie from its strongest, in average true ranges."""

TOUCHES_MIN = 2
LEVELS_MAX = 4
"""Levels told on each side of the close, the nearest."""


class Pivot(NamedTuple):
    """The price of a strict extreme, and the place of its bar."""

    price: float
    place: int


def pivots(bars: Columns) -> list[Pivot]:
    """The highs above, and the lows below, those of all bars beside them; by price."""
    tops = (Pivot(bars.high[place].item(), place) for place in _strict_maxima(bars.high))
    bottoms = (Pivot(bars.low[place].item(), place) for place in _strict_maxima(-bars.low))
    return sorted((*tops, *bottoms))


def levels(bars: Columns, atr: float) -> tuple[Level, ...]:
    """The supports at or below the last close, then the resistances above it, the nearest first.

    Takes closed bars, adjusted for splits, and their last average true range, in prices. A level
    has at least two touches; where a side has none such, its strongest pivot stands there alone.
    """
    window = bars.last(WINDOW)
    close = window.close[-1].item()
    found = [_level(members, window) for members in _clusters(window, BANDWIDTH_ATR * atr)]
    supports = _chosen([level for level in found if level.price <= close])
    resistances = _chosen([level for level in found if level.price > close])
    return (
        *sorted(supports, key=lambda level: -level.price)[:LEVELS_MAX],
        *sorted(resistances, key=lambda level: level.price)[:LEVELS_MAX],
    )


def _strict_maxima(values: Prices) -> list[int]:
    """The places of the values greater than each of the `SIDE_BARS` on both sides of them."""
    end = len(values) - SIDE_BARS
    if end <= SIDE_BARS:
        return []
    standing = np.ones(end - SIDE_BARS, bool)
    for shift in range(1, SIDE_BARS + 1):
        standing &= values[SIDE_BARS:end] > values[SIDE_BARS - shift : end - shift]
        standing &= values[SIDE_BARS:end] > values[SIDE_BARS + shift : end + shift]
    return [place + SIDE_BARS for place in np.flatnonzero(standing).tolist()]


def _clusters(window: Columns, bandwidth: float) -> Iterator[list[Pivot]]:
    """The pivots near the strongest one, then those near the strongest of the rest, and so on."""
    turns = pivots(window)
    prices = [turn.price for turn in turns]
    near = [
        slice(bisect_left(prices, price - bandwidth), bisect_right(prices, price + bandwidth))
        for price in prices
    ]
    weights = [_weight(turn, window) for turn in turns]
    while any(weights):
        strength = [sum(weights[band]) if weights[i] else 0 for i, band in enumerate(near)]
        *_, strongest = max(zip(strength, weights, range(len(turns)), strict=True))
        members = range(len(turns))[near[strongest]]
        yield [turns[i] for i in members if weights[i]]
        weights[near[strongest]] = [0] * len(members)


def _weight(turn: Pivot, window: Columns) -> int:
    """How recent a pivot is: from `WINDOW` at the last bar down by one a bar."""
    return WINDOW - (len(window.close) - 1 - turn.place)


def _level(members: Sequence[Pivot], window: Columns) -> Level:
    """The level of the pivots: the mean of their prices by recency; strength counts them so."""
    weights = [_weight(turn, window) for turn in members]
    prices = (weight * turn.price for weight, turn in zip(weights, members, strict=True))
    price = sum(prices) / sum(weights)
    return Level(
        price=price,
        kind="support" if price <= window.close[-1] else "resistance",
        touches=len(members),
        strength=sum(weights) / WINDOW,
        last_touch_us=window.start_us[max(turn.place for turn in members)].item(),
    )


def _chosen(side: Sequence[Level]) -> Sequence[Level]:
    """The levels of one side with touches enough, or the strongest one."""
    proven = [level for level in side if level.touches >= TOUCHES_MIN]
    return proven or sorted(side, key=lambda level: -level.strength)[:1]
