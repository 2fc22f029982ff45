"""Headlines through the whole collector: whom it asks, how often, what it tells, and what not."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    CollectorState,
    CollectorStatus,
    FetchNow,
    FetchRefused,
    SourceCalled,
    SourceGated,
)
from market.messages.news import News
from services.fetcher.actor import build
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import Collector
from services.fetcher.effects import Open
from services.fetcher.raw import RawAnswer
from tests.fakes import wire
from tests.fakes.faults import AnyFault, Hostile, Stamps, WrongSymbol
from tests.fakes.finnhub import NO_ACCESS, OVER_LIMIT
from tests.services.fetcher.kit import DEAD, GONE, KEYLESS, OPTIONS, World, http_answer, table

NEWS = "/company-news"
JSON = {"content-type": "application/json"}
SESSIONS = table("2025-01-06", "2027-01-04")
HOURLY = replace(OPTIONS, news_seconds=3_600, watchlist=("NVDA",))
HOUR_US = 3_600_000_000


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def deck() -> Deck[Collector]:
    return begun(HOURLY)


def begun(options: Options, at: str = "15:30") -> Deck[Collector]:
    """A collector on a Monday after an hour of trading."""
    deck = given(build(options), ("14:00", SESSIONS))
    deck.tell(at, Open())
    return deck


def told(deck: Deck[Collector], ticker: str = "NVDA") -> list[News]:
    return [e for e in deck.said if isinstance(e, News) and e.ticker == ticker]


def asked(deck: Deck[Collector], ticker: str = "NVDA") -> list[tuple[str, int]]:
    """Who was asked for a ticker's headlines, and when."""
    return [
        (fact.event.source, fact.at_us)
        for fact in deck.facts
        if isinstance(fact.event, SourceCalled)
        and (fact.event.capability, fact.event.ticker) == ("news", ticker)
    ]


def refusals(deck: Deck[Collector]) -> list[FetchRefused]:
    return [e for e in deck.said if isinstance(e, FetchRefused) and e.capability == "news"]


def words(events: list[News]) -> list[str]:
    return [one.headline for event in events for one in event.headlines]


def test_a_weeks_headlines_come_with_publisher_address_time_source_and_hash(
    world: World, deck: Deck[Collector]
) -> None:
    world.play(deck, "15:30")
    (news,) = told(deck)
    assert (news.source, len(news.answer_hash)) == ("finnhub", 64)
    newest = news.headlines[0]
    assert newest.headline.startswith("NVIDIA Corporation ends the day at ")
    assert newest.publisher == "Imitation"
    assert newest.published_us == microseconds("2026-01-02T21:00:00")
    assert newest.url.startswith("https://finnhub.io/api/news?id=")
    assert [one.published_us for one in news.headlines] == sorted(
        (one.published_us for one in news.headlines), reverse=True
    )
    assert len(news.headlines) == 4  # the sessions from Tuesday to Friday, New Year's Day was none


def test_prices_come_first(world: World, deck: Deck[Collector]) -> None:
    world.play(deck, "15:30")
    kinds = [e.capability for e in deck.said if isinstance(e, SourceCalled) and e.ticker == "NVDA"]
    assert kinds.index("news") > kinds.index("quote")
    assert sorted(kinds) == ["bars", "bars", "news", "quote"]


def test_headlines_are_asked_for_each_hour_of_a_session_and_told_once(
    world: World, deck: Deck[Collector]
) -> None:
    world.run(deck, "22:00")
    at = [at_us for _, at_us in asked(deck)]
    assert len(at) == 6
    assert all(HOUR_US <= then - before < HOUR_US + 60_000_000 for before, then in pairwise(at))
    events = told(deck)
    assert [len(event.headlines) for event in events] == [4, 0, 0, 0, 0, 0]


def test_a_new_headline_is_told_alone(world: World, deck: Deck[Collector]) -> None:
    world.run(deck, "2026-01-06T15:00:00")
    assert [len(event.headlines) for event in told(deck)][-1] == 1
    assert told(deck)[-1].headlines[0].published_us == microseconds("2026-01-05T21:00:00")
    assert len(words(told(deck))) == len(set(words(told(deck)))) == 5


def test_while_the_market_is_closed_they_are_asked_for_once_a_day(world: World) -> None:
    deck = begun(HOURLY, "2026-01-09T22:00:00")  # a Friday evening
    world.run(deck, "2026-01-12T14:31:00")
    days = [(at_us - asked(deck)[0][1]) / 24 / HOUR_US for _, at_us in asked(deck)]
    assert days == pytest.approx([0, 1, 2, 2 + 16.5 / 24], abs=0.01)


def test_a_restart_tells_nothing_twice(world: World, deck: Deck[Collector]) -> None:
    world.play(deck, "15:30")
    known = words(told(deck))
    again = given(build(HOURLY), *((fact.at_us, fact.event) for fact in deck.facts))
    again.tell("15:40", Open())
    world.run(again, "17:00")
    assert known
    assert words(told(again)) == []
    assert len(told(again)) == 1


def test_who_asks_for_a_ticker_gets_its_headlines_before_the_hour_is_over(
    world: World, deck: Deck[Collector]
) -> None:
    world.play(deck, "15:30")
    before = len(asked(deck))
    deck.tell("15:35", FetchNow("NVDA"))
    world.play(deck, "15:35")
    assert len(asked(deck)) == before  # those of five minutes ago are new enough
    deck.tell("15:45", FetchNow("NVDA"))
    world.play(deck, "15:45")
    assert len(asked(deck)) == before + 1
    deck.tell("15:45", FetchNow("AAPL"))
    world.play(deck, "15:45")
    assert words(told(deck, "AAPL"))  # also of one that is not tracked


def test_where_finnhub_fails_yahoo_is_asked_and_tells_nothing_that_finnhub_told(
    world: World, deck: Deck[Collector]
) -> None:
    world.play(deck, "15:30")
    known = set(words(told(deck)))
    world.http.instead[NEWS] = http_answer(wire.Answer(502, b"<html></html>", wire.HTML))
    world.run(deck, "16:45")
    assert {source for source, _ in asked(deck)} == {"finnhub", "yahoo"}
    assert told(deck)[-1].source == "yahoo"
    later = words(told(deck)[1:])
    assert known.isdisjoint(later)
    assert later  # Yahoo looks further back


def test_without_a_key_yahoo_tells_them(world: World) -> None:
    deck = begun(replace(KEYLESS, news_seconds=3_600))
    world.play(deck, "15:30")
    (news,) = told(deck, "SPY")
    assert (news.source, len(news.headlines)) == ("yahoo", 20)
    assert news.headlines[0].url.startswith("https://finance.yahoo.com/news/spy-")


def test_an_answer_without_headlines_is_an_answer_and_the_next_source_is_asked(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.instead[NEWS] = RawAnswer(200, JSON, b"[]")
    world.play(deck, "15:30")
    assert {one.reason for one in refusals(deck)} == {"no_data"}
    assert [event.source for event in told(deck)] == ["yahoo"]
    assert not [e for e in deck.said if isinstance(e, SourceGated)]


@pytest.mark.parametrize(
    ("fault", "because"),
    [
        (WrongSymbol(), "4 about another symbol"),
        (Stamps(10 * 86_400), "4 from the future"),
        (Stamps(-40 * 365 * 86_400), "4 without a time"),
    ],
    ids=str,
)
def test_what_cannot_be_believed_is_refused_with_its_reason_and_hash(
    world: World, deck: Deck[Collector], fault: AnyFault, because: str
) -> None:
    world.http.spoilt[NEWS] = fault
    world.play(deck, "15:30")
    refused = next(one for one in refusals(deck) if one.ticker == "NVDA")
    assert (refused.reason, refused.source) == ("invalid", "finnhub")
    assert refused.message == f"no headline is believable: {because}"
    assert len(refused.answer_hash) == 64


def test_scripts_markup_and_control_characters_never_reach_the_tape(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.spoilt[NEWS] = Hostile()
    world.play(deck, "15:30")
    (news,) = told(deck)
    assert (len(news.headlines), news.refused_rows) == (2, 2)
    assert news.refused_because == "2 with an address that is none"
    assert all(one.headline.startswith("NVIDIA Corporation") for one in news.headlines)
    assert all(one.url.startswith("https://") for one in news.headlines)


def test_a_key_that_may_not_have_headlines_still_brings_prices(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.instead[NEWS] = http_answer(NO_ACCESS)
    world.run(deck, "17:35")
    gated = [e for e in deck.said if isinstance(e, SourceGated)]
    assert [(one.capability, one.state) for one in gated] == [("news", "forbidden")]
    assert len([who for who, _ in asked(deck) if who == "finnhub"]) <= 1
    finnhub = status(deck, "17:35").sources[0]
    assert finnhub.usable
    assert [one.state for one in finnhub.capabilities] == ["closed", "forbidden", "closed"]
    assert told(deck)[-1].source == "yahoo"


def test_a_429_for_headlines_pauses_the_whole_source(world: World, deck: Deck[Collector]) -> None:
    world.http.instead[NEWS] = http_answer(OVER_LIMIT)
    world.play(deck, "15:30")
    paused = [e for e in deck.said if isinstance(e, SourceGated) and e.state == "paused"]
    assert {one.capability for one in paused} == {"quote", "news", "market_status"}
    calls = len(world.http.asked)
    world.run(deck, "15:30:59")
    assert len(world.http.asked) == calls


def test_headlines_that_fail_for_two_tickers_open_their_own_breaker_alone(
    world: World, deck: Deck[Collector]
) -> None:
    world.http.instead[NEWS] = http_answer(wire.Answer(200, b"<html></html>", wire.HTML))
    world.play(deck, "15:30")
    opened = [e for e in deck.said if isinstance(e, SourceGated)]
    assert [(one.source, one.capability, one.state) for one in opened] == [
        ("finnhub", "news", "open")
    ]
    world.run(deck, "15:40")
    quoted = [e for e in deck.said if isinstance(e, SourceCalled) and e.capability == "quote"]
    assert {one.source for one in quoted} == {"finnhub"}


def test_of_a_ticker_without_a_price_no_headlines_are_asked_for(world: World) -> None:
    world.http.down, world.child.down = DEAD, GONE
    deck = begun(HOURLY)
    world.run(deck, "16:00")
    assert asked(deck) == []


def test_simulated_series_have_no_headlines(world: World, deck: Deck[Collector]) -> None:
    world.cut_off()
    world.run(deck, "16:00")
    assert [e for e in deck.said if isinstance(e, News)] == []


def test_a_collector_at_rest_asks_for_none(world: World) -> None:
    deck = begun(replace(HOURLY, auto_start=False))
    world.run(deck, "18:00")
    assert asked(deck) == []


def test_with_news_switched_off_nobody_is_asked(world: World) -> None:
    deck = begun(replace(HOURLY, news_seconds=0))
    world.run(deck, "18:00")
    assert [e for e in deck.said if isinstance(e, SourceCalled) and e.capability == "news"] == []


def test_what_is_remembered_is_bounded(world: World, deck: Deck[Collector]) -> None:
    articles: list[dict[str, Any]] = [
        {"headline": f"No {n}", "datetime": int(microseconds("15:00") / 1e6) - n, "id": n}
        for n in range(500)
    ]
    world.http.instead[NEWS] = RawAnswer(200, JSON, json.dumps(articles).encode())
    world.run(deck, "18:35")
    assert len(words(told(deck))) == 100
    assert len(deck.state.of("NVDA").lane("news").heard) == 100


def status(deck: Deck[Collector], at: str) -> CollectorState:
    reply = deck.ask(at, CollectorStatus()).reply
    assert isinstance(reply, CollectorState)
    return reply
