"""Tracking and untracking tickers from the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from market.messages.fetcher import AddTicker, RemoveTicker
from tests.browser.conftest import Watch
from tests.browser.deck import PageDeck
from tests.browser.reading import cell, field, row, tickers

REFUSED = "/api/collector/ticker/add"
"""Chromium itself writes a line to the console for each answer that is an error."""


def type_in(page: Page, text: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(text)


def test_a_ticker_typed_and_entered_appears_and_its_data_arrives(
    page: Page, deck: PageDeck
) -> None:
    type_in(page, "aapl")
    page.keyboard.press("Enter")

    expect(row(page, "AAPL")).to_have_attribute("data-known", "false")
    expect(page.locator("[data-view=ticker]")).to_have_attribute("data-ticker", "AAPL")
    expect(field(page, "reason")).to_contain_text("its first prices are being fetched")
    assert page.url.endswith("#AAPL")

    deck.bring("AAPL")

    expect(row(page, "AAPL")).to_have_attribute("data-known", "true")
    expect(page.locator("[data-view=ticker]")).to_have_attribute("data-loaded", "true")
    expect(cell(page, "AAPL", "signal")).to_have_attribute("data-value", deck.told.signal("AAPL"))
    expect(page.locator("[data-card=decision]")).to_have_attribute(
        "data-signal", deck.told.signal("AAPL")
    )
    expect(page.locator("[data-chart]")).to_have_attribute("data-bars", "600")


def test_typing_finds_a_tracked_ticker_and_enter_opens_it_without_a_command(
    page: Page, deck: PageDeck
) -> None:
    type_in(page, "nvda")
    expect(page.locator("tr[data-ticker]")).to_have_count(1)
    page.keyboard.press("Enter")

    expect(page.locator("[data-view=ticker]")).to_have_attribute("data-ticker", "NVDA")
    expect(page.locator("tr[data-ticker]")).to_have_count(3)
    assert not [one for one in deck.asked if isinstance(one, AddTicker)]


def test_what_is_no_ticker_is_refused_beside_the_field_with_the_remedy(
    page: Page, watch: Watch
) -> None:
    watch.allow(REFUSED)
    type_in(page, "not a ticker")
    page.keyboard.press("Enter")

    expect(field(page, "add-error")).to_contain_text("is not a ticker")
    expect(field(page, "add-error")).to_contain_text("write 1 to 5 letters or digits")
    expect(page.locator("[data-action=add-ticker]")).to_have_attribute("aria-invalid", "true")

    page.keyboard.press("Escape")

    expect(field(page, "add-error")).to_have_text("")
    expect(page.locator("tr[data-ticker]")).to_have_count(3)


@pytest.mark.parametrize("ticker", ["SPY", "QQQ"])
def test_a_protected_ticker_is_locked_and_says_why(page: Page, deck: PageDeck, ticker: str) -> None:
    button = row(page, ticker).locator("[data-action=locked]")
    expect(button).to_have_attribute("aria-disabled", "true")
    reason = f"{ticker} is always tracked, since every decision is read against it."
    expect(button).to_have_accessible_name(reason)

    button.press("Enter")

    expect(page.locator("[data-toast=bad]")).to_contain_text(reason)
    assert not [one for one in deck.asked if isinstance(one, RemoveTicker)]
    assert ticker in tickers(page)


def test_a_removed_ticker_leaves_and_can_be_had_back(page: Page, deck: PageDeck) -> None:
    row(page, "NVDA").locator("[data-action=remove]").click()

    expect(row(page, "NVDA")).to_have_count(0)
    expect(page.locator("[data-toast]")).to_contain_text("NVDA is no longer tracked.")

    page.get_by_role("button", name="Track NVDA again").click()

    expect(cell(page, "NVDA", "price")).to_have_attribute(
        "data-value", str(deck.told.price("NVDA"))
    )


def test_what_somebody_else_adds_and_removes_is_seen(page: Page, deck: PageDeck) -> None:
    deck.ask(AddTicker("MSFT"))
    deck.bring("MSFT")
    expect(cell(page, "MSFT", "price")).to_have_attribute(
        "data-value", str(deck.told.price("MSFT"))
    )

    deck.ask(RemoveTicker("MSFT"))
    expect(row(page, "MSFT")).to_have_count(0)
