"""What the fetcher says, and what it may be told and asked: collector, market, sources."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from bus.message import Command, Durability, Event, Message, Query
from market.messages import words
from market.messages.exchange import MarketStatus
from market.messages.history import Listing, Settling

Source = words.Source
Ticker = words.Ticker
Timeframe = words.Timeframe
Price = words.Price

Caller = Source
"""Whoever the collector calls: a source, or the ``calendar``."""

Capability = Literal["quote", "bars", "trades", "news", "market_status"]
Asked = Literal["quote", "bars", "trades", "news", "market_status", "sessions"]
GateState = Literal[
    "closed",  # it is asked
    "half_open",  # one call at a time tries it again
    "open",  # it failed for one ticker after another: not asked before the time told
    "paused",  # 429: nothing of this source is asked before the time told
    "forbidden",  # 403: this key may not use it; asked again after a day, or with another key
    "stopped",  # 401: nothing of this source is asked with this key before the next start
]
Reason = Literal[
    "unknown_symbol",  # the provider answers that there is no such symbol
    "no_data",  # the provider knows the symbol and has nothing in the window
    "unauthorized",  # 401: the key is missing or wrong
    "forbidden",  # 403: this key may not use this capability
    "rate_limited",  # 429, or our own budget
    "unreachable",  # no connection, reset, cut, time-out
    "provider_error",  # 5xx, or a page instead of an answer
    "invalid",  # an answer that fails validation
    "doubtful",  # a price too far from the last good one, held until something confirms it
    "mismatch",  # another source than before, whose bars differ from those that are known
]

WATCHLIST_MAX = 500
"""Tickers that are tracked."""

BARS_MAX = 500
"""Bars in one event; a longer history is several events."""


class CollectorStarted(Event, frozen=True):
    """The collector runs from here on."""

    stream: ClassVar[str] = "collector.started"
    durability: ClassVar[Durability] = "synced"

    by: str = "command"


class CollectorStopped(Event, frozen=True):
    """The collector rests from here on."""

    stream: ClassVar[str] = "collector.stopped"
    durability: ClassVar[Durability] = "synced"

    by: str = "command"


class Missing(msgspec.Struct, frozen=True):
    """A ticker that a cycle could not bring, and why."""

    ticker: Ticker
    reason: str


class CycleStarted(Event, frozen=True):
    """Every tracked ticker is wanted fresh from here on; ``by`` tells why.

    A new ``process`` or a ``start`` by command begins at once, the ``clock`` while the market is
    open or unknown, ``close`` once after a session, to settle its bars. Where some of the tickers
    are traded elsewhere than in New York, ``venues`` says whose are wanted; empty means all.
    """

    stream: ClassVar[str] = "collector.cycling"

    by: Literal["process", "start", "clock", "close"]
    venues: tuple[str, ...] = ()


class CycleFinished(Event, frozen=True):
    """Every ticker of a cycle was answered or refused: ``brought`` of ``asked``, these missing."""

    stream: ClassVar[str] = "collector.cycled"

    started_at_us: int
    asked: int
    brought: int
    missing: tuple[Missing, ...] = ()


class WatchlistAdded(Event, frozen=True):
    """The ticker is tracked from here on."""

    stream: ClassVar[str] = "watchlist.added"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)
    durability: ClassVar[Durability] = "synced"

    ticker: Ticker


class WatchlistRemoved(Event, frozen=True):
    """The ticker is no longer tracked."""

    stream: ClassVar[str] = "watchlist.removed"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)
    durability: ClassVar[Durability] = "synced"

    ticker: Ticker


class FetchRequested(Event, frozen=True):
    """Somebody wants the ticker fresh now, tracked or not: it goes to the front of the queue."""

    stream: ClassVar[str] = "fetch.requested"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker


class SourceCalled(Event, frozen=True):
    """A call to a source is about to be made; said before it, so that budgets survive crash loops.

    The ``calendar`` is asked for ``sessions`` (its ticker is the exchange) and has no budget. A
    call for ``trades`` opens the stream, for all tickers at once (its ticker is ``-``). At
    ``deadline_us`` a call without an answer counts as lost.
    """

    stream: ClassVar[str] = "source.called"
    keyed_by: ClassVar[tuple[str, ...]] = ("source", "ticker")

    source: Caller
    capability: Asked
    ticker: Ticker
    timeframe: Timeframe | None = None
    deadline_us: int = 0


class SourceGated(Event, frozen=True):
    """Whether one capability of a source is asked from here on, and why not: its breaker moved.

    ``retry_at_us`` is when it is tried again, 0 where no time is set. ``times`` counts how often
    in a row it was opened without an answer in between. ``key_hash`` tells the key that was in use
    from another one, without giving it away; empty for a source that needs none.
    """

    stream: ClassVar[str] = "source.gated"
    keyed_by: ClassVar[tuple[str, ...]] = ("source", "capability")

    source: Caller
    capability: Asked
    state: GateState
    reason: str = ""
    retry_at_us: int = 0
    times: int = 0
    key_hash: str = ""


class SourceSlowed(Event, frozen=True):
    """After a 429 a source is asked no more than ``per_minute`` times in any minute.

    From ``from_us`` on one more each minute, up to what it declares.
    """

    stream: ClassVar[str] = "source.slowed"
    keyed_by: ClassVar[tuple[str, ...]] = ("source",)

    source: Caller
    per_minute: Annotated[int, Meta(ge=1)]
    from_us: int


class SourceShared(Event, frozen=True):
    """The source has counted more calls than we made: somebody else uses the same key.

    The ``others`` count in our budget as if they were ours and made now.
    """

    stream: ClassVar[str] = "source.shared"
    keyed_by: ClassVar[tuple[str, ...]] = ("source",)

    source: Caller
    others: Annotated[int, Meta(ge=1, le=1_000)]


class Quote(Event, frozen=True):
    """The last price of a ticker, with the provider's own time of it.

    One that was ``streamed`` is a trade: it comes once a second at most, has no answer's hash, and
    its open, high, low and previous close go on from the quote before.
    """

    stream: ClassVar[str] = "market.quote"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    price: Price
    source: Source
    market_time_us: int
    open: Price | None = None
    high: Price | None = None
    low: Price | None = None
    previous_close: Price | None = None
    volume: Annotated[float, Meta(ge=0)] | None = None
    answer_hash: str = ""
    streamed: bool = False


class Bars(Event, frozen=True):
    """1 to 500 bars in columns, oldest first; a later chunk replaces the bars it repeats.

    ``start_us`` of a 1d bar is its session date at 00:00 UTC (a label, not an instant); of a 1h bar
    the instant it begins. With ``forming`` the last bar is not closed yet.

    Prices and volumes are as they were traded, adjusted neither for splits nor for dividends.
    ``splits`` and ``dividends`` are per bar, 1.0 and 0.0 where there is none, and empty where no
    bar has any. A split of 10.0 at a bar means ten new shares for one from that bar on: whoever
    compares across it divides the prices before it (not at it) by 10 and multiplies their volumes
    by 10.

    With ``more`` the provider's answer goes on in the next event of the same turn: nothing is to be
    concluded from this one alone. ``refused_rows`` counts the rows of the answer that failed
    validation and were left out, ``refused_because`` says why.
    """

    stream: ClassVar[str] = "market.bars"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker", "timeframe")

    ticker: Ticker
    timeframe: Timeframe
    source: Source
    forming: bool
    start_us: Annotated[tuple[int, ...], Meta(min_length=1, max_length=BARS_MAX)]
    open: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]
    close: tuple[float, ...]
    volume: tuple[float, ...]
    splits: tuple[float, ...] = ()
    dividends: tuple[float, ...] = ()
    answer_hash: str = ""
    more: bool = False
    refused_rows: int = 0
    refused_because: str = ""


class BarsMissing(Event, frozen=True):
    """Bars of sessions between known ones that no answer has brought, the newest of them.

    Said when they change; empty when the last of them came. They are asked for again, at growing
    distances; what then has not come is ``absent``: asked for, not there, and let be.
    """

    stream: ClassVar[str] = "market.missing"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker", "timeframe")

    ticker: Ticker
    timeframe: Timeframe
    start_us: tuple[int, ...]
    absent: tuple[int, ...] = ()


class HistoryBackfilled(Event, frozen=True):
    """A ticker's history came: ``done`` of ``of`` timeframes, the last one as ``what`` says."""

    stream: ClassVar[str] = "collector.backfilled"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    done: int
    of: int
    what: str


class FetchRefused(Event, frozen=True):
    """A source did not bring what was asked: the class of the failure, and when it is tried again.

    ``retry_at_us`` is 0 where it is tried again no sooner than due. ``value`` is the price that is
    doubtful, 0 for every other reason. ``named`` is the other symbol that the answer is about.
    """

    stream: ClassVar[str] = "market.refused"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker", "capability")

    ticker: Ticker
    capability: Asked
    source: Caller
    reason: Reason
    message: str
    timeframe: Timeframe | None = None
    retry_at_us: int = 0
    answer_hash: str = ""
    value: float = 0.0
    named: str = ""


class RawLost(Event, frozen=True):
    """The bytes of an answer could not be kept, so that nobody can look at them any more.

    What was read from them is told all the same.
    """

    stream: ClassVar[str] = "raw.lost"
    keyed_by: ClassVar[tuple[str, ...]] = ("source",)

    source: Caller
    ticker: Ticker
    answer_hash: str
    because: str


class Sessions(Event, frozen=True):
    """The trading sessions of an exchange, in columns.

    Beyond the table the market state is unknown, never closed.
    """

    stream: ClassVar[str] = "calendar.sessions"
    keyed_by: ClassVar[tuple[str, ...]] = ("exchange",)

    exchange: str
    date: tuple[str, ...]
    open_us: tuple[int, ...]
    close_us: tuple[int, ...]


class Start(Command, frozen=True):
    """Let the collector run; one cycle starts at once."""

    service: ClassVar[str] = "fetcher"


class Stop(Command, frozen=True):
    """Let the collector rest."""

    service: ClassVar[str] = "fetcher"


class Restart(Command, frozen=True):
    """Stop and start; one cycle starts at once."""

    service: ClassVar[str] = "fetcher"


class AddTicker(Command, frozen=True):
    """Track a ticker; it is fetched at once, open market or not."""

    service: ClassVar[str] = "fetcher"

    ticker: str


class RemoveTicker(Command, frozen=True):
    """Stop tracking a ticker; the protected ones are refused."""

    service: ClassVar[str] = "fetcher"

    ticker: str


class FetchNow(Command, frozen=True):
    """Fetch a ticker now, in front of the queue; an empty ticker means all tracked ones."""

    service: ClassVar[str] = "fetcher"

    ticker: str = ""


class Budget(msgspec.Struct, frozen=True):
    """What a source's rate budget still holds in the sliding window.

    The last ``reserve`` calls are kept for who waits for an answer; cycles may not use them. After
    a 429 ``limit`` is lower than ``declared``, and rises by one each quiet minute.
    """

    source: Caller
    used: int
    limit: int
    window_seconds: float
    reserve: int = 0
    declared: int = 0


class CapabilityState(msgspec.Struct, frozen=True):
    """How one capability of a source fares: its breaker, why, since when, when it is tried next.

    Times are 0 where there is none.
    """

    capability: Asked
    state: GateState
    reason: str = ""
    retry_at_us: int = 0
    since_us: int = 0


class SourceState(msgspec.Struct, frozen=True):
    """How a source fares: whether it is used, why not, and when it is tried next.

    It is usable while it may be asked for prices. ``streaming`` are the tickers whose trades it
    tells as they happen. ``calls``, their ``outcomes`` (``answered``, or the reason of the refusal)
    and all ``refusals`` by reason are counted since the tape began, ``raw_lost`` the answers whose
    bytes could not be kept, ``raw_lost_because`` of this.
    """

    source: Caller
    usable: bool
    reason: str = ""
    retry_at_us: int = 0
    last_answer_us: int = 0
    capabilities: tuple[CapabilityState, ...] = ()
    streaming: tuple[str, ...] = ()
    calls: int = 0
    outcomes: dict[str, int] = {}
    refusals: dict[str, int] = {}
    raw_lost: int = 0
    raw_lost_because: str = ""


class Backfill(msgspec.Struct, frozen=True):
    """How far the first fetch of a ticker's history has come; ``waits_for`` are timeframes.

    One that was ``cancelled`` goes on when somebody asks for the ticker.
    """

    ticker: Ticker
    done: int
    of: int
    waits_for: tuple[Timeframe, ...]
    cancelled: bool = False


class Queue(msgspec.Struct, frozen=True):
    """Tickers whose ``lane`` waits for a call to this source, which may be asked for it now.

    Of the ``waiting`` somebody ``asked`` for some; these go first, then the protected, then whoever
    was answered longest ago. ``oldest_us`` is since when the one is wanted that is so for longest,
    ``first`` are the next few in their order.
    """

    source: Caller
    lane: Literal["quote", "1d", "1h", "news"]
    waiting: int
    asked: int
    oldest_us: int
    first: tuple[Ticker, ...]


class VenueState(msgspec.Struct, frozen=True):
    """A market that tracked tickers are traded on: New York (``us``), or one with its own hours."""

    venue: str
    market: Literal["open", "closed", "unknown"]
    next_session_us: int


class CollectorState(Message, frozen=True):
    """The collector as it is now; times are 0 where there is none.

    ``resting`` counts the lanes that want data, and for which nobody may be asked before a time.
    ``market`` is the calendar's word. ``market_told`` is the last word of a source on it, while
    that holds; ``halted`` says that it denies the session, so that cycles rest.
    """

    running: bool
    simulated: bool
    last_run_us: int
    next_run_us: int
    watchlist: tuple[str, ...]
    protected: tuple[str, ...]
    market: Literal["open", "closed", "unknown"]
    next_session_us: int
    fetching: tuple[str, ...]
    budgets: tuple[Budget, ...]
    sources: tuple[SourceState, ...]
    cycle: CycleFinished | None = None
    backfills: tuple[Backfill, ...] = ()
    settling: tuple[Settling, ...] = ()
    listings: tuple[Listing, ...] = ()
    market_told: MarketStatus | None = None
    halted: bool = False
    venues: tuple[VenueState, ...] = ()
    queues: tuple[Queue, ...] = ()
    resting: int = 0


class CollectorStatus(Query[CollectorState], frozen=True):
    """How the collector fares."""

    service: ClassVar[str] = "fetcher"
    reply: ClassVar[type[CollectorState]] = CollectorState
