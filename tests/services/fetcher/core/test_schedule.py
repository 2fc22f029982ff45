"""When a cycle begins, by the clock of the market; when its tickers' turns come."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import microseconds
from market.sessions import NO_SESSIONS, latest_session, market_state
from services.fetcher.core.schedule import NextCycle, next_cycle, ready_us, table_wanted_us
from services.fetcher.core.state import Collector, Cycle, Lane, Refusal, Series
from tests.services.fetcher.kit import OPTIONS, table

SESSIONS = table("2025-11-03", "2026-12-31")
STATE = Collector(running=True, told=True, table=SESSIONS)
FIRST, LAST = SESSIONS.open_us[0], SESSIONS.close_us[-10]


def after(last: str, interval_seconds: int = 300) -> NextCycle | None:
    state = replace(STATE, cycle_started_us=microseconds(last))
    return next_cycle(state, replace(OPTIONS, interval_seconds=interval_seconds))


def test_a_collector_at_rest_has_no_next_cycle() -> None:
    assert next_cycle(replace(STATE, running=False), OPTIONS) is None


def test_the_next_cycle_is_the_next_beat_but_not_right_after_a_start() -> None:
    assert after("15:05:20") == NextCycle(microseconds("15:10:20"), "clock")
    assert after("15:04:00") == NextCycle(microseconds("15:10:20"), "clock")
    assert after("15:02:00") == NextCycle(microseconds("15:05:20"), "clock")


def test_the_last_beat_of_a_day_is_followed_by_its_settlement_and_then_by_the_next_open() -> None:
    assert after("20:55:20") == NextCycle(microseconds("21:15:20"), "close")
    assert after("21:15:20") == NextCycle(microseconds("2026-01-06T14:30:20"), "clock")


@pytest.mark.parametrize(
    ("last", "coming", "by"),
    [
        # The day after Thanksgiving closes at 13:00 in New York.
        ("2026-11-27T17:55:20", "2026-11-27T18:15:20", "close"),
        ("2026-11-27T18:15:20", "2026-11-30T14:30:20", "clock"),
        # Summer time begins and ends between a Friday and a Monday.
        ("2026-03-06T21:15:20", "2026-03-09T13:30:20", "clock"),
        ("2026-03-09T19:55:20", "2026-03-09T20:15:20", "close"),
        ("2026-10-30T20:15:20", "2026-11-02T14:30:20", "clock"),
        ("2026-11-02T20:55:20", "2026-11-02T21:15:20", "close"),
    ],
)
def test_cycles_follow_early_closes_and_clocks_that_are_set(
    last: str, coming: str, by: Literal["clock", "close"]
) -> None:
    assert after(last) == NextCycle(microseconds(coming), by)


def test_an_interval_longer_than_a_session_still_settles_every_day() -> None:
    assert after("14:30:20", 86_400) == NextCycle(microseconds("21:15:20"), "close")


def test_without_a_table_cycles_follow_the_clock_alone() -> None:
    state = Collector(running=True, cycle_started_us=microseconds("2026-01-03T03:05:20"))
    assert next_cycle(state, OPTIONS) == NextCycle(microseconds("2026-01-03T03:10:20"), "clock")
    assert state.table == NO_SESSIONS


@given(last_us=st.integers(FIRST, LAST), interval_seconds=st.integers(1, 7_200))
def test_a_cycle_begins_after_the_last_one_while_the_market_is_open_or_its_day_settles(
    last_us: int, interval_seconds: int
) -> None:
    state = replace(STATE, cycle_started_us=last_us)
    coming = next_cycle(state, replace(OPTIONS, interval_seconds=interval_seconds))
    assert coming
    assert coming.at_us > last_us
    if coming.by == "clock" and interval_seconds < 23_400:
        assert market_state(SESSIONS, coming.at_us) == "open"
    if coming.by == "close":
        session = latest_session(SESSIONS, coming.at_us)
        assert session
        assert coming.at_us == session.close_us + 920_000_000


@given(last_us=st.integers(FIRST, LAST))
def test_no_session_ends_without_a_settlement(last_us: int) -> None:
    state, settled = replace(STATE, cycle_started_us=last_us), set()
    for _ in range(12):
        coming = next_cycle(state, replace(OPTIONS, interval_seconds=7_200))
        assert coming
        if coming.by == "close":
            settled.add(coming.at_us - 920_000_000)
        state = replace(state, cycle_started_us=coming.at_us)
    until_us = state.cycle_started_us
    due = {close for close in SESSIONS.close_us if last_us < close + 920_000_000 <= until_us}
    assert settled == due


def test_by_the_clock_tickers_are_spread_and_the_protected_ones_are_not() -> None:
    started = microseconds("15:05:20")
    state = replace(STATE, cycle=Cycle(started, "clock"))
    series = Series(tracked=True, wanted_us=started)
    waits = {f"A{n}": ready_us(state, OPTIONS, f"A{n}", series) - started for n in range(100)}
    assert ready_us(state, OPTIONS, "SPY", series) == started
    assert all(0 <= wait <= 30_000_000 for wait in waits.values())
    assert len(set(waits.values())) == 100


def test_at_a_start_nobody_waits() -> None:
    started = microseconds("15:05:20")
    series = Series(tracked=True, wanted_us=started)
    for by in ("process", "start", "close"):
        state = replace(STATE, cycle=Cycle(started, by))
        assert ready_us(state, OPTIONS, "NVDA", series) == started


def test_the_table_is_wanted_at_once_then_daily_and_later_after_a_refusal() -> None:
    read = Lane(answered_us=microseconds("15:00"))
    refused = Lane(refusals=(Refusal("calendar", "invalid", 0, microseconds("15:01"), 1),))
    assert table_wanted_us(Collector()) == 0
    assert table_wanted_us(Collector(calendar=read)) == microseconds("2026-01-06T15:00:00")
    assert table_wanted_us(Collector(calendar=refused)) == microseconds("15:01")
