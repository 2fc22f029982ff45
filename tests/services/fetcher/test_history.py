"""A ticker's history: how far it has come, what it lacks, how that is filled."""

from __future__ import annotations

from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    Backfill,
    Bars,
    BarsMissing,
    CollectorState,
    CollectorStatus,
    HistoryBackfilled,
)
from market.sessions import day_start_us
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, Fetched, FetchFailed, Open
from tests.services.fetcher.kit import KEYLESS, flat, table

SESSIONS = table("2025-01-06", "2027-01-04")
COLLECTOR = build(replace(KEYLESS, sources=KEYLESS.real))
DAYS = tuple(
    map(day_start_us, ("2025-12-29", "2025-12-30", "2025-12-31", "2026-01-02", "2026-01-05"))
)


def opened() -> Deck[Collector]:
    deck = given(COLLECTOR, ("14:00", SESSIONS))
    deck.tell("15:00", Open())
    return deck


def serve(deck: Deck[Collector], at: str, *starts: int, timeframe: str = "1d") -> Fetch:
    """Answer the next call for SPY's bars with these, and any other before it with nothing."""
    nothing = Failure("no_data", "nothing")
    while (effect := asked(deck, at)).call.timeframe != timeframe or effect.call.ticker != "SPY":
        deck.tell(at, FetchFailed(effect.call, nothing))
    deck.tell(at, Fetched(effect.call, microseconds(at), Answer(bars=flat(*starts))))
    return effect


def asked(deck: Deck[Collector], at: str) -> Fetch:
    """The next call to Yahoo."""
    deck.tick(at)
    (effect,) = [one for one in deck.effects if isinstance(one, Fetch)]
    deck.effects.clear()
    return effect


def lacks(deck: Deck[Collector]) -> list[tuple[int, ...]]:
    return [event.start_us for event in deck.said if isinstance(event, BarsMissing)]


def test_a_day_that_an_answer_lacks_is_told_once_and_asked_for_until_it_comes() -> None:
    deck = opened()
    lacking = DAYS[:2] + DAYS[3:]
    assert serve(deck, "15:00", *lacking).latest_us == 0
    assert lacks(deck) == [(DAYS[2],)]

    assert serve(deck, "15:05:20", *lacking).latest_us == DAYS[1]
    assert serve(deck, "15:10:20", *lacking).latest_us == DAYS[-1]
    assert lacks(deck) == [(DAYS[2],)]

    assert serve(deck, "15:15:20", *DAYS).latest_us == DAYS[1]
    assert lacks(deck) == [(DAYS[2],), ()]
    assert DAYS[2] in {at for e in deck.said if isinstance(e, Bars) for at in e.start_us}
    assert serve(deck, "15:25:20", *DAYS).latest_us == DAYS[-1]


def test_every_part_of_a_history_that_came_is_told_and_the_status_says_what_is_left() -> None:
    deck = opened()
    assert backfills(deck) == (
        Backfill("SPY", 0, 2, ("1d", "1h")),
        Backfill("QQQ", 0, 2, ("1d", "1h")),
    )
    serve(deck, "15:00", *DAYS)
    assert backfills(deck)[0] == Backfill("SPY", 1, 2, ("1h",))

    serve(deck, "16:00", microseconds("14:30"), microseconds("15:30"), timeframe="1h")
    assert [one.ticker for one in backfills(deck)] == ["QQQ"]
    told = [event for event in deck.said if isinstance(event, HistoryBackfilled)]
    assert told == [
        HistoryBackfilled("SPY", 1, 2, "5 bars of 1d since 2025-12-29"),
        HistoryBackfilled("SPY", 2, 2, "2 bars of 1h since 2026-01-05"),
    ]


def test_a_history_that_is_there_is_not_fetched_again_by_the_next_process() -> None:
    deck = opened()
    serve(deck, "15:00", *DAYS)
    again = given(COLLECTOR, *((fact.at_us, fact.event) for fact in deck.facts))
    again.tell("15:01", Open())
    assert serve(again, "15:01", *DAYS).latest_us == DAYS[-1]
    assert not any(isinstance(event, HistoryBackfilled) for event in again.said)


def backfills(deck: Deck[Collector]) -> tuple[Backfill, ...]:
    answer = deck.ask(deck.now_us, CollectorStatus()).reply
    assert isinstance(answer, CollectorState)
    return answer.backfills
