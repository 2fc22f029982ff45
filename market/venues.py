"""Where a ticker is traded, and the hours that its bars are held against: not New York's for all.

Shares and New York's indices follow the table of sessions. Of other markets the hours are
arithmetic, as Yahoo keeps its days: crypto never closes, its day is that of UTC; currencies trade
from Sunday to Friday 17:00 in New York, their day is London's; futures of the CME from 18:00 to
17:00 in New York, their day is the one on which they close. Beyond the weekend these know two
holidays, on which hardly anything is traded: Christmas and New Year's Day. Of whatever else there
is (an index of Tokyo) the hours are unknown: never closed, and nothing of it is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from market.messages.fetcher import Sessions
from market.sessions import DAY_US, NO_SESSIONS, Session, day_start_us
from market.symbols import is_simulated

Venue = Literal["us", "crypto", "forex", "futures", "elsewhere"]

_INDICES = "GSPC SPX OEX MID SML DJI DJT DJU IXIC NDX NYA RUT RUI RUA W5000 SOX"
US_INDICES: Final = frozenset(f"^{name}" for name in _INDICES.split(" "))
"""Of shares in New York, while they are traded."""

HOLIDAYS: Final = frozenset({(1, 1), (12, 25)})

YEARS_BEFORE, YEARS_AFTER = 6, 1
"""What is asked of the hours of an instant: a history of five years, and what comes next."""

NEW_YORK: Final = ZoneInfo("America/New_York")
LONDON: Final = ZoneInfo("Europe/London")

_NEWEST_DAY: Final[dict[Venue, tuple[ZoneInfo | None, int]]] = {
    "us": (NEW_YORK, 0),
    "crypto": (None, 0),
    "forex": (LONDON, 2),
    "futures": (NEW_YORK, 6),
    "elsewhere": (None, 14),
}
"""Whose calendar names the newest day, and by how many hours its day begins before midnight."""


def venue_of(ticker: str) -> Venue:
    """Where the ticker is traded; whatever is simulated is so in New York's hours."""
    if is_simulated(ticker) or ticker in US_INDICES:
        return "us"
    if ticker.startswith("^"):
        return "elsewhere"
    match ticker[-2:]:
        case "=X":
            return "forex"
        case "=F":
            return "futures"
    return "crypto" if len(ticker.partition("-")[2]) > 2 else "us"


def hours_of(ticker: str, table: Sessions, at_us: int) -> Sessions:
    """The sessions of the ticker's market around an instant; ``table`` is New York's."""
    return hours(venue_of(ticker), table, at_us)


def hours(venue: Venue, table: Sessions, at_us: int) -> Sessions:
    """The sessions of a market around an instant; ``table`` is New York's."""
    if venue == "us":
        return table
    return NO_SESSIONS if venue == "elsewhere" else _hours(venue, _moment(at_us).year)


def newest_day(ticker: str, at_us: int) -> date:
    """The latest date that a daily bar of the ticker may bear at an instant."""
    zone, hours_early = _NEWEST_DAY[venue_of(ticker)]
    moment = _moment(at_us).astimezone(zone or UTC)
    return (moment + timedelta(hours=hours_early)).date()


@lru_cache(maxsize=16)
def _hours(venue: Venue, year: int) -> Sessions:
    first, end = date(year - YEARS_BEFORE, 1, 1), date(year + YEARS_AFTER + 1, 1, 1)
    days = (first + timedelta(days=n) for n in range((end - first).days))
    columns = zip(*(one for day in days for one in _session_on(venue, day)), strict=True)
    dates, opens_us, closes_us = columns
    return Sessions(venue, dates, opens_us, closes_us)


def _session_on(venue: Venue, day: date) -> Iterator[Session]:
    label = day.isoformat()
    if venue == "crypto":
        start_us = day_start_us(label)
        yield Session(label, start_us, start_us + DAY_US)
    elif day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS:
        opens_us, closes_us = _of_currencies(day) if venue == "forex" else _of_futures(day)
        yield Session(label, opens_us, closes_us)


def _of_currencies(day: date) -> tuple[int, int]:
    """London's day, but for Sunday evening and Friday night."""
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    opens_us = _at(before, 17, NEW_YORK) if day.weekday() == 0 else _at(day, 0, LONDON)
    closes_us = _at(day, 17, NEW_YORK) if day.weekday() == 4 else _at(after, 0, LONDON)
    return opens_us, closes_us


def _of_futures(day: date) -> tuple[int, int]:
    return _at(day - timedelta(days=1), 18, NEW_YORK), _at(day, 17, NEW_YORK)


def _at(day: date, hour: int, zone: ZoneInfo) -> int:
    moment = datetime.combine(day, time(hour), zone)
    return round(moment.timestamp()) * 1_000_000


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC)
