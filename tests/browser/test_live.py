"""The live stream as the page follows it: through losses of the deck, and with services missing."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from playwright.sync_api import Page, WebSocket, expect

from tests.browser import evidence
from tests.browser.conftest import NOW_US, OpenPage, Watch
from tests.browser.deck import PageDeck
from tests.browser.reading import cell, field, row
from tests.browser.serving import served

WHILE_AWAY = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "WebSocket")
"""What Chromium itself writes to the console while nobody listens at the address."""


def greetings(page: Page) -> list[str]:
    """What the page says first on each connection that it opens from here on."""
    said: list[str] = []

    def opened(socket: WebSocket) -> None:
        socket.on("framesent", lambda text: said.append(str(text)))

    page.on("websocket", opened)
    return said


def test_a_lost_deck_is_told_and_what_is_known_stays(
    deck: PageDeck, open_page: OpenPage, watch: Watch
) -> None:
    with served(deck) as address:
        page = open_page(address)
        price = cell(page, "NVDA", "price").inner_text()
        watch.allow(*WHILE_AWAY)

    expect(page.locator("html")).to_have_attribute("data-link", "waiting")
    expect(page.locator("[data-light=system]")).to_have_attribute("data-state", "lost")
    expect(page.locator("[data-banner=trouble]")).to_contain_text("The deck is not reached.")
    expect(field(page, "collector")).to_have_attribute("data-state", "lost")
    expect(cell(page, "NVDA", "price")).to_have_text(price)


def test_a_page_goes_on_after_the_last_event_it_heard(
    deck: PageDeck, open_page: OpenPage, watch: Watch
) -> None:
    with served(deck) as address:
        page = open_page(address)
        expect(field(page, "seq")).to_have_attribute("data-value", str(deck.head))
        heard, port = deck.head, urlsplit(address).port or 0
        said = greetings(page)
        watch.allow(*WHILE_AWAY)
    expect(page.locator("html")).to_have_attribute("data-link", "waiting")
    quote = evidence.quote("NVDA", NOW_US)
    deck.say(msgspec.structs.replace(quote, price=177.25))

    with served(deck, port):
        expect(page.locator("html")).to_have_attribute("data-link", "live")
        expect(cell(page, "NVDA", "price")).to_have_text("177.25")
        expect(page.locator("[data-banner=trouble]")).to_be_hidden()
        assert said[-1] == f'{{"from_seq":{heard + 1},"tape":"{deck.tape_id}"}}'


def test_another_tape_at_the_same_address_begins_anew(
    deck: PageDeck, open_page: OpenPage, watch: Watch
) -> None:
    with served(deck) as address:
        page = open_page(address)
        expect(row(page, "NVDA")).to_be_visible()
        port = urlsplit(address).port or 0
        watch.allow(*WHILE_AWAY)
    expect(page.locator("html")).to_have_attribute("data-link", "waiting")

    other = PageDeck(NOW_US)
    other.open()
    other.say(msgspec.structs.replace(evidence.quote("SPY", NOW_US), price=50.25))
    with served(other, port):
        expect(row(page, "NVDA")).to_have_count(0)
        expect(field(page, "seq")).to_have_attribute("data-value", str(other.head))
        expect(cell(page, "SPY", "price")).to_have_text("50.25")


def test_a_missing_service_is_named_and_the_rest_goes_on(
    address: str, deck: PageDeck, open_page: OpenPage
) -> None:
    deck.absent = {"fetcher"}
    page = open_page(address)

    expect(page.locator("[data-light=system]")).to_have_attribute("data-state", "partial")
    expect(page.locator("[data-banner=trouble]")).to_contain_text("The deck is without fetcher.")
    expect(cell(page, "NVDA", "price")).to_have_attribute(
        "data-value", str(deck.told.price("NVDA"))
    )
    expect(cell(page, "NVDA", "signal")).to_have_attribute("data-value", deck.told.signal("NVDA"))


def test_the_tape_shows_the_last_events_and_opens_one(page: Page, deck: PageDeck) -> None:
    seq = deck.say(evidence.quote("NVDA", NOW_US))
    expect(field(page, "last-event")).to_contain_text(f"#{seq}")
    expect(field(page, "last-event")).to_contain_text("market.quote.NVDA")

    page.locator("[data-action=tape]").click()
    page.locator(f"#tape [data-seq='{seq}'] button").click()

    expect(field(page, "event")).to_contain_text('"previous_close"')
