"""The market's hours, held against Thanksgiving week 2024: a holiday, an early close, a weekend."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.messages.fetcher import Sessions, Timeframe
from market.sessions import (
    HOUR_US,
    NO_SESSIONS,
    BarSpan,
    Session,
    bar_close_us,
    bars_of,
    day_of,
    day_start_us,
    last_closed_bar,
    latest_session,
    market_state,
    next_closing_bar,
    next_session,
    session_after,
    session_at,
    session_on,
)


def us(text: str) -> int:
    """Microseconds of an instant in UTC, written ``2024-11-27 14:30``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


WEDNESDAY = Session("2024-11-27", us("2024-11-27 14:30"), us("2024-11-27 21:00"))
FRIDAY = Session("2024-11-29", us("2024-11-29 14:30"), us("2024-11-29 18:00"))
MONDAY = Session("2024-12-02", us("2024-12-02 14:30"), us("2024-12-02 21:00"))
DAYS = (WEDNESDAY, FRIDAY, MONDAY)
TABLE = Sessions(
    exchange="XNYS",
    date=tuple(day.date for day in DAYS),
    open_us=tuple(day.open_us for day in DAYS),
    close_us=tuple(day.close_us for day in DAYS),
)
HOURLY = tuple(bar for day in DAYS for bar in bars_of(day, "1h"))
DAILY = tuple(bar for day in DAYS for bar in bars_of(day, "1d"))

inside = st.integers(WEDNESDAY.open_us, MONDAY.close_us)


@pytest.mark.parametrize(
    ("instant", "state"),
    [
        ("2024-11-27 14:29:59", "unknown"),
        ("2024-11-27 14:30", "open"),
        ("2024-11-27 20:59:59", "open"),
        ("2024-11-27 21:00", "closed"),
        ("2024-11-28 16:00", "closed"),
        ("2024-11-29 17:59", "open"),
        ("2024-11-29 18:00", "closed"),
        ("2024-11-30 16:00", "closed"),
        ("2024-12-02 21:00", "closed"),
        ("2024-12-02 21:00:01", "unknown"),
    ],
)
def test_the_market_is_open_in_sessions_closed_between_them_and_unknown_beyond_the_table(
    instant: str, state: str
) -> None:
    assert market_state(TABLE, us(instant)) == state


def test_before_the_calendar_is_heard_nothing_is_known() -> None:
    now = us("2024-11-27 15:00")
    answers = (
        market_state(NO_SESSIONS, now),
        latest_session(NO_SESSIONS, now),
        next_session(NO_SESSIONS, now),
        last_closed_bar(NO_SESSIONS, "1d", now),
        next_closing_bar(NO_SESSIONS, "1h", now),
        bar_close_us(NO_SESSIONS, "1d", day_start_us("2024-11-27")),
    )
    assert answers == ("unknown", None, None, None, None, None)


def test_the_session_of_an_instant_is_the_one_in_progress() -> None:
    assert session_at(TABLE, us("2024-11-29 15:00")) == FRIDAY
    assert session_at(TABLE, us("2024-11-29 18:00")) is None
    assert latest_session(TABLE, us("2024-12-01 12:00")) == FRIDAY


def test_the_next_session_opens_after_the_holiday_and_after_the_weekend() -> None:
    assert next_session(TABLE, WEDNESDAY.open_us) == FRIDAY
    assert next_session(TABLE, us("2024-11-28 12:00")) == FRIDAY
    assert next_session(TABLE, FRIDAY.close_us) == MONDAY
    assert next_session(TABLE, MONDAY.open_us) is None


def test_a_session_is_found_by_its_date_and_a_holiday_has_none() -> None:
    assert session_on(TABLE, "2024-11-29") == FRIDAY
    assert session_on(TABLE, "2024-11-28") is None
    assert session_on(TABLE, "2025-01-01") is None


def test_the_session_after_a_day_skips_the_holiday_and_ends_with_the_table() -> None:
    assert session_after(TABLE, "2024-11-27") == FRIDAY
    assert session_after(TABLE, "2024-11-28") == FRIDAY
    assert session_after(TABLE, "2020-01-01") == WEDNESDAY
    assert session_after(TABLE, "2024-12-02") is None


def test_a_day_and_the_start_of_its_bar_name_each_other() -> None:
    assert day_start_us("2024-11-29") == us("2024-11-29 00:00")
    assert day_of(us("2024-11-29 00:00")) == "2024-11-29"


def test_hourly_bars_start_at_the_open_and_the_last_one_is_short() -> None:
    half_past = [us(f"2024-11-29 {hour}:30") for hour in (14, 15, 16, 17)]
    assert bars_of(FRIDAY, "1h") == (
        *(BarSpan(start, start + HOUR_US) for start in half_past[:3]),
        BarSpan(half_past[3], us("2024-11-29 18:00")),
    )
    assert len(bars_of(WEDNESDAY, "1h")) == 7


def test_a_daily_bar_is_labelled_by_its_date_and_closes_with_its_session() -> None:
    assert bars_of(FRIDAY, "1d") == (BarSpan(us("2024-11-29 00:00"), us("2024-11-29 18:00")),)


@pytest.mark.parametrize(
    ("timeframe", "instant", "last", "following"),
    [
        ("1d", "2024-11-27 20:59", None, DAILY[0]),
        ("1d", "2024-11-27 21:00", DAILY[0], DAILY[1]),
        ("1d", "2024-11-29 17:59", DAILY[0], DAILY[1]),
        ("1d", "2024-12-01 12:00", DAILY[1], DAILY[2]),
        ("1d", "2024-12-02 21:00", DAILY[2], None),
        ("1h", "2024-11-27 14:59", None, HOURLY[0]),
        ("1h", "2024-11-27 15:30", HOURLY[0], HOURLY[1]),
        ("1h", "2024-11-27 20:45", HOURLY[5], HOURLY[6]),
        ("1h", "2024-11-28 12:00", HOURLY[6], HOURLY[7]),
        ("1h", "2024-11-29 18:00", HOURLY[10], HOURLY[11]),
    ],
)
def test_the_last_closed_and_the_next_closing_bar(
    timeframe: Timeframe, instant: str, last: BarSpan | None, following: BarSpan | None
) -> None:
    assert last_closed_bar(TABLE, timeframe, us(instant)) == last
    assert next_closing_bar(TABLE, timeframe, us(instant)) == following


@given(inside, st.sampled_from([("1d", DAILY), ("1h", HOURLY)]))
def test_every_bar_is_either_closed_or_still_to_close(
    at_us: int, series: tuple[Timeframe, tuple[BarSpan, ...]]
) -> None:
    timeframe, bars = series
    closed = [bar for bar in bars if bar.close_us <= at_us]
    coming = [bar for bar in bars if bar.close_us > at_us]
    assert last_closed_bar(TABLE, timeframe, at_us) == (closed[-1] if closed else None)
    assert next_closing_bar(TABLE, timeframe, at_us) == (coming[0] if coming else None)


@pytest.mark.parametrize(("timeframe", "bars"), [("1d", DAILY), ("1h", HOURLY)])
def test_a_bar_is_found_by_its_start(timeframe: Timeframe, bars: tuple[BarSpan, ...]) -> None:
    assert [bar_close_us(TABLE, timeframe, bar.start_us) for bar in bars] == [
        bar.close_us for bar in bars
    ]


def test_no_bar_starts_on_a_holiday_or_off_the_grid() -> None:
    assert bar_close_us(TABLE, "1d", day_start_us("2024-11-28")) is None
    assert bar_close_us(TABLE, "1d", WEDNESDAY.open_us) is None
    assert bar_close_us(TABLE, "1h", us("2024-11-27 15:00")) is None
