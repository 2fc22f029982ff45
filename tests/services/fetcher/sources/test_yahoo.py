"""What is made of Yahoo's charts: prices as they were traded, and the last price beside them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bus.testing import microseconds
from market.messages.fetcher import Reason, SourceCalled, Timeframe
from market.sessions import day_start_us
from services.fetcher.child.frames import AskChart, Chart, Failed
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.effects import Fetch
from services.fetcher.sources import yahoo
from tests.services.fetcher.kit import World, chart

NOW_US = microseconds("2026-01-05T16:00:00")
DAYS = tuple(day_start_us(f"2024-06-{day:02d}") for day in (6, 7, 10, 11))
SPLIT = Chart(
    symbol="NVDA",
    price=121.0,
    market_time_us=microseconds("2024-06-11T20:00:00"),
    day_volume=250.0,
    start_us=list(DAYS),
    open=[121.0, 119.8, 120.4, 121.8],
    high=[125.6, 121.7, 123.1, 122.9],
    low=[118.3, 118.0, 117.0, 118.7],
    close=[121.0, 120.9, 121.8, 120.9],
    volume=[6_640.0, 4_120.0, 308.0, 222.0],
    splits=[0.0, 0.0, 10.0, 0.0],
    dividends=[0.0, 0.001, 0.0, 0.01],
    answer_hash="hash",
)


def test_prices_before_a_split_are_told_as_they_were_traded() -> None:
    answer = yahoo.parse_chart(SPLIT, "NVDA", "1d")
    assert isinstance(answer, Answer)
    assert answer.bars
    assert answer.bars.close == pytest.approx((1_210.0, 1_209.0, 121.8, 120.9))
    assert answer.bars.volume == (664.0, 412.0, 308.0, 222.0)
    assert answer.bars.splits == (1.0, 1.0, 10.0, 1.0)
    assert answer.bars.dividends == pytest.approx((0.0, 0.01, 0.0, 0.01))
    assert answer.answer_hash == "hash"


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 2.0, 10.0, 0.1]), min_size=1, max_size=20))
def test_dividing_by_the_later_splits_gives_yahoos_prices_again(splits: list[float]) -> None:
    size = len(splits)
    served = [100.0 + row for row in range(size)]
    found = replace(
        SPLIT,
        start_us=list(range(size)),
        splits=splits,
        **dict.fromkeys(("open", "high", "low", "close", "volume", "dividends"), served),
    )
    traded = yahoo.as_traded(found)
    for row in range(size):
        later = math.prod(traded.splits[row + 1 :])
        assert traded.close[row] / later == pytest.approx(served[row])
        assert traded.volume[row] * later == pytest.approx(served[row])


def test_the_quote_has_the_day_around_it_and_the_close_before() -> None:
    answer = yahoo.parse_chart(SPLIT, "NVDA", "1d")
    assert isinstance(answer, Answer)
    assert answer.quote
    quote = answer.quote
    assert (quote.price, quote.open, quote.high, quote.low) == (121.0, 121.8, 122.9, 118.7)
    assert (quote.previous_close, quote.volume) == (121.8, 250.0)


def test_before_the_first_trade_of_a_day_the_last_row_is_the_close_before() -> None:
    early = replace(SPLIT, market_time_us=microseconds("2024-06-12T13:30:01"))
    quote = yahoo.quote_of(early)
    assert quote
    assert (quote.open, quote.high, quote.low, quote.previous_close) == (None, None, None, 120.9)


def test_a_chart_without_a_price_has_bars_and_no_quote() -> None:
    answer = yahoo.parse_chart(replace(SPLIT, price=None), "NVDA", "1d")
    assert isinstance(answer, Answer)
    assert answer.bars
    assert answer.quote is None


def test_an_hourly_chart_brings_no_quote() -> None:
    answer = yahoo.parse_chart(SPLIT, "NVDA", "1h")
    assert isinstance(answer, Answer)
    assert answer.quote is None


def test_a_chart_of_another_symbol_is_refused() -> None:
    answer = yahoo.parse_chart(SPLIT, "AMD", "1d")
    assert answer == Failure("invalid", "the answer is about 'NVDA'", None, "hash")


def test_a_row_that_is_none_is_left_out_and_counted() -> None:
    spoiled = replace(SPLIT, close=[*SPLIT.close[:-1], math.nan])
    answer = yahoo.parse_chart(spoiled, "NVDA", "1d")
    assert isinstance(answer, Answer)
    assert answer.bars
    assert (len(answer.bars), answer.refused_rows) == (3, 1)


@pytest.mark.parametrize(
    ("status", "kinds", "reason"),
    [
        (404, ["StatusError"], "unknown_symbol"),
        (422, ["StatusError"], "no_data"),
        (400, ["StatusError"], "no_data"),
        (429, ["StatusError"], "rate_limited"),
        (401, ["StatusError"], "provider_error"),
        (403, ["StatusError"], "provider_error"),
        (302, ["StatusError"], "provider_error"),
        (503, ["StatusError"], "provider_error"),
        (0, ["YFRateLimitError", "YFException"], "rate_limited"),
        (0, ["YFPricesMissingError", "YFTickerMissingError", "YFException"], "no_data"),
        (0, ["YFDataException", "YFException"], "provider_error"),
        (0, ["JSONDecodeError", "ValueError"], "provider_error"),
        (0, ["IncompleteRead", "RequestException", "CurlError", "OSError"], "unreachable"),
        (0, ["Late"], "unreachable"),
        (0, ["Ended"], "provider_error"),
        (0, ["ModuleNotFoundError", "ImportError"], "provider_error"),
        (0, ["KeyError", "LookupError"], "invalid"),
        (0, ["ValueError"], "invalid"),
        (0, [], "invalid"),
    ],
)
def test_every_error_of_the_child_has_its_class(
    status: int, kinds: list[str], reason: Reason
) -> None:
    failure = yahoo.failure_of(Failed(kinds=kinds, message="why", status=status))
    assert failure.reason == reason
    assert "why" in failure.message


@pytest.mark.parametrize(
    ("timeframe", "days", "period"),
    [
        ("1d", None, "5y"),
        ("1d", 0.1, "5d"),
        ("1d", 4, "5d"),
        ("1d", 5, "1mo"),
        ("1d", 60, "3mo"),
        ("1d", 200, "1y"),
        ("1d", 900, "5y"),
        ("1h", None, "730d"),
        ("1h", 1, "5d"),
        ("1h", 20, "1mo"),
        ("1h", 100, "730d"),
    ],
)
def test_the_look_back_joins_what_is_known(
    timeframe: Timeframe, days: float | None, period: str
) -> None:
    latest_us = 0 if days is None else NOW_US - round(days * 86_400e6)
    assert yahoo.period(timeframe, NOW_US, latest_us) == period


def test_a_quote_alone_is_asked_for_by_the_shortest_chart() -> None:
    world = World()
    world.clock.now_us = NOW_US
    call = SourceCalled("yahoo", "quote", "NVDA")
    answer = yahoo.fetch(Fetch(call, NOW_US, 0), world.ports)
    assert isinstance(answer, Answer)
    assert answer.quote
    assert world.child.asked == [("NVDA", "5d", "1d")]


def test_the_nvda_split_of_2024_shows_in_five_years_of_days() -> None:
    found = chart(AskChart("NVDA", "5y", "1d", 9.0), NOW_US / 1e6)
    assert isinstance(found, Chart)
    answer = yahoo.parse_chart(found, "NVDA", "1d")
    assert isinstance(answer, Answer)
    assert answer.bars
    row = answer.bars.start_us.index(day_start_us("2024-06-10"))
    assert answer.bars.splits[row] == 10.0
    assert answer.bars.close[row - 1] / answer.bars.close[row] == pytest.approx(10, rel=0.2)
