"""What each fact beside prices does to the state: headlines, and the word on the exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bus.message import Event, Fact
from market.messages.exchange import MarketStatus
from market.messages.news import News
from services.fetcher.core import trust
from services.fetcher.core.lanes import answered
from services.fetcher.core.news import remembered
from services.fetcher.core.state import Collector, with_lane


def headlined(state: Collector, fact: Fact[News]) -> Collector:
    """The headlines are known from here on, so that they are not told again."""
    news = fact.event
    if news.ticker not in state.series:
        return state
    before = state.of(news.ticker).lane("news")
    state = trust.ended(state, before, news.source, fact.at_us)
    heard = remembered(before.heard, news)
    lane = answered(before, news.source, fact.at_us)
    lane = replace(lane, heard=heard, latest_us=heard[0].published_us if heard else 0)
    state = with_lane(state, news.ticker, "news", lane)
    return trust.answered(state, news.source, "news", fact.at_us)


def market_heard(state: Collector, fact: Fact[MarketStatus]) -> Collector:
    """The source's word on the exchange is the last one."""
    told = fact.event
    state = trust.ended(state, state.exchange, told.source, fact.at_us)
    lane = answered(state.exchange, told.source, fact.at_us)
    state = replace(state, exchange=lane, market_told=told)
    return trust.answered(state, told.source, "market_status", fact.at_us)


REPORT_FOLDS: dict[type[Event], Callable[[Collector, Any], Collector]] = {
    News: headlined,
    MarketStatus: market_heard,
}
"""Every event beside prices, with what it does."""
