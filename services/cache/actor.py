"""The cache as an actor: every event goes on the shelf, questions are answered from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from bus.actor import Actor, Need, Output, Refused
from bus.message import Fact
from market.messages import CONTRACT
from market.messages.cache import (
    BarSeries,
    CacheCleared,
    CacheEntry,
    CacheState,
    CacheStatus,
    ClearCache,
    FindEvents,
    NewsKnown,
    ReadBars,
    ReadNews,
    SeqsFound,
    Snapshot,
    TickerSnapshot,
)
from market.messages.fetcher import Timeframe
from market.symbols import MARK, BadTicker, canonical, is_simulated, plain
from services.cache.core.adjusting import adjusted
from services.cache.core.rows import BarRow
from services.cache.shelf import Shelf

CATCH_UP_SECONDS = 5.0


def build(open_shelf: Callable[[], Shelf], *, extended: bool = False) -> Actor[Shelf]:
    """The cache over a shelf; ``extended`` accepts symbols like ``BTC-USD``."""
    actor = Actor("cache", Shelf, open_shelf)

    @actor.evolve(*CONTRACT.events.values())
    def put(shelf: Shelf, fact: Fact[Any]) -> Shelf:
        return shelf.put(fact)

    @actor.decide(ClearCache)
    def clear(shelf: Shelf, command: ClearCache, now_us: int) -> Output:
        del now_us
        if not command.ticker:
            return [CacheCleared()]
        return [CacheCleared(shelf.key(_ticker(command.ticker, extended=extended), shelf.seq))]

    @actor.answer(Snapshot)
    def snapshot(shelf: Shelf, query: Snapshot, now_us: int) -> TickerSnapshot | Need:
        ticker = _ticker(query.ticker, extended=extended)
        known = shelf.snapshot(ticker, now_us, query.as_of_us)
        if query.at_least_seq is not None and shelf.seq < query.at_least_seq:
            return Need(None, CATCH_UP_SECONDS, otherwise=known)
        return known

    @actor.answer(ReadBars)
    def read_bars(shelf: Shelf, query: ReadBars, now_us: int) -> BarSeries:
        del now_us
        as_of = query.as_of_us
        seq = shelf.seq if as_of is None else shelf.seq_at(as_of)
        key = shelf.key(_ticker(query.ticker, extended=extended), seq)
        rows = shelf.tables.bars(key, query.timeframe, query.limit, None if as_of is None else seq)
        return _series(key, query, seq, adjusted(rows) if query.adjusted else rows)

    @actor.answer(ReadNews)
    def read_news(shelf: Shelf, query: ReadNews, now_us: int) -> NewsKnown:
        del now_us
        return _news(shelf, query, extended=extended)

    @actor.answer(FindEvents)
    def find(shelf: Shelf, query: FindEvents, now_us: int) -> SeqsFound:
        del now_us
        return _find(shelf, query)

    @actor.answer(CacheStatus)
    def status(shelf: Shelf, query: CacheStatus, now_us: int) -> CacheState:
        del query
        counts = shelf.tables.series()
        entries = [_entry(shelf, key, counts, now_us) for key in shelf.shown_keys()]
        return CacheState(shelf.seq, shelf.ttl_seconds, tuple(entries))

    return actor


def _news(shelf: Shelf, query: ReadNews, *, extended: bool) -> NewsKnown:
    """As they are known, or were known at an instant."""
    seq = shelf.seq if query.as_of_us is None else shelf.seq_at(query.as_of_us)
    key = _ticker(query.ticker, extended=extended) if query.ticker else ""
    return shelf.news(key, query.limit, seq)


def _find(shelf: Shelf, query: FindEvents) -> SeqsFound:
    """Where the events stand, now or as of an instant."""
    as_of = query.as_of_us
    last = shelf.seq if as_of is None else shelf.seq_at(as_of)
    if query.newest:
        return SeqsFound(tuple(_newest(shelf, query, last)), last, 0)
    seqs = shelf.tables.find(query.subject, query.from_seq, last, query.limit, newest=False)
    more = len(seqs) == query.limit
    return SeqsFound(tuple(seqs), last, seqs[-1] + 1 if more else 0)


def _newest(shelf: Shelf, query: FindEvents, last: int) -> list[int]:
    """Those that can be read: of what was archived the tape keeps each subject's last word."""
    first = shelf.tape.first()
    from_seq = max(query.from_seq, first)
    seqs = shelf.tables.find(query.subject, from_seq, last, query.limit, newest=True)
    kept = shelf.tables.last_words(query.subject, first, query.limit - len(seqs))
    return [*(seq for seq in kept if seq >= query.from_seq), *seqs]


def _ticker(text: str, *, extended: bool) -> str:
    """The canonical ticker; a key with the mark of simulation is taken as one."""
    mark = MARK if is_simulated(text) else ""
    try:
        return canonical(plain(text), extended=extended) + mark
    except BadTicker as error:
        raise Refused("bad_ticker", f"{error.text!r} is not a ticker", error.remedy) from error


def _entry(shelf: Shelf, key: str, counts: dict[tuple[str, str], int], now_us: int) -> CacheEntry:
    known = shelf.snapshot(key, now_us)
    return CacheEntry(
        ticker=key,
        simulated=known.simulated,
        stale=known.stale,
        age_seconds=known.age_seconds,
        price=known.quote.price if known.quote else None,
        source=known.quote.source if known.quote else None,
        bars={name: counts[key, name] for name in get_args(Timeframe) if (key, name) in counts},
    )


def _series(key: str, query: ReadBars, seq: int, rows: list[BarRow]) -> BarSeries:
    return BarSeries(
        ticker=key,
        timeframe=query.timeframe,
        seq=seq,
        simulated=is_simulated(key),
        forming=bool(rows) and rows[-1].forming,
        adjusted=query.adjusted,
        start_us=tuple(row.start_us for row in rows),
        open=tuple(row.open for row in rows),
        high=tuple(row.high for row in rows),
        low=tuple(row.low for row in rows),
        close=tuple(row.close for row in rows),
        volume=tuple(row.volume for row in rows),
        known_by=tuple(row.seq for row in rows),
    )
