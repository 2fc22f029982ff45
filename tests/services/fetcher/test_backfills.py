"""A back-fill is a job: it is listed with its progress, cancelled, and gone on with when asked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bus.actor import Refused
from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    AddTicker,
    Backfill,
    Bars,
    CollectorState,
    CollectorStatus,
    CycleFinished,
    FetchNow,
    Quote,
    RemoveTicker,
)
from market.messages.history import BackfillCancelled, CancelBackfill
from market.sessions import day_start_us
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, Fetched, Open
from tests.services.fetcher.kit import KEYLESS, MARKET, World, bars_known, called, flat, table

DAY = day_start_us("2026-01-02")
SESSIONS = table("2025-01-06", "2027-01-04")
COLLECTOR = build(replace(KEYLESS, sources=KEYLESS.real, watchlist=("NVDA",)))


def opened() -> Deck[Collector]:
    deck = given(COLLECTOR, ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    return deck


def backfills(deck: Deck[Collector]) -> dict[str, Backfill]:
    reply = deck.ask(deck.now_us, CollectorStatus()).reply
    assert isinstance(reply, CollectorState)
    return {one.ticker: one for one in reply.backfills}


def bars_of(deck: Deck[Collector], ticker: str) -> int:
    return sum(count for (name, _), count in bars_known(deck).items() if name == ticker)


def next_call(deck: Deck[Collector]) -> Fetch:
    deck.tick("15:00")
    (effect,) = [one for one in deck.effects if isinstance(one, Fetch)]
    deck.effects.clear()
    return effect


def test_a_cancelled_back_fill_is_not_fetched_and_is_still_listed() -> None:
    world, deck = World(), opened()
    deck.tell("15:00", CancelBackfill("nvda"))
    world.run(deck, "16:00")
    assert bars_of(deck, "NVDA") == 0
    assert bars_of(deck, "SPY") > 1_000
    assert backfills(deck) == {"NVDA": Backfill("NVDA", 0, 2, ("1d", "1h"), cancelled=True)}


def test_its_price_is_still_brought_and_no_cycle_waits_for_its_history() -> None:
    world, deck = World(), opened()
    deck.tell("15:00", CancelBackfill("NVDA"))
    world.run(deck, "15:20")
    prices = [event.price for event in deck.said if isinstance(event, Quote)]
    assert MARKET.truth("NVDA", microseconds("15:00") / 1e6).quote.price in prices
    cycles = [event for event in deck.said if isinstance(event, CycleFinished)]
    assert [(one.asked, one.brought) for one in cycles[:3]] == [(3, 3)] * 3


@pytest.mark.parametrize("wish", [FetchNow("NVDA"), AddTicker("NVDA")], ids=["fetched", "added"])
def test_it_goes_on_when_somebody_asks_for_the_ticker(wish: FetchNow | AddTicker) -> None:
    world, deck = World(), opened()
    deck.tell("15:00", CancelBackfill("NVDA"))
    world.run(deck, "15:10")
    if isinstance(wish, AddTicker):
        deck.tell("15:10", RemoveTicker("NVDA"))
    deck.tell("15:10", wish)
    world.run(deck, "15:15")
    assert bars_of(deck, "NVDA") > 1_000
    assert backfills(deck) == {}


def test_a_restart_neither_forgets_it_nor_begins_it_again() -> None:
    world, deck = World(), opened()
    deck.tell("15:00", CancelBackfill("NVDA"))
    world.run(deck, "15:10")
    again = given(COLLECTOR, *((fact.at_us, fact.event) for fact in deck.facts))
    again.tell("15:11", Open())
    world.run(again, "15:20")
    assert bars_of(again, "NVDA") == 0
    assert backfills(again)["NVDA"].cancelled


def test_what_was_under_way_is_no_longer_waited_for_and_its_answer_is_let_be() -> None:
    deck = opened()
    effect = next_call(deck)
    while (effect.call.ticker, effect.call.timeframe) != ("NVDA", "1d"):
        starts = (microseconds("14:30"),) if effect.call.timeframe == "1h" else (DAY,)
        deck.tell("15:00", Fetched(effect.call, deck.now_us, Answer(bars=flat(*starts))))
        effect = next_call(deck)
    deck.tell("15:00", CancelBackfill("NVDA"))
    assert deck.state.of("NVDA").lane("1d").flight is None
    assert deck.state.health_of("yahoo").under_way == ()
    deck.tell("15:00", Fetched(effect.call, deck.now_us, Answer(bars=flat(DAY))))
    assert not [e for e in deck.said if isinstance(e, Bars) and e.ticker == "NVDA"]


def test_what_has_come_already_stays_and_is_kept_fresh() -> None:
    world, deck = World(), opened()
    world.clock.now_us = microseconds("15:00")
    while not backfills(deck)["NVDA"].done:
        deck.tick("15:00")
        deck.perform(world.ports, "15:00")
    deck.tell("15:00", CancelBackfill("NVDA"))
    world.run(deck, "15:12")
    assert backfills(deck) == {"NVDA": Backfill("NVDA", 1, 2, ("1h",), cancelled=True)}
    assert called(deck).count(("yahoo", "NVDA", "1d")) >= 3
    assert called(deck).count(("yahoo", "NVDA", "1h")) == 0


def test_cancelling_twice_says_nothing_more_and_what_is_no_back_fill_is_refused() -> None:
    world, deck = World(), opened()
    deck.tell("15:00", CancelBackfill("NVDA"))
    deck.tell("15:00", CancelBackfill("NVDA"))
    assert sum(isinstance(event, BackfillCancelled) for event in deck.said) == 1
    world.run(deck, "15:10")
    for ticker in ("SPY", "TSLA"):
        with pytest.raises(Refused, match=f"no history of {ticker} is being fetched"):
            deck.tell("15:10", CancelBackfill(ticker))
