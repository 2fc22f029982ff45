"""When the analyzer decides: when evidence changes, never because somebody asks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.actor import Refused
from bus.message import Event
from bus.testing import Deck, given
from market.decision.decide import decide
from market.evidence import Book, gather, learn
from market.messages.analyzer import (
    AnalysisConfigured,
    AnalysisSettings,
    Analyze,
    ConfigureAnalysis,
    Decision,
    Evidence,
)
from market.messages.indicators import Indicators
from services.analyzer.actor import Options, build
from services.analyzer.core.state import State
from tests.services.analyzer.events import FRIDAY, MONDAY, indicators, quote

analyzer = build(Options())


def heard(*events: Event) -> Deck[State]:
    """A deck that heard the events one by one, at 09:30."""
    deck = given(analyzer)
    for event in events:
        deck.hear(("09:30", event))
    return deck


def decided(event: Indicators) -> Decision:
    """What evidence makes a decision of, as the first on the tape."""
    evidence = gather(learn(Book(), 1, 0, event), event.ticker, settings_seq=0)
    assert evidence is not None
    return decide(evidence, AnalysisSettings())


def decisions(deck: Deck[Any]) -> list[tuple[str, str, Evidence]]:
    """What was decided, by which evidence."""
    return [
        (one.ticker, one.signal, one.evidence) for one in deck.said if isinstance(one, Decision)
    ]


def test_evidence_makes_a_decision_that_names_it() -> None:
    deck = heard(indicators("SPY"), indicators("QQQ"), indicators("NVDA"))
    assert decisions(deck)[-1] == ("NVDA", "BUY", Evidence(6, {"SPY": 1, "QQQ": 3}, 0))


def test_what_is_said_is_decided_from_the_evidence_alone() -> None:
    assert heard(indicators("NVDA")).said == [decided(indicators("NVDA"))]


def test_a_question_makes_no_decision() -> None:
    deck = heard(indicators("NVDA"), quote("NVDA"))
    said = list(deck.said)
    deck.ask("09:31", Analyze("NVDA"))
    deck.ask("12:00", Analyze("NVDA"))
    assert deck.said == said


def test_evidence_that_changes_no_more_than_its_seq_is_not_worth_a_decision() -> None:
    deck = heard(indicators("NVDA"), indicators("NVDA"))
    assert decisions(deck) == [("NVDA", "BUY", Evidence(1, {}, 0))]


def test_a_corrected_bar_is_decided_again() -> None:
    deck = heard(indicators("NVDA"), indicators("NVDA", rsi=61.0))
    assert [evidence.indicators for _, _, evidence in decisions(deck)] == [1, 3]


def test_new_evidence_of_the_market_decides_every_ticker_of_its_reality_again() -> None:
    deck = given(analyzer)
    deck.hear(*(("09:30", indicators(key)) for key in ("NVDA", "AMD", "NVDA~sim")))
    before = len(deck.said)
    deck.hear(("09:31", indicators("SPY")))
    assert decisions(deck)[before:] == [
        ("AMD", "BUY", Evidence(2, {"SPY": 7}, 0)),
        ("NVDA", "BUY", Evidence(1, {"SPY": 7}, 0)),
        ("SPY", "BUY", Evidence(7, {"SPY": 7}, 0)),
    ]


def test_a_newer_bar_of_the_market_changes_no_decision_on_an_older_bar() -> None:
    deck = heard(indicators("SPY", FRIDAY), indicators("NVDA", FRIDAY))
    deck.hear(("21:01", indicators("SPY", MONDAY, rsi=70.0)))
    assert [ticker for ticker, _, _ in decisions(deck)] == ["SPY", "NVDA", "SPY"]


def test_facts_that_arrive_together_are_decided_one_after_the_other() -> None:
    together, apart = given(analyzer), given(analyzer)
    facts = [("09:30", indicators(key)) for key in ("NVDA", "SPY", "QQQ")]
    together.hear(*facts)
    for fact in facts:
        apart.hear(fact)
    named = [[(t, s) for t, s, _ in decisions(deck)] for deck in (together, apart)]
    assert named[0] == named[1]


def test_a_decision_back_and_forth_before_its_echo_is_said_both_times() -> None:
    up, down = indicators("NVDA"), indicators("NVDA", rsi=20.0)
    deck = given(analyzer, ("09:30", up), ("09:30", decided(up)))
    deck.hear(("09:31", down), ("09:31", up))
    assert [evidence.indicators for _, _, evidence in decisions(deck)] == [3, 4]


def test_evidence_without_a_daily_reading_decides_nothing() -> None:
    hourly = Indicators("NVDA", {"1h": indicators("NVDA").timeframes["1d"]}, settings_seq=0)
    assert heard(hourly).said == []


def test_other_settings_decide_everything_again_and_are_named() -> None:
    deck = heard(indicators("SPY"), indicators("NVDA"))
    before = len(deck.said)
    deck.tell("09:31", ConfigureAnalysis(AnalysisSettings(equity=50_000.0)))
    assert deck.said[before] == AnalysisConfigured(AnalysisSettings(equity=50_000.0))
    assert decisions(deck)[-2:] == [
        ("NVDA", "BUY", Evidence(3, {"SPY": 1}, 5)),
        ("SPY", "BUY", Evidence(1, {"SPY": 1}, 5)),
    ]


def test_settings_are_said_once_even_if_they_are_the_defaults() -> None:
    deck = given(analyzer)
    said = deck.tell("09:30", ConfigureAnalysis(AnalysisSettings()))
    again = deck.tell("09:31", ConfigureAnalysis(AnalysisSettings()))
    assert (said, again) == ((AnalysisConfigured(AnalysisSettings()),), ())


def test_settings_without_any_weight_are_refused() -> None:
    nothing = AnalysisSettings(weights={"sentiment": 0.0})
    with pytest.raises(Refused, match="every weight is 0") as refused:
        given(analyzer).tell("09:30", ConfigureAnalysis(nothing))
    assert refused.value.code == "bad_settings"
    assert "weight above 0" in refused.value.remedy


def test_the_tape_has_the_last_word_on_what_was_decided() -> None:
    earlier = msgspec.structs.replace(decided(indicators("NVDA")), reason="BUY: of old")
    deck = given(analyzer, ("09:30", indicators("NVDA")), ("09:30", earlier))
    assert deck.state.made["NVDA"].decision == earlier
    deck.hear(("09:31", indicators("NVDA")))
    assert [one.evidence.indicators for one in deck.said if isinstance(one, Decision)] == [3]
