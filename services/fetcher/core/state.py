"""What the collector knows: a fold of its own events, of plain values only."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
from msgspec import field
from msgspec.structs import replace

from market.messages.exchange import MarketStatus
from market.messages.fetcher import (
    Asked,
    Caller,
    CycleFinished,
    Reason,
    Sessions,
    Timeframe,
)
from market.messages.history import Action, ListingState
from market.sessions import NO_SESSIONS
from market.symbols import PROTECTED
from market.venues import Venue, hours_of
from services.fetcher.core.health import NO_GATE, Gate, Health, gate_key
from services.fetcher.core.news import Heard
from services.fetcher.core.past import NO_PAST, Past

Kind = Literal["quote", "1d", "1h", "news"]
"""What is kept fresh of a ticker, each by itself."""

KINDS: tuple[Kind, ...] = ("quote", "1d", "1h")
"""What a cycle is over; headlines have a time of their own."""

LANES: tuple[Kind, ...] = (*KINDS, "news")
TIMEFRAMES: tuple[Timeframe, ...] = ("1d", "1h")

URGENT_US = 60_000_000
"""A wish that could not be met for a minute is no longer urgent: nobody waits for it any more."""


class Row(NamedTuple):
    """A bar that was said: its start, a digest of its values, its close."""

    start_us: int
    digest: int
    close: float


class Flight(msgspec.Struct, frozen=True):
    """A call under way."""

    source: Caller
    at_us: int
    deadline_us: int


class Refusal(msgspec.Struct, frozen=True):
    """The last no of a source, how many it said in a row, and when it is asked again.

    ``value`` is a doubtful price, which it has been saying since ``since_us``.
    """

    source: Caller
    reason: Reason
    at_us: int
    retry_at_us: int
    times: int
    value: float = 0.0
    since_us: int = 0


class Frame(NamedTuple):
    """What stands around a ticker's last price: when it was said, by what, within which range.

    ``polled_us`` is when a source that is polled told it last, ``refused_us`` when it was last said
    of a trade that it is not believed.
    """

    said_us: int = 0
    polled_us: int = 0
    refused_us: int = 0
    streamed: bool = False
    open: float | None = None
    high: float | None = None
    low: float | None = None
    previous_close: float | None = None


NO_FRAME = Frame()


class Lane(msgspec.Struct, frozen=True, omit_defaults=True):
    """One kind of data of one ticker: when it was brought, what is under way, who refused since.

    ``latest_us`` is the market time of the last quote, or the start of the last bar, ``price`` its
    price or close, ``source`` who brought it; ``tail`` are the last bars that were said, ``past``
    is what is remembered beyond them, ``heard`` are the last headlines. ``frame`` is what stands
    around a quote.
    """

    answered_us: int = 0
    latest_us: int = 0
    price: float = 0.0
    source: str = ""
    flight: Flight | None = None
    refusals: tuple[Refusal, ...] = ()
    tail: tuple[Row, ...] = ()
    past: Past = NO_PAST
    heard: tuple[Heard, ...] = ()
    frame: Frame = NO_FRAME

    def refusal(self, source: str) -> Refusal | None:
        """The last no of this source since the last answer."""
        return next((refusal for refusal in self.refusals if refusal.source == source), None)


NO_LANE = Lane()


class Absence(msgspec.Struct, frozen=True):
    """A source denies the symbol, or names another: since when, in how many sessions, the last on.

    ``said`` are its last words.
    """

    source: Caller
    day: str
    at_us: int
    named: str = ""
    said: str = ""
    sessions: int = 0
    answer_hash: str = ""


class Standing(msgspec.Struct, frozen=True):
    """What was told last of a symbol as a whole."""

    state: ListingState = "listed"
    because: str = ""
    since_us: int = 0
    last_trade_us: int = 0
    named: str = ""


LISTED = Standing()


class Series(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ticker's lanes, and since when they are wanted.

    ``wanted_us`` is set by a cycle or when the ticker is added, ``asked_us`` by somebody who waits.
    ``absences`` are the sources that deny the symbol since the last answer, ``actions`` the last
    splits and dividends that were told. Where the back-fill was ``cancelled`` nothing is fetched of
    which there is nothing yet.
    """

    tracked: bool = False
    wanted_us: int = 0
    asked_us: int = 0
    lanes: dict[Kind, Lane] = field(default_factory=dict)
    listing: Standing = LISTED
    absences: tuple[Absence, ...] = ()
    actions: tuple[Action, ...] = ()
    cancelled: bool = False

    def lane(self, kind: Kind) -> Lane:
        """The lane of this kind; an empty one before anything happened on it."""
        return self.lanes.get(kind, NO_LANE)

    @property
    def has_bars(self) -> bool:
        """Whether daily bars were ever brought."""
        return bool(self.lane("1d").tail)

    def lets_be(self, kind: Kind) -> bool:
        """Whether this lane waits until somebody asks for it: its first fetch was cancelled."""
        return self.cancelled and kind in TIMEFRAMES and not self.lane(kind).tail


NO_SERIES = Series()


class Cycle(msgspec.Struct, frozen=True):
    """The cycle under way."""

    started_us: int
    by: str


class Stream(msgspec.Struct, frozen=True):
    """The one connection that tells trades: what is under way, and since when it stands.

    ``attempt`` names the last attempt (by its deadline), which was made at ``tried_us``;
    ``attempts`` counts those in a row that did not last. ``opened_us`` is 0 while none stands.
    """

    source: str = ""
    attempt: int = 0
    attempts: int = 0
    tried_us: int = 0
    opened_us: int = 0
    flight: Flight | None = None


class Collector(msgspec.Struct, frozen=True):
    """The whole state; ``told`` says whether the tape holds a start or a stop.

    ``calendar`` and ``exchange`` are the lanes of the table and of ``market_told``, the last word
    of a source on whether the exchange is open. The ``watchlist`` are the tracked tickers, the
    protected ones first, then in the order in which they came, ``venues`` where these are traded.
    ``cycle_started_us`` is when all of them were wanted last, ``cycled_us`` when some of them were
    since.
    """

    running: bool = False
    told: bool = False
    series: dict[str, Series] = field(default_factory=dict)
    cycle: Cycle | None = None
    cycle_started_us: int = 0
    cycled_us: dict[Venue, int] = field(default_factory=dict)
    watchlist: tuple[str, ...] = ()
    venues: tuple[Venue, ...] = ("us",)
    last_cycle: CycleFinished | None = None
    last_run_us: int = 0
    health: dict[str, Health] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    table: Sessions = NO_SESSIONS
    calendar: Lane = NO_LANE
    exchange: Lane = NO_LANE
    market_told: MarketStatus | None = None
    stream: Stream = Stream()

    def of(self, key: str) -> Series:
        """The series of a key; an empty one where nothing is known."""
        return self.series.get(key, NO_SERIES)

    def health_of(self, source: str) -> Health:
        """How a source fares."""
        return self.health.get(source, Health())

    def gate_of(self, source: str, capability: str) -> Gate:
        """How one capability of a source fares."""
        return self.gates.get(gate_key(source, capability), NO_GATE)

    def hours(self, ticker: str, at_us: int) -> Sessions:
        """The sessions of the ticker's own market around an instant."""
        return hours_of(ticker, self.table, at_us)

    def cycle_of_us(self, venue: Venue) -> int:
        """When the tickers of a venue were wanted last."""
        return max(self.cycle_started_us, self.cycled_us.get(venue, 0))


def with_series(state: Collector, key: str, series: Series) -> Collector:
    """The state with another series under the key."""
    return replace(state, series={**state.series, key: series})


def with_lane(state: Collector, key: str, kind: Kind, lane: Lane) -> Collector:
    """The state with another lane of this kind under the key."""
    series = state.of(key)
    return with_series(state, key, replace(series, lanes={**series.lanes, kind: lane}))


def unfilled(state: Collector, ticker: str) -> tuple[Timeframe, ...]:
    """The timeframes of which the ticker has no bar yet."""
    return tuple(one for one in TIMEFRAMES if not state.of(ticker).lane(one).tail)


def rank(ticker: str) -> int:
    """The protected tickers go first, in their own order."""
    return PROTECTED.index(ticker) if ticker in PROTECTED else len(PROTECTED)


def kind_of(asked: Asked, timeframe: Timeframe | None) -> Kind | None:
    """The lane that a call belongs to; None for the exchange's as a whole, and the stream's."""
    if asked in ("sessions", "market_status", "trades"):
        return None
    if asked == "news":
        return "news"
    return timeframe if asked == "bars" and timeframe else "quote"


def capability_of(kind: Kind) -> Literal["quote", "bars", "news"]:
    """What a source must be able to bring for this lane."""
    return kind if kind in ("quote", "news") else "bars"


def timeframe_of(kind: Kind) -> Timeframe | None:
    """The timeframe of a lane of bars; None for any other."""
    match kind:
        case "1d" | "1h":
            return kind
    return None


def exchange_lane(state: Collector, asked: Asked) -> Lane:
    """The lane of what is asked of the exchange as a whole."""
    return state.exchange if asked == "market_status" else state.calendar


def with_exchange_lane(state: Collector, asked: Asked, lane: Lane) -> Collector:
    """The state with another lane of what is asked of the exchange as a whole."""
    if asked == "market_status":
        return replace(state, exchange=lane)
    return replace(state, calendar=lane)
