"""The stream through the whole collector: when it stands, what it tells, what it costs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.fetcher import (
    AddTicker,
    CollectorState,
    CollectorStatus,
    Quote,
    RemoveTicker,
    SourceCalled,
    SourceGated,
    Stop,
)
from market.messages.stream import Refused, StreamClosed, StreamOpened, StreamRefused
from services.fetcher.core.answers import Failure
from services.fetcher.core.hearing import Tick, Trade
from services.fetcher.stream.desk import UNCHANGED_US
from services.fetcher.stream.effects import Heard, Listen
from tests.services.fetcher.kit import OPTIONS
from tests.services.fetcher.stream.kit import SECOND, STREAMING, Stage, price_of, trade

CUT = Failure("unreachable", "the connection was cut")


def test_while_the_market_is_open_one_connection_tells_the_watchlists_trades() -> None:
    stage = Stage()
    stage.seconds("15:00:01", 2)
    told = trade("SPY", "15:00:02", 1.001)
    stage.world.trades.tell(told)
    stage.seconds("15:00:03", 1)
    assert stage.world.trades.subscribed == ["SPY", "QQQ"]
    assert len(stage.world.trades.attempts) == 1
    (quote,) = stage.streamed()
    assert (quote.ticker, quote.price, quote.source, quote.market_time_us) == (
        "SPY",
        told.price,
        "finnhub",
        microseconds("15:00:02"),
    )


def test_a_connection_is_said_before_it_is_made_and_again_when_it_stands() -> None:
    stage = Stage()
    words = [
        type(event)
        for event in stage.deck.said
        if isinstance(event, StreamOpened)
        or (isinstance(event, SourceCalled) and event.capability == "trades")
    ]
    assert words == [SourceCalled, StreamOpened]


def test_a_trade_keeps_the_days_open_and_last_close_and_widens_its_range() -> None:
    stage = Stage()
    before = [one for one in stage.deck.said if isinstance(one, Quote) and one.ticker == "SPY"][-1]
    stage.world.trades.tell(trade("SPY", "15:00:02", 1.05))
    stage.seconds("15:00:03", 1)
    (quote,) = stage.streamed()
    assert (quote.open, quote.previous_close) == (before.open, before.previous_close)
    assert (quote.low, quote.high) == (before.low, quote.price)


def test_the_first_trade_of_a_session_does_not_take_yesterdays_range() -> None:
    stage = Stage(at="20:58")
    stage.world.cut_off()
    stage.seconds("2026-01-06T14:30:00", 2)
    stage.world.trades.tell(trade("SPY", "2026-01-06T14:30:01"))
    stage.seconds("2026-01-06T14:30:02", 1)
    (quote,) = stage.streamed()
    assert (quote.open, quote.high, quote.low, quote.previous_close) == (None,) * 4


def test_while_the_market_is_closed_no_connection_stands_and_nothing_wakes_each_second() -> None:
    stage = Stage(at="2026-01-05T22:00:00")
    stage.seconds("2026-01-05T22:00:01", 3)
    assert stage.world.trades.attempts == []
    now_us = microseconds("2026-01-05T22:30:00")
    stage.play(now_us)
    next_us = stage.deck.actor.tick(stage.deck.state, now_us).next_us
    assert next_us is not None
    assert next_us > now_us + 3_600 * SECOND


def test_the_connection_is_closed_with_the_market_and_opened_with_it() -> None:
    stage = Stage(at="20:59:58")
    assert len(stage.world.trades.connections) == 1
    stage.seconds("20:59:59", 2)
    assert stage.world.trades.connections == []
    assert StreamClosed("finnhub", "the market is closed") in stage.deck.said
    tick = stage.deck.actor.tick(stage.deck.state, microseconds("21:20"))
    assert tick.next_us is not None
    stage.seconds("2026-01-06T14:30:00", 1)
    assert len(stage.world.trades.connections) == 1


def test_a_collector_that_is_stopped_hangs_up() -> None:
    stage = Stage()
    stage.deck.tell("15:00:02", Stop())
    stage.seconds("15:00:02", 1)
    assert stage.world.trades.connections == []
    assert StreamClosed("finnhub", "the collector was stopped") in stage.deck.said


def test_without_streaming_nobody_connects() -> None:
    stage = Stage(OPTIONS)
    stage.seconds("15:00:01", 5)
    assert stage.world.trades.attempts == []


def test_a_coin_is_streamed_while_the_market_is_closed_and_shares_are_not() -> None:
    options = replace(STREAMING, watchlist=("BTC-USD",), extended_symbols=True)
    stage = Stage(options, at="2026-01-04T12:00:00")  # a Sunday
    assert stage.world.trades.subscribed == ["BTC-USD"]
    stage.world.trades.tell(Trade("BTC-USD", 60_000.0, microseconds("2026-01-04T12:00:01")))
    stage.seconds("2026-01-04T12:00:02", 1)
    assert [one.price for one in stage.streamed("BTC-USD")] == [60_000.0]
    stage.seconds("2026-01-05T14:30:00", 2)
    assert stage.world.trades.subscribed == ["SPY", "QQQ", "BTC-USD"]
    assert len(stage.world.trades.attempts) == 1


def test_the_watchlist_changes_what_is_subscribed_and_not_the_connection() -> None:
    stage = Stage()
    stage.deck.tell("15:00:02", AddTicker("nvda"))
    stage.seconds("15:00:02", 2)
    assert stage.world.trades.subscribed == ["SPY", "QQQ", "NVDA"]
    stage.deck.tell("15:00:05", RemoveTicker("NVDA"))
    stage.seconds("15:00:05", 2)
    assert stage.world.trades.subscribed == ["SPY", "QQQ"]
    assert len(stage.world.trades.attempts) == 1


def test_a_trade_that_was_heard_before_its_ticker_was_removed_says_nothing() -> None:
    stage = Stage()
    stage.deck.tell("15:00:02", AddTicker("NVDA"))
    stage.seconds("15:00:02", 2)
    stage.world.trades.tell(trade("NVDA", "15:00:05", 1.001), trade("SPY", "15:00:05", 1.001))
    stage.deck.tell("15:00:05", RemoveTicker("NVDA"))
    heard = stage.deck.actor.do(
        Listen(stage.deck.state.stream.attempt, ("SPY", "QQQ", "NVDA")), stage.world.ports
    )
    assert heard is not None
    stage.deck.tell("15:00:06", heard)
    assert [one.ticker for one in stage.streamed()] == ["SPY"]


def test_a_clock_that_is_set_back_makes_no_price_wait_until_it_has_caught_up() -> None:
    stage = Stage()
    stage.deck.tell("15:30", _heard(stage, "15:00:30"))
    actor, state = stage.deck.actor, stage.deck.state
    said = actor.handle(state, _heard(stage, "15:01"), microseconds("15:01")).events
    assert [one.price for one in said if isinstance(one, Quote)] == [price_of("SPY", "15:01")]


def _heard(stage: Stage, at: str) -> Heard:
    price = price_of("SPY", at)
    tick = Tick("SPY", price, microseconds(at), price, price)
    return Heard(stage.deck.state.stream.attempt, (tick,))


def test_no_more_than_fifty_tickers_are_streamed_the_protected_first() -> None:
    names = tuple(f"Z{number:03d}" for number in range(60))
    stage = Stage(replace(STREAMING, watchlist=names))
    assert stage.world.trades.subscribed == ["SPY", "QQQ", *names[:48]]


def test_a_price_is_told_once_a_second_and_one_that_stays_every_quarter_of_a_minute() -> None:
    stage = Stage()
    for second in range(40):
        stage.world.trades.tell(trade("SPY", f"15:00:{second + 2:02d}", 1.01 + second % 2 / 100))
        stage.world.trades.tell(trade("QQQ", "15:00:02")._replace(at_us=stage.deck.now_us))
        stage.seconds(f"15:00:{second + 2:02d}", 1)
    said = [fact.at_us for fact in stage.deck.facts if _streamed(fact.event, "SPY")]
    assert len(said) == 40
    assert min(later - at for at, later in pairwise(said)) >= SECOND
    quiet = [fact.at_us for fact in stage.deck.facts if _streamed(fact.event, "QQQ")]
    assert {later - at for at, later in pairwise(quiet)} == {UNCHANGED_US}


def _streamed(event: object, ticker: str) -> bool:
    return isinstance(event, Quote) and event.streamed and event.ticker == ticker


def test_a_live_ticker_costs_a_call_in_three_cycles_and_a_silent_one_each_time() -> None:
    stage = Stage()
    for second in range(0, 1_600, 30):
        at = f"15:{second // 60:02d}:{second % 60:02d}"
        stage.world.trades.tell(trade("SPY", at, 1 + second % 40 / 10_000))
        stage.seconds(at, 1)
    assert len(stage.polls("QQQ")) >= 6
    assert len(stage.polls("SPY")) <= len(stage.polls("QQQ")) // 2


def test_what_the_frames_held_besides_trades_is_told_with_its_count() -> None:
    stage = Stage()
    refused = (Refused("unreadable", 7, "{not json"),)
    stage.world.trades.refused = refused
    stage.seconds("15:00:02", 1)
    assert StreamRefused("finnhub", refused) in stage.deck.said
    assert stage.world.trades.connections


def test_a_far_price_is_held_and_told_once_a_minute_until_it_is_confirmed() -> None:
    stage = Stage()
    for second in range(59):
        at = f"15:00:{second + 1:02d}"
        stage.world.trades.tell(trade("SPY", at, 1.5 + second % 2 / 1_000))
        stage.play(microseconds(at))
    (refusal,) = stage.refusals()
    assert (refusal.ticker, refusal.reason) == ("SPY", "doubtful")
    assert "+50% from the last good" in refusal.message
    assert stage.streamed("SPY") == []


def test_a_trade_that_is_older_than_what_a_poll_told_says_nothing() -> None:
    stage = Stage()
    known_us = stage.deck.state.of("SPY").lane("quote").latest_us
    stage.world.trades.tell(Trade("SPY", price_of("SPY", "15:00"), known_us - SECOND))
    stage.seconds("15:00:02", 1)
    assert (stage.streamed("SPY"), stage.refusals()) == ([], [])


def test_a_trade_that_is_much_older_than_the_known_price_is_refused() -> None:
    stage = Stage()
    known_us = stage.deck.state.of("SPY").lane("quote").latest_us
    for second in (2, 3, 4):
        stage.world.trades.tell(trade("SPY", known_us - 90 * SECOND, 1.01))
        stage.seconds(f"15:00:0{second}", 1)
    (refusal,) = stage.refusals()
    assert (refusal.reason, refusal.message) == (
        "invalid",
        "the last trade is 90 s older than the one already known",
    )


def test_a_cut_is_told_and_connected_again_after_a_pause_that_doubles() -> None:
    stage = Stage()
    stage.world.trades.ends = stage.world.trades.down = CUT
    stage.seconds("15:00:01", 1)
    stage.seconds("15:00:02", 600)
    tried = stage.world.trades.attempts
    assert stage.gates()[:2] == ["open", "half_open"]
    assert 4 <= len(tried) <= 30
    assert StreamClosed("finnhub", CUT.message) in stage.deck.said


def test_a_connection_that_lasted_is_made_again_at_once_and_subscribes_everything() -> None:
    stage = Stage()
    stage.seconds("15:00:01", 70)
    stage.world.trades.ends = CUT
    stage.seconds("15:01:11", 5)
    assert len(stage.world.trades.attempts) == 2
    assert stage.world.trades.subscribed == ["SPY", "QQQ"]
    assert stage.gates() == ["open", "half_open", "closed"]


def test_a_connection_that_is_dropped_as_soon_as_it_stands_is_tried_ever_more_rarely() -> None:
    stage = Stage()
    for second in range(1, 900):
        stage.world.trades.ends = CUT
        stage.play(microseconds("15:00") + second * SECOND)
    assert len(stage.world.trades.attempts) <= 20


def test_a_crash_loop_connects_ever_more_rarely() -> None:
    stage = Stage()
    for second in range(2, 300, 3):
        at_us = microseconds("15:00") + second * SECOND
        stage.restart(at_us)
        stage.play(at_us)
    assert len(stage.world.trades.attempts) <= 14


def test_a_death_while_it_connects_leaves_no_call_under_way() -> None:
    stage = Stage(at="14:29:58")
    stage.deck.tick("14:30")
    assert stage.deck.state.stream.flight is not None
    stage.restart("14:30:01")
    health = stage.deck.state.health_of("finnhub")
    assert (health.under_way, health.tally.outcomes["lost"]) == ((), 1)


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (Failure("unauthorized", "Invalid API key."), "stopped"),
        (Failure("forbidden", "You don't have access"), "forbidden"),
        (Failure("rate_limited", "API limit reached"), "paused"),
        (Failure("provider_error", "HTTP 502"), "open"),
        (Failure("unreachable", "TimeoutError"), "open"),
    ],
)
def test_a_refused_handshake_moves_the_breaker_like_any_refused_call(
    failure: Failure, state: str
) -> None:
    stage = Stage(at="14:29:58")
    stage.world.trades.down = failure
    stage.seconds("14:30", 1)
    answer = stage.deck.ask("14:30:01", CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    (trades,) = [one for one in answer.sources[0].capabilities if one.capability == "trades"]
    assert (trades.state, failure.message in trades.reason) == (state, True)
    assert (trades.retry_at_us > 0) == (state != "stopped")
    assert answer.sources[0].streaming == ()


@pytest.mark.parametrize(("told", "paused"), [(None, {"trades"}), (90.0, {"quote", "trades"})])
def test_a_429_of_the_stream_pauses_calls_only_where_it_tells_for_how_long(
    told: float | None, paused: set[str]
) -> None:
    stage = Stage(at="14:29:58")
    stage.world.trades.down = Failure("rate_limited", "Too Many Requests", told)
    stage.seconds("14:30", 1)
    gates = [one for one in stage.deck.said if isinstance(one, SourceGated)]
    assert {one.capability for one in gates if one.state == "paused"} == paused
    assert stage.deck.state.health_of("finnhub").pauses == 0


def test_a_pause_of_the_source_does_not_end_a_stream_that_stands() -> None:
    stage = Stage()
    stage.world.http.down = Failure("rate_limited", "over", retry_after_seconds=120.0)
    stage.deck.tell("15:00:02", AddTicker("NVDA"))
    stage.seconds("15:00:02", 1)
    stage.world.http.down = None
    stage.seconds("15:00:03", 130)
    assert stage.gates() == ["paused", "half_open", "closed"]
    assert len(stage.world.trades.attempts) == 1


def test_an_attempt_that_says_nothing_is_lost_and_its_late_success_is_hung_up() -> None:
    stage = Stage(at="14:29:58")
    stage.deck.tick("14:30")
    (connect,) = stage.deck.effects[:1]
    stage.deck.effects = []
    stage.deck.tick("14:30:20")
    assert [one.message for one in stage.refusals()] == ["no connection before the deadline"]
    late = stage.deck.actor.do(connect, stage.world.ports)
    assert late is not None
    stage.deck.tell("14:30:20", late)
    stage.deck.perform(stage.world.ports)
    assert not any(isinstance(event, StreamOpened) for event in stage.deck.said)
    assert stage.world.trades.connections == []


def test_the_status_tells_who_is_streamed() -> None:
    stage = Stage()
    answer = stage.deck.ask("15:00:10", CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    assert [one.streaming for one in answer.sources] == [("SPY", "QQQ")]
    (trades,) = [one for one in answer.sources[0].capabilities if one.capability == "trades"]
    assert trades.state == "closed"
