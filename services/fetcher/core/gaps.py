"""What is missing between the bars that are known: bars of sessions that no answer brought.

Looked for in each answer alone, so that it costs what the answer costs, however long the history:
what lies between its bars, and between it and the bars that were known before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from market.messages.fetcher import BarsMissing, Sessions, Timeframe
from market.sessions import DAY_US, Session, bars_of
from services.fetcher.core.past import Past, asks_for_gaps, let_be
from services.fetcher.core.state import Lane

MISSING_MAX = 64
"""So many are named and asked for, the newest; who lacks more has no history but pieces of one."""

TURNS = 3
"""So often, which takes an hour, a gap is asked for before a newer one may take its place."""


def looked_for(
    table: Sessions, ticker: str, timeframe: Timeframe, lane: Lane, start_us: Sequence[int]
) -> BarsMissing:
    """What the series lacks after an answer of these starts; ``lane`` is as it was before it."""
    past, brought = lane.past, set(start_us)
    lacking = set(past.missing) | _holes(table, timeframe, lane, start_us)
    lacking -= brought
    return BarsMissing(
        ticker,
        timeframe,
        start_us=tuple(sorted(lacking))[-MISSING_MAX:],
        absent=tuple(at for at in past.absent if at not in brought),
    )


def given_up(found: BarsMissing, past: Past) -> BarsMissing:
    """What is missing counts as absent, where it was asked for often enough.

    Sooner where something newer is missing beside it, which is asked for from the beginning: else
    a symbol that is not traded in every hour would be asked for its old hours for ever.
    """
    lacking, known = set(found.start_us), set(past.missing)
    if not (let_be(past) or (past.gap_times >= TURNS and not lacking <= known)):
        return found
    absent = tuple(sorted({*found.absent, *(lacking & known)}))[-MISSING_MAX:]
    return BarsMissing(found.ticker, found.timeframe, tuple(sorted(lacking - known)), absent)


def is_news(found: BarsMissing, past: Past, table: Sessions, start_us: Sequence[int]) -> bool:
    """Whether it was not told before; that nothing is missing, too, after the first whole look."""
    looked = past.unchecked and bool(table.open_us) and start_us[0] <= past.first_us
    return looked or (found.start_us, found.absent) != (past.missing, past.absent)


def asks_from_us(lane: Lane, table: Sessions, at_us: int) -> int:
    """The newest bar that need not be asked for: the last one, or that before the gap (0: all)."""
    past = lane.past
    if not asks_for_gaps(past, table, at_us):
        return lane.latest_us
    return min(lane.latest_us, past.missing[0] - DAY_US) if past.missing else 0


def _holes(table: Sessions, timeframe: Timeframe, lane: Lane, start_us: Sequence[int]) -> set[int]:
    """Bars of sessions around the answer that are neither in it nor were known before it."""
    known_us = {row.start_us for row in lane.tail}
    first_us, last_us = start_us[0], start_us[-1]
    if lane.tail:
        first_us, last_us = min(first_us, lane.latest_us), max(last_us, lane.past.first_us)
    first_known_us = lane.latest_us if lane.past.unchecked else lane.past.first_us
    wanted = (
        bar.start_us
        for session in _sessions_between(table, first_us, last_us)
        for bar in bars_of(session, timeframe)
    )
    brought = {*start_us, *known_us}
    return {
        at
        for at in wanted
        if first_us < at < last_us
        and at not in brought
        and not (lane.tail and first_known_us <= at <= lane.latest_us)
    }


def _sessions_between(table: Sessions, first_us: int, last_us: int) -> list[Session]:
    """The sessions around a span; a 1d bar's label lies before its session opens."""
    first = max(0, bisect_right(table.open_us, first_us) - 1)
    last = bisect_left(table.open_us, last_us + DAY_US)
    columns = (table.date, table.open_us, table.close_us)
    return [Session(*row) for row in zip(*(each[first:last] for each in columns), strict=True)]
