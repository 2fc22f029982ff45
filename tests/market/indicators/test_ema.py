"""The exponential moving average alone."""

from __future__ import annotations

from math import isnan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.bars import Columns
from market.indicators import ema
from tests.market.indicators.series import drawn


def averages(closes: list[float], period: int) -> list[float]:
    state, values = ema.SEED, []
    for count, close in enumerate(closes, 1):
        state, value = ema.step(state, close, float(count), period)
        values.append(value)
    return values


def test_it_is_seeded_by_the_mean_of_its_first_closes() -> None:
    first, second, seed = averages([3.0, 6.0, 12.0], 3)

    assert isnan(first)
    assert isnan(second)
    assert seed == 7.0


def test_then_it_moves_by_two_over_its_period_and_one() -> None:
    assert averages([3.0, 6.0, 12.0, 11.0], 3)[-1] == 7.0 + (11.0 - 7.0) * 2 / 4


@given(price=st.floats(0.01, 1e6), period=st.integers(2, 20))
def test_on_a_flat_series_it_is_the_price(price: float, period: int) -> None:
    assert averages([price] * 30, period)[period - 1 :] == [price] * (31 - period)


@given(bars=drawn(), period=st.integers(2, 20))
def test_it_stays_between_the_lowest_and_the_highest_close(bars: Columns, period: int) -> None:
    rounding = 1e-12 * bars.close.max()

    defined = np.array(averages(bars.close.tolist(), period)[period - 1 :])

    assert (defined >= bars.close.min() - rounding).all()
    assert (defined <= bars.close.max() + rounding).all()
