"""The port to the stream: one connection that tells trades, a second at a time."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from market.messages.stream import Refused
from services.fetcher.core.answers import Failure
from services.fetcher.core.hearing import Tick


class Told(NamedTuple):
    """What a second of listening brought; with a failure the connection is gone."""

    ticks: tuple[Tick, ...] = ()
    refused: tuple[Refused, ...] = ()
    failure: Failure | None = None


class Trades(Protocol):
    """A port: one connection that tells trades; of two users the second waits for the first."""

    def connect(self, attempt: int, tickers: tuple[str, ...]) -> Failure | None:
        """Open the connection of this attempt and close any other; the failure if it stands not."""

    def listen(self, attempt: int, tickers: tuple[str, ...]) -> Told:
        """What the tickers' trades of a second come to; subscribed are these and no others."""

    def hang_up(self, attempt: int) -> None:
        """Close the connection of this attempt, if it stands."""
