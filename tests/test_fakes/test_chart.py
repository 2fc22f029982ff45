"""The imitated Yahoo chart answers as the recorded one did, oddities included."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.bars import single
from tests.fakes.chart import chart_answer
from tests.fakes.listings import LISTINGS
from tests.fakes.market import Market, history
from tests.test_fakes.moments import CLOSED, OPEN
from tests.test_fakes.recorded import recorded, shape


def ask(symbol: str, at_seconds: float, **query: str) -> tuple[int, Any]:
    answer = chart_answer(history(LISTINGS[symbol], int(at_seconds)), query)
    return answer.status, json.loads(answer.body)


def result(symbol: str, at_seconds: float, **query: str) -> Any:
    status, body = ask(symbol, at_seconds, **query)
    assert (status, body["chart"]["error"]) == (200, None)
    return body["chart"]["result"][0]


def columns(chart: Any) -> list[tuple[float, ...]]:
    """Rows of (stamp, open, high, low, close, volume)."""
    quote = chart["indicators"]["quote"][0]
    names = ("open", "high", "low", "close", "volume")
    return list(zip(chart["timestamp"], *(quote[name] for name in names), strict=True))


def test_a_daily_answer_has_the_recorded_fields_and_types() -> None:
    status, body = ask("NVDA", CLOSED, range="1d", interval="1d")
    real = recorded("yahoo_chart_NVDA_1d_range1d_2026-09-27.json")
    assert (status, shape(body)) == (200, shape(real))


def test_an_older_recording_has_no_field_that_is_not_served() -> None:
    real = recorded("yahoo_chart_AAPL_1d_range1d_2025-02-19.json")["chart"]["result"][0]["meta"]
    served = shape(result("AAPL", CLOSED, range="1d")["meta"])
    assert {name: served.get(name) for name in real} == shape(real)


def test_an_intraday_answer_of_an_open_market_has_the_recorded_rows() -> None:
    real = recorded("yahoo_chart_AAPL_5m_open_session_2026-10-05.json")
    served = result("AAPL", OPEN, range="1d", interval="5m")
    assert shape(served["timestamp"]) == shape(real["timestamp"])
    quote = served["indicators"]["quote"][0]
    names = ("open", "high", "low", "close", "volume")
    assert {name: shape(quote[name]) for name in names} == {
        name: shape(real[name]) for name in names
    }
    meta = {name: served["meta"].get(name) for name in real["meta_part"]}
    assert shape(meta) == shape(real["meta_part"])
    for at, answer in ((real, real["meta_part"]), (served, served["meta"])):
        assert at["timestamp"][-1] == answer["regularMarketTime"]
        assert at["timestamp"][-1] % 300 != 0


def test_the_hours_of_a_closed_day_end_with_the_recorded_row_at_the_close() -> None:
    real = recorded("yahoo_chart_MSFT_1h_tail_2026-09-25.json")
    served = result("MSFT", CLOSED, range="1d", interval="1h")
    assert served["timestamp"] == real["timestamp"]
    quote = served["indicators"]["quote"][0]
    assert (quote["volume"][-1], real["volume"][-1]) == (0, 0)
    assert quote["open"][-1] == quote["close"][-1] == quote["close"][-2]
    assert "adjclose" not in served["indicators"]
    previous = Market().truth("MSFT", CLOSED).daily[-2].close
    meta = served["meta"]
    assert (meta["scale"], meta["previousClose"]) == (3, pytest.approx(previous))


def test_daily_rows_are_the_market_s_own_sessions() -> None:
    truth = Market().truth("NVDA", CLOSED)
    served = result("NVDA", CLOSED, range="5y", interval="1d")
    rows = columns(served)
    assert len(rows) > 1_250
    assert rows == [
        (bar.start_seconds, bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in truth.daily[-len(rows) :]
    ]
    assert served["indicators"]["adjclose"] == [
        {"adjclose": list(truth.adjusted_closes[-len(rows) :])}
    ]


def test_the_daily_row_of_an_open_session_is_stamped_with_the_last_trade() -> None:
    truth = Market().truth("SPY", OPEN)
    served = result("SPY", OPEN, range="5d", interval="1d")
    today = truth.daily[-1]
    assert served["timestamp"][-1] == truth.quote.at_seconds
    assert columns(served)[-1][1:] == (today.open, today.high, today.low, today.close, today.volume)


@pytest.mark.parametrize("at_seconds", [OPEN, CLOSED])
def test_hourly_rows_are_the_market_s_own_hours_and_one_more(at_seconds: float) -> None:
    truth = Market().truth("QQQ", at_seconds)
    served = result("QQQ", at_seconds, range="730d", interval="1h")
    *rows, live = columns(served)
    assert len(rows) > 5_000
    assert rows == [
        (bar.start_seconds, bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in truth.hourly[-len(rows) :]
    ]
    price = single([truth.quote.price])[0]
    assert live == (truth.quote.at_seconds, price, price, price, price, 0)


@pytest.mark.parametrize(
    ("interval", "rows"), [("1m", 390), ("5m", 78), ("15m", 26), ("90m", 5), ("4h", 2), ("60m", 7)]
)
def test_all_intervals_of_a_day_tell_the_same_day(interval: str, rows: int) -> None:
    *bars, live = columns(result("AAPL", CLOSED, range="1d", interval=interval))
    day = Market().truth("AAPL", CLOSED).daily[-1]
    assert len(bars) == rows
    assert (bars[0][1], max(bar[2] for bar in bars), min(bar[3] for bar in bars)) == (
        day.open,
        day.high,
        day.low,
    )
    assert (bars[-1][4], sum(bar[5] for bar in bars), live[4]) == (day.close, day.volume, day.close)


def test_two_instants_choose_the_rows_between_them() -> None:
    daily = Market().truth("SPY", CLOSED).daily
    chosen = daily[-10:-5]
    query = {"period1": str(chosen[0].start_seconds), "period2": str(daily[-5].start_seconds)}
    served = result("SPY", CLOSED, interval="1d", **query)
    assert served["timestamp"] == [bar.start_seconds for bar in chosen]
    assert served["meta"]["range"] == ""
    assert served["meta"]["chartPreviousClose"] == pytest.approx(daily[-11].close)


def test_a_window_without_a_trade_has_no_rows() -> None:
    saturday = int(CLOSED) - 86_400
    served = result("SPY", CLOSED, period1=str(saturday), period2=str(saturday + 3_600))
    assert "timestamp" not in served
    assert served["indicators"] == {"quote": [{}], "adjclose": [{}]}


def test_an_unknown_symbol_has_the_recorded_error() -> None:
    answer = chart_answer(None, {"range": "1d"})
    real = recorded("yahoo_chart_error_notfound.json")
    assert (answer.status, json.loads(answer.body)) == (404, real)


@pytest.mark.parametrize(
    ("interval", "days", "name"), [("5m", 61, "5m_too_old"), ("1h", 731, "1h_too_old")]
)
def test_intraday_data_too_long_ago_has_the_recorded_error(
    interval: str, days: int, name: str
) -> None:
    first, last = int(CLOSED) - days * 86_400, int(CLOSED)
    real = recorded(f"yahoo_chart_error_{name}.json")
    text = real["chart"]["error"]["description"]
    then = text.split(" for ")[1].split(". ")[0]
    real["chart"]["error"]["description"] = text.replace(
        then, f"startTime={first} and endTime={last}"
    )
    answer = ask("SPY", CLOSED, interval=interval, period1=str(first), period2=str(last))
    assert answer == (422, real)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"interval": "1m", "range": "1mo"}, "Only 8 days worth of 1m granularity data"),
        ({"interval": "5m", "range": "1y"}, "must be within the last 60 days."),
        ({"interval": "1h", "range": "5y"}, "must be within the last 730 days."),
        ({"interval": "1h", "range": "max"}, "must be within the last 730 days."),
    ],
)
def test_a_range_too_long_for_its_interval_is_unprocessable(
    query: dict[str, str], reason: str
) -> None:
    status, body = ask("SPY", CLOSED, **query)
    assert (status, body["chart"]["error"]["code"]) == (422, "Unprocessable Entity")
    assert reason in body["chart"]["error"]["description"]


def test_two_years_of_hours_are_just_within_the_limit() -> None:
    hours = result("SPY", CLOSED, interval="1h", range="2y")["timestamp"]
    assert len(hours) > 3_400


@pytest.mark.parametrize("query", [{"interval": "7m"}, {"range": "soon"}, {"period1": "x"}])
def test_a_malformed_question_is_a_bad_request(query: dict[str, str]) -> None:
    status, body = ask("SPY", CLOSED, **query)
    assert (status, body["chart"]["error"]["code"]) == (400, "Bad Request")


def test_dividends_and_splits_are_told_when_asked_for() -> None:
    truth = Market().truth("NVDA", CLOSED)
    served = result("NVDA", CLOSED, range="5y", events="div,splits,capitalGains")
    paid = [d for d in truth.dividends if d.ex_seconds >= served["timestamp"][0]]
    assert served["events"]["dividends"] == {
        str(d.ex_seconds): {"amount": d.amount, "date": d.ex_seconds} for d in paid
    }
    (split,) = served["events"]["splits"].values()
    assert (split["splitRatio"], split["numerator"]) == ("10:1", 10.0)
    assert "events" not in result("NVDA", CLOSED, range="5y")


def test_trading_periods_are_of_the_rows_and_may_hold_extended_hours() -> None:
    (regular,) = result("SPY", OPEN, range="1d", interval="1h")["meta"]["tradingPeriods"]
    assert regular[0]["start"] == Market().truth("SPY", OPEN).daily[-1].start_seconds
    query = {"range": "1d", "interval": "1h", "includePrePost": "true"}
    extended = result("SPY", OPEN, **query)["meta"]["tradingPeriods"]
    assert extended["regular"] == [regular]
    assert extended["pre"][0][0]["end"] == regular[0]["start"]
