"""What verbs answer, where a reply of the contract is not the whole answer."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bus.message import ServiceState
from market.messages.cache import CacheEntry
from market.messages.fetcher import (
    Backfill,
    Budget,
    CycleFinished,
    Queue,
    SourceState,
    Timeframe,
    VenueState,
)
from market.messages.indicators import Level, Reading, Trend
from services.gateway.failures import Failure


class CollectorAnswer(msgspec.Struct, frozen=True):
    """The collector after a command, or as it is: the same keys each time.

    ``seq`` is where the command's events end, 0 where there was none. ``cache_entries`` is null
    while the cache does not answer.
    """

    success: bool
    message: str
    running: bool
    last_run_us: int
    next_run_us: int
    tickers_tracked: int
    cache_entries: int | None
    watchlist: tuple[str, ...]
    protected: tuple[str, ...]
    simulated: bool
    market: Literal["open", "closed", "unknown"]
    next_session_us: int
    fetching: tuple[str, ...]
    budgets: tuple[Budget, ...]
    sources: tuple[SourceState, ...]
    cycle: CycleFinished | None
    backfills: tuple[Backfill, ...]
    venues: tuple[VenueState, ...]
    queues: tuple[Queue, ...]
    resting: int
    seq: int


class WatchlistRow(msgspec.Struct, frozen=True):
    """One tracked ticker at a glance; null where nothing is known yet."""

    ticker: str
    protected: bool
    simulated: bool
    stale: bool
    price: float | None
    change_percent: float | None
    source: str | None
    age_seconds: float | None
    rsi: float | None
    trend: str | None
    signal: str | None
    decision_seq: int | None
    seq: int


class WatchlistAnswer(msgspec.Struct, frozen=True):
    """Every tracked ticker at a glance, the protected ones first."""

    simulated: bool
    tickers: tuple[WatchlistRow, ...]


class IndicatorsAnswer(msgspec.Struct, frozen=True):
    """The readings of every timeframe after its last closed bar, and the peek at forming bars."""

    ticker: str
    seq: int
    simulated: bool
    stale: bool
    timeframes: dict[Timeframe, Reading]
    forming: dict[Timeframe, Reading]


class LevelsAnswer(msgspec.Struct, frozen=True):
    """Support, resistance and trend of one timeframe, beside the price they are read against."""

    ticker: str
    timeframe: Timeframe
    seq: int
    simulated: bool
    stale: bool
    price: float | None
    trend: Trend | None
    levels: tuple[Level, ...]


class CacheStateAnswer(msgspec.Struct, frozen=True):
    """The cache as it is now; simulated as soon as one entry is."""

    simulated: bool
    seq: int
    ttl_seconds: float
    entries: tuple[CacheEntry, ...]


class CacheAnswer(msgspec.Struct, frozen=True):
    """What the cache holds after a command."""

    success: bool
    message: str
    ttl_seconds: float
    entries: tuple[CacheEntry, ...]
    seq: int


class TapeEvent(msgspec.Struct, frozen=True):
    """An event as the tape holds it, its fields under ``event`` (null where too large to show)."""

    seq: int
    at_us: int
    subject: str
    by: str
    event: dict[str, Any] | None


class EventsAnswer(msgspec.Struct, frozen=True):
    """Events, oldest first; ``next_seq`` goes on from there, 0 at the end.

    ``seq`` is how far the index reaches; ``simulated`` whether any of the events is.
    """

    simulated: bool
    events: tuple[TapeEvent, ...]
    next_seq: int
    seq: int


class BusHealth(msgspec.Struct, frozen=True):
    """How the bus fares: counts since it started, quantiles over its last transactions."""

    tape_bytes: int
    events_appended: int
    commits: int
    commit_ms_p50: float
    commit_ms_p99: float
    batch_p50: float
    resends: int
    refused: int
    bad_frames: int


class HealthAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether every service that a decision needs is ready, and who is missing.

    ``degraded`` says why the tape takes nothing; ``bus`` is left out where no bus answers.
    """

    ready: bool
    missing: tuple[str, ...]
    degraded: str
    head: int
    services: tuple[ServiceState, ...]
    bus: BusHealth | None = None
    error: Failure | None = None


class RawAnswer(msgspec.Struct, frozen=True):
    """A provider's answer, byte by byte: ``hash`` is the sha256 of its body, ``size`` its length.

    ``url`` is what was asked, without a key. ``body`` is text where it is UTF-8, else base64.
    """

    hash: str
    source: str
    ticker: str
    url: str
    status: int
    content_type: str
    received_at_us: int
    size: int
    encoding: str
    body: str


class Letter(msgspec.Struct, frozen=True):
    """An event (``seq``, ``subject``) that a service could not take.

    ``replayed`` is null as long as it waits.
    """

    service: str
    seq: int
    subject: str
    error: str
    attempts: int
    buried_at_us: int
    replayed_at_us: int


class LettersAnswer(msgspec.Struct, frozen=True):
    """Dead letters, oldest first; ``next_seq`` goes on from there, 0 at the end.

    ``seq`` is how far the index reaches.
    """

    letters: tuple[Letter, ...]
    next_seq: int
    seq: int


class ReplayAnswer(msgspec.Struct, frozen=True):
    """What came of a replay: how many events the service said, and where they end.

    Where the letter had been replayed before nothing is said, and ``seq`` is how far is known.
    """

    success: bool
    message: str
    said: int
    seq: int
