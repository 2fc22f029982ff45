"""What may be said of an answer: what is finite, positive, in order and of its time."""

from __future__ import annotations

import math

from market.messages.fetcher import Timeframe
from market.sessions import day_start_us
from market.venues import newest_day
from services.fetcher.core.answers import Answer, Columns, Failure, QuoteAnswer

REFUSED_SHARE_MAX = 0.1
"""An answer with more bad rows than this is not believed at all."""

FUTURE_US = 120_000_000
"""Clocks differ; a trade is not later than this."""

OLDER_US = 60_000_000
"""Two sources stamp the same last trade some seconds apart; what is older than this is stale."""


def valid_bars(columns: Columns, answer_hash: str = "") -> Answer | Failure:
    """The rows that may be believed, as an answer; a failure where too few may."""
    good: list[int] = []
    for row in range(len(columns)):
        after_last = not good or columns.start_us[row] > columns.start_us[good[-1]]
        if after_last and believable(columns, row):
            good.append(row)
    refused = len(columns) - len(good)
    if not columns.start_us:
        return Failure("no_data", "the answer has no bars", answer_hash=answer_hash)
    if refused > max(1, REFUSED_SHARE_MAX * len(columns)) or not good:
        text = f"{refused} of {len(columns)} bars are not believable"
        return Failure("invalid", text, answer_hash=answer_hash)
    bars = columns.take(good) if refused else columns
    return Answer(bars=bars, answer_hash=answer_hash, refused_rows=refused)


def believable(columns: Columns, row: int) -> bool:
    """Whether one bar has finite positive prices in their order, a volume, and sane actions."""
    opening, high = columns.open[row], columns.high[row]
    low, close = columns.low[row], columns.close[row]
    numbers = (opening, high, low, close, columns.volume[row], columns.splits[row])
    if not all(math.isfinite(number) for number in (*numbers, columns.dividends[row])):
        return False
    ordered = 0 < low <= min(opening, close) and max(opening, close) <= high
    return ordered and columns.volume[row] >= 0 and columns.splits[row] > 0


def quote_fault(quote: QuoteAnswer, latest_us: int, now_us: int) -> str:
    """Why a quote is not believed, empty where it is; ``latest_us`` is the last one's time."""
    if not (math.isfinite(quote.price) and quote.price > 0):
        return f"the price is {quote.price}"
    if quote.market_time_us <= 0 or quote.market_time_us > now_us + FUTURE_US:
        return f"the time of the last trade is {quote.market_time_us / 1e6:.0f} s since 1970"
    if quote.market_time_us < latest_us - OLDER_US:
        seconds = (latest_us - quote.market_time_us) / 1e6
        return f"the last trade is {seconds:.0f} s older than the one already known"
    return ""


def bars_fault(
    answer: Answer, ticker: str, timeframe: Timeframe, asked_us: int, latest_us: int
) -> str:
    """Why the bars of an answer are of another time; ``latest_us`` is that of the known price.

    Bars that begin after the question show that all stamps are wrong. An answer of yesterday would
    tell the bar that was forming then as a closed one.
    """
    start_us = answer.bars.start_us[-1] if answer.bars else 0
    label_us = day_start_us(newest_day(ticker, asked_us).isoformat())
    if start_us > (label_us if timeframe == "1d" else asked_us):
        return f"a bar begins {(start_us - asked_us) / 1e6:.0f} s after it was asked for"
    if answer.as_of_us and answer.as_of_us < latest_us - OLDER_US:
        seconds = (latest_us - answer.as_of_us) / 1e6
        return f"the bars end {seconds:.0f} s before the price that is known"
    return ""


def price_or_none(price: float | None) -> float | None:
    """A companion of the price, left out where it is none."""
    return price if price is not None and math.isfinite(price) and price > 0 else None
