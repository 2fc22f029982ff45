"""Headlines of many tickers, beside prices that want more than the budget holds."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from services.fetcher.sources import finnhub
from tests.services.fetcher.kit import OPTIONS
from tests.services.fetcher.test_scale import NAMES, START, Market

MINUTE_US = 60_000_000
NARROW = replace(finnhub.DECLARED, per_minute=6, reserve_per_minute=1)
HUNGRY = replace(
    OPTIONS, sources=(NARROW,), watchlist=NAMES[:38], interval_seconds=60, news_seconds=3_600
)


@pytest.fixture(scope="module")
def hungry() -> Market:
    """Forty tickers that want forty prices a minute, of which a source allows six."""
    market = Market(HUNGRY)
    while market.now_us < START + 150 * MINUTE_US:
        market.step()
    return market


def test_prices_come_first_and_headlines_come_at_last(hungry: Market) -> None:
    kinds = [call.capability for _, call in hungry.calls()]
    assert kinds[:40] == ["quote"] * 40
    asked = Counter(call.ticker for _, call in hungry.calls() if call.capability == "news")
    assert len(asked) == 40
    assert set(asked.values()) == {2, 3}


def test_headlines_take_no_more_than_their_share(hungry: Market) -> None:
    kinds = Counter(call.capability for _, call in hungry.calls())
    assert kinds["quote"] > 4 * kinds["news"]
    assert sum(kinds.values()) <= 5 * 151 + 5


def test_after_the_first_round_a_ticker_waits_an_hour_and_not_much_longer(hungry: Market) -> None:
    asked: dict[str, list[int]] = {}
    for at_us, call in hungry.calls():
        if call.capability == "news":
            asked.setdefault(call.ticker, []).append(at_us)
    waits = [(times[1] - times[0]) / MINUTE_US for times in asked.values() if len(times) > 1]
    assert waits
    assert 60 <= min(waits) <= max(waits) < 60 + 20  # prices wait for their turn too
