"""The breakers: what an answer, a failure, time or a start makes of them; each move is an event."""

from __future__ import annotations

from collections.abc import Iterator

from market.messages.fetcher import Asked, GateState, Reason, SourceCalled, SourceGated
from services.fetcher.core.answers import Failure
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.health import NEVER_US, Gate
from services.fetcher.core.jitter import fraction
from services.fetcher.core.state import Collector, kind_of

FAILURES: frozenset[Reason] = frozenset({"unreachable", "provider_error", "invalid"})
"""What speaks against a source when it happens to one ticker after another."""

OPEN_SECONDS = (15.0, 120.0)
"""The first and the longest bound of a source's rest, when it failed for ticker after ticker."""

PRICES: tuple[Asked, ...] = ("quote", "bars")
"""One question to a source whose daily bars bring the last price along."""

REASON_CHARACTERS_MAX = 200
SECOND_US = 1_000_000


def after_failure(
    state: Collector,
    source: Declaration,
    call: SourceCalled,
    failure: Failure,
    retry_at_us: int,
    now_us: int,
) -> list[SourceGated]:
    """What a failure says about the source as a whole, or about one of its capabilities."""
    match failure.reason:
        case "unauthorized":
            return _moved(state, source, source.capabilities, "stopped", failure.message)
        case "rate_limited":
            spent = _spent(source, call, failure)
            return list(_paused(state, source, spent, failure, retry_at_us, now_us))
        case "forbidden" if call.ticker.isalnum() or call.capability == "trades":
            text = f"forbidden to this key: {failure.message}"
            return _moved(state, source, (call.capability,), "forbidden", text, retry_at_us)
        case "unreachable" | "provider_error" | "invalid" if call.capability == "trades":
            times = state.gate_of(source.name, "trades").times + 1
            text = failure.message
            return _moved(state, source, ("trades",), "open", text, retry_at_us, times)
        case "unreachable" | "provider_error" | "invalid":
            return _failed(state, source, call, failure, now_us)
    return after_answer(state, source, call.capability)


def after_answer(state: Collector, source: Declaration, capability: Asked) -> list[SourceGated]:
    """An answer closes what was open, and shows that the key may; a pause and a stop stay."""
    tied_open = [
        one
        for one in tied(source, capability)
        if state.gate_of(source.name, one).state in ("open", "half_open", "forbidden")
    ]
    return [_event(state, source, one, "closed") for one in tied_open]


def after_time(state: Collector, options: Options, now_us: int) -> list[SourceGated]:
    """Whatever rested long enough is tried again, one call at a time."""
    return [
        _event(state, source, one, "half_open", gate.reason, times=gate.times)
        for source, one, gate in _all(state, options)
        if gate.state not in ("closed", "half_open") and gate.until_us <= now_us
    ]


def at_start(state: Collector, options: Options, *, process: bool) -> list[SourceGated]:
    """Somebody looks at it now: what failed is tried again.

    A new ``process`` tries a wrong key once more, and knows a new key by its hash: what was said to
    the old one no longer counts. A pause outlives every start, and so does a 403.
    """
    return [
        event
        for source, one, gate in _all(state, options)
        for event in _at_start(state, source, one, gate, process=process)
    ]


def next_move_us(state: Collector, options: Options) -> Iterator[int]:
    """When time alone moves a breaker."""
    for _, _, gate in _all(state, options):
        if 0 < gate.until_us < NEVER_US:
            yield gate.until_us


def tied(source: Declaration, capability: Asked) -> tuple[Asked, ...]:
    """The capabilities that are one question to this source, and fail together."""
    return PRICES if source.quote_with_bars and capability in PRICES else (capability,)


def open_for_us(source: str, capability: str, times: int, at_us: int) -> int:
    """How long a capability rests when it is opened for this time in a row."""
    first, longest = OPEN_SECONDS
    bound = min(longest, first * 2.0 ** min(times - 1, 30))
    return round((bound / 2 + bound / 2 * fraction(source, capability, at_us)) * SECOND_US)


def _at_start(
    state: Collector, source: Declaration, one: Asked, gate: Gate, *, process: bool
) -> Iterator[SourceGated]:
    if process and gate.key_hash != source.key_hash:
        kept = gate if gate.state == "paused" else Gate(reason="a new key")
        yield _event(state, source, one, kept.state, kept.reason, kept.retry_at_us, kept.times)
    elif gate.state == "open" or (process and gate.state == "stopped"):
        yield _event(state, source, one, "half_open", gate.reason, times=gate.times)


def _failed(
    state: Collector, source: Declaration, call: SourceCalled, failure: Failure, now_us: int
) -> list[SourceGated]:
    """It takes two tickers to open a breaker, and one failed probe to open it again.

    What is asked of the exchange as a whole has no other ticker: there it takes two failures.
    """
    gate = state.gate_of(source.name, call.capability)
    if gate.state not in ("closed", "half_open"):
        return []
    probed = gate.state == "half_open"
    alone = gate.failed == call.ticker and kind_of(call.capability, call.timeframe) is not None
    if not probed and (not gate.failed or alone):
        return []
    who = f"again for {call.ticker}" if probed else f"for {gate.failed} and {call.ticker}"
    times = gate.times + 1
    rest_us = open_for_us(source.name, call.capability, times, now_us)
    text = f"failed {who}: {failure.message}"
    together = tied(source, call.capability)
    return _moved(state, source, together, "open", text, now_us + rest_us, times)


def _spent(source: Declaration, call: SourceCalled, failure: Failure) -> tuple[Asked, ...]:
    """What a 429 speaks of: all calls of the key.

    That of a stream which tells no time to come back speaks of connections: another program holds
    the key's only one, and takes nothing from the calls.
    """
    taken = call.capability == "trades" and failure.retry_after_seconds is None
    return ("trades",) if taken else source.capabilities


def _paused(
    state: Collector,
    source: Declaration,
    spent: tuple[Asked, ...],
    failure: Failure,
    retry_at_us: int,
    now_us: int,
) -> Iterator[SourceGated]:
    """No call of these kinds until then; never sooner than a rest that was told before."""
    for one in spent:
        gate = state.gate_of(source.name, one)
        if gate.state == "stopped" or (gate.state == "forbidden" and gate.until_us >= retry_at_us):
            continue
        until_us = max(retry_at_us, gate.until_us)
        text = f"rate limited: {failure.message}"
        yield _event(state, source, one, "paused", text, until_us, gate.times)


def _moved(
    state: Collector,
    source: Declaration,
    capabilities: tuple[Asked, ...],
    to: GateState,
    reason: str,
    retry_at_us: int = 0,
    times: int = 0,
) -> list[SourceGated]:
    """These capabilities, but for those that rest for longer already."""
    resting = NEVER_US if to == "stopped" else retry_at_us
    return [
        _event(state, source, one, to, reason, retry_at_us, times)
        for one in capabilities
        if state.gate_of(source.name, one).until_us < resting
    ]


def _event(
    state: Collector,
    source: Declaration,
    capability: Asked,
    to: GateState,
    reason: str = "",
    retry_at_us: int = 0,
    times: int = 0,
) -> SourceGated:
    return SourceGated(
        source=source.name,
        capability=capability,
        state=to,
        reason=reason[:REASON_CHARACTERS_MAX],
        retry_at_us=retry_at_us,
        times=times,
        key_hash=source.key_hash,
    )


def _all(state: Collector, options: Options) -> Iterator[tuple[Declaration, Asked, Gate]]:
    for source in options.sources:
        for one in source.capabilities:
            yield source, one, state.gate_of(source.name, one)
