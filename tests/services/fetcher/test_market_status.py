"""A provider's word on the exchange, beside the calendar's: when it is asked, what follows."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.exchange import MarketStatus
from market.messages.fetcher import (
    CollectorState,
    CollectorStatus,
    CycleStarted,
    FetchNow,
    FetchRefused,
    SourceCalled,
    SourceGated,
)
from services.fetcher.actor import build
from services.fetcher.core.state import Collector
from services.fetcher.effects import Open
from services.fetcher.raw import RawAnswer
from tests.fakes import wire
from tests.fakes.faults import AnyFault, Shut, Stamps, WrongSymbol, WrongTypes
from tests.fakes.finnhub import NO_ACCESS
from tests.services.fetcher.kit import KEYLESS, OPTIONS, World, http_answer, table

STATUS = "/stock/market-status"
JSON = {"content-type": "application/json"}
SESSIONS = table("2025-01-06", "2027-01-04")
ASKING = replace(OPTIONS, market_status_seconds=300)
MINUTE_US = 60_000_000


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def deck() -> Deck[Collector]:
    return begun()


def begun(at: str = "15:30") -> Deck[Collector]:
    deck = given(build(ASKING), ("00:01", SESSIONS))
    deck.tell(at, Open())
    return deck


def told(deck: Deck[Collector]) -> list[MarketStatus]:
    return [event for event in deck.said if isinstance(event, MarketStatus)]


def asked(deck: Deck[Collector]) -> list[int]:
    return [
        fact.at_us
        for fact in deck.facts
        if isinstance(fact.event, SourceCalled) and fact.event.capability == "market_status"
    ]


def cycles(deck: Deck[Collector]) -> list[int]:
    return [
        fact.at_us
        for fact in deck.facts
        if isinstance(fact.event, CycleStarted) and fact.event.by == "clock"
    ]


def status(deck: Deck[Collector], at: str) -> CollectorState:
    reply = deck.ask(at, CollectorStatus()).reply
    assert isinstance(reply, CollectorState)
    return reply


def refusals(deck: Deck[Collector]) -> list[FetchRefused]:
    return [e for e in deck.said if isinstance(e, FetchRefused)]


def test_a_word_is_told_beside_the_calendars(world: World, deck: Deck[Collector]) -> None:
    world.play(deck, "15:30")
    (word,) = told(deck)
    assert replace(word, answer_hash="") == MarketStatus(
        exchange="XNYS",
        source="finnhub",
        is_open=True,
        expected="open",
        market_time_us=microseconds("15:30"),
        session="regular",
    )
    assert len(word.answer_hash) == 64
    state = status(deck, "15:31")
    assert (state.market_told, state.halted) == (word, False)


def test_it_is_asked_every_five_minutes_of_a_session_and_not_while_the_market_is_closed(
    world: World,
) -> None:
    deck = begun("14:00")
    world.run(deck, "2026-01-06T14:40:00")
    at = asked(deck)
    opened, closed = microseconds("14:30"), microseconds("21:00")
    assert at[0] == microseconds("14:00")  # once at the start, whatever the time
    session = [one for one in at if opened <= one < closed]
    assert session[0] == opened + 2 * MINUTE_US
    assert all(5 * MINUTE_US <= then - before < 6 * MINUTE_US for before, then in pairwise(session))
    assert [one for one in at if one >= closed] == [
        microseconds("2026-01-06T14:32:00"),
        microseconds("2026-01-06T14:37:00"),
    ]


def test_where_a_source_denies_the_session_cycles_rest_until_it_says_otherwise(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.spoilt[STATUS] = Shut("National Day of Mourning")
    world.run(deck, "17:00")
    state = status(deck, "17:00")
    assert (state.market, state.halted) == ("open", True)
    assert state.market_told is not None
    assert state.market_told.holiday == "National Day of Mourning"
    assert state.market_told.denies_session
    assert cycles(deck) == []
    assert len(asked(deck)) == 19  # it goes on being asked, no more often than before

    del world.http.spoilt[STATUS]
    world.run(deck, "17:20")
    assert not status(deck, "17:20").halted
    assert cycles(deck)


def test_who_asks_for_a_ticker_is_served_also_while_cycles_rest(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.spoilt[STATUS] = Shut()
    world.run(deck, "16:00")
    world.http.asked.clear()
    deck.tell("16:01", FetchNow("NVDA"))
    world.play(deck, "16:01")
    assert "NVDA" in world.http.asked


def test_the_days_bars_are_settled_though_the_session_was_denied(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.spoilt[STATUS] = Shut()
    world.run(deck, "22:00")
    by = [event.by for event in deck.said if isinstance(event, CycleStarted)]
    assert by == ["process", "close"]


def test_without_a_new_word_the_calendar_counts_again_after_a_quarter_of_an_hour(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.spoilt[STATUS] = Shut()
    world.play(deck, "15:30")
    world.http.instead[STATUS] = http_answer(wire.Answer(502, b"<html></html>", wire.HTML))
    world.run(deck, "16:00")
    assert cycles(deck)[0] >= microseconds("15:45")
    assert cycles(deck)[0] < microseconds("15:51")
    state = status(deck, "16:00")
    assert (state.market_told, state.halted) == (None, False)


def test_a_word_of_open_while_the_calendar_says_closed_changes_nothing(world: World) -> None:
    deck = begun("2026-01-10T15:30:00")  # a Saturday
    world.http.instead[STATUS] = RawAnswer(200, JSON, word(is_open=True, at="2026-01-10T15:30:00"))
    world.play(deck, "2026-01-10T15:30:00")
    (one,) = told(deck)
    assert (one.is_open, one.expected, one.denies_session) == (True, "closed", False)
    world.run(deck, "2026-01-10T18:00:00")
    assert cycles(deck) == []


@pytest.mark.parametrize("at", ["14:29:10", "14:31:50", "20:58:10", "21:01:50"])
def test_near_an_opening_and_a_close_the_two_are_not_compared(world: World, at: str) -> None:
    deck = begun(at)
    world.http.instead[STATUS] = RawAnswer(200, JSON, word(is_open=False, at=f"2026-01-05T{at}"))
    world.play(deck, at)
    assert [(one.expected, one.denies_session) for one in told(deck)] == [("unknown", False)]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Stamps(3_600), "it is about -3600 s ago"),
        (Stamps(-3_600), "it is about 3600 s ago"),
        (WrongSymbol("L"), "the answer is about 'L'"),
        (WrongTypes(), "Expected `bool`, got `str` - at `$.isOpen`"),
    ],
    ids=str,
)
def test_a_word_that_cannot_be_believed_is_refused_with_its_hash(
    world: World, deck: Deck[Collector], fault: AnyFault, message: str
) -> None:
    world.http.spoilt[STATUS] = fault
    world.play(deck, "15:30")
    refused = refusals(deck)[0]
    assert (refused.ticker, refused.capability) == ("XNYS", "market_status")
    assert (refused.reason, refused.message) == ("invalid", message)
    assert len(refused.answer_hash) == 64
    assert told(deck) == []


def test_its_breaker_opens_after_two_failures_and_closes_with_the_next_answer(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.instead[STATUS] = http_answer(wire.Answer(502, b"<html></html>", wire.HTML))
    world.run(deck, "15:40")
    del world.http.instead[STATUS]
    world.run(deck, "15:50")
    gated = [e for e in deck.said if isinstance(e, SourceGated)]
    assert {(one.source, one.capability) for one in gated} == {("finnhub", "market_status")}
    moves = [one.state for one in gated]
    assert (moves[0], moves[-1]) == ("open", "closed")
    assert told(deck)


def test_a_key_that_may_not_ask_it_asks_no_more_for_a_day(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.instead[STATUS] = http_answer(NO_ACCESS)
    world.run(deck, "20:00")
    assert len(asked(deck)) == 1
    assert status(deck, "20:00").sources[0].usable


def test_a_restart_goes_on_where_the_last_word_was(world: World, deck: Deck[Collector]) -> None:
    world.http.spoilt[STATUS] = Shut()
    world.play(deck, "15:30")
    again = given(build(ASKING), *((fact.at_us, fact.event) for fact in deck.facts))
    again.tell("15:32", Open())
    world.play(again, "15:32")
    assert status(again, "15:32").halted
    assert len(asked(again)) == 1


def test_without_a_source_that_knows_the_calendar_is_all_there_is(world: World) -> None:
    deck = given(build(replace(KEYLESS, market_status_seconds=300)), ("00:01", SESSIONS))
    deck.tell("15:30", Open())
    world.run(deck, "16:00")
    assert asked(deck) == []
    assert cycles(deck)


def word(*, is_open: bool, at: str) -> bytes:
    told = {"exchange": "US", "isOpen": is_open, "t": microseconds(at) // 1_000_000}
    return json.dumps(told).encode()
