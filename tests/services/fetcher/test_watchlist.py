"""Tickers are added, removed and fetched on demand."""

from __future__ import annotations

import pytest

from bus.actor import Refused
from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    WATCHLIST_MAX,
    AddTicker,
    Bars,
    FetchNow,
    FetchRequested,
    Quote,
    RemoveTicker,
    Stop,
    WatchlistAdded,
)
from services.fetcher.actor import build
from services.fetcher.core.fold import STRANGERS_MAX
from services.fetcher.core.state import Collector
from services.fetcher.effects import Open
from tests.services.fetcher.kit import OPTIONS, World, called, table

COLLECTOR = build(OPTIONS)
SUNDAY = "2026-01-04T12:00:00"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def quiet(world: World) -> Deck[Collector]:
    """A collector that has brought SPY and QQQ on a Sunday and has nothing left to do."""
    deck = given(COLLECTOR, ("2026-01-03T12:00:00", table("2025-01-06", "2027-01-04")))
    deck.tell(SUNDAY, Open())
    world.play(deck, SUNDAY)
    deck.said.clear()
    return deck


def test_an_added_ticker_is_fetched_at_once_though_the_market_is_closed(
    world: World, quiet: Deck[Collector]
) -> None:
    quiet.tell(SUNDAY, AddTicker(" brk.b "))
    world.play(quiet, SUNDAY)
    assert quiet.said[:2] == [WatchlistAdded("BRK-B"), FetchRequested("BRK-B")]
    assert called(quiet) == [
        ("finnhub", "BRK-B", "quote"),
        ("yahoo", "BRK-B", "1d"),
        ("yahoo", "BRK-B", "1h"),
    ]
    assert world.http.asked[-1] == "BRK.B"


def test_adding_a_tracked_ticker_says_nothing(quiet: Deck[Collector]) -> None:
    quiet.tell(SUNDAY, AddTicker("qqq"))
    assert quiet.said == []


@pytest.mark.parametrize("text", ["", "TOOLONG", "BRK.B.C", "SPY~sim", "N VDA", "^GSPC", "€"])
def test_what_is_no_ticker_is_refused_with_a_remedy(quiet: Deck[Collector], text: str) -> None:
    with pytest.raises(Refused) as refused:
        quiet.tell(SUNDAY, AddTicker(text))
    assert refused.value.code == "bad_ticker"
    assert refused.value.remedy
    assert quiet.said == []


def test_a_full_watchlist_refuses_one_more() -> None:
    names = [f"A{number:03d}" for number in range(WATCHLIST_MAX)]
    deck = given(COLLECTOR, *(("14:00", WatchlistAdded(name)) for name in names))
    with pytest.raises(Refused) as refused:
        deck.tell("15:00", AddTicker("NVDA"))
    assert refused.value.code == "watchlist_full"


def test_a_removed_ticker_is_no_longer_fetched(world: World, quiet: Deck[Collector]) -> None:
    quiet.tell(SUNDAY, AddTicker("NVDA"))
    world.play(quiet, SUNDAY)
    quiet.tell("14:00", RemoveTicker("nvda"))
    quiet.said.clear()
    world.run(quiet, "15:00")
    assert quiet.state.watchlist == ("SPY", "QQQ")
    assert {ticker for _, ticker, _ in called(quiet)} == {"XNYS", "SPY", "QQQ"}


def test_removing_what_is_not_tracked_says_nothing(quiet: Deck[Collector]) -> None:
    quiet.tell(SUNDAY, RemoveTicker("NVDA"))
    assert quiet.said == []


@pytest.mark.parametrize("ticker", ["SPY", "qqq"])
def test_removing_a_protected_ticker_is_refused_with_the_reason(
    quiet: Deck[Collector], ticker: str
) -> None:
    with pytest.raises(Refused) as refused:
        quiet.tell(SUNDAY, RemoveTicker(ticker))
    assert refused.value.code == "protected"
    assert "every decision is read against it" in refused.value.message
    assert quiet.state.watchlist == ("SPY", "QQQ")


def test_a_ticker_that_comes_back_is_fetched_from_where_it_was(
    world: World, quiet: Deck[Collector]
) -> None:
    quiet.tell(SUNDAY, AddTicker("NVDA"))
    world.play(quiet, SUNDAY)
    quiet.tell(SUNDAY, RemoveTicker("NVDA"))
    quiet.tell("13:00", AddTicker("NVDA"))
    world.child.asked.clear()
    world.play(quiet, "13:00")
    assert world.child.asked == [("NVDA", "5d", "1d"), ("NVDA", "5d", "1h")]


def test_fetch_now_works_at_rest_and_for_a_stranger_without_adding_it(
    world: World, quiet: Deck[Collector]
) -> None:
    quiet.tell(SUNDAY, Stop())
    quiet.tell(SUNDAY, FetchNow("nvda"))
    world.play(quiet, SUNDAY)
    assert quiet.state.watchlist == ("SPY", "QQQ")
    quotes = [event for event in quiet.said if isinstance(event, Quote)]
    assert [quote.ticker for quote in quotes] == ["NVDA"]
    assert {e.timeframe for e in quiet.said if isinstance(e, Bars)} == {"1d", "1h"}


def test_fetch_now_goes_in_front_of_the_queue(world: World) -> None:
    deck = given(COLLECTOR, ("14:00", table("2025-01-06", "2027-01-04")))
    deck.tell("15:00", Open())
    deck.tell("15:00", FetchNow("AAPL"))
    deck.tick("15:00")
    assert called(deck)[:2] == [("finnhub", "AAPL", "quote"), ("yahoo", "AAPL", "1d")]


def test_equal_wishes_go_out_once(quiet: Deck[Collector]) -> None:
    for second in range(0, 30, 5):
        quiet.tell(f"13:00:{second:02d}", FetchNow("NVDA"))
    assert quiet.said == [FetchRequested("NVDA")]


def test_what_was_fetched_a_moment_ago_is_not_fetched_again(
    world: World, quiet: Deck[Collector]
) -> None:
    quiet.tell("13:00:00", FetchNow("NVDA"))
    world.play(quiet, "13:00:00")
    quiet.said.clear()
    quiet.tell("13:00:09", FetchNow("NVDA"))
    assert quiet.said == []
    quiet.tell("13:00:11", FetchNow("NVDA"))
    assert quiet.said == [FetchRequested("NVDA")]


def test_to_ask_for_a_simulated_key_is_to_ask_for_its_ticker(quiet: Deck[Collector]) -> None:
    quiet.tell("13:00", FetchNow("SPY~sim"))
    assert quiet.said == [FetchRequested("SPY")]


def test_fetch_now_without_a_name_means_every_tracked_ticker(quiet: Deck[Collector]) -> None:
    quiet.tell("13:00", FetchNow())
    assert quiet.said == [FetchRequested("SPY"), FetchRequested("QQQ")]


def test_a_wish_that_nobody_can_grant_is_dropped_after_a_minute(
    world: World, quiet: Deck[Collector]
) -> None:
    world.cut_off()
    quiet.tell("13:00", FetchNow("NVDA"))
    world.run(quiet, "13:02")
    quiet.said.clear()
    world.run(quiet, "14:00")
    assert [call for call in called(quiet) if call[1] == "NVDA"] == []


def test_only_the_latest_strangers_are_remembered(quiet: Deck[Collector]) -> None:
    names = [f"Z{number:03d}" for number in range(STRANGERS_MAX + 5)]
    for number, name in enumerate(names):
        quiet.tell(microseconds("13:00") + number, FetchNow(name))
    assert [key for key in quiet.state.series if key.startswith("Z")] == names[5:]
