"""The real collector while its providers fail: limits are kept, it answers, nothing is false.

Every request passes the imitation, so the limits are counted where the providers would count them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self, get_args

import msgpack
import pytest
import requests
import zmq

from bus.codec import Codec
from bus.message import Event
from market.messages import CONTRACT
from market.messages.fetcher import Bars, FetchRefused, Quote
from tests.fakes.faults import (
    AnyFault,
    BrokenJson,
    Closed,
    Cut,
    Disordered,
    Doubled,
    Drip,
    Empty,
    ExtraRow,
    Hang,
    Html,
    MissingColumns,
    NoRows,
    Odd,
    Prices,
    Redirect,
    Refused,
    Reset,
    SlowHandshake,
    Stamps,
    Status,
    UnequalColumns,
    WrongSymbol,
    WrongTypes,
)
from tests.fakes.listings import LISTINGS
from tests.fakes.market import Market
from tests.fakes.plan import Plan
from tests.fakes.providers import GOOD_KEY, Providers
from tests.fakes.wire import Provider
from tests.services.fetcher.served import Served
from tests.system.deck import RunningDeck, until
from tests.torture.forms import LONG_SECONDS_MAX, forms

pytestmark = [pytest.mark.xdist_group("deck"), pytest.mark.timeout(180)]

CHART = "/v8/finance/chart"
TICKERS = ("SPY", "QQQ", "NVDA")
WITHIN_SECONDS = 60.0
"""The deck needs a few; a machine that runs other tests beside it gets more."""
ANSWER_SECONDS = 5.0
"""The longest that a question to the deck may take, whatever the providers do."""
PAUSE_SECONDS = 3
RANDOM_SECONDS = 180.0
SEED = 20_261_122

CHART_FAULTS: tuple[AnyFault, ...] = (
    *(Prices(to) for to in ("null", "negative", "spike")),
    WrongTypes(),
    UnequalColumns(),
    MissingColumns(),
    WrongSymbol(),
    Stamps(7 * 86_400),
    Doubled(),
    Disordered(),
    ExtraRow(),
)
"""As many as Yahoo's budget of a minute leaves to one test.

What two sources say alike is believed, so each slips in its own way: tenfold here, a hundredfold
there.
"""
QUOTE_FAULTS: tuple[AnyFault, ...] = (
    *(Prices(to) for to in ("nan", "nan_text", "null", "zero", "negative", "unit")),
    WrongTypes(),
    MissingColumns(),
    Stamps(7 * 86_400),
    Odd(),
    Odd('{"error": "try later"}'),
    Empty(),
    Cut(),
)
DATA_FAULTS: dict[Provider, tuple[AnyFault, ...]] = {
    "finnhub": QUOTE_FAULTS,
    "yahoo": CHART_FAULTS,
}
BOTH_FAULTS: tuple[AnyFault, ...] = (
    *(Status(code) for code in (500, 502, 503)),
    Redirect(),
    Html(),
    BrokenJson(),
    Reset(),
    Closed(),
    Drip(400.0),
)
"""None that says that there is nothing: that is believed for ten minutes and more."""
CONNECTION_FAULTS: tuple[AnyFault, ...] = (Refused(), SlowHandshake(0.5))


def settings(providers: Providers, watchlist: Sequence[str] = TICKERS) -> dict[str, str]:
    return {
        **providers.environment,
        "FINNHUB_API_KEY": GOOD_KEY,
        "TAPEDECK_FETCHER__SOURCES": "finnhub,yahoo",
        "TAPEDECK_FETCHER__STREAMING": "false",
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


def refusals(events: Sequence[Event]) -> list[FetchRefused]:
    return [event for event in events if isinstance(event, FetchRefused)]


def test_whatever_the_providers_send_the_tape_holds_what_is_true_or_why_it_does_not(
    providers: Providers, deck: RunningDeck
) -> None:
    after = deck.tape().head()
    providers.plan.next("yahoo", *CHART_FAULTS, NoRows(), endpoint=CHART)
    providers.plan.next("finnhub", *QUOTE_FAULTS, NoRows(), endpoint="/quote")
    presser = Presser(deck)
    until(
        lambda: presser.press() and struck(providers, "yahoo") > len(CHART_FAULTS),
        WITHIN_SECONDS,
        "every fault",
    )
    until(lambda: not fetching(deck), WITHIN_SECONDS, "the end of the last call")
    events = said(deck, after)
    assert Served(Market(), time.time()).lies(events) == []
    assert {"invalid", "doubtful"} <= {one.reason for one in refusals(events)}


class Presser:
    """Wants everything fresh again as soon as the cycle before is over, whatever was refused."""

    def __init__(self, deck: RunningDeck) -> None:
        self._deck = deck
        self._cycle_ended = ""

    def press(self) -> bool:
        ended = str(self._deck.get("/api/collector/status").json()["last_run"])
        if ended != self._cycle_ended:
            self._cycle_ended = ended
            self._deck.post("/api/collector/restart")
        return True


def fetching(deck: RunningDeck) -> list[str]:
    """The tickers that a call is under way for."""
    return list(deck.get("/api/collector/status").json()["fetching"])


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
    with Doors(deck) as doors:
        until(
            lambda: doors.knock() and all(quoted(deck, one, after) for one in (ticker, *TICKERS)),
            WITHIN_SECONDS,
            f"a price of {ticker} and of the others",
        )
    assert deck.cli("status").returncode == 0
    assert not [one for one in said(deck, after) if isinstance(one, Bars) and one.ticker == ticker]
    providers.plan.clear()
    presser = Presser(deck)
    until(
        lambda: presser.press() and historied(deck, ticker, after),
        2 * WITHIN_SECONDS,
        f"the history of {ticker}",
    )


class Doors:
    """Everything that people and programs ask the deck by, each with an answer in time."""

    PATHS = (
        "/",
        "/health/live",
        "/health/ready",
        "/api/collector/status",
        "/api/tickers",
        "/api/cache",
        "/metrics",
    )

    def __init__(self, deck: RunningDeck) -> None:
        self._deck = deck
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self._context.destroy(linger=0)

    def knock(self) -> bool:
        """Ask at each door once; the bus must hear every service's heart beat meanwhile."""
        for path in self.PATHS:
            answer = requests.get(self._deck.url(path), timeout=ANSWER_SECONDS)
            assert answer.status_code == 200, path
        assert self._control("status")["ok"]
        health = self._control("health")["result"]
        assert [one["name"] for one in health["services"] if not one["ready"]] == []
        return True

    def _control(self, verb: str) -> dict[str, Any]:
        """One question on the control socket, as a script asks it."""
        with self._context.socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(f"ipc://{self._deck.home / 'run' / 'control'}")
            socket.send(msgpack.packb({"verb": verb, "args": {}}))
            assert socket.poll(round(ANSWER_SECONDS * 1_000)), f"no answer to {verb}"
            reply: dict[str, Any] = msgpack.unpackb(socket.recv())
        return reply


def historied(deck: RunningDeck, ticker: str, after: int) -> bool:
    events = said(deck, after)
    return any(isinstance(one, Bars) and one.ticker == ticker for one in events)


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


@pytest.mark.torture
@pytest.mark.timeout(LONG_SECONDS_MAX)
def test_minutes_of_faults_at_random_leave_the_tape_true_the_limits_kept_and_all_collected() -> (
    None
):
    plan = Plan(seed=SEED)
    with Providers(plan) as providers, RunningDeck(settings(providers, list(LISTINGS))) as deck:
        until(lambda: brought(deck, list(LISTINGS)), 3 * WITHIN_SECONDS, "a first history")
        for provider, faults in DATA_FAULTS.items():
            plan.sometimes(provider, 0.3, *BOTH_FAULTS, *faults)
            plan.sometimes(provider, 0.1, *CONNECTION_FAULTS)
        ends, presser = time.time() + RANDOM_SECONDS, Presser(deck)
        until(lambda: presser.press() and time.time() > ends, 2 * RANDOM_SECONDS, "the end")
        plan.clear()
        after = deck.tape().head()
        until(
            lambda: presser.press() and brought(deck, list(LISTINGS), after),
            6 * WITHIN_SECONDS,
            "everything fresh",
        )
        events = said(deck)
        assert Served(Market(), time.time()).lies(events) == []
        assert {"invalid", "provider_error", "unreachable"} <= {
            one.reason for one in refusals(events)
        }
        counted = [providers.counters(provider) for provider in get_args(Provider)]
        assert [one.in_pauses for one in counted] == [(), ()]
        assert max(one.per_minute_max for one in counted) <= 60
