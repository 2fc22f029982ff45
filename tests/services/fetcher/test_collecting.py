"""What a healthy collector brings: history at first, then what is new, by the market's clock."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    BARS_MAX,
    Bars,
    CycleFinished,
    CycleStarted,
    FetchNow,
    Quote,
    Sessions,
    SourceCalled,
)
from services.fetcher.actor import build
from services.fetcher.core.state import Collector
from services.fetcher.effects import Open
from services.fetcher.sources import yahoo
from tests.services.fetcher.kit import (
    KEYLESS,
    MARKET,
    OPTIONS,
    World,
    bars_known,
    called,
    table,
)

SESSIONS = table("2025-01-06", "2027-01-04")
COLLECTOR = build(OPTIONS)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def deck() -> Deck[Collector]:
    return given(COLLECTOR, ("2026-01-04T12:00:00", SESSIONS))


def bars_of(deck: Deck[Collector], ticker: str, timeframe: str) -> list[Bars]:
    return [
        event
        for event in deck.said
        if isinstance(event, Bars) and (event.ticker, event.timeframe) == (ticker, timeframe)
    ]


def test_the_first_contact_brings_five_years_of_days_and_two_of_hours(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    known = bars_known(deck)
    assert known["SPY", "1d"] >= 1_250
    assert known["SPY", "1h"] >= 3_400
    assert known["QQQ", "1d"] == known["SPY", "1d"]


def test_a_history_is_told_in_chunks_oldest_first_and_only_its_last_bar_forms(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    chunks = bars_of(deck, "SPY", "1h")
    assert all(len(chunk.start_us) == BARS_MAX for chunk in chunks[:-1])
    starts = [start for chunk in chunks for start in chunk.start_us]
    assert all(earlier < later for earlier, later in pairwise(starts))
    assert [chunk.forming for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_the_bars_and_the_quote_are_those_that_were_served(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    truth = MARKET.truth("SPY", microseconds("15:00") / 1e6)
    chunks = bars_of(deck, "SPY", "1d")
    closes = [close for chunk in chunks for close in chunk.close]
    assert len(closes) >= 1_250
    assert closes == [bar.close for bar in truth.daily[-len(closes) :]]
    quote = next(event for event in deck.said if isinstance(event, Quote))
    assert (quote.ticker, quote.price, quote.source) == ("SPY", truth.quote.price, "finnhub")
    assert quote.previous_close == truth.quote.previous_close


def test_a_cycle_begins_every_five_minutes_a_little_after_the_full_ones(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:00", Open())
    world.run(deck, "15:16")
    begun = [f.at_us for f in deck.facts if isinstance(f.event, CycleStarted)]
    assert begun == [microseconds(at) for at in ("15:00", "15:05:20", "15:10:20", "15:15:20")]


def test_a_later_cycle_tells_only_the_bars_that_are_new(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:25", Open())
    world.play(deck, "15:25")
    deck.said.clear()
    world.child.asked.clear()
    world.run(deck, "15:30:30")
    assert set(world.child.asked) == {
        (ticker, "5d", timeframe) for ticker in ("SPY", "QQQ") for timeframe in ("1d", "1h")
    }
    (days,), (hours,) = bars_of(deck, "SPY", "1d"), bars_of(deck, "SPY", "1h")
    assert (len(days.start_us), days.forming) == (1, True)
    assert hours.start_us == (microseconds("14:30"), microseconds("15:30"))


def test_a_bar_that_was_forming_is_told_again_when_it_has_closed(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("20:58", Open())
    world.play(deck, "20:58")
    deck.said.clear()
    world.run(deck, "21:30")
    (days,) = bars_of(deck, "SPY", "1d")
    assert (len(days.start_us), days.forming) == (1, False)
    assert days.close[0] == MARKET.truth("SPY", microseconds("21:16") / 1e6).daily[-1].close


def test_an_unchanged_last_bar_is_told_again_to_who_asks_and_nothing_else(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("22:00", Open())
    world.play(deck, "22:00")
    deck.said.clear()
    deck.tell("23:00", FetchNow("SPY"))
    world.play(deck, "23:00")
    assert [len(bars.start_us) for bars in deck.said if isinstance(bars, Bars)] == [1, 1]


def test_a_corrected_bar_is_told_with_all_that_follow_it(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("22:00", Open())
    world.play(deck, "22:00")
    old = deck.state.series["SPY"].lane("1d")
    start_us = old.tail[-3][0]
    tail = tuple(row._replace(digest=row.digest ^ (row.start_us == start_us)) for row in old.tail)
    spy = deck.state.series["SPY"]
    spoiled = replace(spy, lanes={**spy.lanes, "1d": replace(old, tail=tail)})
    deck.state = replace(deck.state, series={**deck.state.series, "SPY": spoiled})
    deck.said.clear()
    deck.tell("23:00", FetchNow("SPY"))
    world.play(deck, "23:00")
    assert bars_of(deck, "SPY", "1d")[0].start_us == tuple(row.start_us for row in old.tail[-3:])


def test_while_the_market_is_closed_only_the_day_is_settled_once(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("20:57", Open())
    world.run(deck, "2026-01-06T14:30:00")
    begun = [
        (f.at_us, f.event.by)
        for f in deck.facts
        if isinstance(f.event, CycleStarted) and f.event.by != "process"
    ]
    assert begun == [(microseconds("21:15:20"), "close")]


def test_a_holiday_and_a_weekend_are_slept_through(world: World, deck: Deck[Collector]) -> None:
    deck.tell("2026-01-16T21:20:00", Open())  # a Friday; Monday is Martin Luther King's day
    world.run(deck, "2026-01-20T14:40:00")
    begun = [f.at_us for f in deck.facts if isinstance(f.event, CycleStarted)]
    assert begun[1:] == [microseconds(f"2026-01-20T14:{at}") for at in ("30:20", "35:20")]


def test_an_early_close_is_settled_early(world: World, deck: Deck[Collector]) -> None:
    deck.tell("2026-11-27T17:57:00", Open())  # the day after Thanksgiving closes at 13:00
    world.run(deck, "2026-11-27T22:00:00")
    last = [f for f in deck.facts if isinstance(f.event, CycleStarted)][-1]
    assert (last.at_us, last.event.by) == (microseconds("2026-11-27T18:15:20"), "close")


def test_beyond_the_table_the_market_is_unknown_and_the_cycles_go_on(world: World) -> None:
    deck = given(COLLECTOR, ("2026-01-04T11:00:00", table("2025-01-06", "2025-12-30")))
    deck.tell("2026-01-04T12:00:00", Open())
    world.run(deck, "2026-01-04T12:11:00")
    begun = [f for f in deck.facts if isinstance(f.event, CycleStarted)]
    assert len(begun) == 3


def test_the_sessions_are_read_first_with_those_of_all_histories_and_then_daily(
    world: World,
) -> None:
    deck = given(COLLECTOR)
    deck.tell("2026-01-03T12:00:00", Open())
    deck.tick("2026-01-03T12:00:00")
    assert called(deck)[0] == ("calendar", "XNYS", "sessions")
    world.run(deck, "2026-01-04T13:00:00")
    read = [f for f in deck.facts if isinstance(f.event, Sessions)]
    days = (read[1].at_us - read[0].at_us) / 86_400e6
    assert len(read) == 2
    assert days == pytest.approx(1.0, abs=0.01)
    assert (read[0].event.date[0], read[1].event.date[0]) == ("2020-01-06", "2025-01-06")
    assert deck.state.table.date[0] == "2020-01-06"
    assert read[0].event.date[-1] == "2026-12-31"


def test_without_a_key_the_quote_comes_along_with_the_daily_bars(world: World) -> None:
    deck = given(build(KEYLESS), ("2026-01-04T12:00:00", SESSIONS))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    quotes = {event.ticker: event for event in deck.said if isinstance(event, Quote)}
    truth = MARKET.truth("SPY", microseconds("15:00") / 1e6)
    assert quotes["SPY"].source == "yahoo"
    assert quotes["SPY"].price == truth.quote.price
    assert quotes["SPY"].previous_close == truth.daily[-2].close
    assert called(deck) == [
        ("calendar", "XNYS", "sessions"),
        ("yahoo", "SPY", "1d"),
        ("yahoo", "SPY", "1h"),
        ("yahoo", "QQQ", "1d"),
        ("yahoo", "QQQ", "1h"),
    ]


def test_a_gap_of_weeks_is_filled_by_a_longer_look_back(
    world: World, deck: Deck[Collector]
) -> None:
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    world.child.asked.clear()
    deck.tell("2026-02-16T15:00:00", Open())
    world.play(deck, "2026-02-16T15:00:00")
    assert world.child.asked[:2] == [("SPY", "3mo", "1d"), ("SPY", "3mo", "1h")]


def test_a_cycle_that_takes_longer_than_the_interval_is_not_cut_short(world: World) -> None:
    slow = replace(yahoo.DECLARED, per_minute=1)
    options = replace(OPTIONS, sources=(OPTIONS.sources[0], slow), watchlist=("NVDA",))
    deck = given(build(options), ("14:59", SESSIONS))
    deck.tell("15:00", Open())
    world.run(deck, "15:20")
    ends = [type(e) for e in deck.said if isinstance(e, CycleStarted | CycleFinished)]
    assert ends[:4] == [CycleStarted, CycleFinished, CycleStarted, CycleFinished]
    assert next(e for e in deck.said if isinstance(e, CycleFinished)).brought == 3


def test_no_more_calls_go_out_than_the_budget_and_the_child_allow(world: World) -> None:
    names = tuple(f"A{number:02d}" for number in range(70))
    deck = given(build(replace(OPTIONS, watchlist=names)), ("2026-01-04T12:00:00", SESSIONS))
    deck.tell("2026-01-04T13:00:00", Open())
    world.run(deck, "2026-01-04T13:10:00")
    calls = [(f.at_us, f.event) for f in deck.facts if isinstance(f.event, SourceCalled)]
    for source, limit in (("finnhub", 55), ("yahoo", 27)):
        stamps = [at_us for at_us, call in calls if call.source == source]
        busiest = max(sum(at <= one < at + 60_000_000 for one in stamps) for at in stamps)
        assert busiest == limit
    finished = [event for event in deck.said if isinstance(event, CycleFinished)]
    assert (finished[0].asked, finished[0].brought) == (72, 2)
