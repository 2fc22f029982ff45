"""What verbs answer, where a reply of the contract is not the whole answer."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bus.message import ServiceState
from market.messages.analyzer import Rule
from market.messages.cache import CacheEntry
from market.messages.exchange import MarketStatus
from market.messages.fetcher import (
    Backfill,
    Budget,
    CycleFinished,
    Queue,
    SourceState,
    Timeframe,
    VenueState,
)
from market.messages.history import Listing, Settling
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
    market_told: MarketStatus | None
    halted: bool
    venues: tuple[VenueState, ...]
    queues: tuple[Queue, ...]
    resting: int
    settling: tuple[Settling, ...]
    listings: tuple[Listing, ...]
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


class SourceHealth(msgspec.Struct, frozen=True):
    """What came of the calls to a source since the tape began, its breakers and its budget now."""

    source: str
    calls: int
    outcomes: dict[str, int]
    refusals: dict[str, int]
    gates: dict[str, str]
    used: int
    limit: int
    raw_lost: int
    raw_lost_because: str


class DataHealth(msgspec.Struct, frozen=True):
    """How fresh the prices are by the calendar: ``stale`` tickers are older than they need be.

    A price of the last close is fresh while its market is closed.
    """

    fresh: bool
    tickers: int
    stale: tuple[str, ...]


class HealthAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether every service that a decision needs is ready, and who is missing: the deck's life.

    ``degraded`` says what the disk refuses the tape; ``bus`` is left out where no bus answers. How
    fresh the ``data`` is and how the ``sources`` fare is another matter, and left out where the
    cache or the collector does not answer at once.
    """

    ready: bool
    missing: tuple[str, ...]
    degraded: str
    head: int
    services: tuple[ServiceState, ...]
    bus: BusHealth | None = None
    data: DataHealth | None = None
    sources: tuple[SourceHealth, ...] = ()
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


class Job(msgspec.Struct, frozen=True):
    """Long work that goes on by itself; a cancelled one rests until somebody asks for it.

    ``id`` is what ``cancel`` takes: ``backfill.NVDA``. ``done`` of ``of`` parts are there,
    ``waits_for`` names the others.
    """

    id: str
    kind: Literal["backfill"]
    ticker: str
    state: Literal["running", "cancelled"]
    done: int
    of: int
    waits_for: tuple[str, ...]


class JobsAnswer(msgspec.Struct, frozen=True):
    """Every job; after a command where its events end (``seq``, 0 where there was none)."""

    success: bool
    message: str
    jobs: tuple[Job, ...]
    seq: int


class EvidenceStep(msgspec.Struct, frozen=True):
    """An event that a decision rests on, and the provider's answer that it came of, if any.

    ``rests_on`` are the seqs of the steps below it. ``answer_hash`` is empty where no answer was
    read; ``kept`` says whether its bytes are still there, at ``raw`` over HTTP, and with
    ``command`` on a terminal.
    """

    what: str
    seq: int
    at_us: int
    subject: str
    rests_on: tuple[int, ...] = ()
    source: str = ""
    answer_hash: str = ""
    kept: bool = False
    raw: str = ""
    command: str = ""


class WhyAnswer(msgspec.Struct, frozen=True):
    """Why a decision was made: its reason, its rules, and every event under it, down to the bytes.

    ``missing`` are seqs that the evidence names and the tape can no longer show: attach the archive
    that holds them.
    """

    ticker: str
    simulated: bool
    signal: str
    reason: str
    decided_at_us: int
    rules: tuple[Rule, ...]
    steps: tuple[EvidenceStep, ...]
    missing: tuple[int, ...]
    seq: int
