"""Evidence is fresh while no newer closed bar can exist, or not for long yet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.freshness import lagging_us, stale_because
from market.messages.fetcher import Sessions
from market.sessions import NO_SESSIONS, Session, day_start_us
from tests.market.test_sessions import FRIDAY, MONDAY, TABLE, WEDNESDAY, us

MINUTE_US = 60_000_000
ALLOWED_US = 10 * MINUTE_US
THANKSGIVING_EVE = day_start_us("2024-11-27")


def judge(bar_start_us: int, now: str, heard: str = "2024-11-27 21:01") -> str:
    return stale_because(TABLE, bar_start_us, us(heard), us(now), ALLOWED_US)


@pytest.mark.parametrize(
    "now", ["2024-11-27 21:30", "2024-11-28 16:00", "2024-11-29 17:59", "2024-11-29 18:10"]
)
def test_a_bar_is_fresh_until_the_next_one_closed_and_could_be_brought(now: str) -> None:
    assert judge(THANKSGIVING_EVE, now) == ""


def test_a_bar_is_stale_when_a_newer_one_closed_longer_ago_than_is_allowed() -> None:
    assert judge(THANKSGIVING_EVE, "2024-11-29 18:11") == (
        "the bar of 2024-11-29 closed 11 minutes ago and has not come"
    )


def test_the_first_missing_bar_counts_not_the_last() -> None:
    table = Sessions(
        exchange="XNYS",
        date=(*TABLE.date, "2024-12-03"),
        open_us=(*TABLE.open_us, us("2024-12-03 14:30")),
        close_us=(*TABLE.close_us, us("2024-12-03 21:00")),
    )
    now = us("2024-12-03 20:59")
    told = stale_because(table, day_start_us(FRIDAY.date), now, now, ALLOWED_US)
    assert told == "the bar of 2024-12-02 closed 23 hours ago and has not come"


def test_news_of_the_ticker_does_not_make_up_for_a_missing_bar() -> None:
    assert judge(THANKSGIVING_EVE, "2024-11-29 20:00", heard="2024-11-29 20:00") != ""


def test_without_a_calendar_the_last_news_counts() -> None:
    heard = us("2024-11-27 21:00")
    ages = [10 * MINUTE_US, 10 * MINUTE_US + 1]
    told = [stale_because(NO_SESSIONS, 0, heard, heard + age, ALLOWED_US) for age in ages]
    assert told == ["", "nothing came for 10 minutes and the trading calendar is not known"]


def test_beyond_the_calendar_the_last_news_counts() -> None:
    monday = day_start_us(MONDAY.date)
    closed = stale_because(TABLE, monday, MONDAY.close_us, MONDAY.close_us, ALLOWED_US)
    later = MONDAY.close_us + ALLOWED_US + 1
    assert closed == ""
    assert stale_because(TABLE, monday, later, later, ALLOWED_US) == ""
    assert stale_because(TABLE, monday, MONDAY.close_us, later, ALLOWED_US) != ""


@pytest.mark.parametrize(
    ("age_minutes", "words"),
    [(1, "1 minute"), (119, "119 minutes"), (120, "2 hours"), (2879, "47 hours"), (2880, "2 days")],
)
def test_the_age_is_told_in_a_unit_to_grasp(age_minutes: int, words: str) -> None:
    told = stale_because(NO_SESSIONS, 0, 0, age_minutes * MINUTE_US, 0)
    assert told == f"nothing came for {words} and the trading calendar is not known"


@given(
    bar=st.sampled_from([WEDNESDAY, FRIDAY, MONDAY]),
    now_us=st.integers(WEDNESDAY.open_us, MONDAY.close_us),
    later_us=st.integers(0, 10**12),
)
def test_what_is_stale_stays_stale_until_something_comes(
    bar: Session, now_us: int, later_us: int
) -> None:
    start_us = day_start_us(bar.date)
    now, later = (
        stale_because(TABLE, start_us, 0, min(at, MONDAY.close_us), ALLOWED_US)
        for at in (now_us, now_us + later_us)
    )
    assert later != "" or now == ""


@pytest.mark.parametrize(
    ("known", "now", "minutes"),
    [
        ("2024-11-27 20:30", "2024-11-27 20:37", 7),
        ("2024-11-27 20:58", "2024-11-27 21:30", 2),
        ("2024-11-27 21:15", "2024-11-28 16:00", 0),
        ("2024-11-27 21:15", "2024-11-29 14:33", 3),
        ("2024-11-27 20:57", "2024-11-29 14:33", 6),
        ("2024-11-29 17:55", "2024-12-01 12:00", 5),
    ],
)
def test_a_price_lags_by_the_time_for_which_its_market_was_open_since(
    known: str, now: str, minutes: int
) -> None:
    assert lagging_us(TABLE, us(known), us(now)) == minutes * MINUTE_US


def test_a_price_whose_market_is_not_known_lags_by_its_age() -> None:
    known_us = us("2024-11-30 12:00")
    assert lagging_us(NO_SESSIONS, known_us, known_us + MINUTE_US) == MINUTE_US
    assert lagging_us(NO_SESSIONS, known_us, known_us - MINUTE_US) == 0


@given(st.integers(WEDNESDAY.open_us, MONDAY.close_us), st.integers(0, 6 * 86_400 * 10**6))
def test_a_price_never_lags_by_more_than_its_age_and_not_at_all_while_all_is_closed(
    known_us: int, later_us: int
) -> None:
    now_us = min(known_us + later_us, MONDAY.close_us)
    lags_us = lagging_us(TABLE, known_us, now_us)
    assert 0 <= lags_us <= now_us - known_us
    open_since = any(
        max(known_us, day.open_us) < min(now_us, day.close_us)
        for day in (WEDNESDAY, FRIDAY, MONDAY)
    )
    assert lags_us == 0 or open_since
