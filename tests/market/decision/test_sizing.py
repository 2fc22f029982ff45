"""The size: what the caps allow, and dollars that follow from shares and printed prices."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from market.decision.levels import Side, plan
from market.decision.sizing import size, stakes
from market.messages.analyzer import AnalysisSettings, Levels, PositionSizing
from market.messages.indicators import Reading
from tests.market.readings import all_settings, readings

sides = st.sampled_from(["BUY", "SELL"])
LONG = Levels(192.5, 190.0, 198.5, 2.4, "", "")


def test_the_position_cap_binds_where_the_stop_is_near() -> None:
    settings = AnalysisSettings(equity=46_206)
    at_stake = stakes(LONG, settings)
    assert at_stake == pytest.approx((2.69125, 5.8045))
    assert size(LONG, at_stake, settings) == PositionSizing(
        shares=48,
        risk_dollars=129.18,
        potential_profit=278.62,
        position_value=9240.0,
        binding="max_position_percent",
    )


def test_the_risk_cap_binds_where_the_position_may_be_large() -> None:
    settings = AnalysisSettings(equity=46_206, max_position_percent=100)
    found = size(LONG, stakes(LONG, settings), settings)
    assert (found.shares, found.risk_dollars, found.binding) == (171, 460.2, "risk_percent")


def test_a_share_that_is_too_dear_is_not_bought() -> None:
    settings = AnalysisSettings(equity=500)
    found = size(LONG, stakes(LONG, settings), settings)
    assert found == PositionSizing(0, 0.0, 0.0, 0.0, "max_position_percent")


def test_a_short_sale_slips_against_the_trade_too() -> None:
    short = Levels(100.0, 104.0, 94.0, 1.5, "", "")
    settings = AnalysisSettings(slippage_basis_points=100, commission_per_share=0.01)
    at_stake = stakes(short, settings)  # sold at 99.00; bought back at 105.04, or at 94.94
    assert at_stake == pytest.approx((6.06, 4.04))


def test_breakeven_is_where_wins_pay_for_losses() -> None:
    at_stake = stakes(LONG, AnalysisSettings())
    chance = at_stake.breakeven
    assert chance == pytest.approx(0.3168, abs=1e-4)
    assert chance * at_stake.reward == pytest.approx((1 - chance) * at_stake.risk)


@given(readings(), sides, all_settings())
def test_dollars_follow_from_the_shares_and_no_cap_is_broken(
    of: Reading, side: Side, settings: AnalysisSettings
) -> None:
    levels = plan(of, side)
    assume(levels is not None)
    assert levels is not None
    at_stake = stakes(levels, settings)
    found = size(levels, at_stake, settings)
    exact = (at_stake.risk, at_stake.reward, levels.entry)
    dollars = (found.risk_dollars, found.potential_profit, found.position_value)
    assert dollars == tuple(round(found.shares * each, 2) for each in exact)
    caps = {
        "risk_percent": settings.equity * settings.risk_percent / 100 / at_stake.risk,
        "max_position_percent": settings.equity
        * settings.max_position_percent
        / 100
        / levels.entry,
    }
    assert found.shares == pytest.approx(math.floor(min(caps.values())), abs=1)
    assert found.shares <= min(caps.values()) * (1 + 1e-12)
    assert caps[found.binding] == pytest.approx(min(caps.values()))


@given(readings(), sides, all_settings(), st.integers(2, 20))
def test_more_equity_buys_in_proportion_up_to_whole_shares(
    of: Reading, side: Side, settings: AnalysisSettings, times: int
) -> None:
    levels = plan(of, side)
    assume(levels is not None)
    assert levels is not None
    richer = msgspec.structs.replace(settings, equity=settings.equity * times)
    few = size(levels, stakes(levels, settings), settings).shares
    many = size(levels, stakes(levels, richer), richer).shares
    assert times * few - 1 <= many <= times * (few + 1) + 1


@given(readings(), sides, all_settings())
def test_costs_never_help(of: Reading, side: Side, settings: AnalysisSettings) -> None:
    levels = plan(of, side)
    assume(levels is not None)
    assert levels is not None
    free = msgspec.structs.replace(settings, slippage_basis_points=0, commission_per_share=0)
    paid, gross = stakes(levels, settings), stakes(levels, free)
    assert paid.risk >= gross.risk - 1e-9
    assert paid.reward <= gross.reward + 1e-9
    assert paid.breakeven >= gross.breakeven - 1e-9
