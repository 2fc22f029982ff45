"""How a question is answered: with the latest decision while it is fresh, else after fetching.

Simulated series answer for a ticker only while SPY has no real evidence, and with simulated prices
beside them; nothing real is shown beside a simulated decision, nor the other way round.
"""

from __future__ import annotations

from typing import NamedTuple

from bus.actor import Need, Refused
from market.evidence import DECIDED_ON
from market.freshness import stale_because
from market.messages.analyzer import Analysis, Analyze, Current, DataSource, Decision
from market.messages.fetcher import FetchNow
from market.symbols import PROTECTED, BadTicker, canonical, is_simulated, plain, simulated
from market.venues import hours_of
from services.analyzer.core.options import Options
from services.analyzer.core.state import Price, State

AWAITED = ("quote", DECIDED_ON)
"""The kinds of data that an answer waits for."""

SETTLED_US = 2_000_000
"""After this time nobody else is asked for what a source refused, nor is it simulated."""


class _Refusal(NamedTuple):
    """Why sources brought nothing; ``final`` where nothing can come of waiting."""

    text: str
    final: bool


def analyze(state: State, query: Analyze, now_us: int, options: Options) -> Analysis | Need:
    """The answer, or the fetch it needs first; raises `Refused` where there is nothing to know."""
    ticker = _ticker(query.ticker, options)
    key = key_of(state, ticker)
    asked_at_us = query.asked_at_us or now_us
    if _is_coming(state, key, now_us, options):
        old = _analysis(state, key, now_us, asked_at_us, "a newer decision is being recorded")
        return Need(None, options.fetch_within_seconds, _or_no_data(old, "it is being recorded"))
    fault = _fault(state, key, now_us, options)
    if not fault:
        return _analysis(state, key, now_us, asked_at_us, "")
    refusal = _refusal(state, ticker, now_us, options)
    reason = refusal.text if refusal else "it was asked for and has not come"
    stale = _analysis(state, key, now_us, asked_at_us, f"{fault}; {reason}")
    if refusal and stale.decision:
        return stale
    late = _or_no_data(stale, reason)
    if refusal and refusal.final and isinstance(late, Refused):
        raise late
    return Need(FetchNow(ticker), options.fetch_within_seconds, late)


def key_of(state: State, ticker: str) -> str:
    """The key that answers for a ticker: its simulated one only where nothing real is known."""
    stand_in = simulated(ticker)
    real = PROTECTED[0] in state.book.readings or ticker in state.recorded
    return stand_in if not real and stand_in in state.recorded else ticker


def current(price: Price, decision: Decision | None, now_us: int) -> Current:
    """Where the price stands now against the levels of the decision."""
    levels, at = decision.levels if decision else None, price.price
    ends = sorted((levels.stop, levels.target)) if levels else None
    return Current(
        price=at,
        market_time_us=price.market_time_us,
        known_at_us=price.at_us,
        age_seconds=round(max(0, now_us - price.market_time_us) / 1_000_000, 1),
        to_entry=round(levels.entry - at, 4) if levels else None,
        to_stop=round(levels.stop - at, 4) if levels else None,
        to_target=round(levels.target - at, 4) if levels else None,
        still_valid=ends[0] < at < ends[1] if ends else None,
    )


def _ticker(text: str, options: Options) -> str:
    try:
        return canonical(plain(text), extended=options.extended_symbols)
    except BadTicker as error:
        raise Refused("bad_ticker", f"{text[:40]!r} is not a ticker", error.remedy) from error


def _or_no_data(stale: Analysis, reason: str) -> Analysis | Refused:
    """The answer, or why there is none where nothing was ever decided."""
    if stale.decision:
        return stale
    return Refused(
        "no_data",
        f"nothing is known of {stale.ticker} ({reason})",
        f"check the spelling; to have it collected, add it: tapedeck add {stale.ticker}",
    )


def _is_coming(state: State, key: str, now_us: int, options: Options) -> bool:
    """Whether a decision was made a moment ago and is not back from the tape yet.

    An older one will not come: it was made by folding a tape that an earlier version spoke on.
    """
    made, recorded = state.made.get(key), state.recorded.get(key)
    if made is None or (recorded and recorded.decision == made.decision):
        return False
    return now_us < made.at_us + options.fetch_within_us


def _fault(state: State, key: str, now_us: int, options: Options) -> str:
    """Why what is held does not do for an answer; empty where it does."""
    recorded = state.recorded.get(key)
    if recorded is None:
        return f"nothing is known of {plain(key)} yet"
    heard_at_us = _heard_at_us(state, key)
    if heard_at_us < max(state.cleared.get("", 0), state.cleared.get(key, 0)):
        return "the cache was cleared and nothing has come since"
    bar_start_us, allowed_us = recorded.decision.bar_start_us, options.allowed_us
    sessions = hours_of(key, state.sessions, now_us)
    return stale_because(sessions, bar_start_us, heard_at_us, now_us, allowed_us)


def _refusal(state: State, ticker: str, now_us: int, options: Options) -> _Refusal | None:
    """The last refusal within the cycle, if no call is under way that may bring the thing still."""
    attempts = state.attempts.get(ticker, {})
    awaited = [attempts[kind] for kind in AWAITED if kind in attempts]
    refused = [one for one in awaited if one.refusal and now_us < one.at_us + options.cycle_us]
    if not refused or any(one.deadline_us > now_us for one in awaited):
        return None
    last = max(refused, key=lambda one: one.at_us)
    unknown = any(one.reason == "unknown_symbol" for one in refused)
    return _Refusal(last.refusal, final=unknown or now_us >= last.at_us + SETTLED_US)


def _heard_at_us(state: State, key: str) -> int:
    """When something was heard of the ticker last; 0 for never."""
    evidence, price = state.book.readings.get(key), state.prices.get(key)
    return max(evidence.at_us if evidence else 0, price.at_us if price else 0)


def _analysis(state: State, key: str, now_us: int, asked_at_us: int, fault: str) -> Analysis:
    """The latest decision with the price as it stands now; stale where there is a fault."""
    recorded, price = state.recorded.get(key), state.prices.get(key)
    decision = recorded.decision if recorded else None
    fetched = not fault and _heard_at_us(state, key) >= asked_at_us
    source: DataSource = "live_api" if fetched else "cache"
    return Analysis(
        ticker=plain(key),
        decision=decision,
        decision_seq=recorded.seq if recorded else 0,
        decided_at_us=recorded.at_us if recorded else 0,
        data_source="simulated" if is_simulated(key) else source,
        simulated=is_simulated(key),
        stale=bool(fault),
        stale_because=fault,
        current=current(price, decision, now_us) if price else None,
        seq=state.seq,
        as_of_us=now_us,
    )
