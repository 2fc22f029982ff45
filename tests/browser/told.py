"""What a deck in memory has said, and what that amounts to."""

from __future__ import annotations

import threading
from typing import Any

from bus.codec import Codec
from bus.message import Event, Fact
from market.messages import CONTRACT
from market.messages.analyzer import Decision, Levels
from market.messages.fetcher import (
    CollectorStarted,
    CollectorStopped,
    SourceCalled,
    WatchlistAdded,
    WatchlistRemoved,
)
from services.cache.core.snapshots import subjects
from services.gateway.news import News
from tests.services.gateway.fakes import FakeTape
from tests.services.gateway.samples import records

_SWITCHES = (CollectorStarted, CollectorStopped)


class Told:
    """Every event so far, as facts and as records on a tape; ``news`` hears of each.

    Safe to use from a test while a gateway serves it.
    """

    def __init__(self) -> None:
        self.news = News()
        self.tape = FakeTape()
        self.facts: list[Fact[Any]] = []
        self._lock = threading.Lock()

    def say(self, at_us: int, *events: Event) -> int:
        """Put events on the tape; gives the seq of the last."""
        with self._lock:
            said = [r._replace(at_us=at_us) for r in records(*events, first=self.head + 1)]
            self.facts += [Codec(CONTRACT).fact(record) for record in said]
            self.tape.records += said
        self.news.hear(said)
        return self.head

    @property
    def head(self) -> int:
        """The last seq."""
        return self.tape.head()

    @property
    def watchlist(self) -> tuple[str, ...]:
        """The tickers tracked, in the order they were added."""
        tracked: dict[str, None] = {}
        for fact in list(self.facts):
            if isinstance(fact.event, WatchlistAdded):
                tracked[fact.event.ticker] = None
            elif isinstance(fact.event, WatchlistRemoved):
                tracked.pop(fact.event.ticker, None)
        return tuple(tracked)

    @property
    def running(self) -> bool:
        """Whether the collector runs."""
        switches = [f.event for f in list(self.facts) if isinstance(f.event, _SWITCHES)]
        return bool(switches) and isinstance(switches[-1], CollectorStarted)

    def calls(self, source: str) -> int:
        """How often a source was asked."""
        called = [f.event for f in list(self.facts) if isinstance(f.event, SourceCalled)]
        return sum(call.source == source for call in called)

    def known(self, key: str) -> dict[str, Fact[Any]]:
        """The last fact on each part of a snapshot."""
        parts = subjects(key)
        facts = [fact for fact in list(self.facts) if fact.event.subject in parts]
        return {parts[fact.event.subject]: fact for fact in facts}

    def price(self, key: str) -> float:
        """The last price."""
        return float(self.known(key)["quote"].event.price)

    def signal(self, key: str) -> str:
        """The last signal."""
        return str(self._decided(key).signal)

    def levels(self, key: str) -> Levels:
        """The levels of the last decision."""
        levels = self._decided(key).levels
        assert levels is not None
        return levels

    def _decided(self, key: str) -> Decision:
        decision: Decision = self.known(key)["decision"].event
        return decision
