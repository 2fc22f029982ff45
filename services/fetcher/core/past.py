"""What is remembered of a series beyond its tail: where it begins, what is settled, what it lacks.

A fold of the series' bars. All of it is bounded, and an answer costs as much as it has rows.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from market.messages.fetcher import Bars, BarsMissing, Sessions
from market.messages.history import DayUnsettled
from market.sessions import day_start_us
from market.symbols import is_simulated

SECOND_US = 1_000_000

TOLD_ROWS = 5
"""Closed bars whose values are remembered: the sessions that the shortest increment repeats."""

GAP_PAUSES_US = tuple(seconds * SECOND_US for seconds in (0, 600, 3_600, 21_600, 86_400))
"""How long after the last time a gap is asked for again; after the last time it is let be."""


class Told(NamedTuple):
    """A closed bar as it was told, by the names of its values."""

    start_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    split: float
    dividend: float


class Unsettled(msgspec.Struct, frozen=True):
    """A day (its bar's ``start_us``) that answers lacked so often, and when it is asked for again.

    ``retry_at_us`` is 0 where that was given up.
    """

    start_us: int
    times: int
    retry_at_us: int


class Past(msgspec.Struct, frozen=True, omit_defaults=True):
    """A series' oldest bar and its newest closed one, what it lacks, its last bars by value.

    ``missing`` are bars of sessions that no answer brought, ``absent`` those that were asked for
    often enough. ``gap_asked_us`` is when an answer came for the last time to the question for
    what is missing, ``gap_times`` how often. ``unchecked`` says that the series began while its
    sessions were not known, so that nobody has looked for gaps in it.
    """

    first_us: int = 0
    closed_us: int = 0
    missing: tuple[int, ...] = ()
    absent: tuple[int, ...] = ()
    gap_times: int = 0
    gap_asked_us: int = 0
    unchecked: bool = False
    told: tuple[Told, ...] = ()
    unsettled: Unsettled | None = None


NO_PAST = Past()


def grown(past: Past, bars: Bars, closed_us: int, table: Sessions, asked_us: int) -> Past:
    """The past with the bars of an event; ``asked_us`` is when they were asked for (0: before).

    ``closed_us`` is the newest closed bar from here on.
    """
    first_us = bars.start_us[0]
    past = asked_for_gaps(past, table, asked_us)
    waits = past.unsettled is not None and closed_us < past.unsettled.start_us
    return replace(
        past,
        first_us=min(past.first_us or first_us, first_us),
        closed_us=closed_us,
        unchecked=past.unchecked if past.first_us else _is_unchecked(bars, table),
        told=_told(past.told, bars) if bars.timeframe == "1d" else (),
        unsettled=past.unsettled if waits else None,
    )


def asked_for_gaps(past: Past, table: Sessions, asked_us: int) -> Past:
    """The past after an answer to a question of that instant, if that was for the gaps too."""
    if asked_us == 0 or not asks_for_gaps(past, table, asked_us):
        return past
    return replace(past, gap_times=past.gap_times + 1, gap_asked_us=asked_us)


def asks_for_gaps(past: Past, table: Sessions, at_us: int) -> bool:
    """Whether a question at the instant goes back to before what is missing."""
    if not past.missing and not (past.unchecked and table.open_us):
        return False
    return not let_be(past) and at_us >= past.gap_asked_us + GAP_PAUSES_US[past.gap_times]


def let_be(past: Past) -> bool:
    """Whether what is missing was asked for often enough."""
    return past.gap_times >= len(GAP_PAUSES_US)


def lacked(past: Past, event: BarsMissing) -> Past:
    """The past with what is missing; whatever is new among it is asked for from the beginning."""
    new = not set(event.start_us) <= set(past.missing)
    return replace(
        past,
        missing=event.start_us,
        absent=event.absent,
        unchecked=False,
        gap_times=0 if new or not event.start_us else past.gap_times,
        gap_asked_us=0 if new or not event.start_us else past.gap_asked_us,
    )


def unsettled(past: Past, event: DayUnsettled) -> Past:
    """The past with a day that is asked for again, or was given up."""
    return replace(
        past, unsettled=Unsettled(day_start_us(event.day), event.times, event.retry_at_us)
    )


def closed_rows(bars: Bars) -> list[Told]:
    """The closed bars of an event, value by value."""
    rows = all_rows(bars)
    return rows[:-1] if bars.forming else rows


def all_rows(bars: Bars) -> list[Told]:
    """The bars of an event, value by value, the forming one too."""
    columns = (
        bars.start_us,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.splits or (1.0,) * len(bars.start_us),
        bars.dividends or (0.0,) * len(bars.start_us),
    )
    return [Told(*row) for row in zip(*columns, strict=True)]


def _is_unchecked(bars: Bars, table: Sessions) -> bool:
    return not (table.open_us or is_simulated(bars.ticker))


def _told(told: tuple[Told, ...], bars: Bars) -> tuple[Told, ...]:
    kept = tuple(row for row in told if row.start_us < bars.start_us[0])
    return (*kept, *closed_rows(bars)[-TOLD_ROWS:])[-TOLD_ROWS:]
