"""Which calls are made now: the open lanes in their order, as far as budgets and workers allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from market.messages.fetcher import SourceCalled
from market.sessions import NO_SESSIONS
from market.symbols import MARK, PROTECTED, is_simulated
from services.fetcher.core import budget, failover, schedule
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.state import (
    KINDS,
    URGENT_US,
    Collector,
    Health,
    Kind,
    Series,
    capability_of,
    rank,
    timeframe_of,
)

SECOND_US = 1_000_000
EXCHANGE = "XNYS"

_ORDER: dict[Kind, int] = {"quote": 0, "1d": 1, "1h": 2}


class Plan(NamedTuple):
    """The calls to make now, and when to look again (0: when something happens)."""

    calls: tuple[SourceCalled, ...]
    again_us: int


class OpenLane(NamedTuple):
    """A lane that wants data; compares in the order in which lanes are served.

    Who waits goes first, who has failed last; among the others whoever was answered longest ago.
    """

    waits: bool
    failed: int
    rank: int
    answered_us: int
    ready_us: int
    key: str
    order: int
    kind: Kind
    since_us: int


def plan(state: Collector, options: Options, now_us: int) -> Plan:
    """The calls for the open lanes, the most wanted first; a source without room waits its turn."""
    planner = _Planner(state, options, now_us)
    planner.table()
    for lane in sorted(open_lanes(state, options, now_us)):
        planner.lane(lane)
    again = [at_us for at_us in planner.again if at_us > now_us]
    return Plan(tuple(planner.calls), min(again, default=0))


class _Planner:
    """Budgets and workers while a plan is made: each call that is planned takes its place."""

    def __init__(self, state: Collector, options: Options, now_us: int) -> None:
        self.state, self.options, self.now_us = state, options, now_us
        self.calls: list[SourceCalled] = []
        self.again: list[int] = []
        self.health = dict(state.health)
        self.full: set[str] = set()
        self.orders = {
            (kind, of_simulated): {one.name for one in failover.order(options, key, kind)}
            for kind in KINDS
            for key, of_simulated in (("", False), (MARK, True))
        }
        workers = {one.name: one.worker for one in (*options.sources, options.calendar)}
        self.under_way = Counter(workers.get(call.source, "") for call in calls_under_way(state))

    def table(self) -> None:
        """Read the sessions if that is due: everything else goes by them."""
        wanted_us = schedule.table_wanted_us(self.state)
        if self.state.calendar.flight is None:
            self._call(self.options.calendar, EXCHANGE, None, wanted_us)

    def lane(self, lane: OpenLane) -> None:
        """Ask whoever may be asked for the lane; alone, if it has just failed.

        Where nobody has room for any lane, whom to ask need not be found out: with 500 tickers that
        is nine tenths of the work.
        """
        if self.orders[lane.kind, is_simulated(lane.key)] <= self.full:
            return
        choice = failover.choose(
            self.state, self.options, lane.key, lane.kind, lane.since_us, self.now_us
        )
        if choice.source is None:
            self.again.append(choice.again_us)
            return
        gate = self.state.gate_of(choice.source.name, capability_of(lane.kind))
        self._call(
            choice.source,
            lane.key,
            lane.kind,
            lane.ready_us,
            alone=gate.doubtful,
            urgent=not lane.waits,
        )

    def _call(
        self,
        source: Declaration,
        key: str,
        kind: Kind | None,
        ready_us: int,
        *,
        alone: bool = False,
        urgent: bool = False,
    ) -> None:
        """Lanes of who waits come first, so what is full for one is full for all that follow."""
        busy = self.under_way[source.worker]
        health = self.health.get(source.name, Health())
        free_us = budget.free_at(health, source, self.now_us, urgent=urgent)
        if busy >= source.together or free_us > self.now_us:
            self.full.add(source.name)
        if busy >= (1 if alone else source.together):
            return
        if max(free_us, ready_us) > self.now_us:
            self.again.append(max(free_us, ready_us))
            return
        self.under_way[source.worker] += 1
        self.health[source.name] = budget.begun(health, self.now_us)
        self.calls.append(_call(source, key, kind, self.now_us))


def open_lanes(state: Collector, options: Options, now_us: int) -> Iterator[OpenLane]:
    """Every lane without a call under way that was not brought since it was last wanted."""
    real = state.of(PROTECTED[0]).has_bars
    for ticker, series in state.series.items():
        if is_simulated(ticker):
            continue
        since_us = wanted_since_us(state, series, now_us)
        if since_us == 0:
            continue
        yield from _open_lanes_of(state, options, ticker, ticker, since_us, now_us)
        if not real and simulates_now(state, options, ticker, now_us):
            yield from _open_lanes_of(state, options, ticker, ticker + MARK, since_us, now_us)


def wanted_since_us(state: Collector, series: Series, now_us: int) -> int:
    """Since when the ticker is to be fresh; 0 where nobody wants it."""
    wanted_us = series.wanted_us if state.running else 0
    return max(wanted_us, series.asked_us if waits(series, now_us) else 0)


def waits(series: Series, now_us: int) -> bool:
    """Whether somebody asked for the ticker not long ago."""
    return series.asked_us > 0 and now_us < series.asked_us + URGENT_US


def simulates_now(state: Collector, options: Options, ticker: str, now_us: int) -> bool:
    """Whether the simulated series is due as well: its sessions must be known, or refused."""
    known = state.table != NO_SESSIONS or bool(state.calendar.refusals)
    return known and failover.simulates(state, options, ticker, now_us)


def calls_under_way(state: Collector) -> Iterator[SourceCalled]:
    """Every call that was said and neither answered nor refused."""
    if flight := state.calendar.flight:
        yield SourceCalled(flight.source, "sessions", EXCHANGE, None, flight.deadline_us)
    for key, series in state.series.items():
        for kind, lane in series.lanes.items():
            if flight := lane.flight:
                asked, timeframe = capability_of(kind), timeframe_of(kind)
                yield SourceCalled(flight.source, asked, key, timeframe, flight.deadline_us)


def _open_lanes_of(
    state: Collector, options: Options, ticker: str, key: str, since_us: int, now_us: int
) -> Iterator[OpenLane]:
    lanes = ((kind, state.of(key).lane(kind)) for kind in KINDS)
    found = [one for one in lanes if one[1].flight is None and one[1].answered_us < since_us]
    if not found:
        return
    wanted = state.of(ticker)
    urgent = waits(wanted, now_us)
    ready_us = since_us if urgent else schedule.ready_us(state, options, ticker, wanted)
    for kind, lane in found:
        yield OpenLane(
            waits=not urgent or lane.answered_us >= wanted.asked_us,
            failed=len(lane.refusals),
            rank=rank(ticker),
            answered_us=lane.answered_us,
            ready_us=ready_us,
            key=key,
            order=_ORDER[kind],
            kind=kind,
            since_us=since_us,
        )


def _call(source: Declaration, key: str, kind: Kind | None, now_us: int) -> SourceCalled:
    return SourceCalled(
        source=source.name,
        capability=capability_of(kind) if kind else "sessions",
        ticker=key,
        timeframe=timeframe_of(kind) if kind else None,
        deadline_us=now_us + round(source.lost_after_seconds * SECOND_US),
    )
