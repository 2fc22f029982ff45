"""Support and resistance: pivots that never repaint, and the levels they make."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bars import Columns
from market.levels import LEVELS_MAX, SIDE_BARS, WINDOW, Pivot, levels, pivots
from market.messages.indicators import Level
from tests.market.indicators.series import DAY, REAL, column, drawn, history, real, scaled, walked


def along(*turns: float, step: float = 1.0, spread: float = 0.25) -> Columns:
    """A market that walks from turn to turn, a step a bar."""
    path = np.concatenate(
        [np.linspace(a, b, round(abs(b - a) / step), endpoint=False) for a, b in pairwise(turns)]
        + [np.array(turns[-1:])]
    )
    days = np.arange(len(path)) * DAY
    return Columns(days, path, path + spread, path - spread, path, np.ones(len(path)))


def test_a_pivot_stands_out_from_five_bars_on_each_side() -> None:
    bars = along(100.0, 110.0, 100.0, 106.0)

    assert pivots(bars) == [Pivot(99.75, 20), Pivot(110.25, 10)]


def test_two_bars_of_the_same_height_are_no_pivot() -> None:
    bars = along(100.0, 110.0, 100.0)
    bars.high[11] = bars.high[10]

    assert pivots(bars) == []


def test_a_pivot_is_known_only_five_bars_later() -> None:
    bars = along(100.0, 110.0, 100.0)
    known = {length: pivots(bars.part(0, length)) for length in range(len(bars.close) + 1)}

    assert next(length for length in known if known[length]) == 10 + 1 + SIDE_BARS
    assert known[len(bars.close)] == [Pivot(110.25, 10)]


@given(drawn(min_size=12))
def test_a_pivot_once_known_is_known_for_ever(bars: Columns) -> None:
    whole = pivots(bars)
    for length in range(len(bars.close)):
        now = [turn for turn in whole if turn.place + SIDE_BARS < length]
        assert pivots(bars.part(0, length)) == now


def test_a_market_between_two_prices_has_one_support_and_one_resistance() -> None:
    bars = along(105.0, 110.0, 100.0, 110.0, 100.0, 110.0, 100.0, 106.0)
    weights = [WINDOW - (len(bars.close) - 1 - place) for place in (15, 35, 55)]

    support, resistance = levels(bars, atr=1.5)

    assert support == Level(
        price=99.75,
        kind="support",
        touches=3,
        strength=sum(weights) / WINDOW,
        last_touch_us=55 * DAY,
    )
    assert (resistance.price, resistance.kind, resistance.touches) == (110.25, "resistance", 3)


def test_a_level_that_was_broken_changes_sides() -> None:
    inside = along(105.0, 110.0, 100.0, 110.0, 100.0, 106.0)
    above = along(105.0, 110.0, 100.0, 110.0, 100.0, 116.0)

    assert [level.kind for level in levels(inside, 1.5)] == ["support", "resistance"]
    assert [level.kind for level in levels(above, 1.5)] == ["support", "support"]


def test_near_pivots_are_one_level_at_their_mean_by_recency() -> None:
    bars = along(105.0, 100.0, 110.0, 100.4, 106.0, step=0.2)
    old, new = (WINDOW - (len(bars.close) - 1 - place) for place in (25, 123))

    support = levels(bars, atr=1.0)[0]

    assert support.touches == 2
    assert support.price == pytest.approx((old * 99.75 + new * 100.15) / (old + new))


def test_pivots_more_than_half_a_range_apart_are_no_level_together() -> None:
    apart = along(105.0, 100.0, 110.0, 100.6, 106.0, step=0.2)

    assert [level.touches for level in levels(apart, atr=1.0)] == [1, 1]
    assert [level.touches for level in levels(apart, atr=1.3)] == [2, 1]


def test_far_pivots_are_two_levels_and_the_nearest_comes_first() -> None:
    bars = along(105.0, 90.0, 106.0, 90.0, 106.0, 100.0, 106.0, 100.0, 105.0)

    assert [round(level.price) for level in levels(bars, 1.0)] == [100, 90, 106]


def test_a_side_without_a_level_of_two_touches_has_its_strongest_pivot() -> None:
    bars = along(90.0, 100.0, 80.0, 95.0, 85.0, 92.0, 88.0)
    found = {level.price: level for level in levels(bars, 1.0)}

    assert sorted(found) == [84.75, 95.25]
    assert {level.touches for level in found.values()} == {1}


def test_a_short_series_and_a_straight_line_have_none() -> None:
    assert levels(walked(10), 1.0) == ()
    assert levels(along(100.0, 150.0), 1.0) == ()


def test_bars_before_the_window_change_nothing() -> None:
    bars = walked(600, seed=3)

    assert levels(bars, 2.0) == levels(bars.last(WINDOW), 2.0)


def as_prices(found: tuple[Level, ...], by: float) -> list[Level]:
    return [msgspec.structs.replace(level, price=by * level.price) for level in found]


@given(
    bars=drawn(min_size=20, max_size=60),
    atr=st.floats(0.001, 0.2),
    power=st.integers(-8, 8),
)
def test_levels_in_another_currency_are_the_same_levels(
    bars: Columns, atr: float, power: int
) -> None:
    by, reach = 2.0**power, atr * float(bars.close[-1])

    assert list(levels(scaled(bars, by), by * reach)) == as_prices(levels(bars, reach), by)


@given(bars=drawn(min_size=20, max_size=60), atr=st.floats(0.0, 0.2))
def test_levels_are_few_on_their_side_and_the_nearest_first(bars: Columns, atr: float) -> None:
    close = float(bars.close[-1])
    found = levels(bars, atr * close)
    supports = [level.price for level in found if level.kind == "support"]
    resistances = [level.price for level in found if level.kind == "resistance"]

    assert len(supports) <= LEVELS_MAX
    assert len(resistances) <= LEVELS_MAX
    assert supports == sorted((p for p in supports if p <= close), reverse=True)
    assert resistances == sorted(p for p in resistances if p > close)
    assert all(0.0 < level.strength <= level.touches for level in found)


@pytest.mark.parametrize("name", REAL)
def test_real_series_have_levels_near_their_prices(name: str, shared_data: Path) -> None:
    bars = real(shared_data, name)
    atr = column(history(bars.last(2_000))[1], "atr")[-1]

    found = levels(bars, atr)

    assert 1 <= len(found) <= 2 * LEVELS_MAX
    lowest, highest = bars.last(WINDOW).low.min(), bars.last(WINDOW).high.max()
    assert all(lowest <= level.price <= highest for level in found)
