"""Whom to ask for what: the order of the sources, and what keeps one of them from being asked."""

from __future__ import annotations

from typing import NamedTuple

from market.messages.fetcher import Reason, SourceCalled
from market.symbols import MARK, PROTECTED, is_share, is_simulated
from services.fetcher.core.answers import Failure
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.health import Health
from services.fetcher.core.jitter import fraction
from services.fetcher.core.state import Collector, Kind, Lane, Series, capability_of, kind_of

NOTHING_THERE: frozenset[Reason] = frozenset({"unknown_symbol", "no_data", "mismatch"})
"""What is an answer, though it brings nothing that can be used."""

SECOND_US = 1_000_000
FORBIDDEN_US = 86_400 * SECOND_US

BACKOFF_SECONDS = (2.0, 300.0)
"""The first and the longest bound of a symbol's pause after a failure."""

NOTHING_SECONDS = (600.0, 21_600.0)
"""How long "there is nothing" is believed at first, and at most."""

DOUBT_SECONDS = (60.0, 600.0)
"""When a doubtful price is read again, at first and at last."""

TOLD_SECONDS = (1.0, 3_600.0)
"""A source's own word on when to come back is followed within these bounds."""


class Choice(NamedTuple):
    """Whom to ask now; None: nobody, and when that may change (0: not by time alone)."""

    source: Declaration | None
    again_us: int = 0


def order(options: Options, key: str, kind: Kind) -> tuple[Declaration, ...]:
    """The sources that can bring this kind for this key, first choice first."""
    capability, made_up = capability_of(kind), options.simulated
    if is_simulated(key):
        return (made_up,) if made_up and capability in made_up.capabilities else ()
    return tuple(
        source
        for source in options.real
        if capability in source.capabilities and (is_share(key) or not source.shares_only)
    )


def choose(
    state: Collector, options: Options, key: str, kind: Kind, since_us: int, now_us: int
) -> Choice:
    """The first source that may be asked for a wish that stands since ``since_us``."""
    closed_us = []
    for source in order(options, key, kind):
        until_us = closed_until_us(state, source, key, kind)
        if until_us <= now_us:
            waits = waits_for_day(state.of(key), source, kind, since_us)
            return Choice(None if waits else source)
        closed_us.append(until_us)
    return Choice(None, min(closed_us, default=0))


def settled(
    state: Collector, options: Options, key: str, kind: Kind, since_us: int, now_us: int
) -> bool:
    """Whether the wish was met, or every source has said no to it or cannot be asked now."""
    lane = state.of(key).lane(kind)
    if lane.answered_us >= since_us or state.of(key).lets_be(kind):
        return True
    for source in order(options, key, kind):
        refusal = lane.refusal(source.name)
        if refusal and refusal.at_us >= since_us:
            continue
        if closed_until_us(state, source, key, kind) > now_us:
            continue
        if not waits_for_day(state.of(key), source, kind, since_us):
            return False
        if not settled(state, options, key, "1d", since_us, now_us):
            return False
    return True


def waits_for_day(series: Series, source: Declaration, kind: Kind, since_us: int) -> bool:
    """Whether this lane is not asked for before the daily bars are there.

    A quote comes along with them, and whoever cannot bring the day will not bring the hour: a dead
    network is waited for once a symbol, not three times.
    """
    along = kind == "1h" or (kind == "quote" and source.quote_with_bars)
    day = series.lane("1d")
    if series.lets_be("1d"):
        return False
    doubted = any(one.reason == "doubtful" and one.at_us >= since_us for one in day.refusals)
    return along and day.answered_us < since_us and not doubted


def closed_until_us(state: Collector, source: Declaration, key: str, kind: Kind) -> int:
    """Until when the source is not asked for this lane; the past if it may be asked."""
    return max(
        state.gate_of(source.name, capability_of(kind)).until_us,
        _refused_until_us(state.of(key), kind, source.name),
    )


def _refused_until_us(series: Series, kind: Kind, source: str) -> int:
    """A refusal keeps the source from this lane, unless somebody who waits has come since."""
    refusal = series.lane(kind).refusal(source)
    if refusal is None or series.asked_us > refusal.at_us:
        return 0
    return refusal.retry_at_us


def simulates(state: Collector, options: Options, ticker: str, now_us: int) -> bool:
    """Whether the ticker's simulated series stands in: only while SPY itself has nothing real."""
    series = state.of(ticker)
    if options.simulated is None or not series.tracked or series.has_bars:
        return False
    if state.of(PROTECTED[0]).has_bars:
        return False
    lane = series.lane("1d")
    if any(refusal.reason == "unknown_symbol" for refusal in lane.refusals):
        return False
    if lane.refusals or state.of(ticker + MARK).has_bars:
        return True
    sources = order(options, ticker, "1d")
    return all(closed_until_us(state, source, ticker, "1d") > now_us for source in sources)


def retry_at_us(
    lane: Lane,
    health: Health,
    source: Declaration,
    call: SourceCalled,
    failure: Failure,
    now_us: int,
) -> int:
    """When the source is asked again for what it just refused; 0: not before the next start."""
    refusal = lane.refusal(source.name)
    times = refusal.times if refusal else 0
    if failure.reason == "unauthorized":
        return 0
    if failure.reason == "forbidden":
        return now_us + FORBIDDEN_US
    if failure.reason == "rate_limited":
        return now_us + _pause_us(source, health, failure)
    if failure.reason == "doubtful":
        return now_us + _us(doubled(DOUBT_SECONDS, max(0, times - 1)))
    if failure.reason in NOTHING_THERE:
        return now_us + _us(doubled(NOTHING_SECONDS, times))
    bound = doubled(BACKOFF_SECONDS, times)
    kind = kind_of(call.capability, call.timeframe) or call.capability
    return now_us + _us(max(0.5, bound * fraction(call.ticker, source.name, kind, now_us)))


def doubled(bounds: tuple[float, float], times: int) -> float:
    """The first bound, doubled so many times, up to the last."""
    first, last = bounds
    return min(last, first * 2.0 ** min(times, 30))


def _pause_us(source: Declaration, health: Health, failure: Failure) -> int:
    told = failure.retry_after_seconds
    if told is not None:
        shortest, longest = TOLD_SECONDS
        return _us(min(longest, max(shortest, told)))
    return _us(doubled((source.pause_seconds, source.pause_seconds_max), health.pauses))


def _us(seconds: float) -> int:
    return round(seconds * SECOND_US)
