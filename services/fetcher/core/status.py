"""How the collector fares, as an answer and as the text of its status file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from market.instants import jsonable
from market.messages.exchange import MarketStatus
from market.messages.fetcher import (
    Backfill,
    Budget,
    CapabilityState,
    CollectorState,
    Queue,
    SourceState,
    VenueState,
)
from market.messages.history import Listing, Settling
from market.sessions import day_of, market_state, next_session
from market.symbols import PROTECTED, is_simulated, plain
from market.venues import Venue, hours
from services.fetcher.core import budget, exchange, schedule, streaming
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.gates import PRICES
from services.fetcher.core.outlook import LATER, OpenLane
from services.fetcher.core.queues import Queues
from services.fetcher.core.state import TIMEFRAMES, Collector, Kind, unfilled

FIRST = 5
"""So many tickers of a queue are named."""


def status(state: Collector, options: Options, queues: Queues, now_us: int) -> CollectorState:
    """The collector as it is now."""
    queues.look(state, now_us)
    coming = schedule.next_cycle(state, options)
    session = next_session(state.table, now_us)
    return CollectorState(
        running=state.running,
        simulated=any(map(is_simulated, state.series)),
        last_run_us=state.last_run_us,
        next_run_us=max(coming.at_us, now_us) if coming else 0,
        watchlist=state.watchlist,
        protected=PROTECTED,
        market=market_state(state.table, now_us),
        next_session_us=session.open_us if session else 0,
        fetching=_fetching(state),
        budgets=tuple(_budget(state, one, now_us) for one in options.real if one.per_minute),
        sources=(
            *(_source(state, options, one, now_us) for one in options.sources),
            *(SourceState(one.name, usable=False, reason=one.reason) for one in options.unusable),
        ),
        cycle=state.last_cycle,
        backfills=_backfills(state) if options.real else (),
        settling=tuple(_settling(state)),
        listings=tuple(_listings(state)),
        venues=tuple(_venue(state, one, now_us) for one in state.venues),
        market_told=state.market_told if exchange.word_holds(state, now_us) else None,
        halted=exchange.rests_until_us(state) > now_us,
        queues=tuple(_queue(*at, line) for at, line in sorted(queues.lines.items()) if line),
        resting=queues.resting,
    )


def status_file(state: CollectorState) -> bytes:
    """The status as JSON for people and scripts: instants in ISO-8601, null where there is none."""
    cycle = state.cycle
    document = {
        "running": state.running,
        "simulated": state.simulated,
        "last_run": iso(state.last_run_us),
        "next_run": iso(state.next_run_us),
        "market": state.market,
        "market_told": state.market_told and market_words(state.market_told),
        "halted": state.halted,
        "next_session": iso(state.next_session_us),
        "tickers_tracked": len(state.watchlist),
        "watchlist": state.watchlist,
        "protected": state.protected,
        "fetching": state.fetching,
        "cycle": cycle
        and {
            "started_at": iso(cycle.started_at_us),
            "asked": cycle.asked,
            "brought": cycle.brought,
            "missing": {one.ticker: one.reason for one in cycle.missing},
        },
        "backfills": _by_ticker(state.backfills),
        "settling": _by_ticker(state.settling),
        "listings": _by_ticker(state.listings),
        "queues": [jsonable(one) for one in state.queues],
        "resting": state.resting,
        "venues": [jsonable(one) for one in state.venues],
        "budgets": {
            one.source: {"used": one.used, "limit": one.limit, "reserve": one.reserve}
            for one in state.budgets
        },
        "sources": {
            one.source: {
                "usable": one.usable,
                "reason": one.reason,
                "retry_at": iso(one.retry_at_us),
                "last_answer": iso(one.last_answer_us),
                "streaming": one.streaming,
                "capabilities": {
                    each.capability: {
                        "state": each.state,
                        "reason": each.reason,
                        "retry_at": iso(each.retry_at_us),
                        "since": iso(each.since_us),
                    }
                    for each in one.capabilities
                },
            }
            for one in state.sources
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def market_words(told: MarketStatus) -> str:
    """A source's word on the exchange, in a few words."""
    word = "open" if told.is_open else "closed"
    return f"{told.source}: {word}{f' ({told.holiday})' if told.holiday else ''}"


def _by_ticker(told: Iterable[Backfill | Settling | Listing]) -> dict[str, dict[str, object]]:
    shown = (jsonable(one) for one in told)
    return {one.pop("ticker"): one for one in shown}


def watchlist_file(state: Collector) -> bytes:
    """The watchlist as a JSON list."""
    return msgspec.json.encode(state.watchlist) + b"\n"


def iso(at_us: int) -> str | None:
    """An instant as ISO-8601 to the second, None for 0."""
    if at_us == 0:
        return None
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def _queue(source: str, kind: Kind, line: list[OpenLane]) -> Queue:
    return Queue(
        source=source,
        lane=kind,
        waiting=len(line),
        asked=sum(lane.later < LATER for lane in line),
        oldest_us=min(lane.since_us for lane in line),
        first=tuple(plain(lane.key) for lane in line[:FIRST]),
    )


def _venue(state: Collector, venue: Venue, now_us: int) -> VenueState:
    table = hours(venue, state.table, now_us)
    session = next_session(table, now_us)
    return VenueState(venue, market_state(table, now_us), session.open_us if session else 0)


def _fetching(state: Collector) -> tuple[str, ...]:
    busy = {
        plain(key)
        for key, series in state.series.items()
        if any(lane.flight for lane in series.lanes.values())
    }
    return tuple(sorted(busy))


def _backfills(state: Collector) -> tuple[Backfill, ...]:
    of = len(TIMEFRAMES)
    lacking = ((ticker, unfilled(state, ticker)) for ticker in state.watchlist)
    return tuple(
        Backfill(one, of - len(waits), of, waits, state.of(one).cancelled)
        for one, waits in lacking
        if waits
    )


def _settling(state: Collector) -> Iterator[Settling]:
    """Who is not listed is told as that: nobody insists on its days."""
    for ticker in state.watchlist:
        series = state.of(ticker)
        late = series.lane("1d").past.unsettled
        if late and series.listing.state == "listed":
            yield Settling(ticker, day_of(late.start_us), late.times, late.retry_at_us)


def _listings(state: Collector) -> Iterator[Listing]:
    for ticker in state.watchlist:
        told = state.of(ticker).listing
        if told.state != "listed":
            since = (told.since_us, told.last_trade_us)
            yield Listing(ticker, told.state, told.because, *since, told.named)


def _budget(state: Collector, source: Declaration, now_us: int) -> Budget:
    health = state.health_of(source.name)
    return Budget(
        source=source.name,
        used=budget.used(health, now_us),
        limit=budget.allowed(health, source, now_us),
        window_seconds=60.0,
        reserve=budget.reserve(health, source, now_us),
        declared=source.per_minute,
    )


def _source(state: Collector, options: Options, source: Declaration, now_us: int) -> SourceState:
    """A source is usable while it may be asked for prices; what keeps the rest is said too."""
    gates = {one: state.gate_of(source.name, one) for one in source.capabilities}
    shut = {one: gate for one, gate in gates.items() if gate.until_us > now_us}
    tally = state.health_of(source.name).tally
    return SourceState(
        source=source.name,
        usable=any(one not in shut for one in gates if one in PRICES),
        reason="; ".join(f"{one}: {gate.reason}" for one, gate in shut.items()),
        retry_at_us=min(filter(None, (gate.retry_at_us for gate in shut.values())), default=0),
        last_answer_us=state.health_of(source.name).last_answer_us,
        capabilities=tuple(
            CapabilityState(one, gate.state, gate.reason, gate.retry_at_us, gate.since_us)
            for one, gate in gates.items()
        ),
        streaming=streaming.heard(state, options, source.name, now_us),
        calls=tally.calls,
        outcomes=tally.outcomes,
        refusals=tally.refusals,
        raw_lost=tally.lost,
        raw_lost_because=tally.because,
    )
