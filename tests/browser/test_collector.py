"""The collector's controls, counters, sources and budgets, and actions as commands."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from market.messages.fetcher import CollectorStopped, CycleFinished, Missing, SourceCalled
from tests.browser.conftest import OpenPage
from tests.browser.deck import PageDeck
from tests.browser.reading import field, get


def test_it_is_stopped_and_started_with_a_word_on_what_came_of_it(page: Page) -> None:
    expect(field(page, "collector")).to_have_attribute("data-state", "running")

    page.locator("[data-action=stop]").click()
    expect(field(page, "collector")).to_have_attribute("data-state", "stopped")
    expect(page.locator("[data-toast]")).to_contain_text("The collector rests.")

    page.locator("[data-action=start]").click()
    expect(field(page, "collector")).to_have_attribute("data-state", "running")


def test_a_stop_from_elsewhere_is_seen(page: Page, deck: PageDeck) -> None:
    deck.say(CollectorStopped())

    expect(field(page, "collector")).to_have_attribute("data-state", "stopped")
    expect(page.locator("[data-action=start]")).to_be_visible()


def test_its_counters_are_those_of_the_api(page: Page, address: str, deck: PageDeck) -> None:
    told = get(address, "/api/collector/status")
    expect(field(page, "tickers")).to_have_text(str(told["tickers_tracked"]))
    expect(field(page, "cached")).to_have_text(str(told["cache_entries"]))
    expect(field(page, "events")).to_have_text(str(deck.head))
    expect(field(page, "last-run")).to_have_text("11:13 ET")
    expect(field(page, "next-run")).to_have_text("11:18 ET")


def test_a_call_to_a_source_fills_its_budget(page: Page, deck: PageDeck) -> None:
    budget = field(page, "budget", "[data-source=yahoo]")
    expect(budget).to_have_text("3/50")

    deck.say(*[SourceCalled("yahoo", "quote", "NVDA")] * 7)

    expect(budget).to_have_text("10/50")


def test_a_source_that_rests_says_why_and_until_when(simulated: str, open_page: OpenPage) -> None:
    page = open_page(simulated)
    yahoo, finnhub = (page.locator(f"[data-source={name}]") for name in ("yahoo", "finnhub"))

    expect(yahoo).to_have_attribute("data-state", "off")
    expect(yahoo).to_contain_text("next try 11:17 ET · quote: 4 failures in a row")
    expect(finnhub).to_contain_text("no FINNHUB_API_KEY is set")


def test_what_a_cycle_could_not_bring_is_told_by_its_reasons(page: Page, deck: PageDeck) -> None:
    missing = (Missing("AAA", "no such symbol"), Missing("BBB", "no such symbol"))
    deck.say(CycleFinished(deck.now_us, 3, 1, missing))

    expect(field(page, "cycle")).to_have_text(
        "Last cycle brought 1 of 3; missing: AAA, BBB (no such symbol)."
    )


def test_every_action_can_be_copied_as_a_command(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#collector [data-action=commands]").click()
    page.locator("[data-command='./tapedeck restart']").click()

    expect(page.locator("[data-toast]")).to_contain_text("Copied: ./tapedeck restart")
    assert page.evaluate("navigator.clipboard.readText()") == "./tapedeck restart"
