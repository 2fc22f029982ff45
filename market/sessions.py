"""When the market is open and when its bars close; beyond the table of sessions nothing is known.

The table is the `Sessions` event; `NO_SESSIONS` stands for it before it was heard. It covers the
time from its first open to its last close, both included; outside, the market is unknown (never
closed) and every other question is answered with None. Early closes, holidays and daylight saving
time are the table's matter. All instants are microseconds UTC; a session lasts from its open up to,
not including, its close.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from typing import Literal, NamedTuple

from market.messages.fetcher import Sessions, Timeframe

MarketState = Literal["open", "closed", "unknown"]

NO_SESSIONS = Sessions(exchange="", date=(), open_us=(), close_us=())

SESSIONS_BEFORE_MAX = 2_600
"""Sessions that a joined table keeps before those of the newer one: ten years."""

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Session(NamedTuple):
    """One trading day: its date in the exchange's calendar, its open and its close."""

    date: str
    open_us: int
    close_us: int


class BarSpan(NamedTuple):
    """A bar by its ``start_us`` as in `Bars` (1d: a label, not an instant), and when it closes."""

    start_us: int
    close_us: int


def covers(table: Sessions, at_us: int) -> bool:
    """Whether the table knows what the market does at the instant."""
    return bool(table.open_us) and table.open_us[0] <= at_us <= table.close_us[-1]


def market_state(table: Sessions, at_us: int) -> MarketState:
    """Whether the market is open at the instant; beyond the table ``unknown``."""
    if not covers(table, at_us):
        return "unknown"
    return "open" if session_at(table, at_us) else "closed"


def session_at(table: Sessions, at_us: int) -> Session | None:
    """The session in progress at the instant; None while the market is closed or unknown."""
    session = latest_session(table, at_us)
    return session if session and at_us < session.close_us else None


def latest_session(table: Sessions, at_us: int) -> Session | None:
    """The session in progress at the instant, or the last one before it."""
    if not covers(table, at_us):
        return None
    return _session(table, bisect_right(table.open_us, at_us) - 1)


def next_session(table: Sessions, at_us: int) -> Session | None:
    """The first session that opens after the instant."""
    index = bisect_right(table.open_us, at_us)
    if not covers(table, at_us) or index == len(table.open_us):
        return None
    return _session(table, index)


def session_on(table: Sessions, day: str) -> Session | None:
    """The session of a date like ``2026-07-03``; None where the table has none."""
    index = bisect_left(table.date, day)
    return _session(table, index) if table.date[index : index + 1] == (day,) else None


def session_after(table: Sessions, day: str) -> Session | None:
    """The first session of the table that is dated after the day."""
    index = bisect_right(table.date, day)
    return _session(table, index) if index < len(table.date) else None


def joined(older: Sessions, newer: Sessions) -> Sessions:
    """The newer table, and before it what the older one knows of the time before."""
    if not newer.open_us or older.exchange != newer.exchange:
        return newer
    before = bisect_left(older.open_us, newer.open_us[0])
    first = max(0, before - SESSIONS_BEFORE_MAX)
    return Sessions(
        newer.exchange,
        older.date[first:before] + newer.date,
        older.open_us[first:before] + newer.open_us,
        older.close_us[first:before] + newer.close_us,
    )


def day_of(start_us: int) -> str:
    """The date of the 1d bar with this ``start_us``, like ``2026-07-03``."""
    return date.fromordinal(start_us // DAY_US + _EPOCH_DAY).isoformat()


def day_start_us(day: str) -> int:
    """The ``start_us`` of the 1d bar of a date like ``2026-07-03``: midnight UTC, as a label."""
    return (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * DAY_US


def bars_of(session: Session, timeframe: Timeframe) -> tuple[BarSpan, ...]:
    """The bars of a session, oldest first; 1h bars start at its open; the last may be short."""
    if timeframe == "1d":
        return (BarSpan(day_start_us(session.date), session.close_us),)
    return tuple(
        BarSpan(start_us, min(start_us + HOUR_US, session.close_us))
        for start_us in range(session.open_us, session.close_us, HOUR_US)
    )


def last_closed_bar(table: Sessions, timeframe: Timeframe, at_us: int) -> BarSpan | None:
    """The newest bar closed at the instant; None beyond the table or before its first close."""
    if not covers(table, at_us):
        return None
    index = bisect_right(table.open_us, at_us) - 1
    near = [_session(table, i) for i in (index - 1, index) if i >= 0]
    closed = [bar for s in near for bar in bars_of(s, timeframe) if bar.close_us <= at_us]
    return closed[-1] if closed else None


def next_closing_bar(table: Sessions, timeframe: Timeframe, at_us: int) -> BarSpan | None:
    """The bar that closes next after the instant; None beyond the table."""
    index = bisect_right(table.close_us, at_us)
    if not covers(table, at_us) or index == len(table.close_us):
        return None
    bars = bars_of(_session(table, index), timeframe)
    return next(bar for bar in bars if bar.close_us > at_us)


def bar_close_us(table: Sessions, timeframe: Timeframe, start_us: int) -> int | None:
    """When the bar with this ``start_us`` closes; None where no bar of the table starts so."""
    if timeframe == "1d":
        session = session_on(table, day_of(start_us))
    else:
        session = session_at(table, start_us)
    bars = bars_of(session, timeframe) if session else ()
    return next((bar.close_us for bar in bars if bar.start_us == start_us), None)


def _session(table: Sessions, index: int) -> Session:
    return Session(table.date[index], table.open_us[index], table.close_us[index])
