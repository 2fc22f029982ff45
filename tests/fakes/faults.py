"""What can go wrong with a provider: the faults that a plan may hold.

Each is a frozen value with a tag, so that the same plan can be written in Python and in JSON:
`Status(429, retry_after_seconds=9)` is `{"type": "status", "code": 429, "retry_after_seconds": 9}`.
Faults of the connection strike before there is a request, and so know a provider and no more; all
others strike an answer.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Fault(msgspec.Struct, frozen=True, tag_field="type"):
    """What all faults are; `name` is the tag, as it stands in a call's note."""

    @property
    def name(self) -> str:
        return str(self.__struct_config__.tag)


class ConnectionFault(Fault, frozen=True):
    """What goes wrong before anything was asked."""


class Normal(Fault, frozen=True, tag="normal"):
    """No fault: lets one call pass in an ordered list."""


# Faults of the connection.


class Refused(ConnectionFault, frozen=True, tag="refused"):
    """The provider's host takes no connection: the proxy says 502 to CONNECT."""


class SlowHandshake(ConnectionFault, frozen=True, tag="slow_handshake"):
    """The connection stands at once, and TLS begins only after a while."""

    seconds: float = 5.0


# Faults of delivery: the answer is as it should be, and does not come as it should.


class Cut(Fault, frozen=True, tag="cut"):
    """The connection ends after half of the announced body."""


class Reset(Fault, frozen=True, tag="reset"):
    """The connection is reset (TCP RST) instead of an answer."""


class Hang(Fault, frozen=True, tag="hang"):
    """No answer for a time; the connection then closes."""

    seconds: float = 60.0


class Drip(Fault, frozen=True, tag="drip"):
    """The body comes a few bytes at a time: each read succeeds, the whole takes for ever."""

    bytes_per_second: float = 20.0


class Closed(Fault, frozen=True, tag="closed"):
    """The answer comes whole and promises to keep the connection, which then closes."""


# Faults of the whole answer.


class Status(Fault, frozen=True, tag="status"):
    """An error status with the provider's own body for it (502 and other unknown ones: HTML)."""

    code: int
    retry_after_seconds: int | None = None  # sent as Retry-After
    reset_after_seconds: int | None = None  # sent as X-Ratelimit-Reset, in epoch seconds


class Redirect(Fault, frozen=True, tag="redirect"):
    """Status 302 to another place; following it to a foreign host is counted as such."""

    location: str = "https://sorry.example/"


class Html(Fault, frozen=True, tag="html"):
    """Status 200 with a page where JSON belongs."""


class Odd(Fault, frozen=True, tag="odd"):
    """Status 200 with JSON that is no answer: null, a list, an error."""

    body: str = "null"


class Empty(Fault, frozen=True, tag="empty"):
    """Status 200 without a body."""


class BrokenJson(Fault, frozen=True, tag="broken_json"):
    """Status 200, delivered whole, but the JSON ends in the middle."""


# Faults of the data: JSON of the right kind, with something wrong in it.


class Prices(Fault, frozen=True, tag="prices"):
    """The last prices are no prices, or ten times too high, or in a unit a hundred times smaller.

    In a quote this spoils all four prices of the session, in a chart the last `rows` rows and the
    market price in `meta`.
    """

    to: Literal["nan", "nan_text", "null", "zero", "negative", "spike", "unit"]
    rows: int = 1


class WrongTypes(Fault, frozen=True, tag="wrong_types"):
    """Numbers are strings."""


class UnequalColumns(Fault, frozen=True, tag="unequal_columns"):
    """A chart's closes are one fewer than its stamps."""


class MissingColumns(Fault, frozen=True, tag="missing_columns"):
    """A chart has no closes, a quote no current price."""


class WrongSymbol(Fault, frozen=True, tag="wrong_symbol"):
    """A chart's `meta` says that it is about another symbol, and so do Finnhub's headlines.

    A quote names none, and Yahoo's headlines neither.
    """

    symbol: str = "ZZZZ"


class Stale(Fault, frozen=True, tag="stale"):
    """The answer of some time ago: prices and stamps that were true then."""

    seconds: float = 86_400.0


class Stamps(Fault, frozen=True, tag="stamps"):
    """Every stamp lies that much later than it should (earlier below 0), at the same prices."""

    seconds: int = 86_400


class Doubled(Fault, frozen=True, tag="doubled"):
    """A chart's last rows stand there twice."""

    rows: int = 1


class Disordered(Fault, frozen=True, tag="disordered"):
    """A chart's rows come newest first."""


class ExtraRow(Fault, frozen=True, tag="extra_row"):
    """One more row at the last trade's time, as the real service adds them to hourly charts.

    Open, high, low and close are the last price, and the volume is 0; after the close it stands
    exactly at the close.
    """


class NoRows(Fault, frozen=True, tag="no_rows"):
    """Nothing in a chart but its `meta`; a quote as of an unknown symbol."""


class Hostile(Fault, frozen=True, tag="hostile"):
    """Headlines begin with scripts, markup and control characters; some addresses are scripts."""


class Shut(Fault, frozen=True, tag="shut"):
    """The exchange is said to be closed, for a holiday that is in no calendar."""

    holiday: str = "National Day of Mourning"


# Faults of the stream.


class Mute(Fault, frozen=True, tag="mute"):
    """The stream stands, takes subscriptions, and never says a word."""


class Frames(Fault, frozen=True, tag="frames"):
    """The stream says these frames, each once, before all others."""

    bodies: tuple[str, ...]


class Pongless(Fault, frozen=True, tag="pongless"):
    """The stream tells trades, and answers no ping."""


AnyFault = (
    Normal
    | Refused
    | SlowHandshake
    | Cut
    | Reset
    | Hang
    | Drip
    | Closed
    | Status
    | Redirect
    | Html
    | Odd
    | Empty
    | BrokenJson
    | Prices
    | WrongTypes
    | UnequalColumns
    | MissingColumns
    | WrongSymbol
    | Stale
    | Stamps
    | Doubled
    | Disordered
    | ExtraRow
    | NoRows
    | Hostile
    | Shut
    | Mute
    | Frames
    | Pongless
)
