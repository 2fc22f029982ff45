"""Back-fills on the page: progress, cancelled and gone on with; what has not come, and why."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from market.messages.fetcher import Backfill, CollectorStarted, FetchNow
from market.messages.history import CancelBackfill, Listing, Settling
from tests.browser.deck import PageDeck
from tests.browser.reading import field


def test_a_back_fill_is_shown_with_its_progress_cancelled_and_gone_on_with(
    page: Page, deck: PageDeck
) -> None:
    deck.backfills = (Backfill("QQQ", 1, 2, ("1h",)),)
    deck.say(CollectorStarted())
    job = page.locator("[data-job='backfill.QQQ']")
    expect(job).to_contain_text("QQQ: 1 of 2, waits for 1h")
    expect(field(page, "history")).to_contain_text("History: 5 of 6.")

    job.locator("[data-action=cancel]").click()
    expect(page.locator("[data-toast]")).to_contain_text("The back-fill of QQQ is cancelled")
    expect(job).to_contain_text("cancelled 1h")
    assert CancelBackfill("QQQ") in deck.asked

    job.locator("[data-action=resume]").click()
    expect(page.locator("[data-toast]").last).to_contain_text("QQQ is being fetched")
    assert FetchNow("QQQ") in deck.asked


def test_what_is_not_listed_and_what_has_not_come_says_why(page: Page, deck: PageDeck) -> None:
    because = "the last trade is of 2026-11-12, 5 sessions ago, while SPY trades"
    deck.listings = (Listing("QQQ", "silent", because, deck.now_us, 0),)
    deck.settling = (Settling("SPY", "2026-11-19", 8, 0),)
    deck.say(CollectorStarted())
    expect(field(page, "listings")).to_contain_text(f"QQQ is silent: {because}. Asked once a day.")
    expect(field(page, "settling")).to_contain_text(
        "SPY: 2026-11-19 has not come, 8 times; given up until the next cycle."
    )
