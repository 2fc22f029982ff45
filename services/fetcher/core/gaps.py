"""What is missing between the bars that are known: bars of sessions that no answer brought."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from market.messages.fetcher import Sessions, Timeframe
from market.sessions import DAY_US, Session, bars_of, covers
from services.fetcher.core.state import Row

MISSING_MAX = 64


def missing(table: Sessions, timeframe: Timeframe, tail: tuple[Row, ...]) -> tuple[int, ...]:
    """The starts of the bars that lie in sessions between the first and the last known one.

    None where the table does not know all of that time; the newest ones where there are many.
    """
    if len(tail) < 2:
        return ()
    first_us, last_us = tail[0].start_us, tail[-1].start_us
    if not (covers(table, first_us) and covers(table, last_us)):
        return ()
    known = {row.start_us for row in tail}
    wanted = (
        bar.start_us
        for session in _sessions_between(table, first_us, last_us)
        for bar in bars_of(session, timeframe)
    )
    lacking = [at for at in wanted if first_us < at < last_us and at not in known]
    return tuple(lacking[-MISSING_MAX:])


def asks_from_us(latest_us: int, lacking: tuple[int, ...]) -> int:
    """The newest bar that need not be asked for again: the last one, or that before the gap."""
    return min(latest_us, lacking[0] - DAY_US) if lacking else latest_us


def _sessions_between(table: Sessions, first_us: int, last_us: int) -> list[Session]:
    """The sessions around a span; a 1d bar's label lies before its session opens."""
    first = max(0, bisect_right(table.open_us, first_us) - 1)
    last = bisect_left(table.open_us, last_us + DAY_US)
    columns = (table.date, table.open_us, table.close_us)
    return [Session(*row) for row in zip(*(each[first:last] for each in columns), strict=True)]
