"""What the fetcher says of its stream of trades: opened, closed, and what it refused of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from bus.message import Event
from market.messages.words import Source

EXAMPLE_CHARACTERS_MAX = 120

Fault = Literal[
    "unreadable",  # no JSON, or JSON of another shape
    "unknown_kind",  # a frame that is neither trades, a ping nor an error
    "error",  # the source's own words
    "wrong_symbol",  # a symbol that was not subscribed
    "no_price",  # not finite, or not above zero
    "stamp",  # older than five minutes, or of the future
    "disorder",  # older than a trade of the ticker that was heard before
    "condition",  # a trade whose price is not that of the market at its time
]


class StreamOpened(Event, frozen=True):
    """The one connection to the source's stream stands; trades are told as quotes from here on."""

    stream: ClassVar[str] = "stream.opened"
    keyed_by: ClassVar[tuple[str, ...]] = ("source",)

    source: Source


class StreamClosed(Event, frozen=True):
    """The connection is over, and why; sources are polled as without it."""

    stream: ClassVar[str] = "stream.closed"
    keyed_by: ClassVar[tuple[str, ...]] = ("source",)

    source: Source
    why: str


class Refused(msgspec.Struct, frozen=True):
    """How often something was refused for one reason, and the first of it in its own words."""

    fault: Fault
    count: Annotated[int, Meta(ge=1)]
    example: Annotated[str, Meta(max_length=EXAMPLE_CHARACTERS_MAX)]


class StreamRefused(Event, frozen=True):
    """What of the stream was not believed since this was last said, a minute ago or more."""

    stream: ClassVar[str] = "stream.refused"
    keyed_by: ClassVar[tuple[str, ...]] = ("source",)

    source: Source
    refused: Annotated[tuple[Refused, ...], Meta(min_length=1, max_length=8)]
