"""A deck in memory behind the real gateway: it tracks, brings, refuses and forgets on request."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from msgspec.structs import replace

from bus.actor import Refused
from bus.errors import Unavailable
from bus.message import (
    BusState,
    BusStatus,
    Command,
    Done,
    Event,
    LetterReplayed,
    Query,
    ReplayLetter,
)
from bus.ports import TapeReading
from market.messages.analyzer import Analysis, Analyze, Current, Decision
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
from market.messages.exchange import MarketStatus
from market.messages.fetcher import (
    AddTicker,
    Backfill,
    Bars,
    Budget,
    CollectorStarted,
    CollectorState,
    CollectorStatus,
    CollectorStopped,
    CycleFinished,
    FetchNow,
    FetchRefused,
    FetchRequested,
    Quote,
    RemoveTicker,
    Restart,
    Source,
    SourceCalled,
    SourceState,
    Start,
    Stop,
    WatchlistAdded,
    WatchlistRemoved,
)
from market.messages.history import BackfillCancelled, CancelBackfill, Listing, Settling
from market.messages.news import News
from market.sessions import NO_SESSIONS, market_state, next_session
from market.symbols import PROTECTED, is_simulated, plain, simulated
from services.cache.core.rows import bar_rows, headline_rows, known_headline
from services.cache.core.snapshots import snapshot
from services.gateway.kept import Kept
from tests.browser import evidence
from tests.browser.told import Told
from tests.services.gateway import samples

TTL_SECONDS = 300.0
SERVICES = ("analyzer", "cache", "fetcher", "gateway", "indicators")

MINUTE_US = 60_000_000


class PageDeck:
    """The port `services.gateway.deck.Deck`, with a clock set by hand.

    ``simulates`` brings simulated series instead of real ones, a service named in ``absent`` does
    not answer, one in ``failing`` fails at every letter, ``stale_because`` is the analyzer's word.
    What was asked is kept in ``asked``.
    """

    def __init__(self, now_us: int, *, simulates: bool = False) -> None:
        self.now_us = now_us
        self.simulates = simulates
        self.absent: set[str] = set()
        self.failing: set[str] = set()
        self.stale_because = ""
        self.backfills: tuple[Backfill, ...] = ()
        self.settling: tuple[Settling, ...] = ()
        self.listings: tuple[Listing, ...] = ()
        self.asked: list[Command | Query[Any]] = []
        self.told = Told()
        self.table = NO_SESSIONS if simulates else evidence.sessions(now_us)

    # --- what a test does --------------------------------------------------------------------

    def say(self, *events: Event) -> int:
        """Put events on the tape now; gives the seq of the last."""
        return self.told.say(self.now_us, *events)

    def open(self) -> None:
        """Begin as a deck does: protected tickers tracked and brought, the collector running."""
        self.say(*map(WatchlistAdded, PROTECTED), CollectorStarted(by="auto_start"))
        if self.table.date:
            self.say(self.table)
        self.bring(*PROTECTED)
        brought = len(PROTECTED)
        self.say(CycleFinished(self.now_us, asked=brought, brought=brought))

    def track(self, *tickers: str) -> None:
        """Track and bring tickers."""
        self.say(*map(WatchlistAdded, tickers))
        self.bring(*tickers)

    def bring(self, *tickers: str) -> None:
        """Let the data of tickers arrive."""
        source: Source = "simulated" if self.simulates else "yahoo"
        for ticker in tickers:
            self.say(SourceCalled(source, "bars", ticker, "1d"))
            if evidence.listed(ticker):
                self.say(*evidence.told(self._key(ticker), self.now_us, self.head + 1))
            else:
                self.say(_unknown(ticker))

    # --- the port ----------------------------------------------------------------------------

    @property
    def tape_id(self) -> str:
        """See `services.gateway.deck.Deck`: each deck has a tape of its own."""
        return f"tape-{id(self)}"

    @property
    def head(self) -> int:
        return self.told.head

    def ask(self, message: Command | Query[Any], within_seconds: float = 10.0) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self.asked.append(message)
        try:
            if message.service in self.absent:
                raise Unavailable(f"{message.service} does not answer", "start it: make run")
            future.set_result(self._answers[type(message)](self, message))
        except (Refused, Unavailable) as error:
            future.set_exception(error)
        return future

    def kept(self, beginning: str) -> tuple[Kept, ...]:
        return ()

    def tape(self) -> TapeReading:
        return self.told.tape

    # --- commands ----------------------------------------------------------------------------

    def _add(self, command: AddTicker) -> Done:
        if command.ticker in self.told.watchlist:
            return Done(self.head, said=0)
        return Done(self.say(WatchlistAdded(command.ticker), FetchRequested(command.ticker)), 2)

    def _remove(self, command: RemoveTicker) -> Done:
        if command.ticker in PROTECTED:
            raise Refused("protected", f"{command.ticker} is always tracked", "remove another")
        return Done(self.say(WatchlistRemoved(command.ticker)), 1)

    def _run(self, command: Start | Restart) -> Done:
        return Done(self.say(CollectorStarted()), 1)

    def _stop(self, command: Stop) -> Done:
        return Done(self.say(CollectorStopped()), 1)

    def _fetch(self, command: FetchNow) -> Done:
        self.bring(*([command.ticker] if command.ticker else self.told.watchlist))
        return Done(self.head, 1)

    def _cancel(self, command: CancelBackfill) -> Done:
        self.backfills = tuple(
            replace(one, cancelled=one.cancelled or one.ticker == command.ticker)
            for one in self.backfills
        )
        return Done(self.say(BackfillCancelled(command.ticker)), 1)

    def _clear(self, command: ClearCache) -> Done:
        return Done(self.say(CacheCleared(command.ticker)), 1)

    def _replay(self, command: ReplayLetter) -> Done:
        if command.service in self.failing:
            raise Refused(
                "still_failing", f"{command.service} still fails: ValueError('why')", "mend it"
            )
        return Done(self.say(LetterReplayed(command.service, command.seq)), 1)

    # --- answers -----------------------------------------------------------------------------

    def _status(self, query: CollectorStatus) -> CollectorState:
        coming = next_session(self.table, self.now_us)
        facts = [fact.event for fact in list(self.told.facts)]
        cycles = [event for event in facts if isinstance(event, CycleFinished)]
        words = [event for event in facts if isinstance(event, MarketStatus)]
        tickers = self.told.watchlist
        return CollectorState(
            running=self.told.running,
            simulated=self.simulates,
            last_run_us=self.now_us - 2 * MINUTE_US,
            next_run_us=self.now_us + 3 * MINUTE_US if self.told.running else 0,
            watchlist=tickers,
            protected=PROTECTED,
            market=market_state(self.table, self.now_us),
            next_session_us=coming.open_us if coming else 0,
            fetching=tuple(t for t in tickers if not self.told.known(self._key(t))),
            budgets=(self._budget("finnhub", 60), self._budget("yahoo", 50)),
            sources=self._sources(),
            cycle=cycles[-1] if cycles else None,
            backfills=self.backfills,
            settling=self.settling,
            listings=self.listings,
            market_told=words[-1] if words else None,
            halted=bool(words) and words[-1].denies_session,
        )

    def _snapshot(self, query: Snapshot) -> TickerSnapshot:
        key = self._key(query.ticker)
        return snapshot(
            key,
            self.told.known(key),
            seq=self.head,
            at_us=self.now_us,
            now_us=self.now_us,
            ttl_seconds=TTL_SECONDS,
            table=self.table,
        )

    def _cache(self, query: CacheStatus) -> CacheState:
        entries = (self._entry(self._key(ticker)) for ticker in self.told.watchlist)
        return CacheState(self.head, TTL_SECONDS, tuple(entries))

    def _bars(self, query: ReadBars) -> BarSeries:
        key = self._key(query.ticker)
        facts = list(self.told.facts)
        facts = [f for f in facts if isinstance(f.event, Bars) and f.event.ticker == key]
        rows = {r.start_us: r for r in bar_rows(facts) if r.timeframe == query.timeframe}
        kept = [rows[start] for start in sorted(rows)][-query.limit :]
        return BarSeries(
            ticker=key,
            timeframe=query.timeframe,
            seq=self.head,
            simulated=is_simulated(key),
            forming=bool(kept) and kept[-1].forming,
            adjusted=query.adjusted,
            start_us=tuple(row.start_us for row in kept),
            open=tuple(row.open for row in kept),
            high=tuple(row.high for row in kept),
            low=tuple(row.low for row in kept),
            close=tuple(row.close for row in kept),
            volume=tuple(row.volume for row in kept),
            known_by=tuple(row.seq for row in kept),
        )

    def _news(self, query: ReadNews) -> NewsKnown:
        facts = [fact for fact in list(self.told.facts) if isinstance(fact.event, News)]
        facts = [fact for fact in facts if query.ticker in ("", fact.event.ticker)]
        rows = sorted(headline_rows(facts), key=lambda row: -row.published_us)
        return NewsKnown(
            ticker=query.ticker,
            seq=self.head,
            checked_us=facts[-1].at_us if facts else 0,
            headlines=tuple(map(known_headline, rows[: query.limit])),
        )

    def _find(self, query: FindEvents) -> SeqsFound:
        found = [
            record.seq
            for record in list(self.told.tape.records)
            if record.subject.startswith(query.subject) and record.seq >= query.from_seq
        ]
        kept = found[-query.limit :] if query.newest else found[: query.limit]
        return SeqsFound(tuple(kept), self.head, 0)

    def _analyze(self, query: Analyze) -> Analysis:
        ticker = plain(query.ticker)
        facts = self.told.known(self._key(ticker))
        if "decision" not in facts:
            raise Refused("no_data", f"nothing is known of {ticker}", f"tapedeck add {ticker}")
        decided, quoted = facts["decision"], facts["quote"]
        return Analysis(
            ticker=ticker,
            decision=decided.event,
            decision_seq=decided.seq,
            decided_at_us=decided.at_us,
            data_source="simulated" if self.simulates else "cache",
            simulated=self.simulates,
            stale=bool(self.stale_because),
            stale_because=self.stale_because,
            current=_current(quoted.event, decided.event, quoted.at_us, self.now_us),
            seq=self.head,
            as_of_us=self.now_us,
        )

    def _bus(self, query: BusStatus) -> BusState:
        return samples.bus(*(name for name in SERVICES if name not in self.absent))

    _answers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        AddTicker: _add,
        RemoveTicker: _remove,
        Start: _run,
        Restart: _run,
        Stop: _stop,
        FetchNow: _fetch,
        CancelBackfill: _cancel,
        ClearCache: _clear,
        ReplayLetter: _replay,
        CollectorStatus: _status,
        Snapshot: _snapshot,
        CacheStatus: _cache,
        ReadBars: _bars,
        ReadNews: _news,
        FindEvents: _find,
        Analyze: _analyze,
        BusStatus: _bus,
    }

    # --- parts -------------------------------------------------------------------------------

    def _key(self, ticker: str) -> str:
        return simulated(ticker) if self.simulates else plain(ticker)

    def _entry(self, key: str) -> CacheEntry:
        known = self._snapshot(Snapshot(key))
        return CacheEntry(
            ticker=key,
            simulated=known.simulated,
            stale=known.stale,
            age_seconds=known.age_seconds,
            price=known.quote.price if known.quote else None,
            source=known.quote.source if known.quote else None,
            bars=dict(evidence.BARS_KEPT) if known.indicators else {},
        )

    def _sources(self) -> tuple[SourceState, ...]:
        finnhub = SourceState("finnhub", usable=False, reason="no FINNHUB_API_KEY is set")
        made_up = SourceState("simulated", usable=True)
        if not self.simulates:
            return (SourceState("yahoo", usable=True), made_up, finnhub)
        retry_us = self.now_us + 2 * MINUTE_US
        why = "quote: 4 failures in a row; bars: 4 failures in a row"
        return (SourceState("yahoo", False, why, retry_us), made_up, finnhub)

    def _budget(self, source: Source, limit: int) -> Budget:
        return Budget(source, min(self.told.calls(source), limit), limit, 60.0)


def _unknown(ticker: str) -> FetchRefused:
    return FetchRefused(
        ticker, "bars", "yahoo", "unknown_symbol", f"Yahoo knows no symbol {ticker}", "1d"
    )


def _current(quote: Quote, decision: Decision, known_at_us: int, now_us: int) -> Current:
    levels, price = decision.levels, quote.price
    ends = sorted((levels.stop, levels.target)) if levels else None
    return Current(
        price=price,
        market_time_us=quote.market_time_us,
        known_at_us=known_at_us,
        age_seconds=max(0, now_us - quote.market_time_us) / 1_000_000,
        to_entry=round(levels.entry - price, 4) if levels else None,
        to_stop=round(levels.stop - price, 4) if levels else None,
        to_target=round(levels.target - price, 4) if levels else None,
        still_valid=ends[0] < price < ends[1] if ends else None,
    )
