"""All recursive indicators of a series as one state and one step; history is its fold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple

from market import trend
from market.indicators import atr, ema, macd, obv, rsi
from market.indicators.operand import UNDEFINED, N, where
from market.messages.indicators import IndicatorSettings


class Bar(NamedTuple, Generic[N]):
    """What the step takes of a bar: finite, adjusted for splits; the start as a float, too."""

    start_us: N
    high: N
    low: N
    close: N
    volume: N


class State(NamedTuple, Generic[N]):
    """What the next step needs of all bars before it: how many, the last close, each state."""

    bars: N
    close: N
    short: N
    medium: N
    long: N
    macd: macd.State[N]
    rsi: rsi.State[N]
    atr: N
    obv: N
    trend: trend.State[N]


class Value(NamedTuple, Generic[N]):
    """The readings at a bar, the ``bars``-th; `UNDEFINED` before their first index."""

    bars: N
    rsi: N
    macd: macd.Value[N]
    obv: N
    short: N
    medium: N
    long: N
    atr: N
    trend: trend.Value[N]


SEED: State[float] = State(
    bars=0.0,
    close=0.0,
    short=ema.SEED,
    medium=ema.SEED,
    long=ema.SEED,
    macd=macd.SEED,
    rsi=rsi.SEED,
    atr=atr.SEED,
    obv=obv.SEED,
    trend=trend.SEED,
)

NOTHING: Value[float] = Value(
    bars=0.0,
    rsi=UNDEFINED,
    macd=macd.Value(UNDEFINED, UNDEFINED, UNDEFINED),
    obv=UNDEFINED,
    short=UNDEFINED,
    medium=UNDEFINED,
    long=UNDEFINED,
    atr=UNDEFINED,
    trend=trend.Value(UNDEFINED, UNDEFINED, UNDEFINED),
)
"""The readings before the first bar."""


def trend_first_index(settings: IndicatorSettings) -> int:
    """The 0-based bar at which the trend is known first."""
    averages = settings.ema_short, settings.ema_medium, settings.ema_long
    return trend.first_index(*averages, settings.atr)


def step(state: State[N], bar: Bar[N], settings: IndicatorSettings) -> tuple[State[N], Value[N]]:
    """The state and the readings after one more bar; who only peeks drops the new state."""
    count = state.bars + 1.0
    change = where(count > 1.0, bar.close - state.close, 0.0)
    rsi_state, rsi_value = rsi.step(state.rsi, change, count, settings.rsi)
    macd_state, macd_value = macd.step(
        state.macd,
        bar.close,
        count,
        fast=settings.macd_fast,
        slow=settings.macd_slow,
        signal=settings.macd_signal,
    )
    balance, obv_value = obv.step(state.obv, change, bar.volume)
    short, short_value = ema.step(state.short, bar.close, count, settings.ema_short)
    medium, medium_value = ema.step(state.medium, bar.close, count, settings.ema_medium)
    long, long_value = ema.step(state.long, bar.close, count, settings.ema_long)
    reach, atr_value = atr.step(state.atr, bar.high, bar.low, state.close, count, settings.atr)
    trend_state, trend_value = trend.step(
        state.trend,
        short=short,
        medium=medium,
        long=long,
        atr=reach,
        start_us=bar.start_us,
        count=count,
        first_index=trend_first_index(settings),
    )
    after = State(
        count, bar.close, short, medium, long, macd_state, rsi_state, reach, balance, trend_state
    )
    value = Value(
        count,
        rsi_value,
        macd_value,
        obv_value,
        short_value,
        medium_value,
        long_value,
        atr_value,
        trend_value,
    )
    return after, value


def fold(
    state: State[float], bars: Iterable[Bar[float]], settings: IndicatorSettings
) -> tuple[State[float], Value[float]]:
    """The state and the last readings after the bars, one by one."""
    value = NOTHING
    for bar in bars:
        state, value = step(state, bar, settings)
    return state, value
