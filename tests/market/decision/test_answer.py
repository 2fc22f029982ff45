"""The answer: the keys its readers print, times as ISO-8601, nothing lost and nothing invented."""

from __future__ import annotations

import msgspec

from market.decision.answer import AnalysisAnswer, CurrentAnswer, answer
from market.decision.decide import decide
from market.messages.analyzer import Analysis, AnalysisSettings, Current
from market.sessions import day_start_us
from tests.market.readings import evidence, reading, resistance, support

MORNING_US = day_start_us("2026-01-05") + 34_200_000_000
DECISION = decide(
    evidence(reading(levels=(support(97.5), resistance(108.0))), spy=reading()), AnalysisSettings()
)
ANALYSIS = Analysis(
    ticker="NVDA",
    decision=DECISION,
    decision_seq=7,
    decided_at_us=MORNING_US,
    data_source="cache",
    simulated=False,
    stale=False,
    stale_because="",
    current=Current(101.5, MORNING_US, MORNING_US + 250_000, 12.5, -1.5, -4.5, 6.3, True),
    seq=9,
    as_of_us=MORNING_US + 60_000_000,
)


def test_an_analysis_is_printed_flat_with_times_as_text() -> None:
    assert answer(ANALYSIS) == AnalysisAnswer(
        ticker="NVDA",
        probability_score=27.8,
        probability_kind="driftless",
        composite_score=DECISION.composite_score,
        signal="BUY",
        reason=DECISION.reason,
        data_source="cache",
        simulated=False,
        stale=False,
        stale_because="",
        component_scores=DECISION.component_scores,
        levels=DECISION.levels,
        position_sizing=DECISION.position_sizing,
        weights_used=DECISION.weights_used,
        missing=("sentiment", "seasonality"),
        probability=DECISION.probability,
        current=CurrentAnswer(
            price=101.5,
            market_time="2026-01-05T09:30:00Z",
            known_at="2026-01-05T09:30:00.250000Z",
            age_seconds=12.5,
            to_entry=-1.5,
            to_stop=-4.5,
            to_target=6.3,
            still_valid=True,
        ),
        rules=DECISION.rules,
        evidence=DECISION.evidence,
        bars_used=1250,
        bar_date="2026-01-02",
        decided_at="2026-01-05T09:30:00Z",
        decision_seq=7,
        as_of="2026-01-05T09:31:00Z",
        seq=9,
    )


def test_its_json_holds_the_keys_that_scripts_read() -> None:
    printed = msgspec.to_builtins(answer(ANALYSIS))
    assert list(printed)[:2] == ["ticker", "probability_score"]
    assert printed["component_scores"] == {
        "technical_analysis": 74.49,
        "market_context": 78.98,
        "sentiment": None,
        "volume": 65.54,
        "seasonality": None,
    }
    assert printed["levels"]["r_r_ratio"] == 2.6
    assert set(printed["position_sizing"]) >= {"shares", "risk_dollars", "potential_profit"}


def test_where_nothing_was_decided_the_reason_stands_alone() -> None:
    nothing = msgspec.structs.replace(
        ANALYSIS,
        decision=None,
        decision_seq=0,
        decided_at_us=0,
        stale=True,
        stale_because="no source answered in time",
        current=None,
        as_of_us=0,
    )
    printed = msgspec.to_builtins(answer(nothing))
    told = {key: value for key, value in printed.items() if value is not None}
    assert told == {
        "ticker": "NVDA",
        "reason": "no source answered in time",
        "data_source": "cache",
        "simulated": False,
        "stale": True,
        "stale_because": "no source answered in time",
        "seq": 9,
    }
