"""The hours of what is not traded in New York: crypto always, currencies and futures all week."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.freshness import stale_because
from market.sessions import (
    DAY_US,
    HOUR_US,
    NO_SESSIONS,
    Session,
    bars_of,
    day_start_us,
    latest_session,
    market_state,
    next_session,
    session_at,
    session_on,
)
from market.venues import Venue, hours, hours_of, newest_day, venue_of
from tests.market.test_sessions import TABLE, us

NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
OWN: tuple[Venue, ...] = ("crypto", "forex", "futures")
INSTANTS = st.integers(us("2015-01-01 00:00"), us("2035-01-01 00:00"))


def at(text: str, zone: ZoneInfo = NEW_YORK) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=zone)
    return round(moment.timestamp()) * 1_000_000


def local(at_us: int, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, zone)


@pytest.mark.parametrize(
    ("ticker", "venue"),
    [
        ("SPY", "us"),
        ("BRK-B", "us"),
        ("^GSPC", "us"),
        ("BTC-USD~sim", "us"),
        ("BTC-USD", "crypto"),
        ("ETH-USDT", "crypto"),
        ("EURUSD=X", "forex"),
        ("JPY=X", "forex"),
        ("ES=F", "futures"),
        ("^N225", "elsewhere"),
    ],
)
def test_a_ticker_tells_where_it_is_traded(ticker: str, venue: str) -> None:
    assert venue_of(ticker) == venue


def test_new_york_keeps_its_table_and_of_other_exchanges_nothing_is_known() -> None:
    now_us = us("2024-11-28 16:00")
    assert hours_of("^GSPC", TABLE, now_us) is hours_of("NVDA", TABLE, now_us) is TABLE
    assert hours_of("^N225", TABLE, now_us) is NO_SESSIONS
    assert market_state(hours_of("^N225", TABLE, now_us), now_us) == "unknown"


@given(INSTANTS)
def test_crypto_is_open_at_every_instant_and_its_day_is_that_of_utc(now_us: int) -> None:
    session = session_at(hours("crypto", NO_SESSIONS, now_us), now_us)
    assert session is not None
    assert session.date == local(now_us, ZoneInfo("UTC")).date().isoformat()
    assert session.open_us == day_start_us(session.date)
    assert session.close_us - session.open_us == DAY_US


@given(INSTANTS)
def test_currencies_and_futures_rest_from_friday_to_sunday_evening_and_on_no_other_day(
    now_us: int,
) -> None:
    there = local(now_us)
    minutes = there.weekday() * 1_440 + there.hour * 60 + there.minute
    weekend = 4 * 1_440 + 17 * 60 <= minutes < 6 * 1_440 + 17 * 60
    near_holiday = any(
        (day.month, day.day) in {(1, 1), (12, 25)}
        for day in (there.date() + timedelta(days=n) for n in (-1, 0, 1))
    )
    if weekend:
        assert market_state(hours("forex", NO_SESSIONS, now_us), now_us) == "closed"
    elif not near_holiday:
        assert market_state(hours("forex", NO_SESSIONS, now_us), now_us) == "open"
    rests = 4 * 1_440 + 17 * 60 <= minutes < 6 * 1_440 + 18 * 60 or there.hour == 17
    if rests:
        assert market_state(hours("futures", NO_SESSIONS, now_us), now_us) == "closed"
    elif not near_holiday:
        assert market_state(hours("futures", NO_SESSIONS, now_us), now_us) == "open"


@given(INSTANTS, st.sampled_from(OWN))
def test_sessions_follow_one_another_and_their_hours_fill_them(now_us: int, venue: Venue) -> None:
    table = hours(venue, NO_SESSIONS, now_us)
    session, coming = latest_session(table, now_us), next_session(table, now_us)
    assert session is not None
    assert coming is not None
    assert session.open_us <= now_us < coming.open_us
    assert session.close_us <= coming.open_us
    assert session_on(table, session.date) == session
    spans = bars_of(session, "1h")
    assert (spans[0].start_us, spans[-1].close_us) == (session.open_us, session.close_us)
    assert {span.close_us - span.start_us for span in spans} == {HOUR_US}
    assert newest_day("EURUSD=X", now_us) >= local(now_us, LONDON).date()


@pytest.mark.parametrize(
    ("venue", "day", "opens", "closes"),
    [
        # New York is on summer time two weeks before London.
        ("forex", "2026-03-09", at("2026-03-08T17:00"), at("2026-03-10T00:00", LONDON)),
        ("forex", "2026-03-13", at("2026-03-13T00:00", LONDON), at("2026-03-13T17:00")),
        ("forex", "2026-03-30", at("2026-03-29T17:00"), at("2026-03-31T00:00", LONDON)),
        ("futures", "2026-03-09", at("2026-03-08T18:00"), at("2026-03-09T17:00")),
        ("futures", "2026-11-02", at("2026-11-01T18:00"), at("2026-11-02T17:00")),
    ],
)
def test_a_clock_that_is_set_moves_the_hours_with_it(
    venue: Venue, day: str, opens: int, closes: int
) -> None:
    session = session_on(hours(venue, NO_SESSIONS, opens), day)
    assert session == Session(day, opens, closes)


@pytest.mark.parametrize(
    ("ticker", "now", "day"),
    [
        ("NVDA", "2026-01-06 00:30", "2026-01-05"),
        ("BTC-USD", "2026-01-06 00:30", "2026-01-06"),
        ("EURUSD=X", "2026-01-04 22:30", "2026-01-05"),
        ("ES=F", "2026-01-05 23:30", "2026-01-06"),
        ("ES=F", "2026-01-05 22:30", "2026-01-05"),
        ("^N225", "2026-01-05 23:30", "2026-01-06"),
    ],
)
def test_the_newest_day_is_that_of_the_tickers_own_market(ticker: str, now: str, day: str) -> None:
    assert newest_day(ticker, us(now)) == date.fromisoformat(day)


def test_evidence_of_a_coin_is_stale_on_a_sunday_and_that_of_a_currency_is_not() -> None:
    friday_us, sunday_us = day_start_us("2026-01-09"), us("2026-01-11 12:00")
    told = {
        ticker: stale_because(
            hours_of(ticker, TABLE, sunday_us), friday_us, friday_us, sunday_us, HOUR_US
        )
        for ticker in ("BTC-USD", "EURUSD=X", "ES=F")
    }
    assert told == {
        "BTC-USD": "the bar of 2026-01-10 closed 12 hours ago and has not come",
        "EURUSD=X": "",
        "ES=F": "",
    }
