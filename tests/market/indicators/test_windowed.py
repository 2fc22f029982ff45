"""Windowed values: what the last 20 bars say, against plain formulas, on every kind of operand."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bars import Columns
from market.indicators import windowed
from market.indicators.windowed import BARS, Value, Window
from tests.market.indicators.series import REAL, bits, drawn, real, scaled, walked


def window(bars: Columns) -> Window[float]:
    return Window(*(column[-BARS:].tolist() for column in bars[2:]))


def at_last(bars: Columns) -> Value[float]:
    return windowed.step(window(bars), float(len(bars.close)))


def by_the_book(bars: Columns) -> Value[Any]:
    """The same values from library functions over whole columns."""
    _, _, high, low, close, volume = (np.asarray(column[-BARS:]) for column in bars)
    changes, spread = np.diff(close), (high - low)[1:]
    flow = np.divide(2 * close[1:] - high[1:] - low[1:], spread, out=np.zeros(20), where=spread > 0)
    traded = volume[1:].sum()
    return Value(
        roc20=(close[-1] - close[0]) / close[0],
        sd20=np.std(changes / close[:-1], ddof=1),
        volume_sma20=np.mean(volume[1:]),
        volume_sum20=traded,
        obv_change20=(np.sign(changes) * volume[1:]).sum(),
        cmf20=(flow * volume[1:]).sum() / traded if traded else np.nan,
    )


@given(drawn(min_size=BARS))
def test_the_values_are_those_of_the_book(bars: Columns) -> None:
    ours, book = at_last(bars), by_the_book(bars)

    np.testing.assert_allclose(ours, book, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", REAL)
def test_the_values_of_real_series_are_those_of_the_book(name: str, shared_data: Path) -> None:
    bars = real(shared_data, name)

    np.testing.assert_allclose(at_last(bars), by_the_book(bars), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [np.asarray, pl.Series], ids=["numpy", "polars"])
@given(several=st.lists(drawn(min_size=BARS, max_size=30), min_size=1, max_size=4))
def test_columns_of_many_series_agree_with_floats_bit_for_bit(
    kind: Any, several: list[Columns]
) -> None:
    windows = np.array([window(bars) for bars in several])
    side_by_side = Window._make(
        [kind(np.ascontiguousarray(lag)) for lag in column]
        for column in np.transpose(windows, (1, 2, 0))
    )
    counts = np.array([float(len(bars.close)) for bars in several])

    values = windowed.step(side_by_side, kind(counts))

    assert [bits(values, row) for row in range(len(several))] == [
        bits(at_last(bars)) for bars in several
    ]


def test_volumes_are_defined_at_the_20th_bar_and_changes_at_the_21st() -> None:
    full = window(walked(BARS))

    defined = {
        count: [not isnan(value) for value in windowed.step(full, float(count))]
        for count in (19, 20, 21)
    }

    assert defined[19] == [False] * 6
    assert defined[20] == [False, False, True, True, False, True]
    assert defined[21] == [True] * 6


def test_bars_before_the_window_change_nothing() -> None:
    bars = walked(60)

    assert at_last(bars) == windowed.step(window(bars.part(60 - BARS)), 60.0)


@given(drawn(min_size=BARS))
def test_money_flow_lies_between_minus_one_and_one(bars: Columns) -> None:
    flow = at_last(bars).cmf20

    assert isnan(flow) or -1.0 <= flow <= 1.0


def test_bars_that_close_at_their_highs_have_a_money_flow_of_one() -> None:
    bars = walked(30)
    highest = np.maximum(bars.high, 2 * bars.low)

    assert at_last(bars._replace(high=highest, close=highest)).cmf20 == 1.0


def test_without_volume_there_is_no_money_flow() -> None:
    bars = walked(30)

    assert isnan(at_last(bars._replace(volume=np.zeros(30))).cmf20)


@given(bars=drawn(min_size=BARS), power=st.integers(-8, 8))
def test_prices_in_another_currency_change_nothing(bars: Columns, power: int) -> None:
    assert bits(at_last(scaled(bars, 2.0**power))) == bits(at_last(bars))
