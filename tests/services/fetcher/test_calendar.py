"""What the collector does by the calendar: beats while open, one check after, the table daily."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from bus.testing import microseconds
from market.messages.fetcher import Sessions, SourceCalled
from tests.services.fetcher.test_venues import World

FRIDAY = "2026-01-09"
MINUTE_US = 60_000_000


def calls(world: World, first: str, last: str) -> Counter[str]:
    """The calls between two instants, by source."""
    return Counter(
        fact.event.source
        for fact in world.deck.facts
        if isinstance(fact.event, SourceCalled)
        and microseconds(first) <= fact.at_us < microseconds(last)
    )


def test_over_a_weekend_there_is_one_check_after_the_close_and_nothing_but_the_calendar() -> None:
    world = World(at=f"{FRIDAY}T20:50:00")
    world.run("2026-01-12T14:30:10")
    assert calls(world, f"{FRIDAY}T21:00", f"{FRIDAY}T21:15")["yahoo"] == 0
    settles = calls(world, f"{FRIDAY}T21:15", f"{FRIDAY}T21:17")
    assert (settles["yahoo"], settles["finnhub"]) == (4, 2)
    weekend = calls(world, f"{FRIDAY}T21:17", "2026-01-12T14:30")
    assert {source: count for source, count in weekend.items() if source != "calendar"} == {}


def test_the_table_of_sessions_is_read_once_a_day_open_or_not() -> None:
    world = World(at=f"{FRIDAY}T20:50:00")
    world.run("2026-01-12T14:30:10")
    read = [
        fact.at_us
        for fact in world.deck.facts
        if isinstance(fact.event, Sessions) and fact.at_us >= microseconds(f"{FRIDAY}T20:50")
    ]
    apart = [later - earlier for earlier, later in pairwise(read)]
    assert len(read) >= 3
    assert all(1_440 * MINUTE_US <= one <= 1_441 * MINUTE_US for one in apart)


def test_while_open_every_beat_is_a_cycle_and_its_tickers_come_one_after_the_other() -> None:
    world = World("NVDA", "AAPL", "MSFT", "AMZN", at="2026-01-07T15:02:00")
    world.run("2026-01-07T15:21:00")
    asked = [
        (fact.at_us, fact.event.ticker)
        for fact in world.deck.facts
        if isinstance(fact.event, SourceCalled) and fact.event.timeframe == "1d"
    ]
    for minute in (5, 10, 15, 20):
        beat_us = microseconds(f"2026-01-07T15:{minute:02d}:20")
        after_us = {
            ticker: at_us - beat_us for at_us, ticker in asked if 0 <= at_us - beat_us < MINUTE_US
        }
        assert after_us["SPY"] == after_us["QQQ"] == 0
        late = [after_us[ticker] for ticker in ("NVDA", "AAPL", "MSFT", "AMZN")]
        assert len(set(late)) == 4
        assert 0 < max(late) <= MINUTE_US // 2
