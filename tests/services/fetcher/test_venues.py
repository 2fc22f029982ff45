"""Symbols of other markets keep their own hours: nothing of them is held against New York's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    Bars,
    BarsMissing,
    CollectorStarted,
    CollectorState,
    CollectorStatus,
    CycleFinished,
    CycleStarted,
    FetchRefused,
    SourceCalled,
    Timeframe,
    WatchlistAdded,
    WatchlistRemoved,
)
from market.sessions import DAY_US, HOUR_US, day_start_us, latest_session
from market.venues import hours_of
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, QuoteAnswer
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, Fetched, Open, ReadSessions, SessionsRead
from tests.services.fetcher.kit import OPTIONS, flat, table

TABLE = table("2025-01-06", "2027-01-04")
COIN, CURRENCY, FUTURE, INDEX = "BTC-USD", "EURUSD=X", "ES=F", "^GSPC"
ABROAD = (COIN, CURRENCY, FUTURE)
SATURDAY = "2026-01-10T15:02:00"
EXTENDED = replace(OPTIONS, extended_symbols=True, sources=OPTIONS.real)


def starts(ticker: str, timeframe: Timeframe, at_us: int) -> Sequence[int]:
    """The last bars of the ticker's own market, as Yahoo has them."""
    found = latest_session(hours_of(ticker, TABLE, at_us), at_us)
    assert found is not None
    if timeframe == "1d":
        before = latest_session(hours_of(ticker, TABLE, at_us), found.open_us - 1)
        assert before is not None
        return day_start_us(before.date), day_start_us(found.date)
    last_us = min(at_us, found.close_us - 1)
    hours = (last_us - found.open_us) // HOUR_US
    return [found.open_us + n * HOUR_US for n in range(hours + 1)]


class World:
    """A collector whose every call is answered at once, from instant to instant."""

    def __init__(self, *watchlist: str, at: str = SATURDAY) -> None:
        options = replace(EXTENDED, watchlist=watchlist)
        self.deck: Deck[Collector] = given(build(options), ("2026-01-05T14:00", TABLE))
        self.now_us = microseconds(at)
        self.deck.tell(at, Open())
        self.run(at, until_over=True)
        self.deck.said.clear()

    def serve(self) -> None:
        """Answer until the collector is quiet."""
        while True:
            self.deck.tick(self.now_us)
            effects = [one for one in self.deck.effects if isinstance(one, Fetch | ReadSessions)]
            self.deck.effects.clear()
            for effect in effects:
                self.deck.tell(self.now_us, self.answer(effect))
            if not effects:
                return

    def answer(self, effect: Fetch | ReadSessions) -> Fetched | SessionsRead:
        call = effect.call
        if isinstance(effect, ReadSessions):
            return SessionsRead(call, TABLE)
        quote = QuoteAnswer(price=100.0, market_time_us=self.now_us)
        if call.timeframe is None:
            return Fetched(call, self.now_us, Answer(quote=quote))
        bars = flat(*starts(call.ticker, call.timeframe, self.now_us))
        answer = Answer(bars=bars, quote=quote if call.timeframe == "1d" else None)
        return Fetched(call, self.now_us, answer)

    def run(self, until: str, *, until_over: bool = False) -> None:
        """Go on to an instant, or until the cycle under way is over, from alarm to alarm."""
        end_us = microseconds(until) + (60_000_000 if until_over else 0)
        self.serve()
        while self.now_us < end_us and not (until_over and self.deck.state.cycle is None):
            alarm_us = self.deck.actor.tick(self.deck.state, self.now_us).next_us
            self.now_us = min(end_us, max(self.now_us + 1, alarm_us or end_us))
            self.serve()

    def asked(self, source: str = "yahoo") -> set[str]:
        calls = [one for one in self.deck.said if isinstance(one, SourceCalled)]
        return {one.ticker for one in calls if one.source == source}

    def began(self) -> list[CycleStarted]:
        return [one for one in self.deck.said if isinstance(one, CycleStarted)]


def test_on_a_saturday_only_the_coin_is_asked_for_and_its_cycle_ends() -> None:
    world = World(*ABROAD, INDEX)
    world.run("2026-01-10T15:06:30")
    assert world.began() == [CycleStarted("clock", ("crypto",))]
    assert world.asked() == {COIN}
    (finished,) = [one for one in world.deck.said if isinstance(one, CycleFinished)]
    assert (finished.asked, finished.brought) == (1, 1)


@pytest.mark.parametrize(
    ("at", "until", "venues"),
    [
        ("2026-01-11T21:51:00", "2026-01-11T22:01:00", ("crypto", "forex")),
        ("2026-01-11T23:01:00", "2026-01-11T23:06:30", ("crypto", "forex", "futures")),
        ("2026-01-09T22:01:00", "2026-01-09T22:06:30", ("crypto",)),
        ("2026-01-07T22:01:00", "2026-01-07T22:06:30", ("crypto", "forex")),
        ("2026-01-07T15:02:00", "2026-01-07T15:06:30", ()),
    ],
)
def test_a_cycle_by_the_clock_is_for_the_markets_that_are_open(
    at: str, until: str, venues: tuple[str, ...]
) -> None:
    world = World(*ABROAD, at=at)
    world.run(until)
    assert [one.venues for one in world.began() if one.by == "clock"][-1] == venues


def test_cycles_for_a_coin_do_not_put_off_the_settlement_of_new_york() -> None:
    world = World(COIN, at="2026-01-09T20:58:00")
    world.run("2026-01-09T21:20:30")
    closes = [one for one in world.began() if one.by == "close"]
    assert closes == [CycleStarted("close", ("us",))]
    assert world.asked() == {"SPY", "QQQ", COIN}


def test_bars_of_a_weekend_are_said_and_those_of_a_coins_day_close_at_midnight_utc() -> None:
    world = World(COIN, CURRENCY, at="2026-01-10T23:58:00")
    world.run("2026-01-11T00:16:30")
    said = [one for one in world.deck.said if isinstance(one, Bars) and one.timeframe == "1d"]
    days = [(one.ticker, one.start_us[-1], one.forming) for one in said]
    saturday, sunday = day_start_us("2026-01-10"), day_start_us("2026-01-11")
    assert {one[0] for one in days} == {COIN}
    assert days[-1] == (COIN, sunday, True)
    assert [one for one in said if saturday in one.start_us[:-1]], "Saturday was never closed"
    assert not [one for one in world.deck.said if isinstance(one, FetchRefused)]


def test_nothing_of_a_weekend_is_missing() -> None:
    world = World(CURRENCY, FUTURE, at="2026-01-09T21:30:00")
    world.run("2026-01-10T02:00:00")
    world.now_us = microseconds("2026-01-11T21:55:00")
    world.run("2026-01-12T01:06:00")
    assert not [one for one in world.deck.said if isinstance(one, BarsMissing | FetchRefused)]


def test_finnhub_is_asked_for_shares_alone() -> None:
    world = World(*ABROAD, INDEX, at="2026-01-07T15:02:00")
    world.run("2026-01-07T15:07:00")
    assert world.asked("finnhub") == {"SPY", "QQQ"}
    assert world.asked("yahoo") == {"SPY", "QQQ", *ABROAD, INDEX}


def test_the_markets_that_count_are_those_of_the_watchlist() -> None:
    deck: Deck[Collector] = given(
        build(EXTENDED), *((0, WatchlistAdded(one)) for one in ("SPY", FUTURE, COIN))
    )
    assert list(deck.state.venues) == ["us", "crypto", "futures"]
    deck.hear((1, WatchlistRemoved(COIN)))
    assert list(deck.state.venues) == ["us", "futures"]


def test_the_status_tells_of_each_market_whether_it_is_open_and_when_it_opens() -> None:
    world = World(*ABROAD)
    told = world.deck.ask(world.now_us, CollectorStatus()).reply
    assert isinstance(told, CollectorState)
    monday_us = microseconds("2026-01-12T14:30")
    assert [(one.venue, one.market, one.next_session_us) for one in told.venues] == [
        ("us", "closed", monday_us),
        ("crypto", "open", day_start_us("2026-01-11")),
        ("forex", "closed", microseconds("2026-01-11T22:00")),
        ("futures", "closed", microseconds("2026-01-11T23:00")),
    ]
    assert day_start_us("2026-01-11") - world.now_us < DAY_US


def test_what_repeats_five_days_of_a_coins_hours_is_no_news() -> None:
    hours = tuple(day_start_us("2026-01-05") + n * HOUR_US for n in range(120))
    now_us = hours[-1] + HOUR_US // 2
    call = SourceCalled("yahoo", "bars", COIN, "1h")
    deck = given(build(EXTENDED), (0, TABLE), (1, WatchlistAdded(COIN)), (2, CollectorStarted()))
    for _ in range(2):
        deck.said.clear()
        deck.tell(now_us, Fetched(call, now_us, Answer(bars=flat(*hours))))
    assert [len(one.start_us) for one in deck.said if isinstance(one, Bars)] == [1]
