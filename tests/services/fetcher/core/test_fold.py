"""What single facts do to the collector's state."""

from __future__ import annotations

from functools import reduce

from bus.message import Event, Fact
from market.messages.fetcher import (
    Bars,
    CollectorStarted,
    CycleStarted,
    FetchRefused,
    FetchRequested,
    Quote,
    Reason,
    SourceGated,
    WatchlistAdded,
)
from services.fetcher.actor import build
from services.fetcher.core.bars import TAIL_ROWS
from services.fetcher.core.failover import settled
from services.fetcher.core.health import Gate
from services.fetcher.core.outlook import wanted_since_us
from services.fetcher.core.state import Collector, Lane, Refusal, Series
from tests.services.fetcher.kit import KEYLESS, OPTIONS

COLLECTOR = build(OPTIONS)
SECOND = 1_000_000


def after(*events: Event) -> Collector:
    """The state after these events, one a second."""
    facts = [Fact(seq, seq * SECOND, event) for seq, event in enumerate(events, 1)]
    return reduce(lambda state, fact: COLLECTOR.fold(state, [fact]), facts, Collector())


def failed(ticker: str, reason: Reason = "unreachable") -> FetchRefused:
    return FetchRefused(ticker, "bars", "yahoo", reason, "no", "1d", retry_at_us=99 * SECOND)


def bars(*starts: int, close: float = 10.0, forming: bool = False) -> Bars:
    size = len(starts)
    return Bars(
        ticker="NVDA",
        timeframe="1h",
        source="yahoo",
        forming=forming,
        start_us=starts,
        open=(10.0,) * size,
        high=(20.0,) * size,
        low=(5.0,) * size,
        close=(close,) * size,
        volume=(1.0,) * size,
    )


def test_the_first_ticker_that_failed_is_remembered_until_the_source_answers() -> None:
    state = after(failed("NVDA"), failed("SPY"), failed("NVDA", "invalid"))
    assert state.gate_of("yahoo", "bars") == Gate(failed="NVDA")
    nothing = after(failed("NVDA"), failed("ZZZZ", "unknown_symbol"))
    assert nothing.gate_of("yahoo", "bars") == Gate()
    something = after(WatchlistAdded("NVDA"), failed("NVDA"), bars(1))
    assert something.gate_of("yahoo", "bars") == Gate()


def test_a_breaker_is_what_its_last_event_says_however_much_failed_before() -> None:
    moved = SourceGated("yahoo", "bars", "open", "down", 60 * SECOND, times=3, key_hash="k")
    state = after(failed("NVDA"), moved)
    assert state.gate_of("yahoo", "bars") == Gate(
        "open", "down", 60 * SECOND, 3, since_us=2 * SECOND, key_hash="k", failed="NVDA"
    )
    assert state.gate_of("yahoo", "quote") == Gate()


def test_who_met_a_source_while_it_was_down_may_ask_when_it_is_back() -> None:
    moves = [SourceGated("yahoo", "bars", "open"), SourceGated("yahoo", "bars", "closed")]
    state = after(WatchlistAdded("NVDA"), failed("NVDA"), *moves)
    assert state.series["NVDA"].lane("1d").refusals[0].retry_at_us == 2 * SECOND


def test_what_was_said_to_one_key_does_not_hold_for_another() -> None:
    refusal = failed("NVDA", "forbidden")
    same = after(WatchlistAdded("NVDA"), refusal, SourceGated("yahoo", "bars", "closed"))
    assert same.series["NVDA"].lane("1d").refusals[0].retry_at_us == 99 * SECOND
    other = SourceGated("yahoo", "bars", "closed", key_hash="another")
    changed = after(WatchlistAdded("NVDA"), refusal, other)
    assert changed.series["NVDA"].lane("1d").refusals[0].retry_at_us == 2 * SECOND


def test_a_tail_holds_each_bar_once_however_often_it_was_told() -> None:
    hours = tuple(range(TAIL_ROWS))
    forming = [bars(TAIL_ROWS - 1, close=10.0 + n / 100, forming=True) for n in range(80)]
    state = after(WatchlistAdded("NVDA"), bars(*hours), *forming)
    assert [row.start_us for row in state.series["NVDA"].lane("1h").tail] == list(hours)


def test_a_cycle_wants_the_tracked_tickers_and_no_stranger() -> None:
    state = after(
        CollectorStarted(), WatchlistAdded("NVDA"), FetchRequested("AMD"), CycleStarted("clock")
    )
    late = 1_000 * SECOND
    assert wanted_since_us(state, state.series["NVDA"], late) == 4 * SECOND
    assert wanted_since_us(state, state.series["AMD"], late) == 0


def test_what_nobody_knows_any_more_changes_nothing() -> None:
    state = after(Quote("GONE", price=1.0, source="yahoo", market_time_us=1), bars(1, 2))
    assert state.series == {}


def test_a_wish_is_settled_by_a_refusal_since_though_it_may_be_tried_again() -> None:
    refusal = Refusal("yahoo", "unreachable", at_us=100, retry_at_us=150, times=1)
    state = Collector(series={"NVDA": Series(lanes={"1d": Lane(refusals=(refusal,))})})
    assert settled(state, KEYLESS, "NVDA", "1d", since_us=100, now_us=200)
    assert settled(state, KEYLESS, "NVDA", "1d", since_us=120, now_us=140)
    assert not settled(state, KEYLESS, "NVDA", "1d", since_us=120, now_us=200)
