"""What the collector makes of a no: whom it asks instead, how long it waits, what it says."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bus.message import Command
from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    Bars,
    CollectorState,
    CollectorStatus,
    CycleFinished,
    FetchNow,
    FetchRefused,
    Missing,
    Quote,
    Reason,
    Restart,
    SourceCalled,
    SourceState,
)
from services.fetcher.actor import build
from services.fetcher.child.frames import Failed
from services.fetcher.core.answers import Failure
from services.fetcher.core.declaration import Unusable
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, FetchFailed, Open, SessionsRead
from tests.fakes import chart, wire
from tests.fakes.finnhub import NO_ACCESS, OVER_LIMIT, WRONG_KEY
from tests.fakes.wire import html_answer
from tests.fakes.yahoo import TOO_MANY_REQUESTS
from tests.services.fetcher.kit import (
    GONE,
    KEYLESS,
    OPTIONS,
    World,
    called,
    http_answer,
    page,
    table,
)

SESSIONS = table("2025-01-06", "2027-01-04")
WATCHING = replace(OPTIONS, watchlist=("NVDA",))
NOT_FOUND = page(chart.NOT_FOUND)
THROTTLED = page(TOO_MANY_REQUESTS)


NO_KEY = Unusable("finnhub", "no key: set FINNHUB_API_KEY, or go on without")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def deck() -> Deck[Collector]:
    return given(build(WATCHING), ("14:00", SESSIONS))


def refusals(deck: Deck[Collector], source: str = "") -> list[FetchRefused]:
    return [
        event
        for event in deck.said
        if isinstance(event, FetchRefused) and event.source in (source, event.source)[not source :]
    ]


def status(deck: Deck[Collector], at: str) -> CollectorState:
    answer = deck.ask(at, CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    return answer


def source_state(deck: Deck[Collector], at: str, source: str) -> SourceState:
    return next(one for one in status(deck, at).sources if one.source == source)


def test_a_quote_that_finnhub_refuses_comes_from_yahoo(world: World, deck: Deck[Collector]) -> None:
    world.http.faults["NVDA"] = http_answer(html_answer(502, "Bad Gateway"))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    quotes = {event.ticker: event.source for event in deck.said if isinstance(event, Quote)}
    assert quotes == {"SPY": "finnhub", "QQQ": "finnhub", "NVDA": "yahoo"}
    (refused,) = refusals(deck)
    assert (refused.ticker, refused.source, refused.reason) == ("NVDA", "finnhub", "provider_error")
    assert refused.retry_at_us > microseconds("15:00")
    finished = next(event for event in deck.said if isinstance(event, CycleFinished))
    assert (finished.asked, finished.brought) == (3, 3)


def test_a_quote_that_is_there_is_not_told_again_by_the_next_source(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.faults["QQQ"] = http_answer(WRONG_KEY)
    deck.tell("15:00", Open())
    deck.tick("15:00")
    deck.effects.sort(key=lambda one: isinstance(one, Fetch) and one.call.source == "yahoo")
    world.clock.now_us = microseconds("15:00")
    deck.perform(world.ports)
    world.play(deck, "15:00")
    quotes = [(e.ticker, e.source) for e in deck.said if isinstance(e, Quote)]
    assert quotes.count(("SPY", "finnhub")) == 1
    assert ("SPY", "yahoo") not in quotes
    assert ("QQQ", "yahoo") in quotes


def test_a_wrong_key_stops_finnhub_until_the_next_process(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.down = http_answer(WRONG_KEY)
    deck.tell("15:00", Open())
    world.run(deck, "16:00")
    assert len(world.http.asked) <= 3  # those that were under way together
    state = source_state(deck, "16:00", "finnhub")
    assert not state.usable
    assert "Invalid API key." in state.reason
    assert "FINNHUB_API_KEY" in state.reason

    world.http.down = None
    deck.tell("16:00", Open())
    world.play(deck, "16:00")
    assert source_state(deck, "16:00", "finnhub").usable


def test_what_a_key_may_not_do_is_not_asked_again_for_a_day(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.down = http_answer(NO_ACCESS)
    deck.tell("15:00", Open())
    world.run(deck, "17:00")
    assert len(world.http.asked) <= 3
    state = source_state(deck, "17:00", "finnhub")
    assert (state.usable, state.reason) == (
        False,
        "quote: forbidden to this key: You don't have access to this resource.",
    )
    assert state.retry_at_us == microseconds("2026-01-06T15:00:00")


def test_a_symbol_that_the_key_may_not_see_costs_no_other_symbol(world: World) -> None:
    deck = given(build(replace(OPTIONS, watchlist=("SAP-DE",))), ("14:00", SESSIONS))
    world.http.faults["SAP.DE"] = http_answer(NO_ACCESS)
    deck.tell("15:00", Open())
    world.run(deck, "15:30")
    assert world.http.asked.count("SAP.DE") == 1
    assert world.http.asked.count("SPY") == 6


@pytest.mark.parametrize(
    ("headers", "again"),
    [
        ({"Retry-After": "7"}, "15:00:07"),
        ({"X-Ratelimit-Reset": str(microseconds("15:00:30") // 1_000_000)}, "15:00:31"),
        ({"Retry-After": "86400"}, "16:00:00"),
        ({}, "15:01:00"),
    ],
)
def test_after_a_429_not_one_call_goes_out_before_the_told_time(
    world: World, deck: Deck[Collector], headers: dict[str, str], again: str
) -> None:
    world.http.down = http_answer(wire.Answer(429, OVER_LIMIT.body, headers=headers))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    assert {refused.reason for refused in refusals(deck)} == {"rate_limited"}
    world.http.down = None
    world.http.asked.clear()
    deck.tell("15:00:01", FetchNow("SPY"))
    world.run(deck, microseconds(again) - 1)
    assert world.http.asked == []
    deck.tell(again, FetchNow("AAPL"))
    world.play(deck, again)
    assert "AAPL" in world.http.asked


def test_yahoo_rests_longer_each_time_it_throttles(world: World) -> None:
    deck = given(build(WATCHING), ("14:00", SESSIONS))
    world.child.down = THROTTLED
    deck.tell("15:00", Open())
    world.run(deck, "17:00")
    rests = [
        (fact.event.retry_at_us - fact.at_us) / 60e6
        for fact in deck.facts
        if isinstance(fact.event, FetchRefused) and fact.event.source == "yahoo"
    ]
    assert rests == [5, 10, 20, 40, 60]


def test_a_symbol_that_does_not_exist_is_an_answer_and_costs_no_other(world: World) -> None:
    deck = given(build(replace(OPTIONS, watchlist=("ZZZZ",))), ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    world.run(deck, "15:04")
    assert {(one.ticker, one.reason) for one in refusals(deck)} == {("ZZZZ", "unknown_symbol")}
    finished = next(event for event in deck.said if isinstance(event, CycleFinished))
    assert (finished.asked, finished.brought) == (3, 2)
    assert finished.missing == (Missing("ZZZZ", "finnhub: unknown_symbol; yahoo: unknown_symbol"),)
    assert world.child.asked.count(("ZZZZ", "5y", "1d")) == 1
    assert "ZZZZ~sim" not in deck.state.series


def test_one_symbol_that_fails_is_tried_ever_more_rarely_and_the_others_go_on(
    world: World, deck: Deck[Collector]
) -> None:
    world.child.faults["NVDA"] = GONE
    deck.tell("15:00", Open())
    world.run(deck, "16:00")
    tried = [ask for ask in world.child.asked if ask[0] == "NVDA"]
    assert 5 <= len(tried) <= 40
    assert world.child.asked.count(("SPY", "5d", "1d")) == 11


def test_who_asks_for_a_ticker_does_not_wait_for_its_back_off(
    world: World, deck: Deck[Collector]
) -> None:
    world.child.faults["NVDA"] = NOT_FOUND
    deck.tell("15:00", Open())
    world.run(deck, "15:02")
    del world.child.faults["NVDA"]
    world.run(deck, "15:03")
    assert not deck.state.series["NVDA"].has_bars

    deck.tell("15:03", FetchNow("NVDA"))
    world.play(deck, "15:03")
    assert deck.state.series["NVDA"].has_bars


def test_a_source_that_is_down_rests_and_one_call_at_a_time_tries_it_again(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    world.child.down = GONE
    world.child.asked.clear()
    world.run(deck, "16:00")
    state = source_state(deck, "16:00", "yahoo")
    assert not state.usable
    assert "failed again for" in state.reason
    assert len(world.child.asked) < 60  # of 144 in an hour of health

    world.child.down = None
    world.run(deck, "16:10")
    assert source_state(deck, "16:10", "yahoo").usable
    assert deck.state.series["NVDA"].lane("1d").answered_us > microseconds("16:00")


def test_when_a_source_comes_back_nobody_waits_for_having_met_it_down(world: World) -> None:
    deck = given(build(replace(KEYLESS, watchlist=("NVDA", "AAPL"))), ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    world.cut_off()
    world.run(deck, "15:40")
    world.reconnect()
    deck.said.clear()
    before = len(deck.facts)
    world.run(deck, "15:44")
    brought = {
        fact.event.ticker: fact.at_us
        for fact in reversed(deck.facts[before:])
        if isinstance(fact.event, Bars)
    }
    assert set(brought) == {"SPY", "QQQ", "NVDA", "AAPL"}
    assert len(set(brought.values())) == 1


@pytest.mark.parametrize("again", [Open(), Restart()])
def test_at_a_start_everybody_is_asked_at_once_whatever_failed_before(
    world: World, again: Command
) -> None:
    deck = given(build(KEYLESS), ("14:00", SESSIONS))
    world.cut_off()
    deck.tell("15:00", Open())
    world.run(deck, "15:40")
    world.reconnect()
    deck.tell("15:40:01", again)
    world.play(deck, "15:40:01")
    assert deck.state.series["SPY"].has_bars
    assert deck.state.series["QQQ"].has_bars


def test_a_source_that_was_down_is_tried_with_one_call_though_it_may_take_four(
    world: World,
) -> None:
    names = ("NVDA", "AAPL", "MSFT", "AMZN")
    deck = given(build(replace(OPTIONS, watchlist=names)), ("14:00", SESSIONS))
    world.cut_off()
    deck.tell("15:00", Open())
    deck.tick("15:00")
    assert len([call for call in called(deck) if call[0] == "finnhub"]) == 4
    deck.perform(world.ports)
    closed_us = deck.state.gate_of("finnhub", "quote").until_us
    assert closed_us > microseconds("15:00")
    deck.said.clear()
    deck.tick(closed_us)
    assert len([call for call in called(deck) if call[0] == "finnhub"]) == 1


def test_who_has_not_been_asked_for_yet_goes_before_who_has_just_failed(world: World) -> None:
    deck = given(build(KEYLESS), ("2026-01-05T14:59:00", SESSIONS))
    world.cut_off()
    deck.tell("15:00", Open())
    deck.tick("15:00")
    deck.perform(world.ports, "15:00:07")  # a dead network takes its time
    deck.said.clear()
    deck.tick("15:00:30")
    assert [call for call in called(deck) if call[0] == "yahoo"] == [("yahoo", "QQQ", "1d")]


def test_the_failures_of_one_source_do_not_close_the_other(
    world: World, deck: Deck[Collector]
) -> None:
    world.child.down = GONE
    deck.tell("15:00", Open())
    world.run(deck, "15:30")
    quotes = {e.ticker: e.source for e in deck.said if isinstance(e, Quote)}
    assert quotes["SPY"] == quotes["QQQ"] == quotes["NVDA"] == "finnhub"
    assert source_state(deck, "15:30", "finnhub").usable


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        (["Timeout", "RequestException", "CurlError"], "unreachable"),
        (["ModuleNotFoundError", "ImportError"], "provider_error"),
    ],
)
def test_the_class_of_a_failure_is_told(
    world: World, deck: Deck[Collector], kinds: list[str], reason: Reason
) -> None:
    world.child.faults["NVDA"] = Failed(kinds=kinds, message="why")
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    (refused,) = refusals(deck)
    assert (refused.capability, refused.timeframe, refused.reason) == ("bars", "1d", reason)
    assert refused.message == f"{kinds[0]}: why"


def test_a_late_failure_of_a_call_that_was_given_up_says_nothing(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:00", Open())
    deck.tick("15:00")
    call = next(event for event in deck.said if isinstance(event, SourceCalled))
    deck.tick("15:02")
    deck.said.clear()
    deck.tell("15:02", FetchFailed(call, Failure("unreachable", "at last")))
    assert deck.said == []


def test_an_old_chart_is_refused_and_the_next_source_asked(world: World) -> None:
    deck = given(
        build(OPTIONS),
        ("14:00", SESSIONS),
        ("14:59", Quote("SPY", price=1.0, source="yahoo", market_time_us=microseconds("14:59"))),
    )
    deck.tell("15:00", Open())
    deck.hear(
        ("15:00", Quote("SPY", price=1.0, source="yahoo", market_time_us=microseconds("14:59")))
    )
    world.clock.now_us = microseconds("14:40")
    deck.tell("15:00:10", FetchNow("SPY"))
    deck.tick("15:00:10")
    deck.perform(world.ports, "15:00:10")
    refused = next(one for one in refusals(deck) if one.ticker == "SPY")
    assert (refused.reason, refused.capability) == ("invalid", "bars")
    assert "before the price that is known" in refused.message


def test_a_table_that_is_none_is_refused_and_read_again(
    world: World,
) -> None:
    deck = given(build(OPTIONS))
    deck.tell("15:00", Open())
    deck.tick("15:00")
    call = next(event for event in deck.said if isinstance(event, SourceCalled))
    backwards = replace(SESSIONS, open_us=SESSIONS.open_us[::-1])
    deck.tell("15:00", SessionsRead(call, backwards))
    (refused,) = refusals(deck)
    assert (refused.capability, refused.reason) == ("sessions", "invalid")
    world.run(deck, "15:05")
    assert deck.state.table != backwards
    assert deck.state.table.date


def test_a_dead_calendar_stops_nobody(world: World) -> None:
    deck = given(build(OPTIONS))
    world.child.calendar_down = Failed(kinds=["ImportError"], message="no such library")
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    assert {event.ticker for event in deck.said if isinstance(event, Bars)} == {"SPY", "QQQ"}
    assert status(deck, "15:00").market == "unknown"


def test_a_source_without_a_key_is_told_with_the_remedy() -> None:
    deck = given(build(replace(OPTIONS, sources=OPTIONS.sources[1:], unusable=(NO_KEY,))))
    state = source_state(deck, "15:00", "finnhub")
    assert not state.usable
    assert "FINNHUB_API_KEY" in state.reason


def test_refusals_and_calls_name_no_more_than_they_must(
    world: World, deck: Deck[Collector]
) -> None:
    world.cut_off()
    deck.tell("15:00", Open())
    world.run(deck, "15:10")
    assert world.key not in repr(deck.said)
    assert called(deck)
