"""The collector: its status, its commands, its watchlist."""

from __future__ import annotations

from bus.message import Command, Done
from market.messages.cache import CacheState, CacheStatus
from market.messages.fetcher import (
    AddTicker,
    CollectorState,
    CollectorStatus,
    FetchNow,
    RemoveTicker,
    Restart,
    Start,
    Stop,
)
from market.symbols import canonical
from services.gateway.answers import CollectorAnswer
from services.gateway.arguments import Arguments, OneOrAllTickers, OneTicker
from services.gateway.talk import Talk
from services.gateway.talks.parts import unless_absent


def status(arguments: Arguments) -> Talk:
    """The collector as it is."""
    state: CollectorState = yield CollectorStatus()
    count = len(state.watchlist)
    runs = "is running" if state.running else "is stopped"
    message = f"The collector {runs} and tracks {count} ticker{'' if count == 1 else 's'}."
    return (yield from _answer(state, message, 0))


def start(arguments: Arguments) -> Talk:
    """Let the collector run."""
    return (yield from _command(Start(), "The collector runs.", "The collector ran already."))


def stop(arguments: Arguments) -> Talk:
    """Let the collector rest."""
    return (yield from _command(Stop(), "The collector rests.", "The collector rested already."))


def restart(arguments: Arguments) -> Talk:
    """Stop and start the collector."""
    return (yield from _command(Restart(), "The collector runs again.", ""))


def add(arguments: OneTicker) -> Talk:
    """Track a ticker."""
    key = canonical(arguments.ticker, extended=True)
    return (
        yield from _command(
            AddTicker(key),
            f"{key} is tracked; it is fetched at once.",
            f"{key} was tracked already.",
        )
    )


def remove(arguments: OneTicker) -> Talk:
    """Stop tracking a ticker."""
    key = canonical(arguments.ticker, extended=True)
    return (
        yield from _command(
            RemoveTicker(key), f"{key} is no longer tracked.", f"{key} was not tracked."
        )
    )


def fetch(arguments: OneOrAllTickers) -> Talk:
    """Fetch a ticker, or all tracked ones, now."""
    key = canonical(arguments.ticker, extended=True) if arguments.ticker else ""
    message = f"{key or 'Every tracked ticker'} is being fetched."
    return (yield from _command(FetchNow(key), message, message))


def _command(command: Command, done_message: str, idle_message: str) -> Talk:
    done: Done = yield command
    state: CollectorState = yield CollectorStatus()
    message = done_message if done.said or not idle_message else idle_message
    return (yield from _answer(state, message, done.seq))


def _answer(state: CollectorState, message: str, seq: int) -> Talk:
    cache: CacheState | None = yield from unless_absent(CacheStatus())
    return CollectorAnswer(
        success=True,
        message=message,
        running=state.running,
        last_run_us=state.last_run_us,
        next_run_us=state.next_run_us,
        tickers_tracked=len(state.watchlist),
        cache_entries=None if cache is None else len(cache.entries),
        watchlist=state.watchlist,
        protected=state.protected,
        simulated=state.simulated,
        market=state.market,
        next_session_us=state.next_session_us,
        fetching=state.fetching,
        budgets=state.budgets,
        sources=state.sources,
        cycle=state.cycle,
        backfills=state.backfills,
        market_told=state.market_told,
        halted=state.halted,
        venues=state.venues,
        queues=state.queues,
        resting=state.resting,
        settling=state.settling,
        listings=state.listings,
        seq=seq,
    )
