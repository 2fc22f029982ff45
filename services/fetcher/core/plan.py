"""Which calls are made now: the open lanes in their order, as far as budgets and workers allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Literal, NamedTuple

from market.messages.fetcher import Asked, SourceCalled, Timeframe
from services.fetcher.core import budget, exchange, schedule
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.exchange import EXCHANGE
from services.fetcher.core.health import Health
from services.fetcher.core.outlook import OpenLane
from services.fetcher.core.queues import Queues
from services.fetcher.core.state import Collector, capability_of, timeframe_of

SECOND_US = 1_000_000

Outcome = Literal[
    "called",
    "held",  # its capability tries one call at a time, and there is one
    "full",  # no room for this lane, and so for none that is wanted less
]


class Plan(NamedTuple):
    """The calls to make now, and when to look again (0: when something happens)."""

    calls: tuple[SourceCalled, ...]
    again_us: int


def plan(state: Collector, options: Options, queues: Queues, now_us: int) -> Plan:
    """The calls for the open lanes, the most wanted first; a source without room waits its turn."""
    queues.look(state, now_us)
    planner = _Planner(state, options, queues, now_us)
    planner.table()
    planner.exchange()
    planner.serve()
    again = [at_us for at_us in (*planner.again, queues.next_us) if at_us > now_us]
    return Plan(tuple(planner.calls), min(again, default=0))


class _Planner:
    """Budgets and workers while a plan is made: each call that is planned takes its place."""

    def __init__(self, state: Collector, options: Options, queues: Queues, now_us: int) -> None:
        self.state, self.options, self.queues, self.now_us = state, options, queues, now_us
        self.calls: list[SourceCalled] = []
        self.again: list[int] = []
        self.health = dict(state.health)
        workers = {one.name: one.worker for one in (*options.sources, options.calendar)}
        flights = calls_under_way(state, queues)
        self.under_way = Counter(workers.get(call.source, "") for call in flights)

    def table(self) -> None:
        """Read the sessions if that is due: everything else goes by them."""
        wanted_us = schedule.table_wanted_us(self.state)
        if self.state.calendar.flight is not None:
            return
        if wanted_us > self.now_us:
            self.again.append(wanted_us)
        else:
            self._call(self.options.calendar, EXCHANGE, "sessions")

    def exchange(self) -> None:
        """Ask whether the exchange is open if that is due."""
        wanted_us = exchange.wanted_us(self.state, self.options)
        if wanted_us is None or self.state.exchange.flight is not None:
            return
        choice = exchange.choose(self.state, self.options, self.now_us)
        if wanted_us > self.now_us or choice.source is None:
            self.again.append(max(wanted_us, choice.again_us))
        else:
            self._call(choice.source, EXCHANGE, "market_status")

    def serve(self) -> None:
        """Ask for the open lanes in their order, of each source until it has no room for more."""
        full: set[str] = set()
        heads = [(line[0], 0, line) for line in self.queues.lines.values() if line]
        heapify(heads)
        while heads:
            lane, place, line = heappop(heads)
            outcome = "full" if lane.source in full else self._lane(lane)
            if outcome == "full":
                full.add(lane.source)
            elif outcome == "called" and place + 1 < len(line):
                heappush(heads, (line[place + 1], place + 1, line))

    def _lane(self, lane: OpenLane) -> Outcome:
        """A capability that has just failed is asked for one lane at a time."""
        source = self.options.declared(lane.source)
        asked = capability_of(lane.kind)
        gate = self.state.gate_of(source.name, asked)
        if gate.doubtful and self.under_way[source.worker]:
            return "held"
        timeframe = timeframe_of(lane.kind)
        return self._call(source, lane.key, asked, timeframe, urgent=not lane.later)

    def _call(
        self,
        source: Declaration,
        key: str,
        asked: Asked,
        timeframe: Timeframe | None = None,
        *,
        urgent: bool = False,
    ) -> Outcome:
        if self.under_way[source.worker] >= source.together:
            return "full"
        health = self.health.get(source.name, Health())
        free_us = budget.free_at(health, source, self.now_us, urgent=urgent)
        if free_us > self.now_us:
            self.again.append(free_us)
            return "full"
        self.under_way[source.worker] += 1
        self.health[source.name] = budget.begun(health, self.now_us)
        deadline_us = self.now_us + round(source.lost_after_seconds * SECOND_US)
        self.calls.append(SourceCalled(source.name, asked, key, timeframe, deadline_us))
        return "called"


def calls_under_way(state: Collector, queues: Queues) -> Iterator[SourceCalled]:
    """Every call that was said and neither answered nor refused, as of the queues' last look."""
    if flight := state.calendar.flight:
        yield SourceCalled(flight.source, "sessions", EXCHANGE, None, flight.deadline_us)
    if flight := state.exchange.flight:
        yield SourceCalled(flight.source, "market_status", EXCHANGE, None, flight.deadline_us)
    yield from queues.flights
