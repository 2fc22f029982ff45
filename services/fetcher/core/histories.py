"""What each fact of a history does to the collector's state; never refuses, never speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bus.message import Event, Fact
from market.messages.fetcher import BarsMissing, Timeframe
from market.messages.history import (
    BackfillCancelled,
    BarsCorrected,
    CorporateActions,
    DayUnsettled,
    ListingChanged,
)
from services.fetcher.core import past, trust
from services.fetcher.core.past import Past
from services.fetcher.core.state import (
    TIMEFRAMES,
    Collector,
    Standing,
    with_lane,
    with_series,
)

ACTIONS_KEPT = 16
"""The newest splits and dividends that are remembered: more than an ordinary answer repeats."""


def lacked(state: Collector, fact: Fact[BarsMissing]) -> Collector:
    """The lane knows what it lacks."""
    event = fact.event
    return _with_past(state, event.ticker, event.timeframe, lambda one: past.lacked(one, event))


def unsettled(state: Collector, fact: Fact[DayUnsettled]) -> Collector:
    """The lane knows when its day is asked for again."""
    event = fact.event
    return _with_past(state, event.ticker, "1d", lambda one: past.unsettled(one, event))


def corrected(state: Collector, fact: Fact[BarsCorrected]) -> Collector:
    """Told for who watches; the bars themselves say it."""
    return state


def acted(state: Collector, fact: Fact[CorporateActions]) -> Collector:
    """These splits and dividends were told; of one day and kind the last word counts."""
    event = fact.event
    if event.ticker not in state.series:
        return state
    series = state.of(event.ticker)
    told = {(one.day, one.kind): one for one in (*series.actions, *event.actions)}
    actions = tuple(told[at] for at in sorted(told))[-ACTIONS_KEPT:]
    return with_series(state, event.ticker, replace(series, actions=actions))


def listed(state: Collector, fact: Fact[ListingChanged]) -> Collector:
    """The symbol stands as told."""
    event = fact.event
    if event.ticker not in state.series:
        return state
    standing = Standing(event.state, event.because, fact.at_us, event.last_trade_us, event.named)
    series = replace(state.of(event.ticker), listing=standing)
    return with_series(state, event.ticker, series)


def cancelled(state: Collector, fact: Fact[BackfillCancelled]) -> Collector:
    """What is not there is let be; no call for it is under way any more."""
    ticker = fact.event.ticker
    if ticker not in state.series:
        return state
    state = with_series(state, ticker, replace(state.of(ticker), cancelled=True))
    for kind in TIMEFRAMES:
        lane = state.of(ticker).lane(kind)
        if lane.flight and not lane.tail:
            state = trust.ended(state, lane, lane.flight.source, fact.at_us, "cancelled")
            state = with_lane(state, ticker, kind, replace(lane, flight=None))
    return state


def _with_past(
    state: Collector, ticker: str, timeframe: Timeframe, change: Callable[[Past], Past]
) -> Collector:
    if ticker not in state.series:
        return state
    lane = state.of(ticker).lane(timeframe)
    return with_lane(state, ticker, timeframe, replace(lane, past=change(lane.past)))


HISTORY_FOLDS: dict[type[Event], Callable[[Collector, Any], Collector]] = {
    BarsMissing: lacked,
    DayUnsettled: unsettled,
    BarsCorrected: corrected,
    CorporateActions: acted,
    ListingChanged: listed,
    BackfillCancelled: cancelled,
}
"""Every event of a history that the collector hears, with what it does."""
