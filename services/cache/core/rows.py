"""Which rows a fact makes in the cache's tables, and what a row of headlines says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bus.message import Fact
from market.messages.cache import KnownHeadline
from market.messages.fetcher import Bars
from market.messages.news import News


class Entry(NamedTuple):
    """A row of the index: this subject has an event here."""

    subject: str
    seq: int
    at_us: int


class BarRow(NamedTuple):
    """One bar as the event at ``seq`` told it."""

    key: str
    timeframe: str
    start_us: int
    seq: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    forming: bool
    split: float


class HeadlineRow(NamedTuple):
    """One headline as the event at ``seq`` told it, in its ``place`` there."""

    key: str
    published_us: int
    seq: int
    place: int
    headline: str
    publisher: str
    url: str
    source: str


def entries(facts: Sequence[Fact[Any]]) -> list[Entry]:
    """One row of the index for each fact."""
    return [Entry(fact.event.subject, fact.seq, fact.at_us) for fact in facts]


def bar_rows(facts: Sequence[Fact[Any]]) -> Iterator[BarRow]:
    """One row for each bar that the facts tell, in their order."""
    for fact in facts:
        if isinstance(fact.event, Bars):
            yield from _rows_of(fact.seq, fact.event)


def headline_rows(facts: Sequence[Fact[Any]]) -> Iterator[HeadlineRow]:
    """One row for each headline that the facts tell."""
    for fact in facts:
        if isinstance(fact.event, News):
            news = fact.event
            for place, one in enumerate(news.headlines):
                told = (one.headline, one.publisher, one.url, news.source)
                yield HeadlineRow(news.ticker, one.published_us, fact.seq, place, *told)


def known_headline(row: HeadlineRow) -> KnownHeadline:
    """A row as an answer tells it."""
    return KnownHeadline(
        ticker=row.key,
        headline=row.headline,
        publisher=row.publisher,
        url=row.url,
        published_us=row.published_us,
        source=row.source,
        seq=row.seq,
    )


def _rows_of(seq: int, bars: Bars) -> Iterator[BarRow]:
    last = len(bars.start_us) - 1
    for index, start_us in enumerate(bars.start_us):
        yield BarRow(
            key=bars.ticker,
            timeframe=bars.timeframe,
            start_us=start_us,
            seq=seq,
            open=bars.open[index],
            high=bars.high[index],
            low=bars.low[index],
            close=bars.close[index],
            volume=bars.volume[index],
            forming=bars.forming and index == last,
            split=bars.splits[index] if bars.splits else 1.0,
        )
