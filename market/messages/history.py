"""What the fetcher says of a ticker's history: days settled, corrected, split and paid; its end.

All of it is told beside the bars, so that nobody has to find it in them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from bus.message import Command, Durability, Event
from market.messages.words import Source, Ticker, Timeframe

CORRECTIONS_MAX = 35
"""Five days of seven values: as many as the shortest increment repeats."""

ACTIONS_MAX = 500
"""Splits and dividends in one event: a weekly dividend over nine years."""

BarField = Literal["open", "high", "low", "close", "volume", "split", "dividend"]
ListingState = Literal[
    "listed",  # somebody tells of trades while the market trades
    "silent",  # answers come, but the last trade in them stays days behind: halted, or gone
    "unknown",  # every source that may be asked says that there is no such symbol
    "renamed",  # a source answers under another symbol, which it names itself
]


class DayUnsettled(Event, frozen=True):
    """A day is over and the answer has no closed bar of it: it is asked for again.

    ``times`` counts the answers that lacked it. At ``retry_at_us`` it is asked for once more; 0:
    given up, until the next cycle asks for everything. Nothing more is said when the bar comes.
    """

    stream: ClassVar[str] = "market.unsettled"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    day: str
    because: str
    times: int
    retry_at_us: int
    source: Source
    answer_hash: str = ""


class Correction(msgspec.Struct, frozen=True):
    """One value of a closed bar, as it was told before and as it is told now."""

    start_us: int
    field: BarField
    before: float
    after: float


class BarsCorrected(Event, frozen=True):
    """Closed bars of the last days that a source now tells otherwise; the bars follow."""

    stream: ClassVar[str] = "market.corrected"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker", "timeframe")

    ticker: Ticker
    timeframe: Timeframe
    source: Source
    corrections: Annotated[tuple[Correction, ...], Meta(min_length=1, max_length=CORRECTIONS_MAX)]
    answer_hash: str = ""


class Action(msgspec.Struct, frozen=True):
    """A split (10.0: ten new shares for one) or a dividend (dollars a share), from that day on."""

    day: str
    kind: Literal["split", "dividend"]
    value: float


class CorporateActions(Event, frozen=True):
    """Splits and dividends that were not known before, oldest first."""

    stream: ClassVar[str] = "market.actions"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    source: Source
    actions: Annotated[tuple[Action, ...], Meta(min_length=1, max_length=ACTIONS_MAX)]
    answer_hash: str = ""


class Testimony(msgspec.Struct, frozen=True):
    """What one source said last, and in how many sessions in a row it said so (0: not counted)."""

    source: Source
    said: str
    at_us: int
    sessions: int = 0
    answer_hash: str = ""


class ListingChanged(Event, frozen=True):
    """What the sources say of a symbol as a whole, and since when; never concluded from silence.

    ``last_trade_us`` is the newest trade anybody told of. ``named`` is the other symbol, in the
    source's own words. A symbol that is not ``listed`` stays tracked, and is asked for once a day.
    """

    stream: ClassVar[str] = "market.listing"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)

    ticker: Ticker
    state: ListingState
    because: str
    last_trade_us: int
    evidence: Annotated[tuple[Testimony, ...], Meta(max_length=16)] = ()
    named: str = ""


class BackfillCancelled(Event, frozen=True):
    """What is not there of the ticker's history is not fetched, until somebody asks for it."""

    stream: ClassVar[str] = "backfill.cancelled"
    keyed_by: ClassVar[tuple[str, ...]] = ("ticker",)
    durability: ClassVar[Durability] = "synced"

    ticker: Ticker


class CancelBackfill(Command, frozen=True):
    """Let the ticker's history be, as far as it has come; adding or fetching it goes on with it."""

    service: ClassVar[str] = "fetcher"

    ticker: str


class Settling(msgspec.Struct, frozen=True):
    """A day's bar that is still asked for; see `DayUnsettled`."""

    ticker: Ticker
    day: str
    times: int
    retry_at_us: int


class Listing(msgspec.Struct, frozen=True):
    """A tracked symbol that is not simply listed; see `ListingChanged`."""

    ticker: Ticker
    state: ListingState
    because: str
    since_us: int
    last_trade_us: int
    named: str = ""
