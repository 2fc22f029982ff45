"""The Command Center over real processes: what is added arrives, and shows what the API says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Watch
from tests.system.deck import RunningDeck, until

pytestmark = pytest.mark.timeout(180)

ARRIVES_SECONDS = 60.0
SHOWN = ("price", "signal", "rsi", "source")


@pytest.fixture(scope="module")
def real_deck() -> Iterator[RunningDeck]:
    with RunningDeck({"TAPEDECK_FETCHER__SOURCES": "simulated"}) as deck:
        yield deck


@pytest.fixture
def page(browser: Browser, watch: Watch, real_deck: RunningDeck) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.on("request", watch.asked)
    page.on("console", watch.heard)
    page.on("pageerror", watch.threw)
    page.goto(real_deck.url("/"))
    page.wait_for_selector("html[data-ready=true]")
    yield page
    context.close()


def shown(page: Page, ticker: str) -> dict[str, Any]:
    """What the row of a ticker shows, by field, and its mark."""
    row = page.locator(f"tr[data-ticker={ticker}]")
    fields = {
        name: row.locator(f"[data-field={name}]").get_attribute("data-value") for name in SHOWN
    }
    return {**fields, "simulated": row.get_attribute("data-simulated")}


def told(deck: RunningDeck, ticker: str) -> dict[str, Any]:
    """What the API says of the same, in the page's words."""
    rows = deck.get("/api/tickers").json()["tickers"]
    row = next(row for row in rows if row["ticker"] == ticker)
    return {
        **{name: None if row[name] is None else str(row[name]) for name in SHOWN},
        "simulated": str(row["simulated"]).lower(),
    }


def test_an_added_ticker_arrives_and_shows_what_the_api_says(
    page: Page, real_deck: RunningDeck
) -> None:
    field = page.locator("[data-action=add-ticker]")
    field.fill("nvda")
    field.press("Enter")
    page.wait_for_selector("tr[data-ticker=NVDA][data-known=true]", timeout=30_000)
    until(
        lambda: shown(page, "NVDA")["signal"] and shown(page, "NVDA") == told(real_deck, "NVDA"),
        ARRIVES_SECONDS,
        "the page to show what the API says",
    )
    assert shown(page, "NVDA")["simulated"] == "true"
    assert page.locator("[data-banner=simulated]").is_visible()


def test_the_protected_are_locked_and_the_added_can_be_removed(
    page: Page, real_deck: RunningDeck
) -> None:
    real_deck.post("/api/collector/ticker/add", ticker="AAPL")
    page.wait_for_selector("tr[data-ticker=AAPL]", timeout=30_000)
    assert page.locator("tr[data-ticker=SPY] [data-action=remove]").count() == 0
    assert page.locator("tr[data-ticker=SPY] [data-action=locked]").is_visible()
    page.locator("tr[data-ticker=AAPL] [data-action=remove]").click()
    page.wait_for_selector("tr[data-ticker=AAPL]", state="detached", timeout=30_000)
    assert "AAPL" not in real_deck.get("/api/collector/status").json()["watchlist"]


def test_stop_and_start_reach_the_collector(page: Page, real_deck: RunningDeck) -> None:
    page.locator("[data-action=stop]").click()
    until(lambda: not _runs(real_deck), 20, "a stopped collector")
    page.locator("[data-action=start]").click()
    until(lambda: _runs(real_deck), 20, "a running collector")
    assert _runs(real_deck)


def _runs(deck: RunningDeck) -> bool:
    return bool(deck.get("/api/collector/status").json()["running"])
