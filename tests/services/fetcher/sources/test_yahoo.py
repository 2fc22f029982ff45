"""What is made of Yahoo's charts: prices as they were traded, and the last price beside them."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.testing import microseconds
from market.messages.fetcher import SourceCalled, Timeframe
from market.sessions import HOUR_US, day_start_us
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.effects import Fetch
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import read, yahoo
from tests.conformance.source import STATUSES, Sample, SourceConformance
from tests.fakes import chart
from tests.fakes.wire import html_answer
from tests.fakes.yahoo import TOO_MANY_REQUESTS
from tests.services.fetcher.kit import MARKET, World, http_answer

NOW_US = microseconds("2026-01-05T16:00:00")
JSON = {"content-type": "application/json;charset=utf-8"}
PRICES = ("open", "high", "low", "close")

# A chart's body is edited where its shape is known, so it stays plain JSON values here.
Json = dict[str, Any]


def asked(ticker: str, timeframe: Timeframe | None = "1d") -> Fetch:
    return Fetch(
        SourceCalled("yahoo", "bars" if timeframe else "quote", ticker, timeframe), NOW_US, 0
    )


def seconds(instant: str) -> int:
    return microseconds(instant) // 1_000_000


def split_chart() -> Json:
    """Four days around the split of NVDA in 2024: ten shares for one on June 10th."""
    opens = [seconds(f"2024-06-{day:02d}T13:30:00") for day in (6, 7, 10, 11)]
    return {
        "meta": {
            "symbol": "NVDA",
            "exchangeTimezoneName": "America/New_York",
            "regularMarketPrice": 121.0,
            "regularMarketTime": seconds("2024-06-11T20:00:00"),
            "regularMarketVolume": 250,
        },
        "timestamp": opens,
        "events": {
            "splits": {"1": {"date": opens[2], "numerator": 10.0, "denominator": 1.0}},
            "dividends": {
                "2": {"date": opens[1], "amount": 0.001},
                "3": {"date": opens[3], "amount": 0.01},
            },
        },
        "indicators": {
            "quote": [
                {
                    "open": [121.0, 119.8, 120.4, 121.8],
                    "high": [125.6, 121.7, 123.1, 122.9],
                    "low": [118.3, 118.0, 117.0, 118.7],
                    "close": [121.0, 120.9, 121.8, 120.9],
                    "volume": [6640, 4120, 308, 222],
                }
            ]
        },
    }


def raw(result: Json) -> RawAnswer:
    body = {"chart": {"result": [result], "error": None}}
    return RawAnswer(200, JSON, json.dumps(body).encode())


def parsed(result: Json, timeframe: Timeframe = "1d", ticker: str = "NVDA") -> Answer:
    answer = read(yahoo, raw(result), asked(ticker, timeframe))
    assert isinstance(answer, Answer)
    return answer


def refused(result: Json, timeframe: Timeframe = "1d", ticker: str = "NVDA") -> Failure:
    answer = read(yahoo, raw(result), asked(ticker, timeframe))
    assert isinstance(answer, Failure)
    return answer


def test_prices_before_a_split_are_told_as_they_were_traded() -> None:
    bars = parsed(split_chart()).bars
    assert bars
    assert bars.start_us == tuple(
        day_start_us(f"2024-06-{day}") for day in ("06", "07", "10", "11")
    )
    assert bars.close == pytest.approx((1_210.0, 1_209.0, 121.8, 120.9))
    assert bars.volume == (664.0, 412.0, 308.0, 222.0)
    assert bars.splits == (1.0, 1.0, 10.0, 1.0)
    assert bars.dividends == pytest.approx((0.0, 0.01, 0.0, 0.01))


def test_a_split_whose_day_has_no_row_yet_is_undone_all_the_same() -> None:
    result = split_chart()
    result["timestamp"] = result["timestamp"][:2]
    columns = result["indicators"]["quote"][0]
    result["indicators"]["quote"][0] = {name: cells[:2] for name, cells in columns.items()}
    bars = parsed(result).bars
    assert bars
    assert bars.close == pytest.approx((1_210.0, 1_209.0))
    assert bars.splits == (1.0, 1.0)


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 2.0, 10.0, 0.1]), min_size=1, max_size=4))
def test_dividing_by_the_later_splits_gives_yahoos_prices_again(ratios: list[float]) -> None:
    result = split_chart()
    result["events"]["splits"] = {
        str(n): {"date": result["timestamp"][n], "numerator": ratio * 10, "denominator": 10}
        for n, ratio in enumerate(ratios)
        if ratio
    }
    bars = parsed(result).bars
    assert bars
    for row, served in enumerate(result["indicators"]["quote"][0]["close"]):
        assert bars.close[row] / math.prod(bars.splits[row + 1 :]) == pytest.approx(served)


@pytest.mark.parametrize(
    "split",
    [
        {"numerator": 0.0, "denominator": 1.0},
        {"numerator": 10.0, "denominator": 0.0},
        {"numerator": -2.0, "denominator": 1.0},
        {"numerator": 1e300, "denominator": 1e-300},
    ],
)
def test_a_split_that_is_none_spoils_the_chart(split: Json) -> None:
    result = split_chart()
    result["events"]["splits"]["1"] |= split
    assert refused(result).reason == "invalid"


def test_the_quote_has_the_day_around_it_and_the_close_before() -> None:
    quote = parsed(split_chart()).quote
    assert quote
    assert (quote.price, quote.open, quote.high, quote.low) == (121.0, 121.8, 122.9, 118.7)
    assert (quote.previous_close, quote.volume) == (121.8, 250.0)
    assert quote.market_time_us == microseconds("2024-06-11T20:00:00")


def test_before_the_first_trade_of_a_day_the_last_row_is_the_close_before() -> None:
    early = split_chart()
    early["meta"]["regularMarketTime"] = seconds("2024-06-12T13:30:01")
    quote = parsed(early).quote
    assert quote
    assert (quote.open, quote.high, quote.low, quote.previous_close) == (None, None, None, 120.9)


def test_a_chart_without_a_price_has_bars_and_no_quote() -> None:
    result = split_chart()
    del result["meta"]["regularMarketPrice"]
    answer = parsed(result)
    assert answer.bars
    assert answer.quote is None


def test_a_row_without_any_price_is_no_row_and_one_without_some_is_counted() -> None:
    result = split_chart()
    columns = result["indicators"]["quote"][0]
    for name in PRICES:
        columns[name][1] = None
    assert len(parsed(result).bars or ()) == 3
    assert parsed(result).refused_rows == 0
    columns["close"][2] = None
    answer = parsed(result)
    assert (len(answer.bars or ()), answer.refused_rows) == (2, 1)


def test_a_day_that_is_told_twice_counts_as_it_was_told_last() -> None:
    result = split_chart()
    result["timestamp"].append(seconds("2024-06-11T18:07:13"))
    for name, cells in result["indicators"]["quote"][0].items():
        cells.append({"open": 121.8, "high": 123.0, "low": 118.7, "close": 121.0}.get(name, 230))
    bars = parsed(result).bars
    assert bars
    assert len(bars) == 4
    assert (bars.high[-1], bars.close[-1], bars.volume[-1]) == (123.0, 121.0, 230.0)


def test_a_price_told_again_in_place_of_a_day_leaves_the_day_its_range_and_volume() -> None:
    result = split_chart()
    told = parsed(split_chart()).bars
    result["timestamp"].append(seconds("2024-06-11T20:00:00"))
    for name, cells in result["indicators"]["quote"][0].items():
        cells.append(0 if name == "volume" else cells[-1] if name == "close" else 120.5)
    for name in PRICES:
        result["indicators"]["quote"][0][name][-1] = 120.5
    bars = parsed(result).bars
    assert told
    assert bars
    assert (bars.high[-1], bars.low[-1], bars.volume[-1]) == (
        max(told.high[-1], 120.5),
        min(told.low[-1], 120.5),
        told.volume[-1],
    )
    assert bars.close[-1] == 120.5


def hours(*rows: tuple[str, float, float]) -> Json:
    """Rows of an hourly chart whose session ends at 20:00 UTC: when, price, volume."""
    result = split_chart()
    del result["events"]
    result["timestamp"] = [seconds(f"2024-06-11T{at}") for at, _, _ in rows]
    result["meta"]["tradingPeriods"] = [
        [{"start": seconds("2024-06-11T13:30:00"), "end": seconds("2024-06-11T20:00:00")}]
    ]
    prices = [price for _, price, _ in rows]
    columns = dict.fromkeys(PRICES, prices) | {"volume": [volume for _, _, volume in rows]}
    result["indicators"]["quote"] = [columns]
    return result


def test_the_last_trade_is_part_of_the_hour_it_falls_into() -> None:
    bars = parsed(
        hours(("17:30:00", 120.0, 9.0), ("18:30:00", 121.0, 8.0), ("18:47:03", 122.0, 0.0)), "1h"
    ).bars
    assert bars
    assert bars.start_us[-1] - bars.start_us[0] == HOUR_US
    assert (bars.open[-1], bars.high[-1], bars.low[-1], bars.close[-1]) == (
        121.0,
        122.0,
        121.0,
        122.0,
    )
    assert bars.volume[-1] == 8.0


def test_of_two_last_trades_both_are_part_of_the_hour() -> None:
    rows = (("17:30:00", 120.0, 9.0), ("18:30:00", 121.0, 8.0))
    live = (("18:46:03", 119.0, 0.0), ("18:47:03", 122.0, 0.0))
    bars = parsed(hours(*rows, *live), "1h").bars
    assert bars
    assert (bars.high[-1], bars.low[-1], bars.close[-1]) == (122.0, 119.0, 122.0)
    assert len(bars) == 2


@pytest.mark.parametrize("named", [False, True])
def test_the_row_that_stands_at_the_close_is_none(*, named: bool) -> None:
    rows = (("18:30:00", 120.0, 9.0), ("19:30:00", 121.0, 8.0), ("20:00:00", 122.0, 0.0))
    result = hours(*rows)
    days = result["meta"]["tradingPeriods"]
    result["meta"]["tradingPeriods"] = {"pre": [], "regular": days} if named else days
    bars = parsed(result, "1h").bars
    assert bars
    assert bars.close == (120.0, 121.0)


def test_an_hourly_chart_brings_no_quote() -> None:
    assert parsed(hours(("18:30:00", 120.0, 9.0)), "1h").quote is None


@pytest.mark.parametrize("stamp", [-1, 1_718_000_000_000, 2**62])
def test_a_stamp_that_is_none_spoils_the_chart(stamp: int) -> None:
    result = split_chart()
    result["timestamp"][0] = stamp
    assert refused(result).reason == "invalid"


@pytest.mark.parametrize("zone", ["", "Nowhere/Near", "../etc/passwd", "America", "x" * 999])
def test_a_zone_that_is_none_spoils_the_chart(zone: str) -> None:
    result = split_chart()
    result["meta"]["exchangeTimezoneName"] = zone
    assert refused(result).reason == "invalid"


def test_columns_of_different_lengths_spoil_the_chart() -> None:
    result = split_chart()
    result["indicators"]["quote"][0]["close"].pop()
    assert refused(result).message == "the chart is none: its columns differ in length"


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
    effect = asked("NVDA", None)
    found = yahoo.ask(effect, world.ports)
    assert isinstance(found, RawAnswer)
    answer = read(yahoo, found, effect)
    assert isinstance(answer, Answer)
    assert answer.quote
    assert world.child.asked == [("NVDA", "5d", "1d")]


def served(ticker: str, timeframe: Timeframe, named: str) -> RawAnswer:
    """What the imitation answers; its shape follows recorded charts."""
    query = {"range": named, "interval": timeframe, "events": "div,splits"}
    return http_answer(chart.chart_answer(MARKET.history(ticker, NOW_US / 1e6), query))


def test_the_nvda_split_of_2024_shows_in_five_years_of_days() -> None:
    answer = read(yahoo, served("NVDA", "1d", "5y"), asked("NVDA"))
    assert isinstance(answer, Answer)
    assert answer.bars
    row = answer.bars.start_us.index(day_start_us("2024-06-10"))
    assert answer.bars.splits[row] == 10.0
    assert answer.bars.close[row - 1] / answer.bars.close[row] == pytest.approx(10, rel=0.2)


class TestYahoo(SourceConformance):
    source = yahoo
    statuses = STATUSES | {401: "provider_error", 403: "provider_error"}
    samples = (
        Sample("days", asked("SPY"), served("SPY", "1d", "1mo"), "answer"),
        Sample("hours", asked("SPY", "1h"), served("SPY", "1h", "5d"), "answer"),
        Sample("a price", asked("SPY", None), served("SPY", "1d", "5d"), "answer"),
        Sample("unknown", asked("ZZZZ"), http_answer(chart.NOT_FOUND), "unknown_symbol"),
        Sample("throttled", asked("SPY"), http_answer(TOO_MANY_REQUESTS), "rate_limited"),
        Sample("a page", asked("SPY"), http_answer(html_answer(200, "Welcome")), "provider_error"),
    )
    of_another = Sample("another's", asked("AMD"), served("SPY", "1d", "5d"), "invalid")


RECORDED = {
    "yahoo_chart_AAPL_1d_range1d_2025-02-19.json": ("AAPL", 200, 244.47),
    "yahoo_chart_NVDA_1d_range1d_2026-09-27.json": ("NVDA", 200, 225.07),
    "yahoo_chart_error_notfound.json": ("ZZZZ", 404, "unknown_symbol"),
    "yahoo_chart_error_1h_too_old.json": ("SPY", 422, "no_data"),
    "yahoo_429.txt": ("SPY", 429, "rate_limited"),
}


@pytest.mark.skipif(
    "TAPEDECK_SHARED_DATA" not in os.environ,
    reason="real recorded answers are where TAPEDECK_SHARED_DATA points to, and it is not set",
)
@pytest.mark.parametrize("name", RECORDED)
def test_real_recorded_answers_mean_what_they_meant(name: str) -> None:
    ticker, status, meant = RECORDED[name]
    body = (Path(os.environ["TAPEDECK_SHARED_DATA"]) / "recorded" / name).read_bytes()
    answer = read(yahoo, RawAnswer(status, JSON, body), asked(ticker))
    if isinstance(answer, Failure):
        assert answer.reason == meant
    else:
        assert answer.bars
        assert answer.quote
        assert answer.quote.price == meant == round(answer.bars.close[-1], 2)
