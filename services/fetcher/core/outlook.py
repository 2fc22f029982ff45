"""What one ticker wants now, from whom, whether its cycle is over, and how long all that holds.

A pure function of the ticker's series and of what holds for all of them, so that it need not be
computed again before one of the two changes or its time is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from market.messages.fetcher import SourceCalled
from market.sessions import NO_SESSIONS
from market.symbols import MARK, PROTECTED
from services.fetcher.core import failover, news, schedule, settling
from services.fetcher.core.declaration import Options
from services.fetcher.core.health import NEVER_US
from services.fetcher.core.state import (
    KINDS,
    LANES,
    URGENT_US,
    Collector,
    Cycle,
    Kind,
    Lane,
    Series,
    capability_of,
    rank,
    timeframe_of,
)

LONG_AGO_US = 1
"""Since when headlines are wanted that never came: later than a first price, before any other."""

_ORDER: dict[Kind, int] = {kind: place for place, kind in enumerate(LANES)}


LATER = 2
"""The place in the queue of what nobody asked for."""


class Common(NamedTuple):
    """What the outlook of every ticker depends on, beside its own series."""

    running: bool
    cycle: Cycle | None
    real: bool
    table: bool
    table_us: int
    shut: tuple[int, ...]


class OpenLane(NamedTuple):
    """A lane that wants data; compares in the order in which lanes are served.

    Who waits goes first (``later`` is 0), then headlines that somebody asked for (1), then all
    others (2), who has failed last; among these whoever was answered longest ago. Of headlines
    ``answered_us`` is when they became due, so that they come after the prices, and come at last.
    ``source`` is whom to ask.
    """

    later: int
    failed: int
    rank: int
    answered_us: int
    ready_us: int
    key: str
    order: int
    kind: Kind
    since_us: int
    source: str


class Outlook(NamedTuple):
    """What is to be done for a ticker; true until ``until_us`` if nothing else changes.

    ``ready`` are the lanes whose source may be asked now, ``resting`` says how many wait for a
    time, ``flights`` are the calls under way, ``over`` tells that the cycle has dealt with it.
    """

    ready: tuple[OpenLane, ...] = ()
    resting: int = 0
    flights: tuple[SourceCalled, ...] = ()
    over: bool = True
    until_us: int = NEVER_US


def common(state: Collector, options: Options, now_us: int) -> Common:
    """What holds for all tickers: whoever finds it changed computes every outlook again.

    A breaker whose time is over is shut no longer, also before that is told.
    """
    return Common(
        running=state.running,
        cycle=state.cycle,
        real=state.of(PROTECTED[0]).has_bars,
        table=state.table != NO_SESSIONS or bool(state.calendar.refusals),
        table_us=state.calendar.answered_us,
        shut=tuple(
            until_us if until_us > now_us else 0
            for source in options.sources
            for one in source.capabilities
            for until_us in (state.gate_of(source.name, one).until_us,)
        ),
    )


def outlook(state: Collector, options: Options, ticker: str, now_us: int) -> Outlook:
    """What is to be done for a ticker and its simulated twin."""
    flights = tuple(_flights(state, ticker))
    series = state.series.get(ticker)
    if series is None:
        return Outlook(flights=flights)
    since_us = wanted_since_us(state, series, now_us)
    news_us = headlines_due_us(state, options, ticker, now_us)
    if since_us == 0 and news_us == NEVER_US:
        return Outlook(flights=flights)
    lanes = list(_open_lanes(state, options, ticker, series, since_us, now_us))
    if news_us <= now_us:
        lanes.append(_headlines(state, options, ticker, series, news_us, now_us))
    ready = tuple(lane for lane in lanes if lane.source and lane.ready_us <= now_us)
    return Outlook(
        ready=ready,
        resting=len(lanes) - len(ready),
        flights=flights,
        over=not since_us or not series.tracked or cycle_over(state, options, ticker, now_us),
        until_us=min(
            at for at in (*_times(state, ticker, lanes), news_us, NEVER_US) if at > now_us
        ),
    )


def wanted_since_us(state: Collector, series: Series, now_us: int) -> int:
    """Since when the ticker is to be fresh; 0 where nobody wants it."""
    wanted_us = series.wanted_us if state.running else 0
    return max(wanted_us, series.asked_us if waits(series, now_us) else 0)


def waits(series: Series, now_us: int) -> bool:
    """Whether somebody asked for the ticker not long ago."""
    return series.asked_us > 0 and now_us < series.asked_us + URGENT_US


def headlines_due_us(state: Collector, options: Options, ticker: str, now_us: int) -> int:
    """From when on headlines are wanted; only of who has a price, and so is no dead symbol."""
    series = state.of(ticker)
    lane = series.lane("news")
    known = series.lane("quote").answered_us or series.lane("1d").answered_us
    if not options.news_seconds or not known or lane.flight:
        return NEVER_US
    if waits(series, now_us) and lane.answered_us < series.asked_us - news.RECENT_US:
        return series.asked_us
    if not (state.running and series.tracked):
        return NEVER_US
    if not lane.answered_us:
        return LONG_AGO_US
    return news.due_us(state.hours(ticker, now_us), lane.answered_us, options.news_seconds)


def cycle_over(state: Collector, options: Options, ticker: str, now_us: int) -> bool:
    """Whether the cycle under way has brought the ticker, or found that nobody will."""
    if state.cycle is None or state.of(ticker).wanted_us < state.cycle.started_us:
        return True
    since_us = state.cycle.started_us
    real = all(failover.settled(state, options, ticker, kind, since_us, now_us) for kind in KINDS)
    if not real or not failover.simulates(state, options, ticker, now_us):
        return real
    return all(state.of(ticker + MARK).lane(kind).answered_us >= since_us for kind in KINDS)


def _open_lanes(
    state: Collector, options: Options, ticker: str, series: Series, since_us: int, now_us: int
) -> Iterator[OpenLane]:
    """Every lane without a call under way that was not brought since it was last wanted.

    A day that is not settled is wanted again by itself, and a cancelled history not at all.
    The simulated series is due as well where it stands in and its sessions are known, or refused.
    """
    if not since_us:
        return
    urgent = waits(series, now_us)
    ready_us = since_us if urgent else schedule.ready_us(state, options, ticker, series)
    known = state.table != NO_SESSIONS or bool(state.calendar.refusals)
    twin = known and failover.simulates(state, options, ticker, now_us)
    for key in (ticker, ticker + MARK) if twin else (ticker,):
        for kind, lane in _lanes(state, key, KINDS):
            lane_since_us = settling.wanted_since_us(lane, since_us)
            if lane.flight or lane.answered_us >= lane_since_us or state.of(key).lets_be(kind):
                continue
            settles = lane.answered_us >= since_us
            choice = failover.choose(state, options, key, kind, lane_since_us, now_us)
            yield OpenLane(
                later=LATER * (not urgent or lane.answered_us >= series.asked_us),
                failed=len(lane.refusals),
                rank=rank(ticker),
                answered_us=lane.answered_us,
                ready_us=lane_since_us if settles else ready_us,
                key=key,
                order=_ORDER[kind],
                kind=kind,
                since_us=lane_since_us,
                source=choice.source.name if choice.source else "",
            )


def _headlines(
    state: Collector, options: Options, ticker: str, series: Series, due_us: int, now_us: int
) -> OpenLane:
    """The lane of headlines that are due; those of no ticker go before another's prices."""
    choice = failover.choose(state, options, ticker, "news", due_us, now_us)
    return OpenLane(
        later=1 if due_us == series.asked_us else LATER,
        failed=len(series.lane("news").refusals),
        rank=len(PROTECTED),
        answered_us=due_us,
        ready_us=due_us,
        key=ticker,
        order=_ORDER["news"],
        kind="news",
        since_us=due_us,
        source=choice.source.name if choice.source else "",
    )


def _times(state: Collector, ticker: str, lanes: list[OpenLane]) -> Iterator[int]:
    """When time alone changes the outlook: a wish cools down, a lane's turn or next try comes."""
    yield state.of(ticker).asked_us + URGENT_US
    yield from (lane.ready_us for lane in lanes)
    for key in (ticker, ticker + MARK):
        for _, lane in _lanes(state, key):
            yield from (refusal.retry_at_us for refusal in lane.refusals)


def _flights(state: Collector, ticker: str) -> Iterator[SourceCalled]:
    """Every call for the ticker that was said and neither answered nor refused."""
    for key in (ticker, ticker + MARK):
        for kind, lane in _lanes(state, key):
            if flight := lane.flight:
                asked, timeframe = capability_of(kind), timeframe_of(kind)
                yield SourceCalled(flight.source, asked, key, timeframe, flight.deadline_us)


def _lanes(
    state: Collector, key: str, kinds: tuple[Kind, ...] = LANES
) -> Iterator[tuple[Kind, Lane]]:
    series = state.of(key)
    return ((kind, series.lane(kind)) for kind in kinds)
