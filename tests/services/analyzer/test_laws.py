"""The laws of every actor, and those of this one: no look ahead, and no mixing of realities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bus.actor import Need, Refused
from bus.laws import START_US, STEP_US, ActorLaws
from bus.message import Event, Fact
from market.messages.analyzer import (
    Analysis,
    AnalysisConfigured,
    AnalysisSettings,
    Analyze,
    ConfigureAnalysis,
    Decision,
)
from market.messages.cache import CacheCleared
from market.messages.indicators import Indicators
from market.symbols import is_simulated
from services.analyzer.actor import Options, build
from services.analyzer.core.state import State
from tests.services.analyzer.events import (
    CALENDAR,
    FRIDAY,
    MONDAY,
    TUESDAY,
    bars,
    call,
    indicators,
    quote,
    refusal,
)

KEYS = ("SPY", "QQQ", "NVDA", "SPY~sim", "QQQ~sim", "NVDA~sim")

keys = st.sampled_from(KEYS)
settings = st.builds(AnalysisSettings, buy_above=st.sampled_from([55.0, 60.0, 80.0]))
evidence = st.builds(
    indicators,
    keys,
    st.sampled_from([FRIDAY, MONDAY, TUESDAY]),
    rsi=st.sampled_from([20.0, 60.0]),
    close=st.sampled_from([80.0, 100.0]),
)
events: st.SearchStrategy[Event] = st.one_of(
    evidence,
    evidence,
    st.builds(quote, keys, st.sampled_from([95.0, 101.0])),
    st.builds(bars, keys),
    st.builds(call, keys),
    st.builds(refusal, keys, st.sampled_from(["unreachable", "unknown_symbol"])),
    st.builds(AnalysisConfigured, settings),
    st.builds(CacheCleared, st.sampled_from(["", "NVDA"])),
    st.just(CALENDAR),
)
analyzer = build(Options())


class TestAnalyzer(ActorLaws):
    actor = analyzer
    events = events
    commands = st.builds(ConfigureAnalysis, settings)


def lived(history: Sequence[Event]) -> tuple[State, list[Fact[Any]]]:
    """The state after a history that the analyzer heard one by one, and its tape."""
    state, tape = State(), list[Fact[Any]]()

    def append(event: Event) -> tuple[Event, ...]:
        nonlocal state
        tape.append(Fact(len(tape) + 1, START_US + len(tape) * STEP_US, event))
        state, said = analyzer.hear(state, tape[-1:])
        return said

    for event in history:
        for said in append(event):
            append(said)
    return state, tape


def decisions(tape: Sequence[Fact[Any]]) -> list[Decision]:
    return [fact.event for fact in tape if isinstance(fact.event, Decision)]


@given(st.lists(events, max_size=20), st.lists(events, max_size=10))
def test_what_was_decided_does_not_depend_on_what_comes_later(
    past: list[Event], future: list[Event]
) -> None:
    earlier, whole = decisions(lived(past)[1]), decisions(lived([*past, *future])[1])
    assert whole[: len(earlier)] == earlier


@given(st.lists(events, max_size=25))
def test_everything_derived_from_simulated_data_is_marked_and_nothing_else(
    history: list[Event],
) -> None:
    state, tape = lived(history)
    for decision in decisions(tape):
        seqs = (decision.evidence.indicators, *decision.evidence.market.values())
        sources = {is_simulated(tape[seq - 1].event.ticker) for seq in seqs}
        marks = {decision.simulated, is_simulated(decision.ticker)}
        assert marks == sources
        assert {is_simulated(key) for key in decision.evidence.market} <= marks
    for ticker in ("SPY", "QQQ", "NVDA"):
        _expect_one_reality(state, tape, ticker)


def _expect_one_reality(state: State, tape: Sequence[Fact[Any]], ticker: str) -> None:
    """An answer is of one reality, and of the simulated one only while SPY has nothing real."""
    now_us = START_US + len(tape) * STEP_US
    try:
        answer = analyzer.reply(state, Analyze(ticker), now_us)
    except Refused:
        return
    analysis = answer.otherwise if isinstance(answer, Need) else answer
    if isinstance(analysis, Refused):
        return
    assert isinstance(analysis, Analysis)
    assert analysis.simulated == (analysis.data_source == "simulated")
    if analysis.decision:
        assert analysis.decision.simulated == analysis.simulated
    if analysis.simulated:
        heard = [fact.event.ticker for fact in tape if isinstance(fact.event, Indicators)]
        assert "SPY" not in heard
    if analysis.current:
        key = ticker + "~sim" * analysis.simulated
        prices = [fact.event.price for fact in tape if fact.event.subject == f"market.quote.{key}"]
        assert analysis.current.price == prices[-1]
