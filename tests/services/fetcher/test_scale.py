"""Five hundred symbols in one cycle: within the budgets, in their turn, and who asks goes first."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import islice, product
from types import FrameType

import msgspec
import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import (
    CollectorState,
    CollectorStatus,
    CycleFinished,
    FetchNow,
    SourceCalled,
)
from market.sessions import HOUR_US, day_start_us
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, QuoteAnswer
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.state import KINDS, Collector
from services.fetcher.effects import Fetch, Fetched, Open
from services.fetcher.sources import finnhub
from tests.services.fetcher.kit import OPTIONS, flat, table

SESSIONS = table("2025-01-06", "2027-01-04")
START = microseconds("15:00")
ANSWER_US = 200_000
TICKERS = 500
NAMES = tuple("".join(letters) for letters in islice(product("ABCDEFGH", repeat=3), TICKERS - 2))
DAYS = tuple(day_start_us(f"2026-01-{day:02d}") for day in (2, 5))


def answer(effect: Fetch, at_us: int) -> Answer:
    if effect.call.capability == "news":
        return Answer(news=())
    timeframe = effect.call.timeframe
    quote = QuoteAnswer(price=100.0, market_time_us=at_us) if timeframe != "1h" else None
    starts = DAYS if timeframe == "1d" else tuple(day + 15 * HOUR_US for day in DAYS)
    return Answer(quote=quote, bars=flat(*starts) if timeframe else None)


class Market:
    """A collector of many tickers, whose every call is answered after a moment."""

    def __init__(self, options: Options) -> None:
        self.deck: Deck[Collector] = given(build(options), ("14:00", SESSIONS))
        self.now_us = START
        self.deck.tell(START, Open())

    def calls(self) -> list[tuple[int, SourceCalled]]:
        return [
            (fact.at_us, fact.event)
            for fact in self.deck.facts
            if isinstance(fact.event, SourceCalled)
        ]

    def step(self) -> bool:
        """Make and answer the calls that are due, or wait; False at the end of the cycle."""
        tick = self.deck.tick(self.now_us)
        effects = [one for one in self.deck.effects if isinstance(one, Fetch)]
        self.deck.effects.clear()
        for effect in effects:
            self.now_us += ANSWER_US
            told = Fetched(effect.call, self.now_us, answer(effect, self.now_us))
            self.deck.tell(self.now_us, told)
        if not effects:
            self.now_us = max(self.now_us + 1, tick.next_us or 0)
        return self.deck.state.cycle is not None

    def run(self, until_us: int = 2**62) -> None:
        while self.now_us < until_us and self.step():
            pass


def watching(count: int = TICKERS, *sources: Declaration) -> Options:
    names = NAMES[: count - 2]
    found = sources or OPTIONS.real
    return replace(OPTIONS, sources=found, watchlist=names, interval_seconds=3_600)


@pytest.fixture(scope="module")
def cycled() -> Market:
    market = Market(watching())
    market.run()
    return market


def densest(stamps: list[int], window_us: int) -> int:
    first, most = 0, 0
    for last, at_us in enumerate(stamps):
        while stamps[first] <= at_us - window_us:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_every_symbol_is_brought_once_within_the_budgets(cycled: Market) -> None:
    finished = next(e for e in cycled.deck.said if isinstance(e, CycleFinished))
    assert (finished.asked, finished.brought, finished.missing) == (TICKERS, TICKERS, ())
    asked = Counter((call.source, call.ticker, call.timeframe) for _, call in cycled.calls())
    assert set(asked.values()) == {1}
    for source, limit in (("finnhub", 55), ("yahoo", 27)):
        stamps = [at_us for at_us, call in cycled.calls() if call.source == source]
        assert densest(stamps, 60_000_000) <= limit
        minutes = (stamps[-1] - stamps[0]) / 60e6
        assert len(stamps) / minutes > 0.9 * limit  # and nothing of the budget is left lying


def test_the_protected_symbols_go_first(cycled: Market) -> None:
    first = {
        source: [call.ticker for _, call in cycled.calls() if call.source == source]
        for source in ("finnhub", "yahoo")
    }
    assert first["finnhub"][:2] == ["SPY", "QQQ"]
    assert set(first["yahoo"][:4]) == {"SPY", "QQQ"}


def test_who_asks_in_the_middle_of_it_is_answered_at_once() -> None:
    market = Market(watching())
    market.run(START + 120_000_000)
    wanted = NAMES[-1]
    before = len(market.deck.facts)
    asked_us = market.now_us
    market.deck.tell(asked_us, FetchNow(wanted))
    for _ in range(4):
        market.step()
    told = [fact.event for fact in market.deck.facts[before:]]
    kinds = {
        e.timeframe or e.capability
        for e in told
        if isinstance(e, SourceCalled) and e.ticker == wanted
    }
    assert kinds == {"quote", "1d", "1h"}
    assert market.now_us - asked_us < 3_000_000


def test_what_waits_is_told_by_lane_with_its_oldest_wish_and_who_is_next() -> None:
    market = Market(watching())
    market.run(START + 30_000_000)
    market.deck.tell(market.now_us, FetchNow(NAMES[-1]))
    told = market.deck.ask(market.now_us, CollectorStatus()).reply
    assert isinstance(told, CollectorState)
    brought = {
        kind: sum(
            market.deck.state.of(one).lane(kind).answered_us > 0
            for one in market.deck.state.watchlist
        )
        for kind in KINDS
    }
    queues = {(one.source, one.lane): one for one in told.queues}
    assert set(queues) == {("finnhub", "quote"), ("yahoo", "1d"), ("yahoo", "1h")}
    quotes, days = queues["finnhub", "quote"], queues["yahoo", "1d"]
    assert (quotes.waiting, quotes.asked) == (TICKERS - brought["quote"], 1)
    assert (days.waiting, days.asked) == (TICKERS - brought["1d"], 1)
    assert quotes.first[0] == days.first[0] == NAMES[-1]
    assert (quotes.oldest_us, days.oldest_us) == (START, START)
    assert told.resting == TICKERS - brought["1d"]  # an hour waits for its day


def test_a_cycle_that_was_cut_short_goes_on_where_it_was() -> None:
    slow = replace(finnhub.DECLARED, per_minute=5, reserve_per_minute=0)
    market = Market(watching(500, slow))
    while market.now_us < START + 2 * HOUR_US:
        market.step()
    asked = Counter(call.ticker for _, call in market.calls())
    others = [asked[name] for name in NAMES]
    assert asked["SPY"] == asked["QQQ"] == 2
    assert max(others) - min(others) <= 1


def steps_of(work: Callable[[], object]) -> int:
    """How many functions are called meanwhile: a measure of work that no busy machine changes."""
    steps = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return steps


def work_of_a_call(count: int) -> tuple[float, float]:
    """What it costs to make a call, and to take its answer, once a cycle has well begun."""
    market = Market(watching(count))
    market.run(START + 2_000_000)
    made, ticks, answers = 0, 0, 0
    for _ in range(20):
        deck = market.deck
        market.now_us += 1_000_000
        ticks += steps_of(lambda: market.deck.tick(market.now_us))
        effects = [one for one in deck.effects if isinstance(one, Fetch)]
        deck.effects.clear()
        for effect in effects:
            told = Fetched(effect.call, market.now_us, answer(effect, market.now_us))
            answers += steps_of(partial(market.deck.tell, market.now_us, told))
            made += 1
    return ticks / made, answers / made


def test_the_work_of_a_call_and_of_its_answer_does_not_grow_with_the_number_of_symbols() -> None:
    few, many = work_of_a_call(100), work_of_a_call(500)
    assert all(more <= 1.1 * less for more, less in zip(many, few, strict=True)), (few, many)


@pytest.mark.parametrize("count", [50, 500])
def test_what_is_kept_of_a_symbol_does_not_grow_with_their_number(count: int) -> None:
    market = Market(watching(count))
    market.run()
    size = len(msgspec.msgpack.encode(market.deck.state.series))
    assert size / count < 700
