"""The shape of Yahoo's chart, and what its rows mean: days and hours, splits and dividends.

Recorded oddities (2025-02 to 2026-10): while the market is open an intraday chart ends with one
more row at the time of the last trade, off the grid, and after it with one exactly at the close;
both have open = high = low = close and volume 0. A day may be told twice, the second time live.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import field

from market.messages.fetcher import Timeframe
from market.sessions import HOUR_US, day_start_us
from services.fetcher.core.answers import Columns, Failure, QuoteAnswer
from services.fetcher.sources.bodies import TEXT_MAX

SECOND_US = 1_000_000
STAMP_MAX = 4_102_444_800  # the year 2100, in seconds: a stamp in milliseconds is far beyond
LATER_MAX = 1e9

Cells = list[float | None]


class Period(msgspec.Struct):
    """The regular hours of one day, in seconds."""

    start: int
    end: int


Days = list[list[Period]]


class Meta(msgspec.Struct, rename="camel"):
    """What a chart says of its symbol."""

    symbol: str
    exchange_timezone_name: str
    regular_market_price: float | None = None
    regular_market_time: int | None = None
    regular_market_volume: float | None = None
    trading_periods: Days | dict[str, Days] = field(default_factory=list)


class Quote(msgspec.Struct):
    """The columns; null where there was no trade, all absent where there is no row."""

    open: Cells = field(default_factory=list)
    high: Cells = field(default_factory=list)
    low: Cells = field(default_factory=list)
    close: Cells = field(default_factory=list)
    volume: Cells = field(default_factory=list)


class Indicators(msgspec.Struct):
    """The columns, in a list of one."""

    quote: list[Quote]


class Dividend(msgspec.Struct):
    """An amount a share, divided by the splits since."""

    date: int
    amount: float


class Split(msgspec.Struct):
    """So many shares for so many."""

    date: int
    numerator: float
    denominator: float


class Events(msgspec.Struct):
    """What happened to the shares in the range that was asked for."""

    dividends: dict[str, Dividend] = field(default_factory=dict)
    splits: dict[str, Split] = field(default_factory=dict)


class Result(msgspec.Struct):
    """One chart."""

    meta: Meta
    indicators: Indicators
    timestamp: list[int] = field(default_factory=list)
    events: Events = field(default_factory=Events)


class Error(msgspec.Struct):
    """Yahoo's own words."""

    description: str = ""


class Chart(msgspec.Struct):
    """Charts, or an error."""

    result: list[Result] | None = None
    error: Error | None = None


class Body(msgspec.Struct):
    """The whole."""

    chart: Chart


class Row(NamedTuple):
    """A bar as it is served, with the date on the exchange; prices that are none are NaN."""

    start_us: int
    day: str
    open: float
    high: float
    low: float
    close: float
    volume: float

    @property
    def is_one_trade(self) -> bool:
        """Whether it only repeats the last price."""
        return self.volume == 0 and self.open == self.high == self.low == self.close


class Served(NamedTuple):
    """A chart's rows in their order, and by date what was split (10.0: ten for one) and paid.

    ``priced_on`` is the date of the last price, empty where there is none.
    """

    rows: list[Row]
    splits: dict[str, float]
    dividends: dict[str, float]
    priced_on: str


def served(result: Result, timeframe: Timeframe) -> Served | Failure:
    """What a chart serves, without rows where nothing was traded, the live one in its place."""
    try:
        zone = ZoneInfo(result.meta.exchange_timezone_name)
        rows = _rows(result, timeframe, zone)
        events = result.events
        splits = {_day(one.date, zone): _ratio(one) for one in events.splits.values()}
        dividends = {_day(one.date, zone): one.amount for one in events.dividends.values()}
        price_at = result.meta.regular_market_time
        priced_on = "" if price_at is None else _day(price_at, zone)
    except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError) as error:
        return Failure("invalid", f"the chart is none: {error}"[:TEXT_MAX])
    rows = _one_a_day(rows) if timeframe == "1d" else _on_the_grid(rows, result.meta)
    return Served(rows, splits, dividends, priced_on)


def as_traded(chart: Served) -> Columns | Failure:
    """Undo Yahoo's adjustment for splits.

    Yahoo divides every price before a split by its ratio, and does so again for all of history at
    the next one: only the price of the day stays true for ever.
    """
    rows, later = chart.rows, [_later(chart.splits, row.day) for row in chart.rows]
    if not all(1 / LATER_MAX <= ratio <= LATER_MAX for ratio in later):
        return Failure("invalid", f"the splits of the chart are none: {chart.splits}"[:TEXT_MAX])
    both = list(zip(rows, later, strict=True))
    first = [n == 0 or rows[n - 1].day != row.day for n, row in enumerate(rows)]
    told = list(zip(rows, later, first, strict=True))
    return Columns(
        start_us=tuple(row.start_us for row in rows),
        open=tuple(row.open * ratio for row, ratio in both),
        high=tuple(row.high * ratio for row, ratio in both),
        low=tuple(row.low * ratio for row, ratio in both),
        close=tuple(row.close * ratio for row, ratio in both),
        volume=tuple(row.volume / ratio for row, ratio in both),
        splits=tuple(chart.splits.get(row.day, 1.0) if new else 1.0 for row, _, new in told),
        dividends=tuple(
            chart.dividends.get(row.day, 0.0) * ratio if new else 0.0 for row, ratio, new in told
        ),
    )


def quote_of(chart: Served, meta: Meta) -> QuoteAnswer | None:
    """The last price, with the day's bar around it where the daily chart has that."""
    if meta.regular_market_price is None or meta.regular_market_time is None:
        return None
    today = chart.rows[-1] if chart.rows and chart.rows[-1].day == chart.priced_on else None
    before = chart.rows[:-1] if today else chart.rows
    return QuoteAnswer(
        price=meta.regular_market_price,
        market_time_us=meta.regular_market_time * SECOND_US,
        open=today.open if today else None,
        high=today.high if today else None,
        low=today.low if today else None,
        previous_close=before[-1].close if before else None,
        volume=meta.regular_market_volume,
    )


def _rows(result: Result, timeframe: Timeframe, zone: ZoneInfo) -> list[Row]:
    cells = result.indicators.quote[0] if result.indicators.quote else Quote()
    columns = [cells.open, cells.high, cells.low, cells.close, cells.volume]
    if any(len(column) != len(result.timestamp) for column in columns):
        raise ValueError("its columns differ in length")
    rows = []
    for stamp, *prices, volume in zip(result.timestamp, *columns, strict=True):
        if all(price is None for price in prices):
            continue
        day = _day(stamp, zone)
        start_us = day_start_us(day) if timeframe == "1d" else stamp * SECOND_US
        opening, high, low, close = (math.nan if price is None else price for price in prices)
        rows.append(Row(start_us, day, opening, high, low, close, volume or 0.0))
    return rows


def _one_a_day(rows: list[Row]) -> list[Row]:
    """Of a day that the end tells twice, the later word; what only repeats a price says no more."""
    if len(rows) < 2 or rows[-1].start_us != rows[-2].start_us:
        return rows
    *before, day, live = rows
    return [*before, _with(day, live) if live.is_one_trade else live]


def _on_the_grid(rows: list[Row], meta: Meta) -> list[Row]:
    """The last trades are part of the hours they fall into; what stands at the close is none."""
    bars, trades = list(rows), list[Row]()
    while len(bars) > 1 and bars[-1].is_one_trade:
        trades.append(bars.pop())
    closes_us = _closes_us(meta.trading_periods)
    for trade in reversed(trades):
        hour = bars[-1]
        if trade.start_us in closes_us:
            continue
        if hour.start_us <= trade.start_us < hour.start_us + HOUR_US:
            bars[-1] = _with(hour, trade)
        else:
            bars.append(trade)
    return bars


def _with(bar: Row, live: Row) -> Row:
    """A bar that the last trade is part of."""
    return bar._replace(high=max(bar.high, live.high), low=min(bar.low, live.low), close=live.close)


def _closes_us(told: Days | dict[str, Days]) -> set[int]:
    """When the regular hours end; Yahoo names them where it tells of others too."""
    days = told.get("regular", []) if isinstance(told, dict) else told
    return {period.end * SECOND_US for day in days for period in day}


def _later(splits: Mapping[str, float], day: str) -> float:
    """What one share of the day has become since."""
    return math.prod(ratio for on, ratio in splits.items() if on > day)


def _ratio(split: Split) -> float:
    if not (split.numerator > 0 and split.denominator > 0):
        raise ValueError(f"a split of {split.numerator:g} for {split.denominator:g}")
    return split.numerator / split.denominator


def _day(stamp: int, zone: ZoneInfo) -> str:
    if not 0 <= stamp <= STAMP_MAX:
        raise ValueError(f"{stamp} is no stamp in seconds")
    return datetime.fromtimestamp(stamp, zone).date().isoformat()
