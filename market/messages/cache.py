"""What the cache says, and what it may be told and asked, by seq or as of an instant."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from bus.message import Command, Event, Message, Query
from market.messages.analyzer import Decision
from market.messages.fetcher import Quote, Ticker, Timeframe
from market.messages.indicators import FormingIndicators, Indicators
from market.messages.words import Source

Limit = Annotated[int, Meta(ge=1, le=5_000)]
Seq = Annotated[int, Meta(ge=0, le=2**62)]
Instant = Annotated[int, Meta(ge=-(2**62), le=2**62)]


class CacheCleared(Event, frozen=True):
    """What was known of the ticker before (empty: of all) is stale; the tape forgets nothing."""

    stream: ClassVar[str] = "cache.cleared"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: str = ""


class ClearCache(Command, frozen=True):
    """Make the ticker's snapshot (empty: every snapshot) stale."""

    service: ClassVar[str] = "cache"

    ticker: str = ""


class Known(msgspec.Struct, frozen=True):
    """Where a part of a snapshot stands on the tape."""

    seq: int
    at_us: int


class TickerSnapshot(Message, frozen=True):
    """All that was known of a ticker at ``seq``: the last event on each of its subjects.

    Null where there is none. ``stale`` says that its market has been open for longer than the time
    to live since the price came; while the market is closed a price of the close is fresh.
    """

    ticker: Ticker
    seq: int
    at_us: int
    simulated: bool
    stale: bool
    age_seconds: float | None
    quote: Quote | None
    indicators: Indicators | None
    forming: FormingIndicators | None
    decision: Decision | None
    known: dict[str, Known]


class Snapshot(Query[TickerSnapshot], frozen=True):
    """What is known of a ticker: now, as of an instant, or at least as far as a seq."""

    service: ClassVar[str] = "cache"
    reply: ClassVar[type[TickerSnapshot]] = TickerSnapshot

    ticker: str
    as_of_us: Instant | None = None
    at_least_seq: Seq | None = None


class BarSeries(Message, frozen=True):
    """A ticker's bars in columns as they were known at ``seq``, oldest first, with each bar's seq.

    ``adjusted`` says whether they are in the shares of the newest bar, or as they were traded.
    """

    ticker: Ticker
    timeframe: Timeframe
    seq: int
    simulated: bool
    forming: bool
    adjusted: bool
    start_us: tuple[int, ...]
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    volume: tuple[float, ...]
    known_by: tuple[int, ...]


class ReadBars(Query[BarSeries], frozen=True):
    """The last ``limit`` bars of a ticker, now or as they were known at an instant."""

    service: ClassVar[str] = "cache"
    reply: ClassVar[type[BarSeries]] = BarSeries

    ticker: str
    timeframe: Timeframe = "1d"
    limit: Limit = 300
    as_of_us: Instant | None = None
    adjusted: bool = True


class KnownHeadline(msgspec.Struct, frozen=True):
    """A headline with the ticker it is about, who told it, and where that stands on the tape."""

    ticker: Ticker
    headline: str
    publisher: str
    url: str
    published_us: int
    source: Source
    seq: int


class NewsKnown(Message, frozen=True):
    """The newest headlines of a ticker (empty: of all) as they were known at ``seq``, newest first.

    ``checked_us`` is when a source last answered for them, 0 where none ever did: no headlines then
    mean that nothing is known, not that nothing was published.
    """

    ticker: str
    seq: int
    checked_us: int
    headlines: tuple[KnownHeadline, ...]


class ReadNews(Query[NewsKnown], frozen=True):
    """The newest ``limit`` headlines of a ticker or of all, now or as known at an instant."""

    service: ClassVar[str] = "cache"
    reply: ClassVar[type[NewsKnown]] = NewsKnown

    ticker: str = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    as_of_us: Instant | None = None


class CacheEntry(msgspec.Struct, frozen=True):
    """One tracked series in the cache: what it holds and how old it is."""

    ticker: Ticker
    simulated: bool
    stale: bool
    age_seconds: float | None
    price: float | None
    source: str | None
    bars: dict[Timeframe, int]


class CacheState(Message, frozen=True):
    """The cache as it is now: its position on the tape, its entries, its time to live."""

    seq: int
    ttl_seconds: float
    entries: tuple[CacheEntry, ...]


class CacheStatus(Query[CacheState], frozen=True):
    """What the cache holds."""

    service: ClassVar[str] = "cache"
    reply: ClassVar[type[CacheState]] = CacheState


class SeqsFound(Message, frozen=True):
    """The seqs of the events asked for, oldest first.

    ``next_seq`` goes on from there, 0 at the end.
    """

    seqs: tuple[int, ...]
    seq: int
    next_seq: int


class FindEvents(Query[SeqsFound], frozen=True):
    """Where the events stand on the tape whose subjects begin with the text.

    From ``from_seq`` on, oldest first; with ``newest`` the last ones up to ``as_of_us``, still
    oldest first.
    """

    service: ClassVar[str] = "cache"
    reply: ClassVar[type[SeqsFound]] = SeqsFound

    subject: str = ""
    from_seq: Seq = 1
    limit: Limit = 100
    newest: bool = False
    as_of_us: Instant | None = None
