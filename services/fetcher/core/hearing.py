"""What a second of a stream comes to: each ticker's last trade, and what was refused, counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from market.messages.stream import Fault, Refused

TOLD_EVERY_SECONDS = 60.0
"""What is refused is told at once when it begins, and then once a minute."""


class Trade(NamedTuple):
    """One trade of a ticker, with the source's own time of it."""

    ticker: str
    price: float
    at_us: int


class Refusal(NamedTuple):
    """Why a frame or a trade is not believed, and how it begins."""

    fault: Fault
    example: str


class Tick(msgspec.Struct, frozen=True):
    """What the trades of a ticker come to: the last price and its time, the highest, the lowest."""

    ticker: str
    price: float
    at_us: int
    high: float
    low: float


class Conflation:
    """The last trade of each ticker since they were taken; it holds no more than its tickers."""

    def __init__(self) -> None:
        self._ticks: dict[str, Tick] = {}
        self._newest_us: dict[str, int] = {}

    def hear(self, trade: Trade) -> Refusal | None:
        """Take a trade in; one that is older than the newest of its ticker is refused."""
        newest_us = self._newest_us.get(trade.ticker, 0)
        if trade.at_us < newest_us:
            late_ms = (newest_us - trade.at_us) // 1_000
            return Refusal("disorder", f"{trade.ticker} {trade.price:g}, {late_ms} ms late")
        before = self._ticks.get(trade.ticker)
        self._newest_us[trade.ticker] = trade.at_us
        self._ticks[trade.ticker] = Tick(
            trade.ticker,
            trade.price,
            trade.at_us,
            max(trade.price, before.high) if before else trade.price,
            min(trade.price, before.low) if before else trade.price,
        )
        return None

    def forget(self, tickers: Iterable[str]) -> None:
        """These are listened to no longer."""
        for ticker in tickers:
            self._ticks.pop(ticker, None)
            self._newest_us.pop(ticker, None)

    def take(self) -> tuple[Tick, ...]:
        """What was heard since the last call."""
        taken, self._ticks = tuple(self._ticks.values()), {}
        return taken


class Tally:
    """What was refused and not told yet: a count and a first example for each reason."""

    def __init__(self) -> None:
        self._refused: dict[Fault, Refused] = {}
        self._told_seconds: float | None = None

    def add(self, refusal: Refusal) -> None:
        """Count one more."""
        before = self._refused.get(refusal.fault)
        self._refused[refusal.fault] = Refused(
            refusal.fault,
            before.count + 1 if before else 1,
            before.example if before else refusal.example,
        )

    def take(self, now_seconds: float) -> tuple[Refused, ...]:
        """What is to be told now: nothing within a minute after something was."""
        told = self._told_seconds
        if not self._refused or (told is not None and now_seconds < told + TOLD_EVERY_SECONDS):
            return ()
        taken, self._refused = tuple(self._refused.values()), {}
        self._told_seconds = now_seconds
        return taken
