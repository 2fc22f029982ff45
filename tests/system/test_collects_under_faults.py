"""The real collector while its providers fail: limits are kept, and the deck answers.

Every request passes the imitation, so the limits are counted where the providers would count them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence

import pytest
import requests

from bus.codec import Codec
from bus.message import Event
from market.messages import CONTRACT
from market.messages.fetcher import Bars, Quote
from tests.fakes.faults import (
    AnyFault,
    Drip,
    Hang,
    Reset,
    Status,
)
from tests.fakes.providers import GOOD_KEY, Providers
from tests.fakes.wire import Provider
from tests.system.deck import RunningDeck, until
from tests.torture.forms import forms

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(180)]

CHART = "/v8/finance/chart"
TICKERS = ("SPY", "QQQ", "NVDA")
WITHIN_SECONDS = 60.0
"""The deck needs a few; a machine that runs other tests beside it gets more."""
ANSWER_SECONDS = 5.0
"""The longest that a question to the deck may take, whatever the providers do."""
PAUSE_SECONDS = 3


def settings(providers: Providers, watchlist: Sequence[str] = TICKERS) -> dict[str, str]:
    return {
        **providers.environment,
        "FINNHUB_API_KEY": GOOD_KEY,
        "TAPEDECK_FETCHER__SOURCES": "finnhub,yahoo",
        "TAPEDECK_FETCHER__WATCHLIST": ",".join(watchlist),
        "TAPEDECK_SUPERVISOR__BACKOFF_MAX_SECONDS": "0.2",
    }


@pytest.fixture(scope="module")
def collecting() -> Iterator[tuple[Providers, RunningDeck]]:
    with Providers() as providers, RunningDeck(settings(providers)) as deck:
        until(lambda: brought(deck, TICKERS), WITHIN_SECONDS, "a first history")
        yield providers, deck


@pytest.fixture
def providers(collecting: tuple[Providers, RunningDeck]) -> Iterator[Providers]:
    """The imitation, which serves as it should before and after."""
    yield collecting[0]
    collecting[0].plan.clear()


@pytest.fixture
def deck(collecting: tuple[Providers, RunningDeck]) -> RunningDeck:
    return collecting[1]


def said(deck: RunningDeck, after: int = 0) -> list[Event]:
    """What the tape holds after a seq."""
    codec, tape, found = Codec(CONTRACT), deck.tape(), list[Event]()
    while records := tape.read(after, 1_000):
        found += [codec.fact(record).event for record in records]
        after = records[-1].seq
    return found


def brought(deck: RunningDeck, tickers: Sequence[str], after: int = 0) -> bool:
    """Whether bars and a quote of every ticker were said after a seq."""
    events = said(deck, after)
    bars = {(one.ticker, one.timeframe) for one in events if isinstance(one, Bars)}
    quotes = {one.ticker for one in events if isinstance(one, Quote)}
    return all({(one, "1d"), (one, "1h")} <= bars and one in quotes for one in tickers)


def struck(providers: Providers, provider: Provider) -> int:
    """How many calls to a provider went wrong as planned."""
    return sum(call.provider == provider and call.fault is not None for call in providers.calls)


@pytest.mark.parametrize(
    "told",
    [
        Status(429, retry_after_seconds=PAUSE_SECONDS),
        Status(429, reset_after_seconds=PAUSE_SECONDS),
    ],
    ids=["Retry-After", "X-Ratelimit-Reset"],
)
def test_a_provider_that_said_429_hears_nothing_until_its_time_and_is_asked_again_then(
    providers: Providers, deck: RunningDeck, told: Status
) -> None:
    providers.plan.always("yahoo", Status(502), endpoint=CHART)
    providers.plan.next("finnhub", told)
    deck.post("/api/collector/restart")
    providers.wait_until(lambda: latest_pause(providers) > time.time(), WITHIN_SECONDS)
    ends = latest_pause(providers)
    deck.post("/api/collector/restart")
    deck.post("/api/collector/ticker/add", ticker="JPM")
    providers.wait_until(lambda: latest_call(providers) >= ends, WITHIN_SECONDS)
    assert providers.counters("finnhub").in_pauses == ()


def latest_pause(providers: Providers) -> float:
    """Until when Finnhub told to rest, of all its answers so far."""
    calls = [call for call in providers.calls if call.provider == "finnhub"]
    return max(call.rests_until_seconds for call in calls)


def latest_call(providers: Providers) -> float:
    return max(call.at_seconds for call in providers.calls if call.provider == "finnhub")


@pytest.mark.parametrize(
    ("fault", "ticker"),
    [
        pytest.param(Hang(20.0), "MSFT", id="hangs"),
        pytest.param(Drip(40.0), "TSLA", id="drips", marks=pytest.mark.torture),
        pytest.param(Reset(), "AMZN", id="resets", marks=pytest.mark.torture),
    ],
)
def test_while_yahoo_does_not_answer_the_deck_does_and_other_prices_come_in(
    providers: Providers, deck: RunningDeck, fault: AnyFault, ticker: str
) -> None:
    after, before = deck.tape().head(), struck(providers, "yahoo")
    providers.plan.always("yahoo", fault, endpoint=CHART)
    deck.post("/api/collector/restart")
    deck.post("/api/collector/ticker/add", ticker=ticker)
    providers.wait_until(lambda: struck(providers, "yahoo") > before, WITHIN_SECONDS)
    for path in ("/health/ready", "/api/collector/status", "/api/tickers", "/api/cache"):
        answer = requests.get(deck.url(path), timeout=ANSWER_SECONDS)
        assert answer.status_code == 200, path
    assert deck.cli("status").returncode == 0
    until(lambda: quoted(deck, ticker, after), WITHIN_SECONDS, f"a price of {ticker}")
    assert not [one for one in said(deck, after) if isinstance(one, Bars) and one.ticker == ticker]


def quoted(deck: RunningDeck, ticker: str, after: int) -> bool:
    return any(isinstance(one, Quote) and one.ticker == ticker for one in said(deck, after))


@forms("kills", short=1, long=6)
def test_more_tickers_than_the_budget_holds_and_a_killed_collector_exceed_no_limit(
    kills: int,
) -> None:
    names = [f"Z{number:03d}" for number in range(60 + 40 * kills)]
    with Providers() as providers, RunningDeck(settings(providers, names), ready=False) as deck:
        for killed in range(1, kills + 1):
            wanted = 25 * killed
            until(
                lambda wanted=wanted: providers.counters("finnhub").calls >= wanted,  # type: ignore[misc]
                2 * WITHIN_SECONDS,
                f"{wanted} calls",
            )
            os.kill(until(lambda: deck.child_pid("fetcher"), WITHIN_SECONDS, "it"), signal.SIGKILL)
        until(lambda: full(deck), 2 * WITHIN_SECONDS, "a budget that is used up")
        deck.post("/api/collector/restart")
        deck.post("/api/collector/fetch")
        counted = providers.counters("finnhub")
        assert counted.per_minute_max <= 60
        assert counted.per_second_max <= 30
        assert {call.status for call in providers.calls if call.provider == "finnhub"} == {200}


def full(deck: RunningDeck) -> bool:
    """Whether Finnhub's budget holds nothing but its reserve."""
    if not deck.answers():
        return False
    budgets = deck.get("/api/collector/status").json().get("budgets", [])
    return any(b["source"] == "finnhub" and b["used"] >= b["limit"] - 5 for b in budgets)
