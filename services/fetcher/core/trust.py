"""What each fact does to what is known of a source: its budget, its breakers, who may ask it."""

from __future__ import annotations

from msgspec.structs import replace

from bus.message import Fact
from market.messages.fetcher import (
    FetchRefused,
    RawLost,
    Reason,
    SourceGated,
    SourceShared,
    SourceSlowed,
)
from services.fetcher.core import budget, tally
from services.fetcher.core.doubt import doubted_since_us
from services.fetcher.core.gates import FAILURES
from services.fetcher.core.health import Gate, Health, gate_key
from services.fetcher.core.state import Collector, Lane, Refusal

FORGIVEN: frozenset[Reason] = FAILURES
"""What is tried again at once when there is a reason to hope."""

KEYED: frozenset[Reason] = frozenset({"unauthorized", "forbidden"})
"""What was said to a key, and means nothing for another one."""


def gated(state: Collector, fact: Fact[SourceGated]) -> Collector:
    """The breaker is as told; who met the source while it was down, or another key, may ask."""
    event = fact.event
    before = state.gate_of(event.source, event.capability)
    gate = Gate(
        state=event.state,
        reason=event.reason,
        retry_at_us=event.retry_at_us,
        times=event.times,
        since_us=fact.at_us,
        key_hash=event.key_hash,
        failed="" if event.state == "closed" else before.failed,
    )
    state = _with_gate(state, event.source, event.capability, gate)
    if event.key_hash != before.key_hash:
        state = pardoned(state, event.source, KEYED)
    reopened = event.state == "closed" and before.state in ("open", "half_open")
    return pardoned(state, event.source, FORGIVEN) if reopened else state


def slowed(state: Collector, fact: Fact[SourceSlowed]) -> Collector:
    """The source's budget is what its 429 left of it."""
    event = fact.event
    health = replace(
        state.health_of(event.source),
        slowed_per_minute=event.per_minute,
        slowed_from_us=event.from_us,
    )
    return _with_health(state, event.source, health)


def shared(state: Collector, fact: Fact[SourceShared]) -> Collector:
    """The calls of others count as if they were made now."""
    health = state.health_of(fact.event.source)
    calls = (*health.calls, *(fact.at_us,) * fact.event.others)
    return _with_health(state, fact.event.source, replace(health, calls=calls))


def called(state: Collector, source: str, at_us: int) -> Collector:
    """The call counts in its source's budget from now on."""
    health = budget.begun(state.health_of(source), at_us)
    return _with_health(state, source, replace(health, tally=tally.called(health.tally)))


def ended(
    state: Collector, lane: Lane, source: str, at_us: int, outcome: str = "answered"
) -> Collector:
    """The source's call for this lane, if there is one, has been dealt with."""
    if lane.flight is None or lane.flight.source != source:
        return state
    health = budget.ended(state.health_of(source), lane.flight.at_us, at_us)
    health = replace(health, tally=tally.ended(health.tally, outcome))
    return _with_health(state, source, health)


def counted(state: Collector, source: str, reason: str) -> Collector:
    """One more refusal for this reason."""
    health = state.health_of(source)
    return _with_health(state, source, replace(health, tally=tally.refused(health.tally, reason)))


def raw_lost(state: Collector, fact: Fact[RawLost]) -> Collector:
    """An answer's bytes could not be kept; what was read from them stands."""
    event = fact.event
    health = state.health_of(event.source)
    health = replace(health, tally=tally.lost(health.tally, event.because))
    return _with_health(state, event.source, health)


def answered(state: Collector, source: str, capability: str, at_us: int) -> Collector:
    """The source answered: whoever failed before did so alone."""
    health = replace(state.health_of(source), last_answer_us=at_us, pauses=0)
    state = _with_health(state, source, health)
    return _without_failure(state, source, capability)


def refused(state: Collector, event: FetchRefused) -> Collector:
    """What a refusal says about the source; what follows from it is said by its breakers."""
    state = counted(state, event.source, event.reason)
    if event.reason == "rate_limited" and event.capability == "trades":
        return state  # of connections, or with a time that was told: no call's pause grows by it
    if event.reason == "rate_limited":
        health = state.health_of(event.source)
        return _with_health(state, event.source, replace(health, pauses=health.pauses + 1))
    gate = state.gate_of(event.source, event.capability)
    if event.reason not in FAILURES:
        return _without_failure(state, event.source, event.capability)
    gate = replace(gate, failed=gate.failed or event.ticker)
    return _with_gate(state, event.source, event.capability, gate)


def refusing(lane: Lane, event: FetchRefused, at_us: int) -> Lane:
    """The lane remembers who said no; a doubtful price leaves it as wanted as before."""
    before = lane.refusal(event.source)
    refusal = Refusal(
        event.source,
        event.reason,
        at_us,
        event.retry_at_us,
        before.times + 1 if before else 1,
        event.value,
        doubted_since_us(before, event.reason, event.value, at_us),
    )
    others = tuple(one for one in lane.refusals if one.source != event.source)
    lane = replace(lane, refusals=(*others, refusal))
    return replace(lane, answered_us=0) if event.reason == "doubtful" else lane


def pardoned(state: Collector, source: str, reasons: frozenset[Reason]) -> Collector:
    """Nobody waits any longer for having met this source while it said so."""
    series = {
        key: replace(
            one, lanes={kind: _pardon(lane, source, reasons) for kind, lane in one.lanes.items()}
        )
        for key, one in state.series.items()
    }
    calendar, exchange = (_pardon(x, source, reasons) for x in (state.calendar, state.exchange))
    return replace(state, series=series, calendar=calendar, exchange=exchange)


def _pardon(lane: Lane, source: str, reasons: frozenset[Reason]) -> Lane:
    refusals = tuple(
        replace(one, retry_at_us=one.at_us)
        if one.source == source and one.reason in reasons
        else one
        for one in lane.refusals
    )
    return replace(lane, refusals=refusals)


def _without_failure(state: Collector, source: str, capability: str) -> Collector:
    gate = state.gate_of(source, capability)
    return _with_gate(state, source, capability, replace(gate, failed="")) if gate.failed else state


def _with_health(state: Collector, source: str, health: Health) -> Collector:
    return replace(state, health={**state.health, source: health})


def _with_gate(state: Collector, source: str, capability: str, gate: Gate) -> Collector:
    return replace(state, gates={**state.gates, gate_key(source, capability): gate})
