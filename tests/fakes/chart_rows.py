"""Which rows a question to Yahoo's chart gets: its interval, its window, and their limits.

Known oddities of the real service are served:

- while the market is open an intraday chart ends with one more row at the last trade's time, off
  the grid, open = high = low = close, volume 0; after the close that row stands at the close;
- the daily row of a session under way is stamped with the last trade's time, not with the open;
- a range in days ("5d", "730d") counts sessions, one in months or years goes by the calendar.

Not imitated: rows outside regular hours, and intervals longer than a day (answered 501).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import date

import msgspec

from tests.fakes.bars import Bar, bar_of_bars, bar_of_ticks
from tests.fakes.market import (
    HOUR_SECONDS,
    TICK_SECONDS,
    Day,
    History,
    adjusted_closes,
    heard_ticks,
)
from tests.fakes.sessions import FIRST_DAY, midnight_seconds, new_york_day

DAY_SECONDS = 86_400
GRACE_SECONDS = 60  # a client computes "730 days ago" a moment before the service does

SECONDS = {"1m": 60, "2m": 120, "5m": 300, "15m": 900, "30m": 1_800, "90m": 5_400}
SECONDS |= {"1h": HOUR_SECONDS, "4h": 4 * HOUR_SECONDS}
DEPTH_DAYS = dict.fromkeys(SECONDS, 60) | {"1m": 30, "1h": 730, "4h": 730}
LONGEST_1M_DAYS = 8
VALID_INTERVALS = "1m, 2m, 5m, 15m, 30m, 60m, 90m, 1h, 4h, 1d, 5d, 1wk, 1mo, 3mo"

MONTHS = {"1mo": 1, "3mo": 3, "6mo": 6, "1y": 12, "2y": 24, "5y": 60, "10y": 120}
MONTH_DAYS = 30.4  # so that 2y is 730 days and may be asked for in hours
VALID_RANGES = ["1d", "5d", *MONTHS, "ytd", "max"]


class Refusal(Exception):
    """The service says no: status, code and description of its error body."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.code = code
        self.description = description


class Window(msgspec.Struct, frozen=True):
    """The stretch of time that a question is about: from `first_seconds` up to `end_seconds`."""

    first_seconds: int
    end_seconds: int
    range: str  # "" when the question named its two instants

    def holds(self, at_seconds: int) -> bool:
        return self.first_seconds <= at_seconds < self.end_seconds


def interval_of(query: Mapping[str, str]) -> str:
    """The interval asked for; 60m is answered as 1h, as the service does."""
    interval = query.get("interval", "1d")
    if interval in ("5d", "1wk", "1mo", "3mo"):
        raise Refusal(501, "Not Implemented", f"interval={interval} is not imitated: ask for 1d")
    if interval not in ("1d", "60m", *SECONDS):
        raise Refusal(
            400,
            "Bad Request",
            f"Invalid input - interval={interval} is not supported. "
            f"Valid intervals: [{VALID_INTERVALS}]",
        )
    return "1h" if interval == "60m" else interval


def window_of(history: History, query: Mapping[str, str], interval: str) -> Window:
    """The window asked for by range or by two instants; Refusal where intraday data ends."""
    now = history.at_seconds
    if "period1" in query:
        first = _whole(query, "period1")
        end = _whole(query, "period2") if "period2" in query else now + 1
        back_days = (now - first - GRACE_SECONDS) / DAY_SECONDS
        long_days = (end - first - GRACE_SECONDS) / DAY_SECONDS
        _check_depth(interval, back_days, long_days, (first, end))
        return Window(first, end, "")
    named = query.get("range", "1d")
    first, days = _range(named, history)
    _check_depth(interval, days, days, (first, now))
    return Window(first, now + 1, named)


def rows_of(history: History, window: Window, interval: str) -> list[Bar]:
    """The rows in a window, oldest first, the live row at the end."""
    if interval == "1d":
        return [bar for bar in _daily_rows(history) if window.holds(bar.start_seconds)]
    days = [day for day in history.days if _meets(day, window)]
    rows = [bar for day in days for bar in _intraday(history, day, SECONDS[interval])]
    price, at_seconds = history.last.price, history.last.at_seconds
    if not any(row.start_seconds == at_seconds for row in rows[-1:]):
        rows.append(Bar(at_seconds, price, price, price, price, 0))
    return [row for row in rows if window.holds(row.start_seconds)]


def adjusted_rows(history: History, window: Window) -> list[float]:
    """The adjusted closes of a window's daily rows."""
    pairs = zip(_daily_rows(history), adjusted_closes(history), strict=True)
    return [adjusted for bar, adjusted in pairs if window.holds(bar.start_seconds)]


def _range(named: str, history: History) -> tuple[int, float]:
    """First second of a named range, and how many days the limits take it for."""
    today = new_york_day(history.at_seconds)
    if counted := re.fullmatch(r"(\d{1,5})d", named):
        sessions = max(int(counted[1]), 1)
        return midnight_seconds(history.days[-sessions:][0].session.day), sessions
    if named == "ytd":
        return midnight_seconds(date(today.year, 1, 1)), today.timetuple().tm_yday
    if named == "max":
        return midnight_seconds(FIRST_DAY), 99 * 365
    if named not in MONTHS:
        raise Refusal(400, "Bad Request", f"Invalid input - range={named} is not supported.")
    first = midnight_seconds(_months_before(today, MONTHS[named]))
    return first, int(MONTHS[named] * MONTH_DAYS)


def _check_depth(interval: str, back_days: float, long_days: float, asked: tuple[int, int]) -> None:
    reason = ""
    if interval == "1m" and long_days > LONGEST_1M_DAYS:
        reason = (
            f"Only {LONGEST_1M_DAYS} days worth of 1m granularity data are allowed "
            "to be fetched per request."
        )
    elif interval in DEPTH_DAYS and back_days > DEPTH_DAYS[interval]:
        reason = f"The requested range must be within the last {DEPTH_DAYS[interval]} days."
    if reason:
        between = f"startTime={asked[0]} and endTime={asked[1]}"
        text = f"{interval} data not available for {between}. {reason}"
        raise Refusal(422, "Unprocessable Entity", text)


def _daily_rows(history: History) -> list[Bar]:
    rows = [day.bar for day in history.days]
    if history.is_open:
        rows[-1] = msgspec.structs.replace(rows[-1], start_seconds=history.last.at_seconds)
    return rows


def _intraday(history: History, day: Day, step_seconds: int) -> list[Bar]:
    if step_seconds % HOUR_SECONDS == 0:
        size = step_seconds // HOUR_SECONDS
        return [bar_of_bars(day.hours[i : i + size]) for i in range(0, len(day.hours), size)]
    heard = heard_ticks(history, day)
    size = step_seconds // TICK_SECONDS
    return [bar_of_ticks(heard[i : i + size]) for i in range(0, len(heard), size)]


def _meets(day: Day, window: Window) -> bool:
    session = day.session
    return (
        session.close_seconds >= window.first_seconds and session.open_seconds < window.end_seconds
    )


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last_of_month = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last_of_month))


def _whole(query: Mapping[str, str], name: str) -> int:
    try:
        return int(query[name])
    except ValueError:
        raise Refusal(400, "Bad Request", f"Invalid input - {name}={query[name]}") from None
