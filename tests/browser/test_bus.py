"""The panel of the bus: how commits fare, what services met with, and letters to replay."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from bus.message import DeadLetter, ReplayLetter
from tests.browser.conftest import Watch
from tests.browser.deck import PageDeck
from tests.browser.reading import field

LETTER = DeadLetter("analyzer", 3, "market.quote.SPY", "ValueError('why')", 3)


def opened(page: Page) -> Locator:
    """The panel, opened."""
    page.locator("#bus summary").click()
    return page.locator("#bus")


@pytest.mark.guarantee("observability")
def test_one_line_tells_how_the_bus_fares(page: Page) -> None:
    line = page.locator("#bus summary")

    expect(line).to_contain_text("appending")
    expect(line).to_contain_text("commit 0.4 to 2.5 ms")
    expect(line).to_contain_text("lag 0")
    expect(line).to_contain_text("no dead letters")


@pytest.mark.guarantee("observability")
def test_opened_it_tells_what_each_service_met_with(page: Page) -> None:
    panel = opened(page)
    cells = panel.locator("tr[data-service=cache] td")

    expect(cells).to_have_text(["0", "2", "3", "5", "1", "1"])
    expect(field(page, "batch", "#bus")).to_have_text("2")
    expect(field(page, "resends", "#bus")).to_have_text("1")
    expect(field(page, "bad-frames", "#bus")).to_have_text("4")
    expect(field(page, "bytes", "#bus")).to_have_text("4.1 kB")


def test_a_dead_letter_is_seen_at_once_and_is_gone_when_it_was_replayed(
    page: Page, deck: PageDeck
) -> None:
    deck.say(LETTER)
    expect(field(page, "dead-letters")).to_have_text("1 dead letter")
    letter = opened(page).locator("[data-letter=analyzer-3]")
    expect(letter).to_contain_text("#3 market.quote.SPY")
    expect(letter).to_contain_text("analyzer gave it up at 11:15 ET after 3 attempts")

    letter.locator("[data-action=replay]").click()

    expect(page.locator("[data-toast]")).to_contain_text("analyzer took event 3 again")
    expect(field(page, "letters")).to_have_text("No event waits to be taken again.")
    assert ReplayLetter("analyzer", 3) in deck.asked


def test_a_letter_that_fails_again_says_why_and_waits_on(
    page: Page, deck: PageDeck, watch: Watch
) -> None:
    watch.allow("409 (Conflict)")
    deck.failing.add("analyzer")
    deck.say(LETTER)
    letter = opened(page).locator("[data-letter=analyzer-3]")
    letter.locator("[data-action=replay]").click()

    expect(page.locator("[data-toast=bad]")).to_contain_text("analyzer still fails: ValueError")
    expect(letter).to_be_visible()


def test_a_bus_that_does_not_answer_is_said_to_be_away(page: Page, deck: PageDeck) -> None:
    deck.absent.add("bus")
    page.clock.run_for(11_000)

    expect(page.locator("#bus")).to_have_attribute("data-state", "lost")
    expect(page.locator("#bus summary")).to_contain_text("not reached")
    deck.absent.clear()
    page.clock.run_for(11_000)

    expect(page.locator("#bus")).to_have_attribute("data-state", "ready")
