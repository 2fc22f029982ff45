"""The verb ``news`` at its doors, and the word on the exchange in the status."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bus.actor import Refused
from market.instants import jsonable
from market.messages.cache import CacheStatus, NewsKnown, ReadNews
from market.messages.exchange import MarketStatus
from market.messages.fetcher import CollectorState, CollectorStatus
from services.gateway import render, render_collector
from services.gateway.arguments import NewsWanted, read_arguments
from services.gateway.verbs import verb_named
from tests.services.gateway import samples
from tests.services.gateway.fakes import FakeDeck, held

DENIED = MarketStatus(
    exchange="XNYS",
    source="finnhub",
    is_open=False,
    expected="open",
    market_time_us=samples.NOON_US,
    holiday="National Day of Mourning",
)


def answer(deck: FakeDeck, name: str, **given: Any) -> dict[str, Any]:
    verb = verb_named(name)
    assert verb is not None
    return dict(jsonable(held(verb.begin(verb.arguments(**given)), deck)))


def shown(known: NewsKnown) -> str:
    return render.news(jsonable(known))


def test_headlines_are_asked_for_by_ticker_number_and_instant() -> None:
    deck = FakeDeck({ReadNews: samples.news()})
    told = answer(deck, "news", ticker="brk.b", limit=5, as_of="2026-11-20T12:00:00Z")
    noon_before_us = samples.NOON_US - samples.DAY_US
    assert deck.asked == [ReadNews("BRK-B", 5, noon_before_us)]
    assert told["checked"] == "2026-11-21T12:00:00Z"
    assert told["headlines"][0] == {
        "ticker": "NVDA",
        "headline": "Chips rise",
        "publisher": "A paper",
        "url": "https://example.com/0",
        "published": "2026-11-21T12:00:00Z",
        "source": "finnhub",
        "seq": 7,
    }


def test_without_a_ticker_the_headlines_of_all_are_asked_for() -> None:
    deck = FakeDeck({ReadNews: samples.news()})
    answer(deck, "news")
    assert deck.asked == [ReadNews("", 20, None)]


@pytest.mark.parametrize("given", [{"limit": 0}, {"limit": 501}, {"as_of": "soon"}, {"tickr": "A"}])
def test_bad_arguments_are_refused_before_anybody_is_asked(given: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        read_arguments(NewsWanted, given, texts=False)


def test_a_terminal_shows_what_and_when_whose_and_where() -> None:
    assert shown(samples.news("Chips rise")) == (
        "2026-11-21T12:00:00Z  NVDA  Chips rise\n"
        "    A paper, told by finnhub  https://example.com/0"
    )


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (
            NewsKnown("NVDA", 9, samples.NOON_US, ()),
            "No headlines are known of NVDA (last asked for at 2026-11-21T12:00:00Z).",
        ),
        (
            NewsKnown("", 9, 0, ()),
            "No headlines are known of any ticker (never asked for yet).",
        ),
        (
            NewsKnown("SPY~sim", 9, 0, ()),
            "No headlines are known of SPY~sim (never asked for yet). Simulated series have none.",
        ),
    ],
)
def test_nothing_known_is_no_silence_about_why(known: NewsKnown, words: str) -> None:
    assert shown(known) == words


def collecting(state: CollectorState) -> FakeDeck:
    return FakeDeck({CollectorStatus: state, CacheStatus: samples.cache()})


def test_a_denied_session_stands_in_the_status_and_in_the_terminal() -> None:
    state = replace(samples.collector(), market="open", market_told=DENIED, halted=True)
    told = answer(collecting(state), "status")
    assert told["halted"] is True
    assert told["market_told"]["holiday"] == "National Day of Mourning"
    assert (
        "told       closed National Day of Mourning, says finnhub at 2026-11-21T12:00:00Z; "
        "the calendar has a session, so cycles rest"
    ) in render_collector.collector(told)


def test_a_word_that_agrees_is_told_without_alarm() -> None:
    agreed = replace(DENIED, is_open=True, holiday="")
    told = answer(collecting(replace(samples.collector(), market_told=agreed)), "status")
    assert "open, says finnhub at 2026-11-21T12:00:00Z\n" in render_collector.collector(told)
