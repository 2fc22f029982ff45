"""When the collector wants what: its cycles by the market's clock, and its table of sessions."""

from __future__ import annotations

from typing import Literal, NamedTuple

from market.messages.fetcher import Sessions
from market.sessions import covers, latest_session, market_state, next_session
from market.symbols import PROTECTED
from market.venues import Venue, hours
from services.fetcher.core.declaration import Options
from services.fetcher.core.exchange import rests_until_us
from services.fetcher.core.jitter import fraction
from services.fetcher.core.state import Collector, Series

SECOND_US = 1_000_000

PUNCTUAL_US = 20 * SECOND_US
"""Cycles begin this long after the bar's end, when the source has its last trades."""

SETTLED_US = 900 * SECOND_US
"""The closing auction and its late prints are in the day's bar after a quarter of an hour."""

SPREAD_SHARE = 0.1
SPREAD_SECONDS_MAX = 30.0
"""A cycle by the clock asks for its tickers within this part of its interval, not all at once."""

TABLE_LASTS_US = 86_400 * SECOND_US

HISTORY_US = 5 * 366 * 86_400 * SECOND_US
"""Five years of days are what a first fetch brings."""


class NextCycle(NamedTuple):
    """When the next cycle begins, why, and for whose tickers (empty: for all)."""

    at_us: int
    by: Literal["clock", "close"]
    venues: tuple[Venue, ...] = ()


def next_cycle(state: Collector, options: Options) -> NextCycle | None:
    """The next cycle of a running collector; in the past where one is overdue, None at rest."""
    if not state.running:
        return None
    coming = {venue: _next_cycle_of(state, options, venue) for venue in state.venues}
    first = min((one for one in coming.values() if one), default=None)
    if first is None:
        return None
    venues = tuple(venue for venue, one in coming.items() if one == first)
    return first if venues == state.venues else first._replace(venues=venues)


def _next_cycle_of(state: Collector, options: Options, venue: Venue) -> NextCycle | None:
    """None begins by New York's clock while a source denies the session."""
    last_us, interval_us = state.cycle_of_us(venue), options.interval_seconds * SECOND_US
    table = hours(venue, state.table, last_us)
    rested_us = rests_until_us(state) - interval_us // 2 if venue == "us" else 0
    clock_us = _next_by_clock(table, interval_us, max(last_us, rested_us))
    close_us = _next_after_close(table, last_us)
    if close_us is not None and (clock_us is None or close_us < clock_us):
        return NextCycle(close_us, "close")
    return NextCycle(clock_us, "clock") if clock_us is not None else None


def table_wanted_us(state: Collector) -> int:
    """When the table of sessions is to be read (again)."""
    refusals = [refusal.retry_at_us for refusal in state.calendar.refusals]
    answered_us = state.calendar.answered_us
    return max([answered_us + TABLE_LASTS_US if answered_us else 0, *refusals])


def table_reaches_back(state: Collector, now_us: int) -> bool:
    """Whether the sessions of all of a history are known, so that the last year's are enough."""
    return covers(state.table, now_us - HISTORY_US)


def ready_us(state: Collector, options: Options, ticker: str, series: Series) -> int:
    """From when a wanted ticker is asked for: at once, but by the clock a little spread out."""
    cycle = state.cycle
    punctual = cycle is None or cycle.by != "clock" or series.wanted_us != cycle.started_us
    if punctual or ticker in PROTECTED:
        return series.wanted_us
    spread_seconds = min(SPREAD_SECONDS_MAX, SPREAD_SHARE * options.interval_seconds)
    return series.wanted_us + round(spread_seconds * SECOND_US * fraction("spread", ticker))


def _next_by_clock(table: Sessions, interval_us: int, last_us: int) -> int | None:
    """The first beat with an open or unknown market, half an interval from the last cycle.

    A cycle at a start is no beat, and the next one follows it soon enough.
    """
    beat_us = _beat_after(last_us + interval_us // 2, interval_us)
    if market_state(table, beat_us) != "closed":
        return beat_us
    opening = next_session(table, beat_us)
    return _beat_after(opening.open_us, interval_us) if opening else None


def _beat_after(at_us: int, interval_us: int) -> int:
    """The first punctual multiple of the interval (since 1970) after ``at_us``."""
    return ((at_us - PUNCTUAL_US) // interval_us + 1) * interval_us + PUNCTUAL_US


def _next_after_close(table: Sessions, last_us: int) -> int | None:
    """When the day's bars are settled and no cycle has been since."""
    settles_us = SETTLED_US + PUNCTUAL_US
    session = latest_session(table, max(last_us - settles_us, 0)) if table.open_us else None
    if session and session.close_us + settles_us <= last_us:
        session = next_session(table, session.open_us)
    return session.close_us + settles_us if session else None
