"""The watchlist: a row for each tracked ticker, told by the API and by the tape."""

from __future__ import annotations

import msgspec
from playwright.sync_api import Page, expect

from market.messages.fetcher import WatchlistRemoved
from tests.browser import evidence
from tests.browser.conftest import NOW_US, OpenPage
from tests.browser.deck import PageDeck
from tests.browser.reading import cell, field, get, row, tickers, value

HOUR_US = 3_600_000_000

STALE_AT = """async (seconds) => {
    const { isStale } = await import('/static/model/rows.js');
    const row = { stale: false, knownAt: 0 };
    return seconds.map((at) => isStale(row, { ttlSeconds: 300 }, at * 1000));
}"""

FIELDS = {
    "price": "price",
    "change": "change_percent",
    "rsi": "rsi",
    "trend": "trend",
    "signal": "signal",
    "source": "source",
}


def test_a_row_shows_what_the_api_tells(page: Page, address: str) -> None:
    told = {one["ticker"]: one for one in get(address, "/api/tickers")["tickers"]}
    expect(cell(page, "NVDA", "score")).to_have_attribute("data-value", r := _composite(address))
    assert tickers(page) == list(told) == ["SPY", "QQQ", "NVDA"]
    for ticker, one in told.items():
        shown = {name: value(page, ticker, name) for name in FIELDS}
        assert shown == {name: str(one[key]) for name, key in FIELDS.items()}
    assert r == value(page, "NVDA", "score")


def _composite(address: str) -> str:
    events = get(address, "/api/decisions?ticker=NVDA")["events"]
    return str(events[-1]["event"]["composite_score"])


def test_a_move_is_told_by_its_sign_and_an_arrow_beside_the_colour(page: Page) -> None:
    rises = float(value(page, "NVDA", "change") or 0) > 0
    shown = cell(page, "NVDA", "change").inner_text()
    assert shown[0] + shown[2] == ("▲+" if rises else "▼−")


def test_a_quote_on_the_tape_is_seen_at_once(page: Page, deck: PageDeck) -> None:
    quote = evidence.quote("NVDA", NOW_US)
    deck.say(msgspec.structs.replace(quote, price=199.5, previous_close=190.0))

    expect(cell(page, "NVDA", "price")).to_have_text("199.50")
    expect(cell(page, "NVDA", "change")).to_have_text("▲ +5.00%")
    expect(field(page, "seq")).to_have_attribute("data-value", str(deck.head))


def test_a_burst_of_quotes_ends_with_the_last(page: Page, deck: PageDeck) -> None:
    quote = evidence.quote("NVDA", NOW_US)
    deck.say(*(msgspec.structs.replace(quote, price=100.0 + i) for i in range(900)))

    expect(cell(page, "NVDA", "price")).to_have_text("999.00")
    expect(field(page, "seq")).to_have_attribute("data-value", str(deck.head))


def test_the_age_ticks_and_what_is_too_old_is_marked(page: Page, deck: PageDeck) -> None:
    expect(page.locator("[data-light=data]")).to_have_attribute("data-state", "fresh")
    expect(row(page, "NVDA")).to_have_attribute("data-stale", "false")

    deck.now_us += 600_000_000
    page.clock.fast_forward("10:00")

    expect(cell(page, "NVDA", "age")).to_have_text("10 min")
    expect(row(page, "NVDA")).to_have_attribute("data-stale", "true")
    expect(page.locator("[data-light=data]")).to_have_attribute("data-state", "aged")


def test_a_price_grows_old_without_a_word_of_the_deck(page: Page) -> None:
    assert page.evaluate(STALE_AT, [0, 300, 301]) == [False, False, True]


def test_after_the_close_nothing_newer_can_be_had_so_nothing_is_old(
    page: Page, deck: PageDeck
) -> None:
    deck.now_us += 6 * HOUR_US
    deck.say(*(evidence.quote(ticker, deck.now_us) for ticker in deck.told.watchlist))
    deck.now_us += HOUR_US // 2
    page.clock.fast_forward("06:30:00")

    expect(field(page, "market")).to_contain_text("Market closed, opens Fri 20 Nov 09:30 ET")
    expect(page.locator("[data-light=data]")).to_have_attribute("data-state", "fresh")
    expect(page.locator("[data-light=data]")).to_contain_text("as of the close")
    expect(row(page, "NVDA")).to_have_attribute("data-stale", "false")


def test_rows_are_sorted_by_a_click_and_the_address_keeps_it(
    page: Page, address: str, open_page: OpenPage
) -> None:
    page.locator("[data-sort=price]").click()
    expect(page.locator("[data-column=price]")).to_have_attribute("aria-sort", "descending")
    prices = [float(value(page, ticker, "price") or 0) for ticker in tickers(page)]
    assert prices == sorted(prices, reverse=True)

    page.locator("[data-sort=price]").click()
    expect(page.locator("[data-column=price]")).to_have_attribute("aria-sort", "ascending")
    assert tickers(open_page(page.url)) == tickers(page)


def test_j_k_and_enter_move_through_the_list_and_open_a_ticker(page: Page) -> None:
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    expect(row(page, "QQQ").locator("a.ticker")).to_be_focused()

    page.keyboard.press("Enter")

    expect(page.locator("[data-view=ticker]")).to_have_attribute("data-ticker", "QQQ")
    assert page.url.endswith("#QQQ")


def test_a_ticker_that_no_source_knows_says_so_in_its_row(page: Page, deck: PageDeck) -> None:
    deck.track("ZZZZ")

    expect(row(page, "ZZZZ")).to_have_attribute("data-known", "false")
    expect(row(page, "ZZZZ").locator(".note")).to_have_text("yahoo: unknown symbol")


def test_an_empty_list_teaches_what_to_do(
    address: str, deck: PageDeck, open_page: OpenPage
) -> None:
    deck.say(WatchlistRemoved("NVDA"))

    expect(field(open_page(address), "empty")).to_contain_text("./tapedeck add AAPL")
