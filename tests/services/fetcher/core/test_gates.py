"""What moves a breaker, and what does not; every move is said as an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from market.messages.fetcher import GateState, Reason, SourceCalled, SourceGated
from services.fetcher.core import gates
from services.fetcher.core.answers import Failure
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.health import NEVER_US, Gate, gate_key
from services.fetcher.core.state import Collector
from services.fetcher.sources import calendar

SECOND = 1_000_000
NOW_US = 1_767_625_200 * SECOND
LATER_US = NOW_US + 60 * SECOND

FINNHUB = Declaration(
    name="finnhub",
    capabilities=("quote", "bars"),
    worker="finnhub",
    together=4,
    lost_after_seconds=15.0,
    key_hash="k",
)
YAHOO = replace(FINNHUB, name="yahoo", quote_with_bars=True, key_hash="")
OPTIONS = Options(sources=(FINNHUB, YAHOO), calendar=calendar.DECLARED)
CALL = SourceCalled("finnhub", "quote", "NVDA")


def knowing(quote: Gate, bars: Gate | None = None, source: str = "finnhub") -> Collector:
    found = {gate_key(source, "quote"): quote, gate_key(source, "bars"): bars or Gate()}
    return Collector(gates=found)


def after(
    gate: Gate, reason: Reason, ticker: str = "NVDA", source: Declaration = FINNHUB
) -> list[tuple[str, GateState, int]]:
    """The moves that a failure makes, with the seconds of rest."""
    call = SourceCalled(source.name, "quote", ticker)
    state = knowing(gate, source=source.name)
    failure = Failure(reason, "no")
    found = gates.after_failure(state, source, call, failure, LATER_US, NOW_US)
    return [(one.capability, one.state, one.retry_at_us - NOW_US) for one in found]


@pytest.mark.parametrize("reason", ["unreachable", "provider_error", "invalid"])
def test_one_ticker_that_fails_again_and_again_does_not_open_a_breaker(reason: Reason) -> None:
    assert after(Gate(), reason) == after(Gate(failed="NVDA"), reason) == []


@pytest.mark.parametrize("reason", ["unreachable", "provider_error", "invalid"])
def test_a_second_ticker_that_fails_opens_it_for_a_while(reason: Reason) -> None:
    ((capability, state, rest_us),) = after(Gate(failed="SPY"), reason)
    assert (capability, state) == ("quote", "open")
    assert 7.5 * SECOND <= rest_us <= 15 * SECOND


def test_a_failed_probe_opens_it_again_for_longer() -> None:
    gate = Gate("half_open", times=2, failed="SPY")
    ((_, state, rest_us),) = after(gate, "unreachable", "SPY")
    assert state == "open"
    assert 30 * SECOND <= rest_us <= 60 * SECOND


def test_what_is_one_question_opens_together() -> None:
    moved = after(Gate(failed="SPY"), "unreachable", source=YAHOO)
    assert [(capability, state) for capability, state, _ in moved] == [
        ("quote", "open"),
        ("bars", "open"),
    ]


@pytest.mark.parametrize("reason", ["unknown_symbol", "no_data"])
def test_a_no_that_is_an_answer_closes_it(reason: Reason) -> None:
    assert after(Gate(failed="SPY"), reason) == []
    assert after(Gate("half_open", times=3), reason) == [("quote", "closed", -NOW_US)]


def test_a_429_pauses_every_capability_of_the_source() -> None:
    assert after(Gate(), "rate_limited") == [
        ("quote", "paused", 60 * SECOND),
        ("bars", "paused", 60 * SECOND),
    ]


def test_a_401_stops_the_whole_source_and_a_403_one_capability_of_it() -> None:
    assert [move[:2] for move in after(Gate(), "unauthorized")] == [
        ("quote", "stopped"),
        ("bars", "stopped"),
    ]
    assert after(Gate(), "forbidden") == [("quote", "forbidden", 60 * SECOND)]
    assert after(Gate(), "forbidden", ticker="SAP-DE") == []


PAUSED = Gate("paused", retry_at_us=LATER_US + 1)
FORBIDDEN = Gate("forbidden", retry_at_us=LATER_US + 1)
STOPPED = Gate("stopped")


@pytest.mark.parametrize("gate", [PAUSED, STOPPED])
def test_neither_an_answer_under_way_nor_a_failure_ends_a_pause_or_a_stop(gate: Gate) -> None:
    assert gates.after_answer(knowing(gate), FINNHUB, "quote") == []
    assert after(gate, "unreachable", "SPY") == []
    moved = [move for move in after(gate, "rate_limited") if move[0] == "quote"]
    assert all(rest_us > 60 * SECOND for _, _, rest_us in moved)


def test_an_answer_shows_that_the_key_may_after_all() -> None:
    (moved,) = gates.after_answer(knowing(FORBIDDEN), FINNHUB, "quote")
    assert (moved.capability, moved.state, moved.key_hash) == ("quote", "closed", "k")


@pytest.mark.parametrize("state", ["open", "paused", "forbidden"])
def test_what_has_rested_is_tried_again_no_sooner_than_told(state: GateState) -> None:
    resting = knowing(Gate(state, "why", NOW_US, times=2))
    assert gates.after_time(resting, OPTIONS, NOW_US - 1) == []
    assert list(gates.next_move_us(resting, OPTIONS)) == [NOW_US]
    assert gates.after_time(resting, OPTIONS, NOW_US) == [
        SourceGated("finnhub", "quote", "half_open", "why", times=2, key_hash="k")
    ]


def test_time_alone_never_starts_a_stopped_source() -> None:
    assert gates.after_time(knowing(STOPPED), OPTIONS, NEVER_US - 1) == []
    assert list(gates.next_move_us(knowing(STOPPED), OPTIONS)) == []


def at_start(gate: Gate, *, process: bool = True, key: str = "k") -> GateState | None:
    source = replace(FINNHUB, capabilities=("quote",), key_hash=key)
    options = replace(OPTIONS, sources=(source,))
    moved = gates.at_start(knowing(gate), options, process=process)
    assert all(one.key_hash == key for one in moved)
    return moved[0].state if moved else None


def test_a_start_tries_what_failed_and_a_new_process_a_wrong_key_too() -> None:
    known = Gate(key_hash="k")
    opened, stopped = replace(known, state="open"), replace(known, state="stopped")
    assert at_start(known) is None
    assert at_start(opened) == at_start(opened, process=False) == "half_open"
    assert (at_start(stopped), at_start(stopped, process=False)) == ("half_open", None)


def test_no_start_ends_a_pause_or_what_the_same_key_may_not() -> None:
    assert at_start(replace(PAUSED, key_hash="k")) is None
    assert at_start(replace(FORBIDDEN, key_hash="k")) is None


def test_another_key_begins_anew_but_for_a_pause() -> None:
    gates_of_old = [FORBIDDEN, STOPPED, Gate("open"), PAUSED]
    found = [at_start(replace(one, key_hash="k"), key="new") for one in gates_of_old]
    assert found == ["closed", "closed", "closed", "paused"]


@given(times=st.integers(1, 100), at_us=st.integers(0, 2**50))
def test_an_open_breaker_rests_for_at_least_half_of_a_bound_that_doubles(
    times: int, at_us: int
) -> None:
    bound = min(120.0, 15.0 * 2 ** (times - 1))
    rested = gates.open_for_us("yahoo", "bars", times, at_us) / SECOND
    assert bound / 2 - 1e-6 <= rested <= bound + 1e-6
