"""The trend: order and slope of the averages, two closes to change it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise, permutations
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from market import trend
from market.bars import Columns
from market.indicators import bundle
from market.trend import DOWN, SEED, SIDEWAYS, UP
from tests.market.indicators.series import DAY, HOUSE, SHORT, column, drawn, history, real, walked

Averages = tuple[float, ...]

RISING, FALLING, MIXED = (3.0, 2.0, 1.0), (1.0, 2.0, 3.0), (3.0, 1.0, 2.0)


def told(bars: Sequence[Averages], slope: float = 1.0, first_index: int = 0) -> list[float]:
    """The direction at bars with these averages, the short one having moved by so many ranges."""
    state, directions = SEED, []
    for count, (short, medium, long) in enumerate(bars, 1):
        state, value = trend.step(
            state._replace(short5=short - (slope if short > long else -slope)),
            short=short,
            medium=medium,
            long=long,
            atr=1.0,
            start_us=float(count),
            count=float(count),
            first_index=first_index,
        )
        directions.append(value.direction)
    return directions


def test_the_order_of_the_averages_is_the_direction() -> None:
    assert told([RISING]) == [UP]
    assert told([FALLING]) == [DOWN]
    assert [told([order]) for order in permutations((1.0, 2.0, 3.0))].count([SIDEWAYS]) == 4


def test_without_slope_it_goes_sideways() -> None:
    least = trend.SLOPE_ATR_MIN

    assert told([RISING], slope=0.99 * least) == told([FALLING], slope=0.99 * least) == [SIDEWAYS]
    assert (told([RISING], slope=1.01 * least), told([FALLING], slope=1.01 * least)) == (
        [UP],
        [DOWN],
    )


def test_one_close_that_says_otherwise_changes_nothing() -> None:
    assert told([RISING, RISING, MIXED, RISING, FALLING, RISING]) == [UP] * 6


def test_two_closes_in_a_row_that_say_the_same_change_it() -> None:
    assert told([RISING, MIXED, FALLING, FALLING, FALLING]) == [UP, UP, UP, DOWN, DOWN]


def test_it_is_unknown_before_its_first_index() -> None:
    unknown, first = told([FALLING, RISING], first_index=1)

    assert isnan(unknown)
    assert first == UP


def test_it_rests_on_the_longest_of_its_parts() -> None:
    assert trend.first_index(short=20, medium=50, long=200, atr=14) == 199
    assert trend.first_index(short=20, medium=21, long=22, atr=14) == 24
    assert trend.first_index(short=3, medium=4, long=5, atr=14) == 14


def test_a_year_up_and_a_year_down_are_so_told_with_the_bar_that_changed_them() -> None:
    path = 100.0 + np.concatenate((np.arange(300.0), 299.0 - np.arange(300.0) * 0.9))
    bars = Columns(np.arange(600) * DAY, path, path + 1, path - 1, path, np.ones(600))

    _, values = history(bars)

    directions, since = column(values, "trend", "direction"), column(values, "trend", "since_us")
    assert [d for d, _ in groupby(directions[199:])] == [UP, SIDEWAYS, DOWN]
    turned = int(np.flatnonzero(directions == DOWN)[0])
    assert since[-1] == turned * DAY
    assert 0.0 < column(values, "trend", "slope_atr")[250] < 5.0


def test_a_market_that_stands_still_goes_sideways_without_a_slope() -> None:
    flat = np.full(250, 10.0)

    _, values = history(Columns(np.arange(250) * DAY, flat, flat, flat, flat, flat))

    assert values[-1].trend.direction == SIDEWAYS
    assert isnan(values[-1].trend.slope_atr)


@given(drawn())
def test_the_direction_changes_only_where_two_closes_agree(bars: Columns) -> None:
    states, _ = history(bars, SHORT)
    known = [state.trend for state in states[bundle.trend_first_index(SHORT) :]]

    for before, now in pairwise(known):
        changed = now.direction != before.direction
        assert not changed or now.seen == before.seen == now.direction


def test_the_slope_is_the_move_of_the_short_average_over_five_bars_in_true_ranges() -> None:
    _, values = history(walked(260))
    short, atr = column(values, "short"), column(values, "atr")

    np.testing.assert_array_equal(
        column(values, "trend", "slope_atr")[199:], (short[199:] - short[194:-5]) / atr[199:]
    )


@pytest.mark.parametrize("name", ["spy_1d_lean_raw.csv", "iwm_1d_lean_raw.csv"])
def test_it_is_steady_on_real_series(name: str, shared_data: Path) -> None:
    """Less than two changes a month, and no direction that is never told."""
    _, values = history(real(shared_data, name), HOUSE)
    directions = column(values, "trend", "direction")[199:]

    assert set(directions.tolist()) == {UP, SIDEWAYS, DOWN}
    assert (np.diff(directions) != 0).sum() < len(directions) * 2 / 21
