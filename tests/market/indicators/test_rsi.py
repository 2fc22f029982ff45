"""The relative strength index alone."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bars import Columns
from market.indicators import rsi
from tests.market.indicators.series import drawn


def indexes(closes: list[float], period: int = 14) -> list[float]:
    state, before, values = rsi.SEED, closes[0], []
    for count, close in enumerate(closes, 1):
        state, value = rsi.step(state, close - before, float(count), period)
        before = close
        values.append(value)
    return values


def test_it_needs_as_many_changes_as_its_period() -> None:
    values = indexes([1.0, 2.0, 1.0, 2.0], period=3)

    assert [isnan(value) for value in values] == [True, True, True, False]
    assert values[-1] == pytest.approx(100 * 2 / 3)


def test_it_is_100_when_every_close_rises_and_0_when_every_close_falls() -> None:
    rising = [float(close) for close in range(1, 40)]

    assert set(indexes(rising)[14:]) == {100.0}
    assert set(indexes(rising[::-1])[14:]) == {0.0}


@given(st.floats(0.01, 1e6))
def test_a_flat_series_has_none(price: float) -> None:
    assert all(isnan(value) for value in indexes([price] * 30))


@given(bars=drawn(), period=st.integers(2, 14))
def test_it_lies_between_0_and_100(bars: Columns, period: int) -> None:
    values = np.array(indexes(bars.close.tolist(), period))
    defined = values[np.isfinite(values)]

    assert ((defined >= 0.0) & (defined <= 100.0)).all()


@given(closes=st.lists(st.integers(1, 999), min_size=2, max_size=60), period=st.integers(2, 14))
def test_a_series_upside_down_has_the_rest_to_100(closes: list[int], period: int) -> None:
    upright = np.array(indexes([float(close) for close in closes], period))
    mirrored = np.array(indexes([1_000.0 - close for close in closes], period))

    np.testing.assert_allclose(mirrored, 100.0 - upright, atol=1e-9)
