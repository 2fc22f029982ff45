"""Headlines through the whole running deck: hostile ones, a source that fails, every door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.faults import Hostile, Status
from tests.fakes.providers import GOOD_KEY, Providers
from tests.system.deck import RunningDeck, until

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(180)]

COLLECT_SECONDS = 60.0


def headlines(deck: RunningDeck, ticker: str) -> dict[str, Any] | None:
    """What is known of a ticker, once something is."""
    answer = deck.get(f"/api/tickers/{ticker}/news").json()
    return dict(answer) if answer["headlines"] else None


def test_headlines_come_from_whoever_tells_them_as_plain_text_with_their_evidence() -> None:
    with Providers() as providers:
        providers.plan.always("finnhub", Hostile(), endpoint="/company-news", symbol="SPY")
        providers.plan.always("finnhub", Status(502), endpoint="/company-news", symbol="QQQ")
        settings = {**providers.environment, "FINNHUB_API_KEY": GOOD_KEY}
        with RunningDeck(settings) as deck:
            spy = until(lambda: headlines(deck, "SPY"), COLLECT_SECONDS, "headlines of SPY")
            qqq = until(lambda: headlines(deck, "QQQ"), COLLECT_SECONDS, "headlines of QQQ")
            assert {one["source"] for one in spy["headlines"]} == {"finnhub"}
            assert {one["source"] for one in qqq["headlines"]} == {"yahoo"}
            assert all(
                one["headline"].startswith("SPDR S&P 500 ETF Trust ends the day at ")
                and one["url"].startswith("https://finnhub.io/")
                for one in spy["headlines"]
            )
            (event,) = deck.get("/api/events", subject="market.news.SPY", limit=1).json()["events"]
            raw = deck.get(f"/api/raw/{event['event']['answer_hash']}").json()
            assert raw["source"] == "finnhub"
            assert "<script>" in raw["body"]
            assert GOOD_KEY not in raw["url"]
            typed = json.loads(deck.cli("news", "SPY", "--json").stdout)
            assert typed == deck.get("/api/tickers/SPY/news").json()
            shown = deck.cli("news", "qqq").stdout
            assert qqq["headlines"][0]["headline"] in shown
            assert "told by yahoo" in shown
