"""Series to compute on: drawn, walked at random from a seed, or real; and steps over them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st

from market.bars import Columns
from market.indicators import bundle
from market.indicators.bundle import Bar, State, Value
from market.indicators.tree import leaves
from market.messages.indicators import IndicatorSettings

DAY = 86_400_000_000
SHORT = IndicatorSettings(
    rsi=3,
    macd_fast=3,
    macd_slow=5,
    macd_signal=2,
    ema_short=3,
    ema_medium=4,
    ema_long=7,
    atr=3,
)
"""Periods so short that a drawn series reaches every first index."""

HOUSE = IndicatorSettings()

REAL = (
    "spy_1d_lean_raw.csv",
    "qqq_1d_lean_raw.csv",
    "msft_1d_1990_2022.csv",
    "btc_1d_2017_2021.csv",
    "asml_as_1d_2010_2013.csv",
    "cn987654_1d_1999_2015.csv",
    "ea_15m_yf_2026.csv",
    "spx_1m_2019nov.csv",
    "spy_1m_lean_raw.csv",
    "toobig_1d.csv",
)
"""Days, hours and minutes; with holes, suspensions, no volume at all, and prices of 1e13."""

_moves = st.one_of(st.just(0.0), st.floats(-0.2, 0.25), st.sampled_from((-0.5, 1.0)))
_reaches = st.one_of(st.just(0.0), st.floats(0.0, 0.1))
_volumes = st.one_of(st.just(0), st.integers(0, 10**9))


@st.composite
def drawn(draw: st.DrawFn, min_size: int = 1, max_size: int = 32) -> Columns:
    """A sound series: flat stretches, crashes, bars without a range or without volume."""
    rows = st.tuples(_moves, _reaches, _reaches, _volumes)
    moves, up, down, volume = np.array(
        draw(st.lists(rows, min_size=min_size, max_size=max_size)), float
    ).T
    close = draw(st.floats(0.01, 1e5)) * np.cumprod(1.0 + moves)
    return _around(close, up, down, volume)


def walked(length: int, seed: int = 0) -> Columns:
    """A random walk, the same for the same seed."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0003, 0.012, length)))
    up, down = random.uniform(0.0, 0.01, (2, length))
    return _around(close, up, down, random.integers(0, 10**7, length).astype(float))


def _around(close: Any, up: Any, down: Any, volume: Any) -> Columns:
    opening = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(opening, close) * (1.0 + up)
    low = np.minimum(opening, close) / (1.0 + down)
    return Columns(np.arange(len(close)) * DAY, opening, high, low, close, volume)


def real(shared_data: Path, name: str) -> Columns:
    """A series as others published it, adjusted for nothing, its unusable rows left out."""
    prices = ["open", "high", "low", "close"]
    frame = (
        pl.read_csv(shared_data / "ohlcv" / name, infer_schema=False)
        .with_columns(pl.col(*prices, "volume").cast(pl.Float64))
        .with_columns(pl.col("ts").str.to_datetime(time_unit="us", time_zone="UTC").dt.epoch("us"))
        .drop_nulls()
        .filter(pl.all_horizontal(pl.col(*prices).is_finite()))
    )
    return Columns._make(frame[name].to_numpy() for name in ("ts", *prices, "volume"))


def scaled(bars: Columns, by: float) -> Columns:
    """The series in another currency."""
    return Columns._make((bars.start_us, *(by * price for price in bars[1:5]), bars.volume))


def inputs(bars: Columns) -> list[Bar[float]]:
    """The bars as floats."""
    columns = (bars.start_us.astype(float), *bars[2:])
    return [Bar(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def history(
    bars: Columns, settings: IndicatorSettings = HOUSE
) -> tuple[list[State[float]], list[Value[float]]]:
    """Every state and every value, bar by bar, in floats."""
    state, states, values = bundle.SEED, [], []
    for bar in inputs(bars):
        state, value = bundle.step(state, bar, settings)
        states.append(state)
        values.append(value)
    return states, values


def column(values: Iterable[Value[float]], *path: str) -> Any:
    """One value of the history, as an array: ``column(values, "macd", "line")``."""

    def taken(value: Any) -> float:
        for name in path:
            value = getattr(value, name)
        return float(value)

    return np.array([taken(value) for value in values])


def bits(tree: tuple[Any, ...], row: int | None = None) -> list[str]:
    """Every operand to the last bit (of one row, in columns), for comparison."""
    operands = (leaf if row is None else leaf[row] for leaf in leaves(tree))
    return [float(operand).hex() for operand in operands]
