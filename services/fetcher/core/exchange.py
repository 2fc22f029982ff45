"""Whether the exchange is open, in a provider's words: when it is asked, what it means.

The calendar stays the base. A provider that says closed while the calendar has a session knows of a
holiday or a halt that the calendar does not: for as long as its word holds no cycle begins.
"""

from __future__ import annotations

from typing import Literal

from market.messages.exchange import HOLIDAY_CHARACTERS_MAX, MarketStatus
from market.messages.fetcher import Sessions, SourceCalled
from market.sessions import market_state, next_session
from services.fetcher.core.answers import MarketAnswer
from services.fetcher.core.declaration import Options
from services.fetcher.core.failover import Choice
from services.fetcher.core.headlines import plain_text
from services.fetcher.core.state import Collector
from services.fetcher.core.validate import FUTURE_US

EXCHANGE = "XNYS"

HOLDS_US = 900_000_000
"""A provider's word holds a quarter of an hour; without a new one the calendar counts again."""

EDGE_US = 120_000_000
"""So near to an opening or a close the two are not compared: clocks differ."""

OLD_US = 600_000_000
"""An answer about a time before this is about another time."""


def wanted_us(state: Collector, options: Options) -> int | None:
    """From when on the exchange is asked about (again); None while that is not wanted at all.

    While the calendar has a session or does not know, at each interval; else when one has begun.
    """
    if not state.running or not options.market_status_seconds:
        return None
    next_us = state.exchange.answered_us + options.market_status_seconds * 1_000_000
    if market_state(state.table, next_us) != "closed":
        return next_us
    opening = next_session(state.table, next_us)
    return opening.open_us + EDGE_US if opening else None


def choose(state: Collector, options: Options, now_us: int) -> Choice:
    """The first source that may be asked about the exchange now."""
    closed_us = []
    for source in options.real:
        if "market_status" not in source.capabilities:
            continue
        refusal = state.exchange.refusal(source.name)
        gate = state.gate_of(source.name, "market_status")
        until_us = max(gate.until_us, refusal.retry_at_us if refusal else 0)
        if until_us <= now_us:
            return Choice(source)
        closed_us.append(until_us)
    return Choice(None, min(closed_us, default=0))


def rests_until_us(state: Collector) -> int:
    """Until when no cycle begins by the clock, since a source denies the session; else the past."""
    told = state.market_told
    return state.exchange.answered_us + HOLDS_US if told and told.denies_session else 0


def word_holds(state: Collector, now_us: int) -> bool:
    """Whether the last word of a source is new enough to count."""
    return state.market_told is not None and now_us < state.exchange.answered_us + HOLDS_US


def market_fault(told: MarketAnswer, now_us: int) -> str:
    """Why a source's word on the exchange is not believed, empty where it is."""
    late_us = now_us - told.market_time_us
    if late_us < -FUTURE_US or late_us > OLD_US:
        return f"it is about {late_us / 1e6:.0f} s ago"
    return ""


def status_of(
    told: MarketAnswer, call: SourceCalled, table: Sessions, answer_hash: str
) -> MarketStatus:
    """The event that tells a source's word beside the calendar's."""
    return MarketStatus(
        exchange=call.ticker,
        source=call.source,
        is_open=told.is_open,
        expected=expected(table, told.market_time_us),
        market_time_us=told.market_time_us,
        session=told.session,
        holiday=plain_text(told.holiday, HOLIDAY_CHARACTERS_MAX),
        answer_hash=answer_hash,
    )


def expected(table: Sessions, at_us: int) -> Literal["open", "closed", "unknown"]:
    """What the calendar says of an instant; near an edge of a session it does not say."""
    around = [market_state(table, at_us + shift) for shift in (-EDGE_US, 0, EDGE_US)]
    return around[1] if len(set(around)) == 1 else "unknown"
