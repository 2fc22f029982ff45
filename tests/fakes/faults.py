"""What can go wrong with a provider: the faults that a plan may hold.

Each is a frozen value with a tag, so that the same plan can be written in Python and in JSON:
`Status(429, retry_after_seconds=9)` is `{"type": "status", "code": 429, "retry_after_seconds": 9}`.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Fault(msgspec.Struct, frozen=True, tag_field="type"):
    """What all faults are; `name` is the tag, as it stands in a call's note."""

    @property
    def name(self) -> str:
        return str(self.__struct_config__.tag)


class Normal(Fault, frozen=True, tag="normal"):
    """No fault: lets one call pass in an ordered list."""


class Status(Fault, frozen=True, tag="status"):
    """An error status with the provider's own body for it (502 and other unknown ones: HTML)."""

    code: int
    retry_after_seconds: int | None = None  # sent as Retry-After
    reset_after_seconds: int | None = None  # sent as X-Ratelimit-Reset, in epoch seconds


class Html(Fault, frozen=True, tag="html"):
    """Status 200 with a page where JSON belongs."""


class Empty(Fault, frozen=True, tag="empty"):
    """Status 200 without a body."""


class BrokenJson(Fault, frozen=True, tag="broken_json"):
    """Status 200, delivered whole, but the JSON ends in the middle."""


class Redirect(Fault, frozen=True, tag="redirect"):
    """Status 302 to another place; following it to a foreign host is counted as such."""

    location: str = "https://sorry.example/"


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


class Prices(Fault, frozen=True, tag="prices"):
    """The last prices are no prices: NaN, null, zero, negative, or ten times too high.

    In a quote this spoils all four prices of the session, in a chart the last `rows` rows and the
    market price in `meta`.
    """

    to: Literal["nan", "null", "zero", "negative", "spike"]
    rows: int = 1


class WrongTypes(Fault, frozen=True, tag="wrong_types"):
    """Numbers are strings."""


class UnequalColumns(Fault, frozen=True, tag="unequal_columns"):
    """A chart's closes are one fewer than its stamps."""


class MissingColumns(Fault, frozen=True, tag="missing_columns"):
    """A chart has no closes, a quote no current price."""


class Stale(Fault, frozen=True, tag="stale"):
    """The answer of some time ago: prices and stamps that were true then."""

    seconds: float = 86_400.0


AnyFault = (
    Normal
    | Status
    | Html
    | Empty
    | BrokenJson
    | Redirect
    | Cut
    | Reset
    | Hang
    | Drip
    | Prices
    | WrongTypes
    | UnequalColumns
    | MissingColumns
    | Stale
)
