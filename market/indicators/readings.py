"""Readings: what is known of a series at one bar, null where a value is not defined."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import NamedTuple

from market import trend
from market.bars import Columns
from market.indicators import bundle, passes, windowed
from market.indicators.passes import Folded, Task
from market.levels import levels
from market.messages.indicators import IndicatorSettings, Level, Reading, Trend, TrendName

_NAMES: dict[float, TrendName] = {
    trend.UP: "up",
    trend.SIDEWAYS: "sideways",
    trend.DOWN: "down",
}


class Ask(NamedTuple):
    """What a reading is made of, at the last of some bars, which are adjusted for splits.

    ``task`` has the bars that are new and the state before them, ``tail`` the last bars known, the
    new ones included; ``first_start_us`` begins the first bar, ``bars_seq`` is the newest chunk's.
    """

    task: Task
    tail: Columns
    first_start_us: int
    bars_seq: int


def close(asks: Sequence[Ask], settings: IndicatorSettings) -> list[tuple[bytes, Reading]]:
    """The state and the reading of each series after its closed bars, trend and levels too."""
    folded = passes.fold([ask.task for ask in asks], settings)
    return [
        (state, _reading(ask, value, companions, _trend(value.trend), _levels(ask, value.atr)))
        for ask, (state, value), companions in zip(
            asks, folded, _windows(asks, folded), strict=True
        )
    ]


def peek(
    asks: Sequence[Ask], closed: Sequence[Reading | None], settings: IndicatorSettings
) -> list[Reading]:
    """The reading of each series at its forming bar; trend and levels are those of its last close.

    The states stay as they are: what forms is seen on a copy, and forgotten.
    """
    folded = passes.fold([ask.task for ask in asks], settings)
    return [
        _reading(ask, value, companions, last.trend if last else None, last.levels if last else ())
        for ask, (_, value), companions, last in zip(
            asks, folded, _windows(asks, folded), closed, strict=True
        )
    ]


def _windows(asks: Sequence[Ask], folded: Sequence[Folded]) -> list[windowed.Value[float]]:
    tails = [ask.tail.last(windowed.BARS) for ask in asks]
    return passes.windows(tails, [value.bars for _, value in folded])


def _levels(ask: Ask, atr: float) -> tuple[Level, ...]:
    """The levels, none before the range that measures their width is defined."""
    return () if isnan(atr) else levels(ask.tail, atr)


def _reading(
    ask: Ask,
    value: bundle.Value[float],
    companions: windowed.Value[float],
    trend_told: Trend | None,
    levels_told: tuple[Level, ...],
) -> Reading:
    bars = ask.tail
    line, signal, histogram = map(_known, value.macd)
    roc20, sd20, volume_sma20, volume_sum20, obv_change20, cmf20 = map(_known, companions)
    return Reading(
        bar_start_us=bars.start_us[-1].item(),
        bars_used=int(value.bars),
        first_start_us=ask.first_start_us,
        close=bars.close[-1].item(),
        previous_close=bars.close[-2].item() if len(bars.close) > 1 else None,
        volume=bars.volume[-1].item(),
        rsi=_known(value.rsi),
        macd=line,
        macd_signal=signal,
        macd_histogram=histogram,
        obv=_known(value.obv),
        ema20=_known(value.short),
        ema50=_known(value.medium),
        ema200=_known(value.long),
        atr=_known(value.atr),
        roc20=roc20,
        sd20=sd20,
        volume_sma20=volume_sma20,
        volume_sum20=volume_sum20,
        obv_change20=obv_change20,
        cmf20=cmf20,
        trend=trend_told,
        levels=levels_told,
        bars_seq=ask.bars_seq,
    )


def _trend(value: trend.Value[float]) -> Trend | None:
    """The trend in words, null before its first index."""
    if _known(value.direction) is None:
        return None
    return Trend(
        name=_NAMES[value.direction],
        slope_atr=_known(value.slope_atr),
        since_us=int(value.since_us),
    )


def _known(value: float) -> float | None:
    """The value, null where it is not a number, as `market.indicators.operand.UNDEFINED` is."""
    return None if isnan(value) else value
