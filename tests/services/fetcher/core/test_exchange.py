"""What the calendar says of an instant, and for how long a provider's word holds beside it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.exchange import MarketStatus
from market.sessions import NO_SESSIONS
from services.fetcher.core.exchange import (
    HOLDS_US,
    expected,
    rests_until_us,
    wanted_us,
    word_holds,
)
from services.fetcher.core.state import Collector, Lane
from tests.services.fetcher.kit import OPTIONS, table

SESSIONS = table("2025-01-06", "2027-01-04")
ASKING = replace(OPTIONS, market_status_seconds=300)
NOW_US = microseconds("15:00")
CLOSED = MarketStatus("XNYS", "finnhub", is_open=False, expected="open", market_time_us=NOW_US)


def state(told: MarketStatus | None, at_us: int = NOW_US) -> Collector:
    lane = Lane(answered_us=at_us)
    return Collector(running=True, table=SESSIONS, exchange=lane, market_told=told)


@pytest.mark.parametrize(
    ("at", "word"),
    [
        ("2026-01-05T14:27:59", "closed"),
        ("2026-01-05T14:28:00", "unknown"),
        ("2026-01-05T14:31:59", "unknown"),
        ("2026-01-05T14:32:00", "open"),
        ("2026-01-05T20:57:59", "open"),
        ("2026-01-05T20:58:00", "unknown"),
        ("2026-01-05T21:02:00", "closed"),
        ("2026-01-01T15:00:00", "closed"),  # New Year's Day
        ("2026-11-27T18:30:00", "closed"),  # it closes early on the day after Thanksgiving
        ("2030-01-01T15:00:00", "unknown"),
    ],
)
def test_the_calendar_says_what_it_knows_away_from_the_edges(at: str, word: str) -> None:
    assert expected(SESSIONS, microseconds(at)) == word


def test_a_denied_session_rests_as_long_as_the_word_holds() -> None:
    assert rests_until_us(state(CLOSED)) == NOW_US + HOLDS_US
    assert word_holds(state(CLOSED), NOW_US + HOLDS_US - 1)
    assert not word_holds(state(CLOSED), NOW_US + HOLDS_US)


@pytest.mark.parametrize(
    "told",
    [
        None,
        replace(CLOSED, is_open=True),
        replace(CLOSED, expected="closed"),
        replace(CLOSED, expected="unknown"),
    ],
)
def test_no_other_word_rests_anything(told: MarketStatus | None) -> None:
    assert rests_until_us(state(told)) == 0


@pytest.mark.parametrize(
    ("answered", "wanted"),
    [
        ("15:00", "15:05"),
        ("20:54:59", "20:59:59"),
        ("20:55", "2026-01-06T14:32:00"),
        ("2026-01-09T20:55:00", "2026-01-12T14:32:00"),
    ],
)
def test_the_next_question_is_an_interval_later_or_when_the_next_session_has_begun(
    answered: str, wanted: str
) -> None:
    asked = wanted_us(state(None, microseconds(answered)), ASKING)
    assert asked == microseconds(wanted)


def test_a_collector_at_rest_or_told_not_to_never_asks() -> None:
    assert wanted_us(replace(state(None), running=False), ASKING) is None
    assert wanted_us(state(None), OPTIONS) is None


def test_where_no_session_is_known_it_is_asked_at_each_interval() -> None:
    unknown = replace(state(None), table=NO_SESSIONS)
    assert wanted_us(unknown, ASKING) == microseconds("15:05")
