"""What the stream has done outside, and the commands by which the collector hears of it."""

from __future__ import annotations

from typing import ClassVar

from bus.actor import Effect
from bus.message import Command
from market.messages.fetcher import SourceCalled
from market.messages.stream import Refused
from services.fetcher.core.answers import Failure
from services.fetcher.core.hearing import Tick


class Connect(Effect, frozen=True):
    """Open the connection, in place of any other, and subscribe these tickers."""

    call: SourceCalled
    tickers: tuple[str, ...]


class Listen(Effect, frozen=True):
    """Listen for a second to the connection of this attempt, to these tickers and no others.

    Equal ones that are under way are carried out once, so it may be asked for at any time.
    """

    attempt: int
    tickers: tuple[str, ...]


class HangUp(Effect, frozen=True):
    """Close the connection of this attempt."""

    attempt: int


class Connected(Command, frozen=True):
    """The connection stands."""

    service: ClassVar[str] = "fetcher"

    call: SourceCalled


class Heard(Command, frozen=True):
    """What a second of listening brought; with a ``failure`` the connection is gone."""

    service: ClassVar[str] = "fetcher"

    attempt: int
    ticks: tuple[Tick, ...] = ()
    refused: tuple[Refused, ...] = ()
    failure: Failure | None = None
