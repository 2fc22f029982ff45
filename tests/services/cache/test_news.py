"""Headlines as the cache keeps them: the newest first, now and as they were known."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.actor import Refused
from bus.testing import Deck, Moment, microseconds
from market.messages.cache import NewsKnown, ReadNews
from market.messages.news import Headline, News
from services.cache.shelf import Shelf
from tests.services.cache.test_cache import ask, deck_of, quote

MINUTE_US = 60_000_000
NINE_US = microseconds("09:00")


def headline(text: str, minute: int) -> Headline:
    url = f"https://example.com/{text.replace(' ', '-')}"
    return Headline(text, "A paper", url, NINE_US + minute * MINUTE_US, text)


def news(ticker: str, *headlines: Headline, source: str = "finnhub") -> News:
    return News(ticker, source, headlines, "h")


PAST: tuple[Moment, ...] = (
    ("09:30", news("NVDA", headline("second", 20), headline("first", 10))),
    ("09:31", quote("NVDA", 190.0)),
    ("09:40", news("AAPL", headline("of another", 30), source="yahoo")),
    ("10:30", news("NVDA", headline("third", 80), headline("late", 15))),
    ("11:30", news("NVDA")),
)


@pytest.fixture
def deck(tmp_path: Path) -> Deck[Shelf]:
    return deck_of(tmp_path / "home", *PAST)


def texts(known: NewsKnown) -> list[str]:
    return [one.headline for one in known.headlines]


def test_the_newest_headlines_of_a_ticker_come_first(deck: Deck[Shelf]) -> None:
    known: NewsKnown = ask(deck, ReadNews("nvda"), "11:31")
    assert texts(known) == ["third", "second", "late", "first"]
    assert texts(ask(deck, ReadNews("NVDA", limit=2))) == ["third", "second"]


def test_a_headline_says_whose_it_is_who_told_it_and_where_that_stands(deck: Deck[Shelf]) -> None:
    (one,) = ask(deck, ReadNews("AAPL")).headlines
    assert (one.ticker, one.publisher, one.source, one.seq) == ("AAPL", "A paper", "yahoo", 3)
    assert (one.url, one.published_us) == (
        "https://example.com/of-another",
        NINE_US + 30 * MINUTE_US,
    )


def test_without_a_ticker_those_of_all_come(deck: Deck[Shelf]) -> None:
    assert texts(ask(deck, ReadNews())) == ["third", "of another", "second", "late", "first"]


def test_it_is_known_when_a_source_last_answered_though_it_told_nothing_new(
    deck: Deck[Shelf],
) -> None:
    assert ask(deck, ReadNews("NVDA")).checked_us == microseconds("11:30")
    assert ask(deck, ReadNews("AAPL")).checked_us == microseconds("09:40")
    assert ask(deck, ReadNews()).checked_us == microseconds("11:30")
    never = ask(deck, ReadNews("MSFT"))
    assert (never.checked_us, never.headlines) == (0, ())


def test_as_of_an_instant_only_what_was_known_then_is_told(deck: Deck[Shelf]) -> None:
    then: NewsKnown = ask(deck, ReadNews("NVDA", as_of_us=microseconds("10:00")))
    assert (texts(then), then.seq) == (["second", "first"], 3)
    assert then.checked_us == microseconds("09:30")


def test_a_simulated_series_has_none(deck: Deck[Shelf]) -> None:
    assert ask(deck, ReadNews("NVDA~sim")).headlines == ()


def test_what_is_no_ticker_is_refused(deck: Deck[Shelf]) -> None:
    with pytest.raises(Refused, match="is not a ticker"):
        ask(deck, ReadNews("no ticker at all"))


def test_headlines_are_the_same_when_the_file_is_built_again(tmp_path: Path) -> None:
    before = ask(deck_of(tmp_path / "one", *PAST), ReadNews())
    assert ask(deck_of(tmp_path / "other", *PAST), ReadNews()) == before
