"""The port to the stream without a network: told what to tell, and counting its connections."""

from __future__ import annotations

from dataclasses import dataclass, field

from market.messages.stream import Refused
from services.fetcher.core.answers import Failure
from services.fetcher.core.hearing import Conflation, Tick, Trade
from services.fetcher.stream.port import Told

GONE = Told(failure=Failure("unreachable", "the connection is gone"))


@dataclass
class FakeTrades:
    """One connection at most; ``down`` refuses it, ``ends`` ends it at the next listening."""

    down: Failure | None = None
    ends: Failure | None = None
    refused: tuple[Refused, ...] = ()
    connections: list[int] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    _conflation: Conflation = field(default_factory=Conflation)

    def cut(self) -> None:
        """End the connection at the next listening."""
        self.ends = Failure("unreachable", "the connection was cut")

    def refuse_next(self) -> None:
        """Refuse the next connection, and no other."""
        self.down = Failure("provider_error", "HTTP 502")

    def tell(self, *trades: Trade) -> None:
        """Have these trades heard, where they are listened to."""
        for trade in trades:
            if trade.ticker in self.subscribed:
                self._conflation.hear(trade)

    def connect(self, attempt: int, tickers: tuple[str, ...]) -> Failure | None:
        """See `Trades`."""
        self.attempts.append(attempt)
        self._close()
        if self.down is None:
            self.connections, self.subscribed = [attempt], list(tickers)
        return self.down

    def listen(self, attempt: int, tickers: tuple[str, ...]) -> Told:
        """See `Trades`."""
        if self.connections != [attempt]:
            return GONE
        self.subscribed = list(tickers)
        told = Told(self._taken(), self.refused, self.ends)
        if self.ends:
            self._close()
        self.refused, self.ends = (), None
        return told

    def hang_up(self, attempt: int) -> None:
        """See `Trades`."""
        if self.connections == [attempt]:
            self._close()

    def _taken(self) -> tuple[Tick, ...]:
        return self._conflation.take()

    def _close(self) -> None:
        self.connections, self.subscribed, self._conflation = [], [], Conflation()
