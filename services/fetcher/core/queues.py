"""The queues before the sources: the lanes of all tickers in their order, renewed where it must be.

They are derived from the state and are no part of it: nothing is saved, and a state of before (a
draft that was refused, another process) is taken like any other. With 500 tickers a change costs
one comparison of two tables, which takes 15 µs, and the outlook of the ticker that changed; all of
them are looked at again only where something changed for all.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import chain, compress
from operator import is_not

from market.messages.fetcher import SourceCalled
from market.symbols import plain
from services.fetcher.core.declaration import Options
from services.fetcher.core.health import NEVER_US
from services.fetcher.core.outlook import Common, OpenLane, Outlook, common, outlook
from services.fetcher.core.state import Collector, Kind, Series

Lines = dict[tuple[str, Kind], list[OpenLane]]
"""By source and kind the lanes that may be asked now, the most wanted first."""


NOTHING = Outlook()

ALARMS_MAX = 100
"""Alarms that were overtaken and are still there, beside a few for each ticker."""


class Queues:
    """What is to be done for all tickers, as of the last `look`.

    ``pending`` are the tickers that the cycle under way waits for.
    """

    def __init__(self, options: Options) -> None:
        self.lines: Lines = {}
        self.pending: set[str] = set()
        self._options = options
        self._seen: Mapping[str, Series] = {}
        self._common: Common | None = None
        self._now_us = 0
        self._outlooks: dict[str, Outlook] = {}
        self._flying: dict[str, tuple[SourceCalled, ...]] = {}
        self._alarms: list[tuple[int, str]] = []

    def look(self, state: Collector, now_us: int) -> None:
        """Take in what has changed since the last look."""
        shared = common(state, self._options, now_us)
        if shared != self._common or now_us < self._now_us:
            self._begin(state, now_us)
        else:
            for ticker in self._changed(state.series) | self._late(now_us):
                self._renew(state, ticker, now_us)
        self._seen, self._common, self._now_us = state.series, shared, now_us

    @property
    def flights(self) -> Iterator[SourceCalled]:
        """Every call for a ticker that was said and neither answered nor refused."""
        return chain.from_iterable(self._flying.values())

    @property
    def resting(self) -> int:
        """How many lanes want data, and nobody may be asked for them now."""
        return sum(one.resting for one in self._outlooks.values())

    @property
    def next_us(self) -> int:
        """When time alone changes something; 0: never."""
        while self._alarms:
            at_us, ticker = self._alarms[0]
            if self._until_us(ticker) == at_us:
                return at_us
            heappop(self._alarms)
        return 0

    def _begin(self, state: Collector, now_us: int) -> None:
        self.pending.clear()
        self._outlooks, self.lines, self._flying = {}, {}, {}
        for ticker in dict.fromkeys(map(plain, state.series)):
            found = outlook(state, self._options, ticker, now_us)
            self._keep(ticker, found)
            for lane in found.ready:
                self.lines.setdefault((lane.source, lane.kind), []).append(lane)
        for line in self.lines.values():
            line.sort()
        self._set_alarms()

    def _changed(self, series: Mapping[str, Series]) -> set[str]:
        """Whose series are others than before; those of equal states are the same objects."""
        seen = self._seen
        if series is seen:
            return set()
        if list(series) == list(seen):
            keys: Iterable[str] = compress(series, map(is_not, series.values(), seen.values()))
        else:
            gone = seen.keys() - series.keys()
            keys = chain(gone, (key for key, one in series.items() if seen.get(key) is not one))
        return set(map(plain, keys))

    def _late(self, now_us: int) -> set[str]:
        """Whose outlook was true until now."""
        late = set()
        while self._alarms and self._alarms[0][0] <= now_us:
            at_us, ticker = heappop(self._alarms)
            if self._until_us(ticker) == at_us:
                late.add(ticker)
        return late

    def _renew(self, state: Collector, ticker: str, now_us: int) -> None:
        for lane in self._outlooks.pop(ticker, NOTHING).ready:
            line = self.lines[lane.source, lane.kind]
            del line[bisect_left(line, lane)]
        found = outlook(state, self._options, ticker, now_us)
        self._keep(ticker, found)
        for lane in found.ready:
            insort(self.lines.setdefault((lane.source, lane.kind), []), lane)
        if found.until_us < NEVER_US:
            heappush(self._alarms, (found.until_us, ticker))
        if len(self._alarms) > ALARMS_MAX + 4 * len(self._outlooks):
            self._set_alarms()

    def _keep(self, ticker: str, found: Outlook) -> None:
        """Keep an outlook, unless there is nothing to be seen."""
        self.pending.discard(ticker)
        self._flying.pop(ticker, None)
        if found != NOTHING:
            self._outlooks[ticker] = found
        if not found.over:
            self.pending.add(ticker)
        if found.flights:
            self._flying[ticker] = found.flights

    def _set_alarms(self) -> None:
        found = ((one.until_us, ticker) for ticker, one in self._outlooks.items())
        self._alarms = [alarm for alarm in found if alarm[0] < NEVER_US]
        heapify(self._alarms)

    def _until_us(self, ticker: str) -> int:
        found = self._outlooks.get(ticker)
        return found.until_us if found else 0
