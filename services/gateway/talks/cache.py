"""The cache: what it holds, and making it stale."""

from __future__ import annotations

from bus.message import Done
from market.messages.cache import CacheState, CacheStatus, ClearCache
from market.symbols import plain
from services.gateway.answers import CacheAnswer, CacheStateAnswer
from services.gateway.arguments import Arguments, OneOrAllTickers, OneTicker
from services.gateway.talk import Talk
from services.gateway.talks.parts import unknown


def cache(arguments: Arguments) -> Talk:
    """What the cache holds."""
    state: CacheState = yield CacheStatus()
    simulated = any(entry.simulated for entry in state.entries)
    return CacheStateAnswer(simulated, state.seq, state.ttl_seconds, state.entries)


def cache_entry(arguments: OneTicker) -> Talk:
    """One ticker's entry in the cache."""
    state: CacheState = yield CacheStatus()
    entry = next((e for e in state.entries if arguments.key in (e.ticker, plain(e.ticker))), None)
    if entry is None:
        raise unknown(arguments.key, "the cache holds nothing of")
    return entry


def clear(arguments: OneOrAllTickers) -> Talk:
    """Make what is known of a ticker, or of all, count as stale."""
    done: Done = yield ClearCache(arguments.key)
    state: CacheState = yield CacheStatus()
    return CacheAnswer(
        success=True,
        message=f"What was known of {arguments.key or 'every ticker'} counts as stale.",
        ttl_seconds=state.ttl_seconds,
        entries=state.entries,
        seq=done.seq,
    )
