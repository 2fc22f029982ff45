"""The New York sessions of the imitated market: the exchange's holiday rules from 2016 on.

Own rules, because the imitation must not lean on the calendar library that the product uses; a
test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY = date(2016, 1, 4)

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6

# Closed for national days of mourning: these follow from no rule.
MOURNING = {
    date(2018, 12, 5): "National Day of Mourning for George H. W. Bush",
    date(2025, 1, 9): "National Day of Mourning for Jimmy Carter",
}


class Session(msgspec.Struct, frozen=True):
    """One trading day; all stamps are epoch seconds UTC."""

    day: date
    open_seconds: int
    close_seconds: int

    @property
    def pre_seconds(self) -> int:
        """Start of the pre-market: 04:00 New York, five and a half hours before the open."""
        return self.open_seconds - 19_800

    @property
    def post_seconds(self) -> int:
        """End of the post-market: four hours after the close."""
        return self.close_seconds + 14_400

    @property
    def is_half_day(self) -> bool:
        return self.close_seconds - self.open_seconds < 23_400


def session_on(day: date) -> Session | None:
    """The session of a New York date, or None on weekends and holidays."""
    if day.weekday() >= SATURDAY or day in holidays(day.year):
        return None
    close = time(13) if day in early_closes(day.year) else time(16)
    return Session(day, _new_york_seconds(day, time(9, 30)), _new_york_seconds(day, close))


def sessions(first: date, last: date) -> Iterator[Session]:
    """Every session from `first` to `last`, both included."""
    for offset in range((last - first).days + 1):
        session = session_on(first + timedelta(days=offset))
        if session is not None:
            yield session


def new_york_day(at_seconds: float) -> date:
    """The date that New York's calendars show at an instant."""
    return datetime.fromtimestamp(at_seconds, NEW_YORK).date()


def midnight_seconds(day: date) -> int:
    return _new_york_seconds(day, time())


@lru_cache(maxsize=64)
def holidays(year: int) -> dict[date, str]:
    """Full-day closures of a year by date, with the exchange's name for each."""
    named = {
        _nth_weekday(year, 1, MONDAY, 3): "Martin Luther King Jr. Day",
        _nth_weekday(year, 2, MONDAY, 3): "Presidents' Day",
        _easter(year) - timedelta(days=2): "Good Friday",
        _nth_weekday(year, 6, MONDAY, 1) - timedelta(days=7): "Memorial Day",
        _observed(date(year, 7, 4)): "Independence Day",
        _nth_weekday(year, 9, MONDAY, 1): "Labor Day",
        _nth_weekday(year, 11, THURSDAY, 4): "Thanksgiving Day",
        _observed(date(year, 12, 25)): "Christmas",
    }
    # New Year's Day on a Saturday is not moved into the old year: its last day closes the books.
    if date(year, 1, 1).weekday() != SATURDAY:
        named[_observed(date(year, 1, 1))] = "New Year's Day"
    if year >= 2022:
        named[_observed(date(year, 6, 19))] = "Juneteenth"
    return named | {day: name for day, name in MOURNING.items() if day.year == year}


@lru_cache(maxsize=64)
def early_closes(year: int) -> frozenset[date]:
    """Days of a year that close at 13:00."""
    candidates = (
        date(year, 7, 3),
        _nth_weekday(year, 11, THURSDAY, 4) + timedelta(days=1),
        date(year, 12, 24),
    )
    closed = holidays(year)
    return frozenset(day for day in candidates if day.weekday() < SATURDAY and day not in closed)


def _new_york_seconds(day: date, clock: time) -> int:
    return int(datetime.combine(day, clock, NEW_YORK).timestamp())


def _observed(day: date) -> date:
    if day.weekday() == SATURDAY:
        return day - timedelta(days=1)
    return day + timedelta(days=1) if day.weekday() == SUNDAY else day


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _easter(year: int) -> date:
    """Gregorian Easter Sunday (Gauss's rule as simplified by Meeus, Jones and Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
