"""From the rows of an answer to what is said: in session, forming or closed, only what is new."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from market.messages.fetcher import BARS_MAX, Bars, Sessions, Source, Timeframe
from market.sessions import DAY_US, HOUR_US, bar_close_us, covers, session_at, session_on
from market.venues import venue_of
from services.fetcher.core.answers import Answer, Columns
from services.fetcher.core.state import Row

TAIL_ROWS = 64
"""More rows than the shortest increment repeats: five sessions of seven hours, and a few more."""

TAIL_ROWS_ROUND_THE_CLOCK = 168
"""The same of hours in a market that hardly ever closes: seven days of them."""

LATE_US = 15_000_000
"""A source's last trades of a bar come some seconds after its end."""

NEW_YORK = ZoneInfo("America/New_York")
_EPOCH = date(1970, 1, 1)
_VALUES = struct.Struct("<7d?")


class Refused(NamedTuple):
    """How many rows of an answer were left out, by the reason."""

    unbelievable: int
    slipped: int
    outside: int

    def __str__(self) -> str:
        words = ("not believable", "a slip into another unit", "outside of the sessions")
        return "; ".join(f"{n} {why}" for n, why in zip(self, words, strict=True) if n)


def bars_said(
    answer: Answer,
    ticker: str,
    timeframe: Timeframe,
    source: Source,
    *,
    asked_us: int,
    table: Sessions,
    tail: tuple[Row, ...],
    slipped: int = 0,
) -> tuple[Bars, ...]:
    """The events that tell this answer, oldest bars first; none where nothing is left of it.

    A bar counts as closed if it had ended when the question was asked: what a source answers at
    15:59 is not the day's close, even if it arrives at 16:00. The ``slipped`` rows were left out
    before.
    """
    columns = answer.bars
    if columns is None:
        return ()
    inside = [i for i, at in enumerate(columns.start_us) if in_session(table, timeframe, at)]
    outside = len(columns) - len(inside)
    refused = Refused(answer.refused_rows, slipped, outside)
    columns = columns.take(inside) if outside else columns
    if not inside:
        return ()
    forming = asked_us < close_us(table, timeframe, columns.start_us[-1]) + LATE_US
    columns = columns.take(new_rows(columns, tail))
    return tuple(
        _chunk(columns, first, ticker, timeframe, source, forming, answer, refused)
        for first in range(0, len(columns), BARS_MAX)
    )


def in_session(table: Sessions, timeframe: Timeframe, start_us: int) -> bool:
    """Whether a bar may start so; beyond the table every start is believed.

    Yahoo repeats the last trade as a row of its own at the close (recorded 2026-09-25, MSFT 1h).
    """
    if timeframe == "1d":
        noon_us = start_us + DAY_US // 2
        return not covers(table, noon_us) or session_on(table, day_of(start_us)) is not None
    return not covers(table, start_us) or session_at(table, start_us) is not None


def close_us(table: Sessions, timeframe: Timeframe, start_us: int) -> int:
    """When a bar ends: by the table, beyond it by the ordinary hours of New York."""
    known = bar_close_us(table, timeframe, start_us)
    if known is not None:
        return known
    if timeframe == "1h":
        return start_us + HOUR_US
    return ordinary_close_us(day_of(start_us))


def ordinary_close_us(day: str) -> int:
    """16:00 in New York on a date, in microseconds UTC."""
    close = datetime.combine(date.fromisoformat(day), time(16), NEW_YORK)
    return round(close.astimezone(UTC).timestamp()) * 1_000_000


def day_of(start_us: int) -> str:
    """The session date that a 1d bar's ``start_us`` stands for."""
    return (_EPOCH + timedelta(microseconds=start_us)).isoformat()


def new_york_date(at_us: int) -> date:
    """The date that New York's calendars show at an instant."""
    return datetime.fromtimestamp(at_us / 1e6, NEW_YORK).date()


def new_rows(columns: Columns, tail: tuple[Row, ...]) -> list[int]:
    """The rows from the first one that was not said like this before; at least the last one.

    So a correction is told, and an unchanged past is not told again at every cycle. What was said
    of a forming bar never counts for the closed one.
    """
    said = {row.start_us: row.digest for row in tail}
    last = len(columns) - 1
    for row, start_us in enumerate(columns.start_us):
        if said.get(start_us) != _digest(columns, row, forming=False):
            return list(range(row, last + 1))
    return [last]


def tail_rows(ticker: str, timeframe: Timeframe) -> int:
    """How many of its last bars are remembered, so that what repeats them is no news."""
    ordinary = timeframe == "1d" or venue_of(ticker) == "us"
    return TAIL_ROWS if ordinary else TAIL_ROWS_ROUND_THE_CLOCK


def rows_of(bars: Bars) -> tuple[Row, ...]:
    """The last rows of an event, as a tail keeps them."""
    size = len(bars.start_us)
    columns = Columns(
        start_us=bars.start_us,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        splits=bars.splits or (1.0,) * size,
        dividends=bars.dividends or (0.0,) * size,
    )
    return tuple(
        Row(
            columns.start_us[i],
            _digest(columns, i, forming=bars.forming and i == size - 1),
            columns.close[i],
        )
        for i in range(max(0, size - tail_rows(bars.ticker, bars.timeframe)), size)
    )


def _digest(columns: Columns, row: int, *, forming: bool) -> int:
    values = (
        columns.open[row],
        columns.high[row],
        columns.low[row],
        columns.close[row],
        columns.volume[row],
        columns.splits[row],
        columns.dividends[row],
    )
    return zlib.crc32(_VALUES.pack(*values, forming))


def _chunk(
    columns: Columns,
    first: int,
    ticker: str,
    timeframe: Timeframe,
    source: Source,
    forming: bool,
    answer: Answer,
    refused: Refused,
) -> Bars:
    rows = slice(first, first + BARS_MAX)
    splits, dividends = columns.splits[rows], columns.dividends[rows]
    last = first + BARS_MAX >= len(columns)
    return Bars(
        ticker=ticker,
        timeframe=timeframe,
        source=source,
        forming=forming and last,
        start_us=columns.start_us[rows],
        open=columns.open[rows],
        high=columns.high[rows],
        low=columns.low[rows],
        close=columns.close[rows],
        volume=columns.volume[rows],
        splits=splits if any(split != 1.0 for split in splits) else (),
        dividends=dividends if any(dividends) else (),
        answer_hash=answer.answer_hash,
        more=not last,
        refused_rows=sum(refused) if last else 0,
        refused_because=str(refused) if last else "",
    )
