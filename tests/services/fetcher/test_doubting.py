"""What the whole collector publishes, holds and refuses when a price jumps."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bus.testing import Deck, given, microseconds
from market.messages.fetcher import Bars, FetchNow, FetchRefused, Quote, Source
from market.sessions import day_start_us
from services.fetcher.actor import build
from services.fetcher.core.answers import Answer, Columns, QuoteAnswer
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import Collector
from services.fetcher.effects import Fetch, Fetched, Open
from tests.services.fetcher.kit import KEYLESS, OPTIONS, table

SESSIONS = table("2025-01-06", "2027-01-04")
DATES = ("2025-12-29", "2025-12-30", "2025-12-31", "2026-01-02", "2026-01-05")
DAYS = tuple(map(day_start_us, DATES))


class Served:
    """Two sources that answer what they are told to, at once."""

    def __init__(self, options: Options) -> None:
        real = replace(options, sources=options.real)
        self.deck: Deck[Collector] = given(build(real), ("14:00", SESSIONS))
        self.price: dict[Source, float] = {"finnhub": 100.0, "yahoo": 100.0}
        self.at_us = 0

    def play(self, at: str) -> None:
        self.at_us = microseconds(at)
        for _ in range(100):
            self.deck.tick(self.at_us)
            effects = [one for one in self.deck.effects if isinstance(one, Fetch)]
            self.deck.effects.clear()
            if not effects:
                return
            for effect in effects:
                answer = self.answer(effect)
                self.deck.tell(self.at_us, Fetched(effect.call, self.at_us, answer))
        raise AssertionError("it asks for ever")

    def answer(self, effect: Fetch) -> Answer:
        price = self.price[effect.call.source]
        quote = QuoteAnswer(price=price, market_time_us=self.at_us)
        if effect.call.source == "finnhub":
            return Answer(quote=quote, answer_hash="of finnhub")
        hours = tuple(day + 52_200_000_000 for day in DAYS)
        daily = effect.call.timeframe != "1h"
        rows = (100.0, 101.0, 100.0, 99.0, price)
        columns = Columns(
            start_us=DAYS if daily else hours,
            open=rows,
            high=rows,
            low=rows,
            close=rows,
            volume=(1.0,) * 5,
            splits=(1.0,) * 5,
            dividends=(0.0,) * 5,
        )
        return Answer(quote=quote if daily else None, bars=columns, answer_hash="of yahoo")

    @property
    def prices(self) -> set[float]:
        """Every price of SPY on the tape."""
        told = [event for event in self.deck.said if isinstance(event, Quote | Bars)]
        spy = [event for event in told if event.ticker == "SPY"]
        closes = {close for event in spy if isinstance(event, Bars) for close in event.close}
        return closes | {event.price for event in spy if isinstance(event, Quote)}

    @property
    def refusals(self) -> list[FetchRefused]:
        told = [event for event in self.deck.said if isinstance(event, FetchRefused)]
        return [event for event in told if event.ticker == "SPY"]


def opened(options: Options = OPTIONS) -> Served:
    served = Served(options)
    served.deck.tell("15:00", Open())
    served.play("15:00")
    assert served.refusals == []
    return served


def test_a_fall_that_both_sources_tell_is_published_at_once() -> None:
    served = opened()
    served.price = {"finnhub": 70.0, "yahoo": 70.5}
    served.play("15:05:20")
    assert {70.5} <= served.prices
    assert [(one.source, one.reason, one.value) for one in served.refusals] == [
        ("finnhub", "doubtful", 70.0)
    ]


@pytest.mark.parametrize("wrong", [1_000.0, 10_000.0, 1.0, 60.0])
def test_a_price_that_one_source_alone_tells_for_a_moment_never_reaches_the_tape(
    wrong: float,
) -> None:
    served = opened()
    served.price["finnhub"] = wrong
    served.play("15:05:20")
    served.price["finnhub"] = 100.0
    served.play("15:10:20")
    assert wrong not in served.prices
    (refused,) = served.refusals
    assert (refused.capability, refused.reason, refused.value) == ("quote", "doubtful", wrong)
    assert refused.answer_hash == "of finnhub"
    assert served.deck.state.gate_of("finnhub", "quote").state == "closed"


@pytest.mark.parametrize("wrong", [1_000.0, 10_000.0, 1.0, 60.0])
def test_a_bar_that_jumps_for_a_moment_never_reaches_the_tape_and_stops_no_other(
    wrong: float,
) -> None:
    served = opened(KEYLESS)
    served.price["yahoo"] = wrong
    served.play("15:05:20")
    served.price["yahoo"] = 102.0
    served.play("15:06:30")
    assert wrong not in served.prices
    assert 102.0 in served.prices
    assert {(one.reason, one.answer_hash) for one in served.refusals} == {("doubtful", "of yahoo")}


def test_alone_a_source_is_believed_when_it_says_the_same_a_minute_later() -> None:
    served = opened(KEYLESS)
    served.price["yahoo"] = 70.0
    served.play("15:05:20")
    assert 70.0 not in served.prices
    served.play("15:06:20")
    assert 70.0 in served.prices
    held = [one.retry_at_us for one in served.refusals]
    assert set(held) == {microseconds("15:06:20")}


def test_another_unit_is_not_believed_however_often_it_is_asked_for_within_a_day() -> None:
    served = opened(KEYLESS)
    served.price["yahoo"] = 10_000.0
    for minute in range(6, 50, 4):
        at = f"15:{minute:02d}"
        served.deck.tell(at, FetchNow("SPY"))
        served.play(at)
    assert 10_000.0 not in served.prices
