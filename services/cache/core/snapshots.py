"""What a ticker's known events amount to: its snapshot, its age, whether it is stale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from bus.message import Event, Fact
from market.freshness import lagging_us
from market.messages.analyzer import Decision
from market.messages.cache import CacheCleared, Known, TickerSnapshot
from market.messages.fetcher import Quote, Sessions
from market.messages.indicators import FormingIndicators, Indicators
from market.symbols import is_simulated
from market.venues import hours_of

E = TypeVar("E", bound=Event)

PARTS: dict[str, type[Event]] = {
    "quote": Quote,
    "indicators": Indicators,
    "forming": FormingIndicators,
    "decision": Decision,
}
"""The parts of a snapshot, by name: the last event of each stream under the ticker's key."""


def subjects(key: str) -> dict[str, str]:
    """The subjects that a snapshot is made of, by subject to part; what cleared it included."""
    parts = {f"{event.stream}.{key}": name for name, event in PARTS.items()}
    return {
        **parts,
        f"{CacheCleared.stream}.{key}": "cleared",
        f"{CacheCleared.stream}.-": "cleared_all",
    }


def snapshot(
    key: str,
    facts: Mapping[str, Fact[Any]],
    *,
    seq: int,
    at_us: int,
    now_us: int,
    ttl_seconds: float,
    table: Sessions,
) -> TickerSnapshot:
    """The snapshot of a key from its last fact on each part, aged against ``now_us``.

    It is stale where something newer could have come for longer than its time to live, by the
    hours of the ticker's own market; ``table`` is New York's.
    """
    quote = facts.get("quote")
    age = None if quote is None else max(0.0, (now_us - quote.at_us) / 1_000_000)
    lags_us = lagging_us(hours_of(key, table, now_us), quote.at_us, now_us) if quote else 0
    return TickerSnapshot(
        ticker=key,
        seq=seq,
        at_us=at_us,
        simulated=is_simulated(key),
        stale=quote is None or lags_us > ttl_seconds * 1_000_000 or _cleared(facts),
        age_seconds=age,
        quote=_event(facts, "quote", Quote),
        indicators=_event(facts, "indicators", Indicators),
        forming=_event(facts, "forming", FormingIndicators),
        decision=_event(facts, "decision", Decision),
        known={name: Known(f.seq, f.at_us) for name, f in facts.items() if name in PARTS},
    )


def _cleared(facts: Mapping[str, Fact[Any]]) -> bool:
    """Whether somebody cleared the ticker after its last quote."""
    quote = facts.get("quote")
    cleared = [facts[name].seq for name in ("cleared", "cleared_all") if name in facts]
    return quote is not None and max(cleared, default=0) > quote.seq


def _event(facts: Mapping[str, Fact[Any]], part: str, kind: type[E]) -> E | None:
    fact = facts.get(part)
    return fact.event if fact is not None and isinstance(fact.event, kind) else None
