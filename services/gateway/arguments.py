"""What verbs take: one frozen class per set of arguments, checked the same way at every door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from bus.actor import Refused
from market.messages.fetcher import Timeframe
from market.symbols import canonical, is_simulated, plain, simulated
from services.gateway.times import instant_us
from services.gateway.wording import in_words

A = TypeVar("A", bound="Arguments")

SEQ_MAX = 2**62
"""No tape gets there; what is beyond fits neither SQLite nor MessagePack."""

POSITIONAL = "positional"
"""Marks an optional argument that the command line takes without its name."""

TickerText = Annotated[
    str, Meta(description="a ticker in any spelling: NVDA, brk.b", min_length=1, max_length=40)
]
AnyTicker = Annotated[
    str,
    Meta(description="a ticker; empty means all", max_length=40, extra={POSITIONAL: True}),
]
AsOf = Annotated[
    str | None,
    Meta(
        description="as it was known at this instant: 2026-11-20T15:42:00Z (UTC without an offset)"
    ),
]
TimeframeName = Annotated[Timeframe, Meta(description="the length of a bar")]
LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments; the base of all others. Unknown names are refused."""


class Dated:
    """What arguments with an ``as_of`` have in common."""

    __slots__ = ()
    as_of: AsOf

    def __post_init__(self) -> None:
        """Refuse what is no instant before anybody is asked."""
        _ = self.as_of_us

    @property
    def as_of_us(self) -> int | None:
        """The instant in microseconds UTC; raises `Refused`."""
        return instant_us(self.as_of) if self.as_of else None


class OneTicker(Arguments, frozen=True):
    """One ticker."""

    ticker: TickerText

    @property
    def key(self) -> str:
        """The key of the ticker's series; raises `BadTicker`."""
        return series_key(self.ticker)


class OneOrAllTickers(Arguments, frozen=True):
    """One ticker, or all of them."""

    ticker: AnyTicker = ""

    @property
    def key(self) -> str:
        """The key of the ticker's series, empty for all; raises `BadTicker`."""
        return series_key(self.ticker) if self.ticker else ""


class TickerAsOf(Dated, OneTicker, frozen=True):
    """One ticker, now or as of an instant."""

    as_of: AsOf = None


class TickerTimeframe(TickerAsOf, frozen=True):
    """One ticker in one timeframe."""

    timeframe: TimeframeName = "1d"


class BarsWanted(TickerTimeframe, frozen=True):
    """The last bars of a ticker."""

    limit: Annotated[int, Meta(description="how many bars, the last ones", ge=1, le=5_000)] = 300
    adjusted: Annotated[
        bool, Meta(description="in the shares of the newest bar, not as they were traded")
    ] = True


class LastWanted(Dated, OneOrAllTickers, frozen=True):
    """The last things of a kind, of one ticker or of all."""

    limit: Annotated[int, Meta(description="how many, the last ones", ge=1, le=500)] = 20
    as_of: AsOf = None


class DecisionsWanted(LastWanted, frozen=True):
    """The last decisions, of one ticker or of all."""


class NewsWanted(LastWanted, frozen=True):
    """The newest headlines, of one ticker or of all."""


class EventsWanted(Arguments, frozen=True):
    """A stretch of the tape, whole or of one subject."""

    subject: Annotated[
        str,
        Meta(
            description="how the subject begins: market.quote, market.bars.NVDA; empty means all",
            max_length=120,
            extra={POSITIONAL: True},
        ),
    ] = ""
    from_seq: Annotated[
        int, Meta(description="the first seq; 0 gives the last events instead", ge=0, le=SEQ_MAX)
    ] = 0
    limit: Annotated[int, Meta(description="how many events", ge=1, le=500)] = 100


class LettersWanted(Arguments, frozen=True):
    """A stretch of the dead letters, of one service or of all."""

    service: Annotated[
        str, Meta(description="only this service", max_length=40, extra={POSITIONAL: True})
    ] = ""
    from_seq: Annotated[
        int, Meta(description="go on from this seq; 0 gives the last letters", ge=0, le=SEQ_MAX)
    ] = 0
    limit: Annotated[int, Meta(description="how many letters", ge=1, le=500)] = 100


class OneLetter(Arguments, frozen=True):
    """One dead letter."""

    service: Annotated[
        str, Meta(description="the service that could not take it", min_length=1, max_length=40)
    ]
    seq: Annotated[int, Meta(description="the seq of the event", ge=1, le=SEQ_MAX)]


class OneJob(Arguments, frozen=True):
    """One job."""

    job: Annotated[
        str,
        Meta(description="the job, as ./tapedeck jobs lists it: backfill.NVDA", max_length=60),
    ]


class DecisionWanted(Dated, Arguments, frozen=True):
    """One decision."""

    decision: Annotated[
        str,
        Meta(
            description="a ticker, for its latest decision, or the seq of a decision",
            min_length=1,
            max_length=40,
        ),
    ]
    as_of: AsOf = None

    @property
    def seq(self) -> int:
        """The seq of the decision; 0 where it is a ticker that was given."""
        return int(self.decision) if self.decision.isdecimal() else 0

    @property
    def key(self) -> str:
        """The key of the ticker's series; raises `BadTicker`."""
        return series_key(self.decision)


class OneAnswer(Arguments, frozen=True):
    """One raw answer."""

    hash: Annotated[
        str,
        Meta(
            description="the answer_hash of an event, or its first 8 digits or more",
            pattern="^[0-9a-fA-F]{8,64}$",
        ),
    ]


class TailWanted(Arguments, frozen=True):
    """The tape as it is written."""

    subject: Annotated[
        str,
        Meta(
            description="how the subject begins: market.quote; empty means all",
            max_length=120,
            extra={POSITIONAL: True},
        ),
    ] = ""
    count: Annotated[
        int, Meta(description="end after so many events; 0 never ends", ge=0, le=SEQ_MAX)
    ] = 0


class LogWanted(Arguments, frozen=True):
    """The log of all services, or of one."""

    service: Annotated[
        str, Meta(description="only this service", max_length=40, extra={POSITIONAL: True})
    ] = ""
    level: Annotated[LevelName, Meta(description="this level and above")] = "INFO"
    lines: Annotated[int, Meta(description="how many lines, the last ones", ge=0, le=100_000)] = 50
    follow: Annotated[bool, Meta(description="go on with new lines until Ctrl-C")] = False


def read_arguments(kind: type[A], given: Mapping[str, Any], *, texts: bool) -> A:
    """The arguments by name; with ``texts`` numbers may come as text, as in a query string.

    Raises `Refused`.
    """
    try:
        return msgspec.convert(dict(given), kind, strict=not texts)
    except msgspec.ValidationError as error:
        raise Refused("bad_argument", in_words(str(error)), f"takes {_known(kind)}") from error


def series_key(text: str) -> str:
    """The key of a series in any spelling: ``brk.b`` is ``BRK-B``, ``spy~sim`` is ``SPY~sim``.

    Raises `BadTicker`.
    """
    marked = text.strip().lower() if is_simulated(text.strip().lower()) else ""
    if marked:
        return simulated(canonical(plain(marked), extended=True))
    return canonical(text, extended=True)


def _known(kind: type[Arguments]) -> str:
    fields = msgspec.structs.fields(kind)
    if not fields:
        return "no arguments"
    return ", ".join(f.encode_name if f.required else f"[{f.encode_name}]" for f in fields)
