"""The real connection to the imitated stream, through its proxy, at an instant of a session."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bus.testing import microseconds
from config.settings import Secret
from services.fetcher.core.hearing import Trade
from services.fetcher.stream.finnhub import FinnhubTrades
from services.fetcher.stream.frames import symbol_of
from tests.fakes.faults import Status
from tests.fakes.providers import GOOD_KEY, Providers
from tests.fakes.stream import trade_frame

OPEN_US = microseconds("2026-01-05T15:00:00")
LISTEN_SECONDS = 0.1


class StandingClock:
    """The market's time stands; deadlines run."""

    def now_us(self) -> int:
        """See `bus.ports.Clock`."""
        return OPEN_US

    def elapsed_seconds(self) -> float:
        """See `bus.ports.Clock`."""
        return time.monotonic()


class Wire:
    """A port to the imitation, and the imitation; see `TradesWorld`."""

    now_us = OPEN_US + 1_000  # after the last trade that the imitation tells by itself

    def __init__(self, providers: Providers, key: str, mute_seconds: float) -> None:
        self.providers = providers
        self.port = FinnhubTrades(Secret(key), StandingClock(), LISTEN_SECONDS, mute_seconds)
        self.trades = providers.trades

    def tell(self, trade: Trade) -> None:
        self.trades.tell(trade_frame((symbol_of(trade.ticker), trade.price, trade.at_us // 1_000)))

    def cut(self) -> None:
        self.trades.cut()

    def refuse(self) -> None:
        self.providers.plan.next("finnhub", Status(502), endpoint="/ws")

    def subscribed(self, tickers: tuple[str, ...]) -> bool:
        wanted = [[symbol_of(one) for one in tickers]]
        self.trades.wait_until(lambda: self.trades.subscribed == wanted)
        return True

    def alone(self) -> bool:
        self.trades.wait_until(lambda: self.trades.subscribed == [])
        return True

    def most(self) -> int:
        return self.trades.most


@contextmanager
def wire(
    monkeypatch: pytest.MonkeyPatch, key: str = GOOD_KEY, mute_seconds: float = 60.0
) -> Iterator[Wire]:
    """The wire, with the environment that leads to the imitation."""
    with Providers(clock=lambda: OPEN_US / 1e6) as providers:
        for name, value in providers.environment.items():
            monkeypatch.setenv(name, value)
        found = Wire(providers, key, mute_seconds)
        yield found
        found.port.close()
