"""The votes, each against its scale worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given

from market.decision.components import component_scores, votes
from market.evidence import TickerEvidence
from market.messages.analyzer import ComponentScores, Rule
from tests.market.readings import all_evidence, evidence, falling, known, mirrored, reading


def vote(name: str, **changes: Any) -> float | None:
    (rule,) = [r for r in votes(evidence(reading(**changes))) if r.name == name]
    return rule.vote


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("close_vs_ema50", {"ema50": 97.0}, 0.5),  # 1.5 ATR of 3
        ("close_vs_ema50", {"ema50": 120.0}, -1.0),
        ("close_vs_ema200", {"ema200": 116.0}, -1.0),  # 8 ATR of 8
        ("ema20_vs_ema50", {"ema20": 97.0, "ema50": 96.0}, 0.25),
        ("macd_vs_signal", {"macd": 0.5, "macd_signal": 1.0}, -0.5),
        ("rsi", {"rsi": 75.0}, 1.0),
        ("rsi", {"rsi": 45.0}, -0.2),
        ("move_20_bars", {"roc20": -0.01 * math.sqrt(20), "sd20": 0.01}, -0.5),
        ("volume_vs_average", {"volume": 2e6, "volume_sma20": 1e6}, 0.6931),
        ("volume_vs_average", {"volume": 2e6, "previous_close": 101.0}, -0.6931),
        ("volume_vs_average", {"volume": 2e6, "previous_close": 100.0}, 0.0),
        ("obv_change", {"obv_change20": -3.0, "volume_sum20": 20.0}, -0.5),
        ("money_flow", {"cmf20": 0.1}, 0.5),
    ],
)
def test_a_vote_is_the_measure_on_its_scale(
    name: str, changes: dict[str, Any], expected: float
) -> None:
    assert vote(name, **changes) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("close_vs_ema50", {"ema50": None}),
        ("close_vs_ema50", {"atr": None}),
        ("close_vs_ema50", {"atr": 0.0}),
        ("rsi", {"rsi": None}),
        ("macd_vs_signal", {"macd_signal": None}),
        ("move_20_bars", {"sd20": 0.0}),
        ("volume_vs_average", {"volume": 0.0}),
        ("volume_vs_average", {"volume_sma20": 0.0}),
        ("volume_vs_average", {"previous_close": None}),
        ("obv_change", {"volume_sum20": 0.0}),
    ],
)
def test_what_cannot_be_measured_does_not_vote(name: str, changes: dict[str, Any]) -> None:
    assert vote(name, **changes) is None


def test_a_rule_says_in_words_what_it_measured() -> None:
    rules = {rule.name: rule for rule in votes(evidence(reading(), spy=falling()))}
    assert rules["close_vs_ema50"] == Rule(
        "technical_analysis", "close_vs_ema50", "close 2.00 ATR above EMA50", 2.0, 0.6667
    )
    assert rules["spy_close_vs_ema50"] == Rule(
        "market_context", "spy_close_vs_ema50", "SPY close 2.00 ATR below EMA50", -2.0, -0.6667
    )
    assert rules["volume_vs_average"].text == (
        "volume 1,200,000 against 1,000,000 on average, close 99 to 100"
    )


def test_a_rule_without_a_vote_says_what_is_missing() -> None:
    rules = votes(evidence(reading(rsi=None, bars_used=12)))
    assert Rule("technical_analysis", "rsi", "rsi is not defined at 12 bars", None, None) in rules
    assert [rule.text for rule in rules if rule.component == "market_context"] == [
        "SPY has no daily bar of this day or the week before"
    ]


def test_without_spy_there_is_no_market_context_even_with_qqq() -> None:
    with_qqq = component_scores(votes(evidence(reading(), qqq=reading())))
    assert with_qqq.market_context is None


def test_spy_and_qqq_vote_alike_on_the_market() -> None:
    spy_alone = component_scores(votes(evidence(reading(), spy=reading())))
    both = component_scores(votes(evidence(reading(), spy=reading(), qqq=falling())))
    assert spy_alone.market_context == 78.98
    assert both.market_context == 50.0


def test_a_simulated_ticker_is_read_against_the_simulated_market() -> None:
    simulated = TickerEvidence("NVDA~sim", known(reading()), {"SPY~sim": known(reading(), 1)}, 0)
    market = [rule for rule in votes(simulated) if rule.component == "market_context"]
    assert [rule.name for rule in market] == [
        "spy_close_vs_ema50",
        "spy_close_vs_ema200",
        "spy_move_20_bars",
        "qqq",
    ]
    assert market[0].text.startswith("SPY~sim close")


def test_scores_are_fifty_and_fifty_times_the_mean_vote_and_null_where_nothing_voted() -> None:
    rules = [
        Rule("volume", "a", "", 1.0, 1.0),
        Rule("volume", "b", "", 0.0, 0.0),
        Rule("volume", "c", "", None, None),
        Rule("technical_analysis", "d", "", -1.0, -1.0),
    ]
    assert component_scores(rules) == ComponentScores(technical_analysis=0.0, volume=75.0)


@given(all_evidence())
def test_votes_and_scores_stay_within_their_ends(of: TickerEvidence) -> None:
    rules = votes(of)
    assert all(-1 <= rule.vote <= 1 for rule in rules if rule.vote is not None)
    scores = component_scores(rules)
    found = (scores.technical_analysis, scores.market_context, scores.volume)
    assert all(score is None or 0 <= score <= 100 for score in found)
    assert (scores.sentiment, scores.seasonality) == (None, None)


@given(all_evidence())
def test_the_mirror_image_of_the_bars_votes_the_other_way(of: TickerEvidence) -> None:
    there = votes(evidence(of.own.reading))
    mirror = votes(evidence(mirrored(of.own.reading)))
    for one, other in zip(there, mirror, strict=True):
        assert (one.vote is None) == (other.vote is None)
        assert (one.vote or 0.0) == pytest.approx(-(other.vote or 0.0), abs=2e-4)
