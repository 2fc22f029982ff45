"""What each fact does to the collector's state; never refuses, never speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bus.message import Event, Fact
from market.messages.fetcher import (
    Bars,
    CollectorStarted,
    CollectorStopped,
    CycleFinished,
    CycleStarted,
    FetchRefused,
    FetchRequested,
    HistoryBackfilled,
    Quote,
    RawLost,
    Sessions,
    SourceCalled,
    SourceGated,
    SourceShared,
    SourceSlowed,
    WatchlistAdded,
    WatchlistRemoved,
)
from market.messages.stream import StreamClosed, StreamOpened, StreamRefused
from market.sessions import joined
from market.symbols import MARK, PROTECTED, is_simulated
from market.venues import venue_of
from services.fetcher.core import listing, past, streaming, trust
from services.fetcher.core.bars import rows_of, tail_rows
from services.fetcher.core.histories import HISTORY_FOLDS
from services.fetcher.core.lanes import answered, still
from services.fetcher.core.reports import REPORT_FOLDS
from services.fetcher.core.state import (
    Collector,
    Cycle,
    Flight,
    Lane,
    Row,
    exchange_lane,
    kind_of,
    rank,
    with_exchange_lane,
    with_lane,
    with_series,
)

STRANGERS_MAX = 100
"""Tickers that are not tracked, but were asked for: what is known of the latest ones is kept."""


def started(state: Collector, fact: Fact[CollectorStarted]) -> Collector:
    """It runs; AUTO_START has had its time."""
    return replace(state, running=True, told=True)


def stopped(state: Collector, fact: Fact[CollectorStopped]) -> Collector:
    """It rests; only who waits for a ticker is still served."""
    return replace(state, running=False, told=True, cycle=None)


def cycle_started(state: Collector, fact: Fact[CycleStarted]) -> Collector:
    """Every tracked ticker is wanted, but for who is not listed and was wanted today already.

    At a start by hand or process whoever failed is forgiven.
    """
    by, venues = fact.event.by, fact.event.venues
    series = {
        key: replace(one, wanted_us=fact.at_us)
        if (not venues or venue_of(key) in venues) and listing.is_wanted(one, by, fact.at_us)
        else one
        for key, one in state.series.items()
    }
    state = replace(state, series=series, cycle=Cycle(fact.at_us, fact.event.by))
    if venues:
        some = {one: fact.at_us for one in state.venues if one in venues}
        state = replace(state, cycled_us={**state.cycled_us, **some})
    else:
        state = replace(state, cycle_started_us=fact.at_us, cycled_us={})
    if fact.event.by == "process":
        state = _as_a_new_process(state, fact.at_us)
    state = streaming.at_cycle(state, fact.at_us)
    return _forgiven(state) if fact.event.by in ("process", "start") else state


def cycle_finished(state: Collector, fact: Fact[CycleFinished]) -> Collector:
    """The next cycle may begin."""
    return replace(state, cycle=None, last_cycle=fact.event, last_run_us=fact.at_us)


def added(state: Collector, fact: Fact[WatchlistAdded]) -> Collector:
    """The ticker goes to the end of the watchlist, with all that is known of it."""
    ticker = fact.event.ticker
    series = replace(state.of(ticker), tracked=True, wanted_us=fact.at_us, cancelled=False)
    others = {key: one for key, one in state.series.items() if key != ticker}
    return _with_watchlist(replace(state, series={**others, ticker: series}))


def removed(state: Collector, fact: Fact[WatchlistRemoved]) -> Collector:
    """The ticker becomes a stranger: if it comes back, its history need not be fetched again."""
    ticker = fact.event.ticker
    series = replace(state.of(ticker), tracked=False, wanted_us=0, asked_us=0)
    state = with_series(state, ticker, series)
    return _with_watchlist(_bounded(_without(state, ticker + MARK)))


def requested(state: Collector, fact: Fact[FetchRequested]) -> Collector:
    """A stranger moves to the end of the line, so that the one asked for longest ago is first."""
    ticker = fact.event.ticker
    series = replace(state.of(ticker), asked_us=fact.at_us, cancelled=False)
    if series.tracked:
        return with_series(state, ticker, series)
    return _bounded(with_series(_without(state, ticker), ticker, series))


def called(state: Collector, fact: Fact[SourceCalled]) -> Collector:
    """The call counts in its source's budget, and is under way."""
    call = fact.event
    state = trust.called(state, call.source, fact.at_us)
    if call.capability == "trades":
        return streaming.called(state, fact)
    flight = Flight(call.source, fact.at_us, call.deadline_us)
    kind = kind_of(call.capability, call.timeframe)
    if kind is None:
        lane = replace(exchange_lane(state, call.capability), flight=flight)
        return with_exchange_lane(state, call.capability, lane)
    lane = replace(state.of(call.ticker).lane(kind), flight=flight)
    return with_lane(state, call.ticker, kind, lane)


def quoted(state: Collector, fact: Fact[Quote]) -> Collector:
    """The quote's lane is fresh."""
    quote = fact.event
    if quote.ticker not in state.series:
        return state
    if quote.streamed:
        return streaming.quoted(state, fact)
    before = state.of(quote.ticker).lane("quote")
    state = trust.ended(state, before, quote.source, fact.at_us)
    lane = answered(before, quote.source, fact.at_us)
    lane = streaming.framed(lane, quote, fact.at_us)
    state = _is_known(with_lane(state, quote.ticker, "quote", lane), quote.ticker)
    return trust.answered(state, quote.source, "quote", fact.at_us)


def barred(state: Collector, fact: Fact[Bars]) -> Collector:
    """The tail of what was said grows; SPY's first real bars end everything simulated."""
    bars = fact.event
    if bars.ticker not in state.series:
        return state
    before = state.of(bars.ticker).lane(bars.timeframe)
    state = trust.ended(state, before, bars.source, fact.at_us)
    lane = answered(before, bars.source, fact.at_us)
    kept = tuple(row for row in lane.tail if row.start_us < bars.start_us[0])
    tail = (*kept, *rows_of(bars))[-tail_rows(bars.ticker, bars.timeframe) :]
    lane = replace(lane, tail=tail, latest_us=bars.start_us[-1], price=bars.close[-1])
    lane = replace(lane, past=_past(before, bars, tail, state.hours(bars.ticker, fact.at_us)))
    state = with_lane(state, bars.ticker, bars.timeframe, lane)
    state = _is_known(state, bars.ticker)
    state = trust.answered(state, bars.source, "bars", fact.at_us)
    return _without_simulated(state) if bars.ticker == PROTECTED[0] else state


def backfilled(state: Collector, fact: Fact[HistoryBackfilled]) -> Collector:
    """Told for who watches; the bars themselves said it."""
    return state


def refused(state: Collector, fact: Fact[FetchRefused]) -> Collector:
    """The lane remembers who said no; the source may have to rest."""
    event = fact.event
    if event.capability == "trades":
        return streaming.refused(state, fact)
    kind = kind_of(event.capability, event.timeframe)
    if kind is None:
        before = exchange_lane(state, event.capability)
        state = trust.ended(state, before, event.source, fact.at_us, event.reason)
        lane = _refused(before, event, fact.at_us)
        state = with_exchange_lane(state, event.capability, lane)
        if event.source == "calendar":
            return trust.counted(state, event.source, event.reason)
        return trust.refused(state, event)
    if event.ticker in state.series:
        before = state.of(event.ticker).lane(kind)
        state = trust.ended(state, before, event.source, fact.at_us, event.reason)
        lane = _refused(before, event, fact.at_us)
        state = with_lane(state, event.ticker, kind, lane)
        series = listing.doubted(
            state.of(event.ticker), event, state.hours(event.ticker, fact.at_us), fact.at_us
        )
        state = with_series(state, event.ticker, series)
    return trust.refused(state, event)


def stream_refused(state: Collector, fact: Fact[StreamRefused]) -> Collector:
    """Told for who watches: what was refused is nowhere else."""
    return state


def opened(state: Collector, fact: Fact[Sessions]) -> Collector:
    """The table of sessions is the new one."""
    state = trust.ended(state, state.calendar, "calendar", fact.at_us)
    lane = answered(state.calendar, "calendar", fact.at_us)
    return replace(state, table=joined(state.table, fact.event), calendar=lane)


FOLDS: dict[type[Event], Callable[[Collector, Any], Collector]] = {
    CollectorStarted: started,
    CollectorStopped: stopped,
    CycleStarted: cycle_started,
    CycleFinished: cycle_finished,
    WatchlistAdded: added,
    WatchlistRemoved: removed,
    FetchRequested: requested,
    SourceCalled: called,
    Quote: quoted,
    Bars: barred,
    HistoryBackfilled: backfilled,
    FetchRefused: refused,
    SourceGated: trust.gated,
    RawLost: trust.raw_lost,
    SourceSlowed: trust.slowed,
    SourceShared: trust.shared,
    Sessions: opened,
    **HISTORY_FOLDS,
    **REPORT_FOLDS,
    StreamOpened: streaming.opened,
    StreamClosed: streaming.closed,
    StreamRefused: stream_refused,
}
"""Every event that the collector hears, with what it does."""


class Draft:
    """What is about to be said, and the state as it will be then: several decisions in one turn."""

    def __init__(self, state: Collector, now_us: int) -> None:
        self.state = state
        self.now_us = now_us
        self.events: list[Event] = []

    def say(self, *events: Event) -> None:
        """Say these events, and go on as if they had come back from the tape."""
        for event in events:
            self.events.append(event)
            self.state = FOLDS[type(event)](self.state, Fact(0, self.now_us, event))


def _forgiven(state: Collector) -> Collector:
    """A person looks at it now: no failure of before keeps anybody from being asked at once."""
    for source in state.health:
        state = trust.pardoned(state, source, trust.FORGIVEN)
    return state


def _as_a_new_process(state: Collector, at_us: int) -> Collector:
    """No call is under way; those of the process before arrived at the latest when it ended."""
    for one in state.series.values():
        for lane in one.lanes.values():
            if lane.flight:
                state = trust.ended(state, lane, lane.flight.source, at_us, "lost")
    if flight := state.exchange.flight:
        state = trust.ended(state, state.exchange, flight.source, at_us, "lost")
    series = {
        key: replace(one, lanes={kind: replace(x, flight=None) for kind, x in one.lanes.items()})
        for key, one in state.series.items()
    }
    if flight := state.stream.flight:
        lane = streaming.lane_of(state.stream)
        state = trust.ended(state, lane, flight.source, at_us, "lost")
    state = streaming.ended(state, at_us)
    calendar, exchange = (replace(x, flight=None) for x in (state.calendar, state.exchange))
    return replace(state, series=series, calendar=calendar, exchange=exchange)


def _refused(lane: Lane, event: FetchRefused, at_us: int) -> Lane:
    lane = trust.refusing(lane, event, at_us)
    return replace(lane, flight=still(lane, event.source))


def _past(before: Lane, bars: Bars, tail: tuple[Row, ...], table: Sessions) -> past.Past:
    """What is remembered of the lane after the bars; its call under way, if any, brought them."""
    closed = tail[:-1] if bars.forming else tail
    asked_us = before.flight.at_us if before.flight else 0
    return past.grown(before.past, bars, closed[-1].start_us if closed else 0, table, asked_us)


def _is_known(state: Collector, ticker: str) -> Collector:
    """Somebody answered for the symbol: whoever denied it before speaks of the past."""
    series = state.of(ticker)
    if not series.absences:
        return state
    return with_series(state, ticker, replace(series, absences=()))


def _without(state: Collector, key: str) -> Collector:
    return replace(state, series={k: one for k, one in state.series.items() if k != key})


def _with_watchlist(state: Collector) -> Collector:
    """Who is tracked, and where that is traded; in New York in any case."""
    tracked = sorted((key for key, one in state.series.items() if one.tracked), key=rank)
    elsewhere = {venue_of(key) for key in tracked} - {"us"}
    return replace(state, watchlist=tuple(tracked), venues=("us", *sorted(elsewhere)))


def _without_simulated(state: Collector) -> Collector:
    kept = {key: series for key, series in state.series.items() if not is_simulated(key)}
    return replace(state, series=kept) if len(kept) < len(state.series) else state


def _bounded(state: Collector) -> Collector:
    """Forget the strangers that were asked for longest ago."""
    strangers = [
        key for key, series in state.series.items() if not series.tracked and not is_simulated(key)
    ]
    gone = set(strangers[: max(0, len(strangers) - STRANGERS_MAX)])
    return replace(state, series={k: s for k, s in state.series.items() if k not in gone})
