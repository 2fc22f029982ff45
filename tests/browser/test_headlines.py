"""The headlines of a ticker, which are strangers' texts, and the banner of a denied session."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from playwright.sync_api import Dialog, Page, expect

from market.messages.exchange import MarketStatus
from market.messages.news import Headline, News
from tests.browser.conftest import NOW_US, OpenPage
from tests.browser.deck import MINUTE_US, PageDeck
from tests.browser.reading import field

SCRIPT = "<img src=x onerror=alert(1)><script>alert(1)</script> Chips & <b>more</b>"


def headline(text: str, minutes_ago: int, url: str = "https://example.com/a") -> Headline:
    return Headline(text, "A paper", url, NOW_US - minutes_ago * MINUTE_US, text[:20])


@pytest.fixture
def nvda(deck: PageDeck, address: str, open_page: OpenPage) -> Page:
    deck.say(News("NVDA", "finnhub", (headline("Chips rise", 30), headline("Chips fall", 90))))
    page = open_page(f"{address}/#NVDA")
    expect(page.locator("[data-card=news]")).to_have_attribute("data-count", "2")
    return page


def lines(page: Page) -> list[str]:
    """As they are laid out, which they are only in sight."""
    page.locator("[data-card=news]").scroll_into_view_if_needed()
    return page.locator("[data-card=news] li").all_inner_texts()


def test_headlines_tell_whose_they_are_when_and_who_told_them(nvda: Page) -> None:
    assert lines(nvda) == [
        "Chips rise\nA paper · 10:45 ET · told by finnhub",
        "Chips fall\nA paper · 09:45 ET · told by finnhub",
    ]
    expect(field(nvda, "news-note")).to_have_text("asked for 11:15 ET")


def test_a_link_hands_nothing_of_this_page_to_where_it_leads(nvda: Page) -> None:
    link = nvda.locator("[data-card=news] a").first
    attributes = {name: link.get_attribute(name) for name in ("href", "rel", "target")}
    assert attributes == {
        "href": "https://example.com/a",
        "rel": "noopener noreferrer",
        "target": "_blank",
    }


def test_a_headline_with_markup_is_shown_as_it_stands_and_runs_nothing(
    nvda: Page, deck: PageDeck
) -> None:
    raised: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        raised.append(dialog.message)
        dialog.dismiss()

    nvda.on("dialog", dismissed)
    deck.say(News("NVDA", "yahoo", (headline(SCRIPT, 5, "javascript:alert(1)"),)))
    card = nvda.locator("[data-card=news]")
    expect(card).to_have_attribute("data-count", "3")
    expect(card.locator("li").first).to_contain_text(SCRIPT)
    assert card.locator("li img, li script, li b").count() == 0
    assert card.locator("li").first.locator("a").count() == 0
    assert raised == []


def test_headlines_of_another_ticker_change_nothing(nvda: Page, deck: PageDeck) -> None:
    before = lines(nvda)
    deck.say(News("QQQ", "finnhub", (headline("Of another", 1),)))
    deck.say(News("NVDA", "finnhub"))  # nothing new: the same headlines are asked for again
    expect(nvda.locator("[data-card=news]")).to_have_attribute("data-count", "2")
    assert lines(nvda) == before


def test_where_none_are_known_the_card_says_so(address: str, open_page: OpenPage) -> None:
    page = open_page(f"{address}/#QQQ")
    expect(field(page, "news-note")).to_have_text("none known, not asked for yet")


def test_a_simulated_series_says_that_it_has_none(simulated: str, open_page: OpenPage) -> None:
    page = open_page(f"{simulated}/#SPY")
    expect(field(page, "news-note")).to_have_text("none: simulated series have no headlines")


DENIED = MarketStatus(
    exchange="XNYS",
    source="finnhub",
    is_open=False,
    expected="open",
    market_time_us=NOW_US,
    holiday="Day of <b>Mourning</b>",
)


def test_a_denied_session_is_told_in_a_banner_until_it_is_over(page: Page, deck: PageDeck) -> None:
    banner = page.locator("[data-banner=halted]")
    expect(banner).to_be_hidden()
    deck.say(DENIED)
    expect(banner).to_be_visible()
    expect(banner).to_contain_text(
        "The market is closed, says finnhub at 11:15 ET (Day of <b>Mourning</b>)"
    )
    expect(field(page, "market", "#header")).to_have_text(
        "Market closed: Day of <b>Mourning</b>, says finnhub"
    )
    deck.say(replace(DENIED, is_open=True, holiday=""))
    expect(banner).to_be_hidden()
