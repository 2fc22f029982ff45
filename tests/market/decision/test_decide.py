"""The decision: its label, its vetoes, its sentence, and the laws that all its numbers keep."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given

from market.decision.decide import decide
from market.decision.sizing import NO_POSITION
from market.evidence import TickerEvidence
from market.messages.analyzer import (
    AnalysisSettings,
    ComponentScores,
    Decision,
    Evidence,
    Levels,
    PositionSizing,
    Probability,
)
from market.sessions import day_start_us
from tests.market.readings import (
    all_evidence,
    all_settings,
    evidence,
    falling,
    known,
    mirrored,
    reading,
    resistance,
    support,
)

RISE = reading(levels=(support(97.5), resistance(108.0)))
SETTINGS = AnalysisSettings()


def test_a_calm_rise_in_a_rising_market_is_bought() -> None:
    found = decide(evidence(RISE, spy=reading(), qqq=reading()), SETTINGS)
    assert msgspec.structs.replace(found, rules=()) == Decision(
        ticker="NVDA",
        signal="BUY",
        reason="BUY: the composite of 73.86 is at least 60;"
        " most for buying: close 2.00 ATR above EMA50",
        composite_score=73.86,
        component_scores=ComponentScores(
            technical_analysis=74.49, market_context=78.98, volume=65.54
        ),
        weights_used={
            "technical_analysis": 0.5,
            "market_context": 0.2 / 0.7,
            "volume": 0.15 / 0.7,
        },
        missing=("sentiment", "seasonality"),
        rules=(),
        levels=Levels(
            entry=100.0,
            stop=97.0,
            target=107.8,
            r_r_ratio=2.6,
            stop_source="0.25 ATR below the support at 97.50",
            target_source="0.1 ATR below the resistance at 108.00",
        ),
        position_sizing=PositionSizing(
            shares=200,
            risk_dollars=619.7,
            potential_profit=1539.22,
            position_value=20_000.0,
            binding="max_position_percent",
        ),
        probability=Probability(
            kind="driftless",
            percent=27.8,
            breakeven_percent=28.7,
            base_rate_percent=None,
            verdict="27.8 in 100 reach the target first on any day;"
            " this trade needs 28.7 after costs: no edge shown",
        ),
        bar_start_us=day_start_us("2026-01-02"),
        bars_used=1250,
        evidence=Evidence(indicators=3, market={"SPY": 1, "QQQ": 2}, settings=0),
        simulated=False,
    )


def test_its_mirror_image_is_sold() -> None:
    found = decide(evidence(falling(), spy=falling()), SETTINGS)
    assert (found.signal, found.levels) == (
        "SELL",
        Levels(
            entry=100.0,
            stop=104.0,
            target=94.0,
            r_r_ratio=1.5,
            stop_source="2 ATR, with no resistance above",
            target_source="1.5 times the risk, with no support below",
        ),
    )


def test_a_torn_market_is_held_with_the_plan_it_leans_to_and_no_shares() -> None:
    found = decide(evidence(reading(), spy=falling(), qqq=falling(rsi=None)), SETTINGS)
    assert (found.signal, found.position_sizing) == ("HOLD", NO_POSITION)
    assert found.reason == (
        "HOLD: the composite of 57.29 lies between 40 and 60;"
        " most for buying: close 2.00 ATR above EMA50;"
        " most for selling: SPY close 2.00 ATR below EMA50"
    )
    assert found.levels is not None
    assert found.levels.stop < found.levels.entry < found.levels.target
    assert found.probability is not None


def test_a_torn_market_that_leans_down_is_held_with_the_plan_of_a_sale() -> None:
    found = decide(evidence(falling(), spy=reading(), qqq=reading()), SETTINGS)
    assert (found.signal, found.composite_score) == ("HOLD", 42.71)
    assert found.position_sizing == PositionSizing(0, 0.0, 0.0, 0.0, "signal")
    assert found.levels is not None
    assert found.levels.target < found.levels.entry < found.levels.stop


@pytest.mark.parametrize(
    ("changes", "settings", "reason"),
    [
        (
            {"bars_used": 200},
            SETTINGS,
            "HOLD: 200 daily bars are too few to decide on, 201 are needed",
        ),
        (
            {"atr": None},
            SETTINGS,
            "HOLD: without an average true range there are no levels",
        ),
        (
            {"volume_sma20": None, "obv_change20": None, "cmf20": None},
            SETTINGS,
            "HOLD: insufficient data, as only 35% of the weight is present and 50% is needed"
            " (missing: market context, sentiment, volume, seasonality)",
        ),
        (
            {},
            AnalysisSettings(weights={"sentiment": 1.0}, minimum_present_weight=0.0),
            "HOLD: insufficient data, as only 0% of the weight is present and 0% is needed"
            " (missing: market context, sentiment, seasonality)",
        ),
    ],
)
def test_thin_evidence_is_held_without_a_plan(
    changes: dict[str, Any], settings: AnalysisSettings, reason: str
) -> None:
    found = decide(evidence(reading(**changes)), settings)
    assert (found.signal, found.reason) == ("HOLD", reason)
    assert (found.levels, found.position_sizing, found.probability) == (None, None, None)


def test_two_hundred_and_one_bars_suffice() -> None:
    assert decide(evidence(reading(bars_used=201)), SETTINGS).signal == "BUY"


def test_a_trade_whose_reward_does_not_pay_for_costs_is_held_and_shown() -> None:
    found = decide(evidence(reading(atr=0.1)), SETTINGS)
    assert (found.signal, found.position_sizing) == ("HOLD", NO_POSITION)
    assert found.reason == (
        "HOLD: the composite of 82.94 says BUY, but reward to risk after costs is 0.67,"
        " less than 1.2"
    )
    assert found.levels is not None
    assert found.levels.r_r_ratio == 1.5


def test_a_trade_without_a_stop_above_zero_is_held() -> None:
    found = decide(evidence(reading(atr=60.0, rsi=90.0, cmf20=0.2)), SETTINGS)
    assert (found.signal, found.levels) == ("HOLD", None)
    assert found.reason.endswith("says BUY, but no stop and target above zero can be drawn")


def test_the_thresholds_belong_to_the_signals() -> None:
    def signal(threshold: float) -> str:
        settings = AnalysisSettings(buy_above=threshold)
        return decide(evidence(RISE, spy=reading(), qqq=reading()), settings).signal

    def mirrored_signal(threshold: float) -> str:
        settings = AnalysisSettings(sell_below=threshold)
        return decide(evidence(falling()), settings).signal

    assert (signal(73.86), signal(73.87)) == ("BUY", "HOLD")
    assert (mirrored_signal(28.2), mirrored_signal(28.19)) == ("SELL", "HOLD")


def test_a_simulated_key_makes_a_simulated_decision() -> None:
    simulated = TickerEvidence("NVDA~sim", known(RISE), {"SPY~sim": known(reading(), 1)}, 9)
    found = decide(simulated, SETTINGS)
    assert (found.ticker, found.simulated) == ("NVDA~sim", True)
    assert found.evidence == Evidence(indicators=3, market={"SPY~sim": 1}, settings=9)


def numbers(value: Any) -> list[float]:
    """Every float of a decision, wherever it stands."""
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers(item)]
    if isinstance(value, list | tuple):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, float) else []


@given(all_evidence(), all_settings())
def test_the_same_evidence_gives_the_same_decision_with_finite_numbers(
    of: TickerEvidence, settings: AnalysisSettings
) -> None:
    found = decide(of, settings)
    assert found == decide(of, settings)
    assert all(math.isfinite(number) for number in numbers(msgspec.to_builtins(found)))
    encoded = msgspec.msgpack.encode(found)
    assert msgspec.msgpack.decode(encoded, type=Decision) == found


@given(all_evidence(), all_settings())
def test_what_is_advised_is_complete_and_what_is_held_has_no_shares(
    of: TickerEvidence, settings: AnalysisSettings
) -> None:
    found = decide(of, settings)
    if found.signal != "HOLD":
        assert found.levels is not None
        assert found.probability is not None
        assert found.position_sizing is not None
        assert found.position_sizing.binding != "signal"
        assert (found.levels.stop < found.levels.entry) == (found.signal == "BUY")
    else:
        assert found.position_sizing in (None, NO_POSITION)
    assert (found.levels is None) == (found.probability is None)
    assert found.reason.startswith(f"{found.signal}: ")


@given(all_evidence())
def test_mirrored_bars_give_the_mirrored_signal(of: TickerEvidence) -> None:
    # At 100 with an ATR of 1 no mirrored price falls below zero; costs are left out, as they are
    # paid on prices that the mirror changes.
    settings = AnalysisSettings(minimum_r_r=0, slippage_basis_points=0, minimum_present_weight=0)
    plain = msgspec.structs.replace(of.own.reading, close=100.0, bars_used=1250, levels=(), atr=1.0)
    one, other = (decide(evidence(r, spy=r), settings) for r in (plain, mirrored(plain)))
    if one.composite_score is None or other.composite_score is None:
        assert one.composite_score == other.composite_score
        return
    assert one.composite_score + other.composite_score == pytest.approx(100, abs=0.03)
    between = min(abs(one.composite_score - threshold) for threshold in (40, 60)) > 0.03
    swapped = {"BUY": "SELL", "SELL": "BUY", "HOLD": "HOLD"}
    assert other.signal == swapped[one.signal] or not between
