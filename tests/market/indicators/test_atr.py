"""The average true range alone."""

from __future__ import annotations

from math import isnan

from hypothesis import given

from market.bars import Columns
from market.indicators import atr
from tests.market.indicators.series import SHORT, column, drawn, history


def ranges(bars: list[tuple[float, float, float]], period: int) -> list[float]:
    state, before, values = atr.SEED, 0.0, []
    for count, (high, low, close) in enumerate(bars, 1):
        state, value = atr.step(state, high, low, before, float(count), period)
        before = close
        values.append(value)
    return values


def test_a_gap_to_the_close_before_counts() -> None:
    up, down = (12.0, 11.0, 11.5), (9.0, 8.0, 8.5)

    first, second, third = ranges([(10.0, 9.0, 10.0), up, down], period=2)

    assert isnan(first)
    assert isnan(second)
    assert third == ((12.0 - 10.0) + (11.5 - 8.0)) / 2


def test_the_first_bar_has_no_true_range() -> None:
    narrow = [(10.5, 9.5, 10.0)] * 4

    assert ranges([(1e17, 1.0, 10.0), *narrow], period=3)[-1] == 1.0


@given(drawn())
def test_it_is_never_negative_and_never_more_than_the_widest_range(bars: Columns) -> None:
    _, values = history(bars, SHORT)
    defined = column(values, "atr")[SHORT.atr :]

    assert (defined >= 0.0).all()
    assert (defined <= (bars.high.max() - bars.low.min()) * (1.0 + 1e-12)).all()
