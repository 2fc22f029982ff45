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
from services.fetcher.core import failover, schedule, settling
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import (
    KINDS,
    NEVER_US,
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

_ORDER: dict[Kind, int] = {kind: place for place, kind in enumerate(KINDS)}


class Common(NamedTuple):
    """What the outlook of every ticker depends on, beside its own series."""

    running: bool
    cycle: Cycle | None
    real: bool
    table: bool
    shut: tuple[int, ...]


class OpenLane(NamedTuple):
    """A lane that wants data; compares in the order in which lanes are served.

    Who waits goes first (``later`` is false), who has failed last; among the others whoever was
    answered longest ago. ``source`` is whom to ask.
    """

    later: bool
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


def common(state: Collector, options: Options) -> Common:
    """What holds for all tickers: whoever finds it changed computes every outlook again."""
    return Common(
        running=state.running,
        cycle=state.cycle,
        real=state.of(PROTECTED[0]).has_bars,
        table=state.table != NO_SESSIONS or bool(state.calendar.refusals),
        shut=tuple(
            state.gate_of(source.name, one).until_us
            for source in options.sources
            for one in source.capabilities
        ),
    )


def outlook(state: Collector, options: Options, ticker: str, now_us: int) -> Outlook:
    """What is to be done for a ticker and its simulated twin."""
    flights = tuple(_flights(state, ticker))
    series = state.series.get(ticker)
    since_us = wanted_since_us(state, series, now_us) if series else 0
    if series is None or since_us == 0:
        return Outlook(flights=flights)
    lanes = list(_open_lanes(state, options, ticker, series, since_us, now_us))
    ready = tuple(lane for lane in lanes if lane.source and lane.ready_us <= now_us)
    return Outlook(
        ready=ready,
        resting=len(lanes) - len(ready),
        flights=flights,
        over=not series.tracked or cycle_over(state, options, ticker, now_us),
        until_us=min((at for at in _times(state, ticker, lanes) if at > now_us), default=NEVER_US),
    )


def wanted_since_us(state: Collector, series: Series, now_us: int) -> int:
    """Since when the ticker is to be fresh; 0 where nobody wants it."""
    wanted_us = series.wanted_us if state.running else 0
    return max(wanted_us, series.asked_us if waits(series, now_us) else 0)


def waits(series: Series, now_us: int) -> bool:
    """Whether somebody asked for the ticker not long ago."""
    return series.asked_us > 0 and now_us < series.asked_us + URGENT_US


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
    urgent = waits(series, now_us)
    ready_us = since_us if urgent else schedule.ready_us(state, options, ticker, series)
    known = state.table != NO_SESSIONS or bool(state.calendar.refusals)
    twin = known and failover.simulates(state, options, ticker, now_us)
    for key in (ticker, ticker + MARK) if twin else (ticker,):
        for kind, lane in _lanes(state, key):
            lane_since_us = settling.wanted_since_us(lane, since_us)
            if lane.flight or lane.answered_us >= lane_since_us or state.of(key).lets_be(kind):
                continue
            settles = lane.answered_us >= since_us
            choice = failover.choose(state, options, key, kind, lane_since_us, now_us)
            yield OpenLane(
                later=not urgent or lane.answered_us >= series.asked_us,
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


def _lanes(state: Collector, key: str) -> Iterator[tuple[Kind, Lane]]:
    series = state.of(key)
    return ((kind, series.lane(kind)) for kind in KINDS)
