"""The levels: where stop and target stand, and that the ratio follows from the printed prices."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from market.decision.levels import Side, plan, printed
from market.messages.analyzer import Levels
from market.messages.indicators import Reading
from tests.market.readings import mirrored, reading, readings, resistance, support

sides = st.sampled_from(["BUY", "SELL"])


def test_a_buy_stops_below_support_and_aims_below_resistance() -> None:
    at = reading(close=100.0, atr=2.0, levels=(support(97.5), support(90.0), resistance(108.0)))
    assert plan(at, "BUY") == Levels(
        entry=100.0,
        stop=97.0,
        target=107.8,
        r_r_ratio=2.6,
        stop_source="0.25 ATR below the support at 97.50",
        target_source="0.1 ATR below the resistance at 108.00",
    )


def test_a_sell_stops_above_resistance_and_aims_above_support() -> None:
    at = reading(close=100.0, atr=2.0, levels=(support(92.0), resistance(102.5)))
    assert plan(at, "SELL") == Levels(
        entry=100.0,
        stop=103.0,
        target=92.2,
        r_r_ratio=2.6,
        stop_source="0.25 ATR above the resistance at 102.50",
        target_source="0.1 ATR above the support at 92.00",
    )


def test_without_levels_the_stop_is_two_atr_away_and_the_target_half_as_far_again() -> None:
    assert plan(reading(close=100.0, atr=2.0), "BUY") == Levels(
        entry=100.0,
        stop=96.0,
        target=106.0,
        r_r_ratio=1.5,
        stop_source="2 ATR, with no support below",
        target_source="1.5 times the risk, with no resistance above",
    )


@pytest.mark.parametrize(
    ("level", "stop", "source"),
    [
        (99.9, 98.0, "1 ATR, as the support at 99.90 is nearer"),
        (80.0, 94.0, "3 ATR, as the support at 80.00 is farther"),
    ],
)
def test_the_stop_is_never_nearer_than_one_atr_nor_farther_than_three(
    level: float, stop: float, source: str
) -> None:
    found = plan(reading(close=100.0, atr=2.0, levels=(support(level),)), "BUY")
    assert found is not None
    assert (found.stop, found.stop_source) == (stop, source)


def test_a_resistance_that_pays_too_little_gives_way_to_the_fixed_reward() -> None:
    found = plan(reading(close=100.0, atr=2.0, levels=(resistance(104.0),)), "BUY")
    assert found is not None
    assert (found.target, found.target_source) == (
        106.0,
        "1.5 times the risk, as the resistance at 104.00 pays less",
    )


def test_prices_below_one_dollar_are_printed_to_a_hundredth_of_a_cent() -> None:
    assert [printed(price) for price in (12.345678, 0.12345678)] == [12.35, 0.1235]
    found = plan(reading(close=0.5, atr=0.02, levels=(support(0.45),)), "BUY")
    assert found is not None
    assert (found.stop, found.stop_source) == (0.445, "0.25 ATR below the support at 0.4500")


@pytest.mark.parametrize(
    ("side", "stop", "target"), [("BUY", 99.49, 100.77), ("SELL", 100.51, 99.23)]
)
def test_the_fixed_reward_is_not_rounded_below_itself(
    side: Side, stop: float, target: float
) -> None:
    found = plan(reading(close=100.0, atr=0.255), side)  # 1.5 times 51 cents are 76.5
    assert found is not None
    assert (found.stop, found.target, found.r_r_ratio) == (stop, target, 1.51)


@pytest.mark.parametrize("atr", [None, 0.0, 0.001])
def test_without_a_range_to_measure_by_there_is_no_plan(atr: float | None) -> None:
    assert plan(reading(close=100.0, atr=atr), "BUY") is None


def test_no_plan_has_a_stop_or_a_target_at_or_below_zero() -> None:
    wild = reading(close=1.0, atr=0.5)
    assert (plan(wild, "BUY"), plan(wild, "SELL")) == (None, None)


@given(readings(), sides)
def test_every_plan_stands_on_the_right_side_and_the_ratio_follows_from_its_prices(
    of: Reading, side: Side
) -> None:
    found = plan(of, side)
    assume(found is not None)
    assert found is not None
    sign = 1 if side == "BUY" else -1
    assert sign * (found.entry - found.stop) > 0
    assert sign * (found.target - found.entry) > 0
    assert min(found.stop, found.target) > 0
    assert (found.entry, found.stop, found.target) == tuple(
        map(printed, (found.entry, found.stop, found.target))
    )
    exact = (found.target - found.entry) / (found.entry - found.stop)
    assert found.r_r_ratio == round(exact, 2) >= 1.5


@given(readings(), sides)
def test_the_stop_is_between_one_and_three_atr_away_up_to_the_rounding(
    of: Reading, side: Side
) -> None:
    found = plan(of, side)
    assume(found is not None)
    assert found is not None
    assert of.atr is not None
    cent = 0.0101 if max(found.entry, found.stop) >= 1 else 0.000101
    assert of.atr - cent <= abs(found.entry - found.stop) <= 3 * of.atr + cent


@given(readings(), st.integers(5_000, 500_000), st.floats(0.001, 0.02))
def test_a_sell_is_the_mirror_image_of_a_buy(
    shape: Reading, close_cents: int, range_share: float
) -> None:
    close, atr = close_cents / 100, close_cents / 100 * range_share
    levels = [close + (v.price - shape.close) / shape.close * atr * 4 for v in shape.levels]
    of = msgspec.structs.replace(
        shape,
        close=close,
        atr=atr,
        levels=tuple(support(p) if p < close else resistance(p) for p in levels),
    )
    buy, sell = plan(of, "BUY"), plan(mirrored(of), "SELL")
    assert buy is not None
    assert sell is not None
    assume("pays less" not in buy.target_source + sell.target_source)
    assert 2 * close - sell.stop == pytest.approx(buy.stop, abs=0.0101)
    assert 2 * close - sell.target == pytest.approx(buy.target, abs=0.0301)
