"""Simulated data stands in while SPY has nothing real, under its own keys, and goes at once."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import Deck, given
from market.messages.fetcher import (
    AddTicker,
    Bars,
    CollectorState,
    CollectorStatus,
    CycleFinished,
    FetchNow,
    Missing,
    Quote,
    RemoveTicker,
)
from market.symbols import is_simulated
from services.fetcher.actor import build
from services.fetcher.child.frames import Failed
from services.fetcher.core.state import Collector
from services.fetcher.effects import Open
from services.fetcher.sources import simulated
from tests.fakes.wire import html_answer
from tests.services.fetcher.kit import (
    GONE,
    KEYLESS,
    OPTIONS,
    World,
    bars_known,
    called,
    page,
    table,
)

SESSIONS = table("2025-01-06", "2027-01-04")
ALONE = replace(KEYLESS, sources=(simulated.DECLARED,))


@pytest.fixture
def world() -> World:
    return World()


def opened(world: World, options: object = OPTIONS) -> Deck[Collector]:
    assert isinstance(options, type(OPTIONS))
    deck = given(build(options), ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    world.play(deck, "15:00")
    return deck


def test_with_nobody_to_reach_the_watchlist_is_simulated_at_once(world: World) -> None:
    world.cut_off()
    deck = opened(world)
    known = bars_known(deck)
    assert known["SPY~sim", "1d"] == known["QQQ~sim", "1d"] == 1_260
    assert known["SPY~sim", "1h"] > 3_400
    assert {event.ticker for event in deck.said if isinstance(event, Quote)} == {
        "SPY~sim",
        "QQQ~sim",
    }
    finished = next(event for event in deck.said if isinstance(event, CycleFinished))
    assert (finished.asked, finished.brought) == (2, 0)
    assert finished.missing[0] == Missing(
        "SPY", "finnhub: unreachable; yahoo: unreachable; simulated instead"
    )
    answer = deck.ask("15:00", CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    assert answer.simulated


def test_the_real_source_is_asked_once_before_anything_is_simulated(world: World) -> None:
    world.cut_off()
    deck = opened(world, KEYLESS)
    assert called(deck)[:3] == [
        ("yahoo", "SPY", "1d"),
        ("simulated", "SPY~sim", "quote"),
        ("simulated", "SPY~sim", "1d"),
    ]


def test_a_dead_network_is_waited_for_once_a_symbol_not_once_a_lane(world: World) -> None:
    world.cut_off()
    deck = opened(world)
    asked = [(ticker, interval) for ticker, _, interval in world.child.asked]
    assert asked == [("SPY", "1d"), ("QQQ", "1d")]
    assert deck.state.series["SPY~sim"].has_bars


def test_a_simulated_ticker_moves_with_every_cycle_and_every_wish(world: World) -> None:
    world.cut_off()
    deck = opened(world)
    deck.said.clear()
    deck.tell("15:02", FetchNow("SPY"))
    world.play(deck, "15:02")
    assert "SPY~sim" in {event.ticker for event in deck.said if isinstance(event, Quote)}
    deck.said.clear()
    world.run(deck, "15:06")
    told = [event for event in deck.said if isinstance(event, Bars)]
    assert {bars.ticker for bars in told} == {"SPY~sim", "QQQ~sim"}
    assert {len(bars.start_us) for bars in told} == {1}


def test_a_ticker_that_was_not_asked_for_says_what_rests(world: World) -> None:
    world.cut_off()
    deck = opened(world, replace(KEYLESS, watchlist=("NVDA",)))
    finished = next(event for event in deck.said if isinstance(event, CycleFinished))
    assert finished.missing[2] == Missing(
        "NVDA",
        "yahoo: failed for SPY and QQQ: ConnectionError: nobody listens; simulated instead",
    )


def test_an_added_ticker_is_simulated_too_while_nobody_is_there(world: World) -> None:
    world.cut_off()
    deck = opened(world)
    deck.tell("15:01", AddTicker("nvda"))
    world.play(deck, "15:01")
    assert bars_known(deck)["NVDA~sim", "1d"] == 1_260


def test_a_stranger_is_never_simulated(world: World) -> None:
    world.cut_off()
    deck = opened(world)
    deck.tell("15:01", FetchNow("TSLA"))
    world.run(deck, "15:03")
    assert "TSLA~sim" not in deck.state.series


def test_a_removed_ticker_is_no_longer_simulated(world: World) -> None:
    world.cut_off()
    deck = opened(world, replace(KEYLESS, watchlist=("NVDA",)))
    assert deck.state.series["NVDA~sim"].has_bars
    deck.tell("15:01", RemoveTicker("NVDA"))
    assert "NVDA~sim" not in deck.state.series


def test_a_symbol_that_does_not_exist_is_not_simulated_though_spy_is(world: World) -> None:
    world.child.faults["SPY"] = GONE
    deck = opened(world, replace(KEYLESS, watchlist=("ZZZZ",)))
    assert "SPY~sim" in deck.state.series
    assert "ZZZZ~sim" not in deck.state.series


def test_the_first_real_bars_of_spy_end_everything_simulated(world: World) -> None:
    world.cut_off()
    deck = opened(world)
    world.reconnect()
    world.run(deck, "15:12")
    assert not any(map(is_simulated, deck.state.series))
    assert deck.state.series["SPY"].has_bars
    last = [event for event in deck.said if isinstance(event, CycleFinished)][-1]
    assert (last.asked, last.brought, last.missing) == (2, 2, ())


def test_while_spy_is_real_another_ticker_without_data_is_not_simulated(world: World) -> None:
    world.child.faults["NVDA"] = page(html_answer(500, "Internal Server Error"))
    deck = opened(world, replace(OPTIONS, watchlist=("NVDA",)))
    world.run(deck, "15:20")
    assert "NVDA~sim" not in deck.state.series


def test_switched_off_nothing_is_simulated(world: World) -> None:
    world.cut_off()
    deck = opened(world, replace(OPTIONS, sources=OPTIONS.sources[:2]))
    world.run(deck, "15:20")
    assert [event for event in deck.said if isinstance(event, Bars)] == []


def test_alone_it_needs_nobody_and_counts_as_brought(world: World) -> None:
    deck = opened(world, ALONE)
    finished = next(event for event in deck.said if isinstance(event, CycleFinished))
    assert (finished.asked, finished.brought, finished.missing) == (2, 2, ())
    assert world.http.asked == []
    assert world.child.asked == []


def test_it_waits_for_the_sessions_or_for_their_refusal(world: World) -> None:
    deck = given(build(ALONE))
    deck.tell("15:00", Open())
    deck.tick("15:00")
    assert called(deck) == [("calendar", "XNYS", "sessions")]
    world.play(deck, "15:00")
    assert ("simulated", "SPY~sim", "1d") in called(deck)

    world.child.calendar_down = Failed(kinds=["ImportError"], message="no such library")
    deaf = given(build(ALONE))
    deaf.tell("15:00", Open())
    world.play(deaf, "15:00")
    assert ("simulated", "SPY~sim", "1d") in called(deaf)


@settings(max_examples=8)
@drawn(cuts=st.lists(st.booleans(), min_size=1, max_size=8), key=st.booleans())
def test_nothing_simulated_ever_lacks_its_mark_and_nothing_real_bears_it(
    cuts: list[bool], key: bool
) -> None:
    world = World()
    deck = given(build(OPTIONS if key else KEYLESS), ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    for minute, cut in enumerate(cuts):
        (world.cut_off if cut else world.reconnect)()
        world.run(deck, f"15:{5 * minute + 4:02d}")
    for event in deck.said:
        if isinstance(event, Quote | Bars):
            assert is_simulated(event.ticker) == (event.source == "simulated")
