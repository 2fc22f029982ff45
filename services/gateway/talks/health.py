"""Whether the deck is ready."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from bus.errors import BusError
from bus.message import BusState, BusStatus
from market.messages.cache import CacheState, CacheStatus
from market.messages.fetcher import CollectorState, CollectorStatus
from services.gateway.answers import BusHealth, DataHealth, HealthAnswer, SourceHealth
from services.gateway.arguments import Arguments
from services.gateway.failures import Failure
from services.gateway.talk import Briefly, Request, Talk
from services.gateway.talks.parts import unless_absent

EXPECTED = ("bus", "fetcher", "indicators", "cache", "analyzer")
"""The services without which no decision is made."""


def health(arguments: Arguments) -> Talk:
    """Whether the deck is ready; it answers without a bus too."""
    try:
        state: BusState = yield BusStatus()
    except BusError as error:
        return _unready(EXPECTED, "", Failure("not_ready", error.message, "see ./tapedeck log"))
    data, sources = yield from _collected()
    ready = {service.name for service in state.services if service.ready} | {"bus"}
    missing = tuple(name for name in EXPECTED if name not in ready)
    if missing or state.degraded:
        why = state.degraded or f"not ready: {', '.join(missing)}"
        failure = Failure("not_ready", why, "wait a moment, or see ./tapedeck log")
        told = _unready(missing, state.degraded, failure, state)
    else:
        told = HealthAnswer(True, (), "", state.head, state.services, _bus(state))
    return replace(told, data=data, sources=sources)


def _collected() -> Generator[Request, Any, tuple[DataHealth | None, tuple[SourceHealth, ...]]]:
    """How fresh the data is, and how its sources fare, as far as it is told at once."""
    cache: CacheState | None = yield from unless_absent(Briefly(CacheStatus()))
    collector: CollectorState | None = yield from unless_absent(Briefly(CollectorStatus()))
    return _data(cache), tuple(_sources(collector)) if collector else ()


def _data(cache: CacheState | None) -> DataHealth | None:
    if cache is None:
        return None
    stale = tuple(one.ticker for one in cache.entries if one.stale)
    return DataHealth(fresh=not stale, tickers=len(cache.entries), stale=stale)


def _sources(collector: CollectorState) -> Iterator[SourceHealth]:
    budgets = {one.source: one for one in collector.budgets}
    for one in collector.sources:
        budget = budgets.get(one.source)
        yield SourceHealth(
            source=one.source,
            calls=one.calls,
            outcomes=one.outcomes,
            refusals=one.refusals,
            gates={each.capability: each.state for each in one.capabilities},
            used=budget.used if budget else 0,
            limit=budget.limit if budget else 0,
            raw_lost=one.raw_lost,
            raw_lost_because=one.raw_lost_because,
        )


def _unready(
    missing: tuple[str, ...], degraded: str, error: Failure, state: BusState | None = None
) -> HealthAnswer:
    if state is None:
        return HealthAnswer(False, missing, degraded, 0, (), error=error)
    known = (state.head, state.services, _bus(state))
    return HealthAnswer(False, missing, degraded, *known, error=error)


def _bus(state: BusState) -> BusHealth:
    return msgspec.convert(state, BusHealth, from_attributes=True)
