"""Made up prices are marked wherever they are shown, and nothing real is."""

from __future__ import annotations

import re

import msgspec
import pytest
from playwright.sync_api import Page, expect

from tests.browser import evidence
from tests.browser.conftest import NOW_US, PHONE, OpenPage
from tests.browser.deck import PageDeck
from tests.browser.reading import cell, field, row


@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_everything_that_is_made_up_says_so(
    simulated: str, open_page: OpenPage, size: dict[str, int] | None
) -> None:
    page = open_page(simulated, **({"viewport": size} if size else {}))
    expect(page.locator("html")).to_have_attribute("data-simulated", "true")
    expect(page.locator("[data-banner=simulated]")).to_be_visible()
    expect(page.locator("[data-banner=simulated]")).to_contain_text("SIMULATED")
    expect(page.locator("[data-light=data]")).to_have_attribute("data-state", "simulated")
    for ticker in ("SPY", "QQQ"):
        expect(row(page, ticker)).to_have_attribute("data-simulated", "true")
        expect(cell(page, ticker, "source")).to_have_text("SIMULATED")
        expect(cell(page, ticker, "source")).to_be_visible()

    row(page, "SPY").locator("a").click()

    expect(page.locator("[data-view=ticker]")).to_have_attribute("data-simulated", "true")
    expect(page.locator("[data-card=decision]")).to_have_attribute("data-simulated", "true")
    expect(field(page, "decided")).to_contain_text("SIMULATED")
    expect(page.locator("[data-chart]")).to_have_attribute("data-bars", "600")
    expect(page.locator("[data-chart] .watermark")).to_be_visible()
    expect(page).to_have_title(re.compile("^SIM SPY "))


def test_nothing_real_is_marked(page: Page) -> None:
    expect(page.locator("[data-card=decision]")).to_have_attribute("data-simulated", "false")
    expect(page.locator("html")).to_have_attribute("data-simulated", "false")
    expect(page.locator("[data-banner=simulated]")).to_be_hidden()
    expect(page.locator("[data-chart] .watermark")).to_be_hidden()
    expect(page.locator("tr[data-simulated=true]")).to_have_count(0)
    assert "SIMULATED" not in page.locator("body").inner_text()


def test_marks_go_when_real_prices_arrive(
    simulated: str, simulating: PageDeck, open_page: OpenPage
) -> None:
    page = open_page(f"{simulated}/#SPY")
    expect(page.locator("[data-card=decision]")).to_have_attribute("data-simulated", "true")

    simulating.simulates = False
    simulating.bring("SPY", "QQQ")

    expect(cell(page, "SPY", "source")).to_have_text("yahoo")
    expect(page.locator("[data-card=decision]")).to_have_attribute("data-simulated", "false")
    expect(page.locator("[data-chart]")).to_have_attribute("data-simulated", "false")
    expect(page.locator("html")).to_have_attribute("data-simulated", "false")


def test_a_simulated_price_never_comes_into_a_real_row(page: Page, deck: PageDeck) -> None:
    before = cell(page, "SPY", "price").inner_text()
    deck.say(msgspec.structs.replace(evidence.quote("SPY~sim", NOW_US), price=1.0))

    expect(field(page, "seq")).to_have_attribute("data-value", str(deck.head))
    marked = row(page, "SPY").get_attribute("data-simulated")
    assert (cell(page, "SPY", "price").inner_text(), marked) == (before, "false")
