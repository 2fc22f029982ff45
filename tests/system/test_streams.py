"""The real collector on the imitated stream: a coin, which is traded whenever the test is run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from bus.codec import Codec
from bus.message import Fact
from market.messages import CONTRACT
from market.messages.fetcher import Quote
from tests.fakes.providers import GOOD_KEY, Providers
from tests.fakes.stream import coin_price
from tests.system.deck import RunningDeck, until

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(180)]

COIN = "BTC-USD"
SECOND = 1_000_000
WITHIN_SECONDS = 60.0
"""The deck needs a few; a machine that runs other tests beside it gets more."""


@pytest.fixture(scope="module")
def streaming() -> Iterator[tuple[Providers, RunningDeck]]:
    with Providers() as providers:
        settings = {
            **providers.environment,
            "FINNHUB_API_KEY": GOOD_KEY,
            "TAPEDECK_FETCHER__WATCHLIST": COIN,
            "TAPEDECK_FETCHER__EXTENDED_SYMBOLS": "true",
            "TAPEDECK_LOG__LEVEL": "DEBUG",
        }
        with RunningDeck(settings) as deck:
            until(lambda: len(streamed(deck)) > 3, WITHIN_SECONDS, "a few trades")
            yield providers, deck


def streamed(deck: RunningDeck, after: int = 0) -> list[Fact[Any]]:
    """The coin's streamed quotes after a seq."""
    codec, tape, found = Codec(CONTRACT), deck.tape(), list[Fact[Any]]()
    while records := tape.read(after, 1_000):
        facts = [codec.fact(one) for one in records if one.subject == f"market.quote.{COIN}"]
        found += [fact for fact in facts if isinstance(fact.event, Quote) and fact.event.streamed]
        after = records[-1].seq
    return found


def trades_of(deck: RunningDeck) -> tuple[dict[str, Any], list[str]]:
    """The breaker of the stream, and who is streamed, as the API tells them."""
    sources = deck.get("/api/collector/status").json()["sources"]
    (finnhub,) = [one for one in sources if one["source"] == "finnhub"]
    (trades,) = [one for one in finnhub["capabilities"] if one["capability"] == "trades"]
    return trades, finnhub["streaming"]


def test_trades_come_to_the_tape_as_they_were_told_and_once_a_second_at_most(
    streaming: tuple[Providers, RunningDeck],
) -> None:
    providers, deck = streaming
    trades, live = trades_of(deck)
    facts = streamed(deck)
    assert all(one.event.price == coin_price(one.event.market_time_us // SECOND) for one in facts)
    assert all(later.at_us - fact.at_us >= SECOND for fact, later in pairwise(facts))
    assert (trades["state"], COIN in live) == ("closed", True)
    assert (providers.trades.most, len(providers.trades.handshakes)) == (1, 1)
    assert providers.foreign == []


def test_after_a_cut_and_after_a_kill_it_connects_again_alone_and_goes_on(
    streaming: tuple[Providers, RunningDeck],
) -> None:
    providers, deck = streaming
    before = len(providers.trades.handshakes)
    after = deck.tape().head()
    providers.trades.cut()
    wait_for_more(deck, after)
    after = deck.tape().head()
    os.kill(until(lambda: deck.child_pid("fetcher"), WITHIN_SECONDS, "it"), signal.SIGKILL)
    wait_for_more(deck, after)
    assert len(providers.trades.handshakes) == before + 2
    assert providers.trades.most == 1


def wait_for_more(deck: RunningDeck, after: int) -> None:
    until(lambda: len(streamed(deck, after)) > 1, WITHIN_SECONDS, "trades again")


def test_the_key_is_nowhere_though_it_is_in_the_streams_address(
    streaming: tuple[Providers, RunningDeck],
) -> None:
    _, deck = streaming
    written = [path.read_bytes() for path in deck.home.rglob("*") if path.is_file()]
    assert not any(GOOD_KEY.encode() in text for text in written)


def test_who_stops_the_collector_ends_the_connection(
    streaming: tuple[Providers, RunningDeck],
) -> None:
    providers, deck = streaming
    deck.post("/api/collector/stop")
    providers.trades.wait_until(lambda: providers.trades.subscribed == [], WITHIN_SECONDS)
    assert trades_of(deck)[1] == []
