"""The cache's state: its tables, this turn's unwritten facts, and the tape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bus.codec import Codec
from bus.errors import Truncated
from bus.message import Fact
from bus.ports import TapeReading
from market.messages.analyzer import Decision
from market.messages.cache import NewsKnown, TickerSnapshot
from market.messages.fetcher import Bars, Quote, Sessions
from market.messages.news import News
from market.sessions import NO_SESSIONS
from market.symbols import PROTECTED, plain, simulated
from services.cache.core.rows import bar_rows, entries, headline_rows, known_headline
from services.cache.core.snapshots import snapshot, subjects
from services.cache.store.sqlite import Tables

SESSIONS = f"{Sessions.stream}.XNYS"


@dataclass(frozen=True)
class Shelf:
    """A turn puts facts on the shelf; saving writes them to the tables."""

    tables: Tables
    open_tape: Callable[[], TapeReading]
    codec: Codec
    ttl_seconds: float
    fresh: tuple[Fact[Any], ...] = ()
    tables_read: dict[int, Sessions] = field(default_factory=dict)

    def put(self, fact: Fact[Any]) -> Shelf:
        """The shelf with one more fact on it."""
        return replace(self, fresh=(*self.fresh, fact))

    def written(self, position: int) -> Shelf:
        """Write what is fresh; the shelf then stands at the position."""
        news = headline_rows(self.fresh)
        self.tables.write(entries(self.fresh), bar_rows(self.fresh), position, news)
        return replace(self, fresh=())

    @property
    def tape(self) -> TapeReading:
        """The tape; ``open_tape`` opens it once, when it is there."""
        return self.open_tape()

    @property
    def seq(self) -> int:
        """The seq the shelf stands at."""
        return self.tables.position

    def seq_at(self, at_us: int) -> int:
        """The last seq recorded at or before the instant, 0 where there is none.

        Raises `Truncated` for an instant before the first event that can be read.
        """
        seq = self.tables.seq_at(at_us)
        if seq < (first := self.tape.first()) - 1:
            raise Truncated(first)
        return seq

    def key(self, ticker: str, seq: int) -> str:
        """The key a ticker was shown under at a seq; one that carries the mark is meant literally.

        A simulated series stands in for a ticker about which nothing real was decided, and only
        until SPY has real bars.
        """
        stand_in = simulated(ticker)
        real = [f"{Bars.stream}.{PROTECTED[0]}.1d", f"{Decision.stream}.{ticker}"]
        if ticker == stand_in or self.tables.last(real, seq):
            return ticker
        return stand_in if self.tables.last([f"{Quote.stream}.{stand_in}"], seq) else ticker

    def facts(self, wanted: Mapping[str, str], seq: int) -> dict[str, Fact[Any]]:
        """The last fact up to a seq on each of the subjects, by the name given for the subject."""
        seqs = self.tables.last(list(wanted), seq)
        found = [self.codec.fact(record) for record in self.tape.get(sorted(seqs.values()))]
        return {wanted[fact.event.subject]: fact for fact in found}

    def snapshot(self, ticker: str, now_us: int, as_of_us: int | None = None) -> TickerSnapshot:
        """What is known of a ticker now, or what was known at an instant."""
        seq = self.seq if as_of_us is None else self.seq_at(as_of_us)
        key = self.key(ticker, seq)
        return snapshot(
            key,
            self.facts(subjects(key), seq),
            seq=seq,
            at_us=self.tables.at(seq),
            now_us=now_us if as_of_us is None else as_of_us,
            ttl_seconds=self.ttl_seconds,
            table=self.sessions(seq),
        )

    def news(self, key: str, limit: int, seq: int) -> NewsKnown:
        """The newest headlines of a key (empty: of all) as they were known at a seq."""
        checked = list(self.tables.last([f"{News.stream}.{key}"], seq).values())
        if not key:
            checked = self.tables.find(f"{News.stream}.", 1, seq, 1, newest=True)
        return NewsKnown(
            ticker=key,
            seq=seq,
            checked_us=max(map(self.tables.at, checked), default=0),
            headlines=tuple(map(known_headline, self.tables.news(key, limit, seq))),
        )

    def sessions(self, seq: int) -> Sessions:
        """New York's sessions as they were known at a seq; the last table read is remembered."""
        heard = self.tables.last([SESSIONS], seq).get(SESSIONS)
        if heard is None:
            return NO_SESSIONS
        if heard not in self.tables_read:
            fact = self.facts({SESSIONS: "table"}, seq)["table"]
            self.tables_read.clear()
            self.tables_read[heard] = fact.event
        return self.tables_read[heard]

    def shown_keys(self) -> list[str]:
        """The keys that tickers are shown under now."""
        tickers = {plain(key) for key in self.tables.keys(Quote.stream)}
        return sorted(self.key(ticker, self.seq) for ticker in tickers)
