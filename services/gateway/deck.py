"""The deck as the doors see it: a port to ask its services, to read its tape and raw answers."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from bus.message import Command, Query
from bus.ports import TapeReading
from services.gateway.kept import Kept


class Deck(Protocol):
    """One bus client, safe to call from any thread; `bus.courier.Courier` is one."""

    @property
    def head(self) -> int:
        """The last seq heard."""

    @property
    def tape_id(self) -> str:
        """The name of the tape; empty until the bus has told it."""

    def ask(self, message: Command | Query[Any], within_seconds: float = 10.0) -> Future[Any]:
        """Send the message to its service; the future gives `Done` to a command, else the reply.

        It fails with `Refused` or a `BusError`, after ``within_seconds`` at the latest.
        """

    def tape(self) -> TapeReading:
        """The tape, for the calling thread alone; reading blocks for milliseconds."""

    def kept(self, beginning: str) -> tuple[Kept, ...]:
        """The raw answers whose hash begins so; reading blocks for milliseconds."""
